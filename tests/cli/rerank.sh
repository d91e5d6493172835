#!/bin/bash
# search --rerank: the default model's fusion head rescores hits, as `match` does; what it refuses.
. "$(dirname "$0")/lib.sh"
command -v dcmj2pnm >/dev/null || { echo "skipped: dcmj2pnm (package dcmtk) is not installed"; exit 77; }
model=$root/assets/models/biovl-cxr-small.safetensors
cd "$work" || exit 1

mkdir in
n=0
for turn in "" +Rl +Rr +Rtd; do
    n=$((n + 1))
    # shellcheck disable=SC2086
    dcmj2pnm +on +Wm $turn "$root/assets/sample/cxr.dcm" in/$n.png || fail "dcmj2pnm"
done
cat >in/table.csv <<'CSV'
path,study,report
1.png,s1,no acute disease
2.png,s2,large left pleural effusion with atelectasis
3.png,s3,pulmonary edema and cardiomegaly
4.png,s4,small pneumothorax
CSV
expect 0 "$biovl" index create i.biovl --keep-identifiers
expect 0 "$biovl" index add i.biovl in/table.csv --keep-paths
prints '"images":4,"reports":4'

# values FIELD FILE: the numbers of a JSON field, one a line.
values() { grep -oE "\"$1\":-?[0-9.e-]+" "$2" | cut -d: -f2; }
# same A B: two files of numbers agree to the printed precision of f32 (6e-8, measured 3e-8).
same() { paste "$1" "$2" | awk '{ if (NF != 2 || ($1 - $2) ^ 2 > 4e-15) bad = 1 } END { exit bad || NR == 0 }'; }

# An image and reports: the scores are those of match, the best first.
expect 0 "$biovl" search i.biovl --image in/1.png --find report --json
prints '"kind":"cosine"'
sort <(values score out) >cosines
expect 0 "$biovl" search i.biovl --image in/1.png --find report --rerank "$model" --json
prints '"rank":1,.*"kind":"match_softmax".*"cosine":.*"reranked_by":"biovl-cxr-small"'
values score out >scores
sort -gr scores | cmp -s - scores || fail "not ordered by the new score"
cmp -s <(values cosine out | sort) cosines || fail "the cosines changed"
expect 0 "$biovl" match in/1.png --json --text "no acute disease" "small pneumothorax" \
    "large left pleural effusion with atelectasis" "pulmonary edema and cardiomegaly"
values score out | sort -gr >matched
same matched scores || fail "not the scores of match: $(paste matched scores)"

# MODEL:N: only the N nearest are rescored, and k of them are given.
expect 0 "$biovl" search i.biovl --image in/1.png --find report --json -k 2
values cosine out >/dev/null
sort <(grep -oE '"id":"[^"]*"' out) >nearest
expect 0 "$biovl" search i.biovl --image in/1.png --find report --rerank "$model:2" -k 2 --json
cmp -s nearest <(grep -oE '"id":"[^"]*"' out | sort) || fail "N is not heeded"
expect 0 "$biovl" search i.biovl --image in/1.png --find report --rerank "$model:4" -k 1 --json
[ "$(wc -l <out)" -eq 1 ] || fail "not one hit"
values score out >best
same <(head -1 scores) best || fail "the best of four is another one"

# A text and images, which are read again.
expect 0 "$biovl" search i.biovl --text "pleural effusion" --rerank "$model" --json
values score out >scores
[ "$(wc -l <scores)" -eq 4 ] || fail "not four images"
for i in 1 2 3 4; do
    expect 0 "$biovl" match in/$i.png --text "pleural effusion" --json
    values score out
done | sort -gr >matched
same matched scores || fail "not the scores of match: $(paste matched scores)"
expect 0 "$biovl" search i.biovl --text "pleural effusion" --rerank "$model" --csv
prints '^rank,id,score,item,study,report,cosine$'
expect 0 "$biovl" search i.biovl --text "pleural effusion" --rerank "$model"
prints '^ +1 +0\.[0-9]{4} +-?0\.[0-9]{4}  [1-4]\.png  '

# Items of the index: an image by its path, a report by its text.
expect 0 "$biovl" search i.biovl --id 2.png --find report --rerank "$model"
expect 0 "$biovl" search i.biovl --id 's2#report' --find image --rerank "$model"

# What cannot be reranked is told.
expect 2 "$biovl" search i.biovl --text effusion --find report --rerank "$model"
says 'a text and a report cannot be matched'
expect 3 "$biovl" search i.biovl --text effusion --rerank none.safetensors
says 'none\.safetensors'
mv in/3.png in/moved.png
expect 3 "$biovl" search i.biovl --text effusion --rerank "$model"
says 'in/3\.png: '
mv in/moved.png in/3.png
expect 0 "$biovl" index create bare.biovl
expect 0 "$biovl" index add bare.biovl in/1.png in/2.png
expect 2 "$biovl" search bare.biovl --text effusion --rerank "$model"
says 'does not hold the path of image [0-9a-f]{32}.*--keep-paths'
expect 2 "$biovl" search bare.biovl --image in/1.png --rerank "$model"
says 'has no report'
grep -qa "$work" bare.biovl && fail "a path was stored unasked"

data=${BIOVL_CONFORMANCE:-$root/../shared/conformance}
if [ -f "$data/uniter/small_uniter-base.pt" ]; then
    expect 0 "$biovl" convert "$data/uniter/small_uniter-base.pt" -o regions.safetensors \
        --vocab "$data/vocab/small-cased-vocab.txt" --set fusion.heads=4
    expect 3 "$biovl" search i.biovl --text effusion --rerank regions.safetensors
    says 'cannot rerank: it reads detector regions'
fi
if [ -f "$data/medclip/small-medclip-resnet/pytorch_model.bin" ]; then
    expect 0 "$biovl" convert "$data/medclip/small-medclip-resnet" -o dual.safetensors \
        --set text.heads=4
    expect 3 "$biovl" search i.biovl --text effusion --rerank dual.safetensors
    says 'cannot rerank: it has no matching head; it can: embed and classify'
fi
finish
