#!/bin/bash
# match, ask and segment: a published checkpoint (of the conformance data), and what they refuse.
. "$(dirname "$0")/lib.sh"
data=${BIOVL_CONFORMANCE:-$root/../shared/conformance}
image=$root/assets/sample/cxr.dcm
labels=$root/assets/labels/chest.txt

# Without a fusion encoder: a sentence that says what the model can do.
[ -d "$data/m3ae" ] || {
    echo "skipped: $data has no m3ae"
    exit 77
}
heads="--set fusion.heads=4 --set text.heads=4"
expect 0 "$biovl" convert "$data"/m3ae/small_m3ae.ckpt -o "$work/m3ae.safetensors" \
    --vocab "$data/vocab/small-roberta-vocab.json" $heads
expect 0 "$biovl" convert "$data"/m3ae/small_vqa_rad_finetuned.ckpt -o "$work/vqa.safetensors" \
    --vocab "$data/vocab/small-roberta-vocab.json" $heads
expect 0 "$biovl" verify "$work/m3ae.safetensors"

match=("$biovl" match "$image" -m "$work/m3ae.safetensors")
expect 0 "${match[@]}" --text "pleural effusion" "clear lungs" "no acute process"
prints '^ +0\.[0-9]+  clear lungs$'
says 'not a medical device'
expect 0 "${match[@]}" --text "pleural effusion" "clear lungs" --csv
[ "$(wc -l <"$work/out")" -eq 3 ] || fail "CSV: not a header and two rows"

# A text's score does not depend on its neighbours.
expect 0 "${match[@]}" --json --text "clear lungs"
grep -oE '"score":[0-9.]+' "$work/out" >"$work/alone"
expect 0 "${match[@]}" --json --text "clear lungs" "a much longer text about pleural effusion"
grep -oE '"score":[0-9.]+' "$work/out" | head -1 >"$work/together"
cmp -s "$work/alone" "$work/together" || fail "the score depends on another text"

ask=("$biovl" ask "$image" -m "$work/vqa.safetensors" --question "Is there an effusion?")
expect 0 "${ask[@]}" --top 3
prints '^ +0\.[0-9]+  answer [0-9]+$'
[ "$(grep -c answer "$work/out")" -ge 3 ] || fail "not three answers"
n=$("$biovl" ask "$image" -m "$work/vqa.safetensors" --question x --top 0 2>/dev/null |
    grep -c '  answer ')
seq 1 "$n" >"$work/answers"
expect 0 "${ask[@]}" --answers "$work/answers" --json
prints '"answer":"[0-9]+","index":'
echo 'one too many' >>"$work/answers"
expect 3 "${ask[@]}" --answers "$work/answers"
says "answers, but the model's head scores $n"
long=$(printf 'effusion %.0s' $(seq 1 200))
expect 0 "$biovl" ask "$image" -m "$work/vqa.safetensors" --question "$long"
says 'question was cut'

# What a model cannot do, and what it can.
expect 3 "$biovl" match "$image" -m "$work/vqa.safetensors" --text x
says 'can: answer questions'
expect 3 "$biovl" embed --text x -m "$work/vqa.safetensors"
says 'does not embed texts alone'
expect 3 "$biovl" embed --image "$image" -m "$work/m3ae.safetensors"
says 'can: match texts'
expect 3 "$biovl" classify "$image" --labels "$labels" -m "$work/m3ae.safetensors"
says 'can: match texts'
expect 3 "$biovl" segment "$image" -m "$work/m3ae.safetensors" --text-features "$labels" -o "$work/m.png"
says 'does not segment'
if [ -f "$data/medclip/small-medclip-resnet/pytorch_model.bin" ]; then
    expect 0 "$biovl" convert "$data/medclip/small-medclip-resnet" -o "$work/dual.safetensors" \
        --set text.heads=4
    expect 3 "$biovl" match "$image" -m "$work/dual.safetensors" --text x
    says 'no fusion encoder; it can: embed and classify'
fi

# Regions.
if [ -f "$data/uniter/small_uniter-base.pt" ]; then
    expect 0 "$biovl" convert "$data/uniter/small_uniter-base.pt" -o "$work/uniter.safetensors" \
        --vocab "$data/vocab/small-cased-vocab.txt" --set fusion.heads=4
    expect 3 "$biovl" match "$image" -m "$work/uniter.safetensors" --text x
    says 'reads detector regions'
    expect 3 "$biovl" match -m "$work/uniter.safetensors" --text x --regions "$labels"
    expect 3 "$biovl" match -m "$work/uniter.safetensors" --text x --regions "$work/none.npz"
    says 'none.npz'
    header='{"features":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}' # 63 bytes, then 1, NaN
    printf '%b%s%b' '\x3f\0\0\0\0\0\0\0' "$header" '\0\0\x80\x3f\0\0\xc0\x7f' >"$work/nan.safetensors"
    expect 3 "$biovl" match -m "$work/uniter.safetensors" --text x --regions "$work/nan.safetensors"
    says 'holds NaN in row 0'
fi
expect 2 "$biovl" match "$image"
expect 2 "$biovl" ask "$image"
finish
