#!/bin/bash
# quantize: the file says which layers stay above 8 bits, --precision int8 honours it, and what goes
# wrong is said and leaves no file.
. "$(dirname "$0")/lib.sh"
model=$root/assets/models/biovl-cxr-small.safetensors
image=$root/assets/sample/cxr.dcm
out=$work/out.safetensors
printf 'No acute cardiopulmonary process.\nLarge right pleural effusion.\n' >"$work/texts.txt"

quantize() { "$biovl" quantize "$model" --calibrate "$image" --calibrate "$work/texts.txt" "$@"; }

expect 2 "$biovl" quantize "$model" -o "$out"
expect 2 quantize
expect 2 quantize -o "$out" --cosine 1.5
says '1.5'
expect 3 "$biovl" quantize "$model" --calibrate "$work/absent.dcm" -o "$out"
says 'absent.dcm'
BIOVL_CPU=avx2 quantize -o "$out" 2>"$work/err" && fail "int8 without its instructions"
says 'int8'
[ -e "$out" ] && fail "a failed run left a file"

if ! "$biovl" info --devices | grep -q int8; then
    [ "$failures" -eq 0 ] && echo "this processor has no int8" && exit 77
    finish
fi
expect 3 quantize -o "$out" --cosine 0.9999999999
says 'not reached'
[ -e "$out" ] && fail "a failed run left a file"

expect 0 quantize -o "$work/all.safetensors" --cosine 0.99 --json
prints '"kept": ?0,' # measured: 0.99996 with nothing kept
expect 0 quantize -o "$work/kept.safetensors" --cosine 0.99997 --json
prints '"kept": ?[1-9]' # measured: 0.99998 with 4 of 38 layers
for file in all kept; do
    expect 0 "$biovl" verify "$work/$file.safetensors"
    expect 0 "$biovl" embed --model "$work/$file.safetensors" --device cpu --precision int8 \
        --text "Large right pleural effusion." -o "$work/$file.npy"
done
cmp -s "$work/all.npy" "$work/kept.npy" && fail "kept layers change nothing"
# Other precisions know nothing of it, and the digest is that of the weights.
for file in "$model" "$work/kept.safetensors"; do
    expect 0 "$biovl" embed --model "$file" --device cpu --precision f32 \
        --text "Large right pleural effusion." -o "$work/$(basename "$file").npy"
    "$biovl" info "$file" | grep -o '[0-9a-f]\{64\}' | head -1 >>"$work/digests"
done
cmp -s "$work/$(basename "$model").npy" "$work/kept.safetensors.npy" || fail "f32 has changed"
[ "$(sort -u "$work/digests" | wc -l)" -eq 1 ] || fail "the digest has changed"
finish
