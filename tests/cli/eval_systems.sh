#!/bin/bash
# eval scores as classify does, whatever the system's rule: pair softmax, logits, regions. Skipped
# where the conformance data is absent.
. "$(dirname "$0")/lib.sh"
data=${BIOVL_CONFORMANCE:-$root/../shared/conformance}
[ -d "$data/gloria" ] || { echo "skipped: no $data"; exit 77; }
printf 'Edema\nPleural Effusion\n' >"$work/labels.txt"
{
    echo path,Edema,Pleural Effusion
    edema=1
    for image in "$data"/inputs/*.png; do
        echo "$image,$edema,$((1 - edema))"
        edema=$((1 - edema))
    done
} >"$work/data.csv"
vocabularies=${BIOVL_DATA:-$root/../shared/data}/vocab
while read -r source vocabulary; do
    name=$(basename "$source")
    [ -z "$vocabulary" ] || [ -e "$vocabulary" ] || { echo "$name left out: no $vocabulary"; continue; }
    expect 0 "$biovl" convert "$source" -o "$work/$name.safetensors" ${vocabulary:+--vocab "$vocabulary"}
    [ -e "$work/$name.safetensors" ] || continue
    expect 0 "$biovl" eval "$work/data.csv" --labels "$work/labels.txt" -o "$work/$name" \
        --model "$work/$name.safetensors" --device cpu --no-bootstrap
    expect 0 "$biovl" classify "$data"/inputs/*.png --labels "$work/labels.txt" --json \
        --model "$work/$name.safetensors" --device cpu
    python3 - "$work/out" "$work/$name/predictions.csv" <<'EOF' || fail "$name: eval and classify differ"
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[2])))
lines = [json.loads(line) for line in open(sys.argv[1])]
assert len(rows) == len(lines) > 3
for row, line in zip(rows, lines):
    for score in line["scores"]:
        assert float(row[score["label"]]) == score["score"], (row, score)
EOF
done <<EOF
$(ls "$data"/chexzero/small_*.pt) $vocabularies/clip.bpe_simple_vocab_16e6.txt.gz
$(ls "$data"/gloria/small_*.ckpt) $data/vocab/small-cased-vocab.txt
$data/medclip/small-medclip-vit
$data/medclip/small-medclip-resnet
EOF

# A fusion encoder, by its matching head.
name=m3ae
mkdir "$work/roberta"
cp "$data/vocab/small-roberta-vocab.json" "$work/roberta/vocab.json"
cp "$data/vocab/small-roberta-merges.txt" "$work/roberta/merges.txt"
expect 0 "$biovl" convert "$data/m3ae/small_m3ae.ckpt" -o "$work/$name.safetensors" \
    --vocab "$work/roberta/vocab.json"
if [ -e "$work/$name.safetensors" ]; then
    expect 0 "$biovl" eval "$work/data.csv" --labels "$work/labels.txt" -o "$work/$name" --match \
        --model "$work/$name.safetensors" --device cpu --no-bootstrap
    grep -q '"score_kind": "match_probability"' "$work/$name/metrics.json" || fail "kind of score"
    python3 - "$work/$name/predictions.csv" <<'EOF' || fail "matching probabilities"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
values = [float(row[label]) for row in rows for label in ("Edema", "Pleural Effusion")]
assert len(values) > 6 and all(0 < v < 1 for v in values) and len(set(values)) > 3, values
EOF
    expect 2 "$biovl" eval "$work/data.csv" --labels "$work/labels.txt" -o "$work/no" --match \
        --model "$work/small-medclip-vit.safetensors" --device cpu
    says 'no image-text matching head'
fi
finish
