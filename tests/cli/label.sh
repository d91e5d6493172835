#!/bin/bash
# biovl label with CheXbert: the table of the authors' own program, from every kind of input.
# Skipped where the conformance data is absent.
. "$(dirname "$0")/lib.sh"
data=${BIOVL_CONFORMANCE:-$root/../shared/conformance}
golden=$data/chexbert
[ -r "$golden/labeled_reports.csv" ] || { echo "skipped: no $golden/labeled_reports.csv"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
cd "$work"
python3 - "$golden" >settings <<'EOF2'
import json, sys
meta = json.load(open(sys.argv[1] + "/golden_small.json"))["meta"]
print(meta["checkpoint"], meta["vocab"], meta["bert_config"]["num_attention_heads"])
EOF2
read -r checkpoint vocabulary heads <settings
expect 0 "$biovl" convert "$golden/$checkpoint" -o m.st --vocab "$data/$vocabulary" --set text.heads="$heads"
says '"system":"chexbert","prefix":"module."'
export BIOVL_MODEL=$work/m.st

# The authors' table: texts equal, labels equal as numbers (pandas writes 1 or 1.0).
cat >compare.py <<'EOF2'
import csv, json, sys
def rows(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.reader(f))
ours, theirs = rows(sys.argv[1]), rows(sys.argv[2])
assert ours[0] == theirs[0], (ours[0], theirs[0])
assert len(ours) == len(theirs) > 1
for a, b in zip(ours[1:], theirs[1:]):
    assert a[0] == b[0], (a[0], b[0])
    assert [v and float(v) for v in a[1:]] == [v and float(v) for v in b[1:]], (a, b)
EOF2
expect 0 "$biovl" label "$golden/reports.csv" -o labelled.csv
says 'of [0-9]+ reports were cut'
expect 0 python3 compare.py labelled.csv "$golden/labeled_reports.csv"
expect 0 "$biovl" eval labels "$golden/labeled_reports.csv" labelled.csv
prints '"exact_match_five": ?1.0'

# The same labels from text files, in a folder or named, from lines, and from a table on stdin.
printf 'report,id\n"Large effusion\x0bsevere edema",b\nCardiomegaly,a\n' >two.csv
expect 0 "$biovl" label two.csv --keep id --no-text
cp out expected
head -1 expected | grep -q '^id,Enlarged Cardiomediastinum,.*,No Finding$' || fail "header: $(head -1 expected)"
expect 0 "$biovl" label two.csv --json
[ "$(wc -l <out)" -eq 2 ] || fail "$(wc -l <out) JSON lines"
mkdir -p folder/below
printf 'Large effusion\x0bsevere edema' >folder/b.txt
printf 'Cardiomegaly\r\n' >folder/below/a.txt
printf 'no report' >folder/image.png
expect 0 "$biovl" label folder -o folder.csv
[ "$(sed -n '2p;3p' folder.csv | cut -d, -f1 | tr '\n' ' ')" = "folder/b.txt folder/below/a.txt " ] || fail "$(cat folder.csv)"
expect 0 "$biovl" label folder/b.txt folder/below/a.txt --no-text
[ "$(cut -d, -f2- out)" = "$(cut -d, -f2- expected)" ] || fail "labels of files differ: $(cat out)"
"$biovl" label - --no-text <two.csv >out 2>err || fail "a table on stdin: $(cat err)"
[ "$(cat out)" = "$(cut -d, -f2- expected)" ] || fail "labels of stdin differ: $(cat out)"
printf 'Large effusion\x0bsevere edema\nCardiomegaly\n' >lines
expect 0 "$biovl" label --text-file lines --no-text
[ "$(cat out)" = "$(cut -d, -f2- expected)" ] || fail "labels of lines differ: $(cat out)"

# Rows that cannot be labelled: NA, never "not mentioned", and the others are done.
printf 'report,id\nEdema,1\n,2\nEdema,3,x\n"  ",4\n' >bad.csv
expect 1 "$biovl" label bad.csv --keep id --no-text
says 'bad.csv: line 3: no text'
says 'bad.csv: line 4: 3 fields, the header has 2'
grep -q '^2,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA$' out || fail "row 2: $(cat out)"
[ "$(wc -l <out)" -eq 5 ] || fail "$(wc -l <out) lines for four rows"
cp out bad_labels.csv
expect 3 "$biovl" eval labels bad_labels.csv bad_labels.csv
says 'bad_labels.csv:3: .* is neither 1, 0, -1 nor empty'
printf 'Edema\n\n' >lines
: >empty.txt
expect 1 "$biovl" label --text-file lines --no-text
says 'row 2: no text'
[ "$(sed -n 3p out)" = "NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA" ] || fail "an empty line: $(cat out)"
expect 1 "$biovl" label empty.txt folder/b.txt --no-text
says 'empty.txt: no text'
expect 1 "$biovl" label --text "" Edema --json
[ "$(wc -l <out)" -eq 1 ] || fail "$(wc -l <out) JSON lines for one text and none"

# A model that answers with no number labels nothing: its reports fail, none is "not mentioned".
python3 - m.st nan.st <<'EOF2'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
size = struct.unpack("<Q", data[:8])[0]
tensors = json.loads(data[8:8 + size])
first, end = tensors["text.linear_heads.4.bias"]["data_offsets"]
data[8 + size + first:8 + size + end] = struct.pack("<f", float("nan")) * ((end - first) // 4)
open(sys.argv[2], "wb").write(data)
EOF2
expect 3 "$biovl" label --text Edema Cardiomegaly -m nan.st --no-text
says 'model "chexbert" answers with no number'
[ "$(grep -c '^NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA$' out)" -eq 2 ] || fail "labels of no number: $(cat out)"
printf 'Gr\xf6\xdfe' >folder/latin.txt
expect 1 "$biovl" label folder --no-text
says 'latin.txt: .*UTF-8'

# Inputs that do not go together.
expect 2 "$biovl" label two.csv folder
says 'a table of reports stands alone'
expect 2 "$biovl" label two.csv --text-col text
says 'no column "text"; there are: report, id'
expect 2 "$biovl" label two.csv --keep age
says 'no column "age"'
expect 2 "$biovl" label two.csv --second-col id
says 'classifies single texts'
printf 'a,b\n1,2\n' >other.csv
expect 2 "$biovl" label other.csv
says 'no column "Report Impression"; there are: a, b'
expect 2 "$biovl" label folder --keep id
says 'columns need a table'
mkdir empty
expect 2 "$biovl" label empty
says 'no .txt file'
expect 3 "$biovl" label nothing.csv
expect 3 "$biovl" label nothing.txt
says 'nothing.txt'
expect 2 "$biovl" label
expect 2 "$biovl" label two.csv --text Edema
expect 2 "$biovl" label two.csv -o two.csv
[ "$(wc -l <two.csv)" -eq 3 ] || fail "the input was overwritten"
cp folder/b.txt b.txt
expect 2 "$biovl" label folder -o folder/b.txt
says 'folder/b.txt: the output is also an input'
cmp b.txt folder/b.txt || fail "a report was overwritten"
expect 2 "$biovl" label --text-file lines -o lines
expect 2 "$biovl" label --text Edema -o m.st
[ "$(cat lines)" = Edema ] || fail "the lines were overwritten: $(cat lines)"
printf 'report\nEdema\n"open\n' >broken.csv
expect 3 "$biovl" label broken.csv -o broken_labels.csv
[ ! -e broken_labels.csv ] || fail "half a table was left"
expect 2 "$biovl" classify "$root/assets/sample/cxr.dcm" --labels "$root/assets/labels/chest.txt"
says 'no image encoder: it cannot classify; it can: label texts'
expect 3 "$biovl" generate "$BIOVL_MODEL" --text effusion -o made.png
says 'makes no images'
expect 3 "$biovl" label two.csv -m "$root/assets/models/biovl-cxr-small.safetensors"
says 'no trained head over its text encoder'
finish
