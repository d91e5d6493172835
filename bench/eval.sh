#!/bin/sh
# eval.sh BUILD-FOLDER DATA.csv [MODEL…]: how much of the slower of decoding and encoding is left of
# an evaluation, with half of the processors for each. The rows are repeated up to $ROWS (512), so
# that filling the pipeline does not count; $ROUNDS (5) rounds.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
bench=$1/bench/bench_eval
data=$2
shift 2
list=$(mktemp)
trap 'rm -f "$list"' EXIT
root=$(cd "$(dirname "$data")" && pwd)
python3 - "$data" "$root" "${ROWS:-512}" >"$list" <<'EOF'
import csv, os, sys
rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8-sig", newline="")))
column = next(c for c in ("path", "image_path", "image", "file", "filename") if c in rows[0])
print("path")
for i in range(int(sys.argv[3])):
    print('"%s"' % os.path.join(sys.argv[2], rows[i % len(rows)][column]).replace('"', '""'))
EOF
half=$(($(nproc) / 2))
[ "$half" -gt 0 ] || half=1
for model in "${@:-$here/assets/models/biovl-cxr-small.safetensors}"; do
    echo "# $(basename "$model")" >&2
    "$bench" "$model" "$list" "$half" "$half" cpu "${ROUNDS:-5}"
done
