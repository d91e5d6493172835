#!/bin/bash
# eval vqa with a fusion model: the answers of biovl ask, and the accuracies of the file with those
# answers. Skipped where the conformance data is absent.
. "$(dirname "$0")/lib.sh"
data=${BIOVL_CONFORMANCE:-$root/../shared/conformance}
checkpoint=$(ls "$data"/m3ae/small_vqa*.ckpt 2>/dev/null) || { echo "skipped: no $data/m3ae"; exit 77; }
model=$work/vqa.safetensors
expect 0 "$biovl" convert "$checkpoint" -o "$model" \
    --vocab "$data/vocab/small-roberta-vocab.json" --set fusion.heads=4 --set text.heads=4
sample=$root/assets/sample/cxr.dcm
cp "$sample" "$work/a.dcm"
image=$(ls "$data"/inputs/*.png | head -1)
n=$("$biovl" ask "$sample" -m "$model" --question x --top 0 --device cpu 2>/dev/null | grep -c '  answer ')
seq -f 'answer-%g' 1 "$n" >"$work/answers.txt"
ask() { "$biovl" ask "$1" -m "$model" --question "$2" --answers "$work/answers.txt" --top 1 --json --device cpu \
    2>/dev/null | grep -o '"answer":"[^"]*"' | cut -d'"' -f4; }
questions=("is there an effusion?" "where is the lesion?" "which organ is enlarged?")
right=$(ask "$sample" "${questions[0]}")
other=$(ask "$image" "${questions[1]}")
{
    echo path,question,answer,answer_type,kind
    echo "a.dcm,${questions[0]},$right,CLOSED,presence"
    echo "$image,${questions[1]}, ${other^^} ,open,place"
    echo "$image,${questions[2]},not a known answer,open,place"
    echo "none.dcm,${questions[0]},$right,closed,presence"
    echo "none.dcm,${questions[1]},$right,closed,presence"
    echo "a.dcm,,$right,closed,presence"
    echo "a.dcm,${questions[0]},,closed,presence"
    echo "a.dcm,${questions[0]},$right,maybe,presence"
    echo "a.dcm,${questions[0]}"
} >"$work/vqa.csv"
eval_vqa() { "$biovl" eval vqa "$work/vqa.csv" -m "$model" --device cpu "$@"; }
expect 1 eval_vqa -o "$work/out.d" --answers "$work/answers.txt" --by kind
says '6 of 9 rows failed: see .*/out.d/errors.csv'
python3 - "$work" <<'EOF' || fail "metrics: $(cat "$work/out")"
import json, sys
got = json.load(open(sys.argv[1] + "/out"))
assert got == json.load(open(sys.argv[1] + "/out.d/metrics.json"))
assert got["rows"] == 9 and got["failed"] == 6 and got["n_closed"] == 1 and got["n_open"] == 2
assert got["closed"] == 1 and got["open"] == 0.5 and abs(got["overall"] - 2 / 3) < 1e-15
assert got["by"]["place"]["open"] == 0.5 and got["by"]["presence"]["n_open"] == 0
assert got["answers_outside_vocabulary"] == 1 and got["score_kind"].startswith("answer_")
import hashlib
assert got["answers_sha256"] == hashlib.sha256(open(sys.argv[1] + "/answers.txt", "rb").read()).hexdigest()
assert len(got["model"]["sha256"]) == 64 and got["model"]["device"] == "cpu"
EOF
[ "$(cut -d, -f1-3 "$work/out.d/errors.csv" | tr '\n' ' ')" = "line,path,reason 5,none.dcm,io 6,none.dcm,io 7,a.dcm,no_question 8,a.dcm,no_answer 9,a.dcm,bad_type 10,a.dcm,missing_fields " ] ||
    fail "errors: $(cat "$work/out.d/errors.csv")"

# Every prediction is ask's, and the file of predictions has the same accuracies.
python3 - "$work/out.d/predictions.csv" >"$work/pairs" <<'EOF'
import csv, sys
for row in csv.DictReader(open(sys.argv[1])):
    print(row["path"], row["question"], row["prediction"], sep="\t")
EOF
while IFS=$'\t' read -r path question prediction; do
    [ "$path" = a.dcm ] && path=$sample
    [ "$(ask "$path" "$question")" = "$prediction" ] || fail "ask says otherwise of: $question"
done <"$work/pairs"
[ "$(wc -l <"$work/pairs")" -eq 3 ] || fail "not three predictions"
expect 0 "$biovl" eval vqa "$work/out.d/predictions.csv" --by type
grep -q '"open":0.5' "$work/out" && grep -q '"closed":1.0' "$work/out" || fail "accuracies of the predictions"

# What is refused.
expect 3 eval_vqa -o "$work/x"
says 'does not name its answers'
expect 2 eval_vqa --answers "$work/answers.txt"
says '--output'
echo more >>"$work/answers.txt"
expect 3 eval_vqa -o "$work/x" --answers "$work/answers.txt"
says "are named, but the model's head scores $n"
expect 2 eval_vqa -o "$work/x" --answers "$work/answers.txt" --by colour
says 'no column "colour"'
expect 2 "$biovl" eval vqa "$work/out.d/predictions.csv" -m "$model"
says 'judged as it is'
expect 3 "$biovl" eval vqa "$work/vqa.csv" -o "$work/x" --device cpu
says 'answers no questions; it can: embed and classify'
printf 'path,question,answer\n' >"$work/vqa.csv"
expect 2 eval_vqa -o "$work/x" --answers "$work/answers.txt"
says 'no row'
printf 'path,question,answer\nnone.png,x,y\n' >"$work/vqa.csv"
sed -i '$d' "$work/answers.txt"
expect 3 eval_vqa -o "$work/x" --answers "$work/answers.txt"
finish
