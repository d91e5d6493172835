#!/bin/bash
# Paths that are not UTF-8: JSON holds them escaped so that the bytes can be had back, CSV and what
# is read again hold the bytes.
. "$(dirname "$0")/lib.sh"
odd=$work/$(printf 'R\366ntgen')
mkdir "$odd"
cp "$root/assets/sample/cxr.dcm" "$odd/a.dcm"
printf 'Edema\nPneumonia\n' >"$work/labels.txt"
cd "$work" || exit 1

# escaped FILE: the member "path" of its first line ends in the folder's name, escaped; and the
# bytes that it stands for are the path given.
escaped() {
    python3 - "$1" "$2" <<'PY'
import json, re, sys
text = json.loads(open(sys.argv[1]).readline())["path"]
path = re.sub(rb"\\x([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())
sys.exit(r"R\xF6ntgen" not in text or path != sys.argv[2].encode("utf-8", "surrogateescape"))
PY
}

expect 0 "$biovl" classify "$odd/a.dcm" --labels labels.txt --json
escaped out "$odd/a.dcm" || fail "classify: $(cut -c 1-200 out)"
expect 0 "$biovl" match "$odd/a.dcm" --text edema --json
escaped out "$odd/a.dcm" || fail "match: $(cut -c 1-200 out)"
expect 0 "$biovl" classify "$odd/a.dcm" --labels labels.txt --csv
grep -qaF "$odd/a.dcm,Edema" out || fail "CSV does not hold the bytes"

# A run of eval finds its data file again by the path in its journal.
cp "$odd/a.dcm" "$odd/b.dcm"
printf 'path,patient,Edema,Pneumonia\na.dcm,p1,0,1\nb.dcm,p2,1,0\n' >"$odd/data.csv"
expect 0 "$biovl" eval "$odd/data.csv" --labels labels.txt --no-bootstrap --shard 1/1 -o run
expect 0 "$biovl" eval merge run --no-bootstrap
grep -qF 'R\\xF6ntgen/data.csv' run/metrics.json || fail "metrics.json does not name the data"

# An image of an index is read again by the path that the index keeps.
printf 'path,study,report\na.dcm,s1,no acute disease\n' >"$odd/table.csv"
expect 0 "$biovl" index create i.biovl --keep-identifiers
expect 0 "$biovl" index add i.biovl "$odd/table.csv" --keep-paths
expect 0 "$biovl" search i.biovl --text edema --find image --json \
    --rerank "$root/assets/models/biovl-cxr-small.safetensors"
prints '"kind":"match_softmax"'
finish
