#!/bin/bash
# embed, preprocess, tokenize, info, verify with the default model.
. "$(dirname "$0")/lib.sh"
sample=$root/assets/sample/cxr.dcm

# npy_shape FILE: the shape in the header of a .npy file.
npy_shape() { head -c 128 "$1" | LC_ALL=C tr -d '\0' | LC_ALL=C sed -n "s/.*'shape': (\([^)]*\)).*/\1/p"; }

expect 0 "$biovl" embed --image "$sample" "$sample" -o "$work/images.npy"
[ "$(npy_shape "$work/images.npy")" = "2, 128" ] || fail "image shape $(npy_shape "$work/images.npy")"
expect 0 "$biovl" embed --text "edema" "no pleural effusion" "cardiomegaly" -o "$work/texts.npy"
[ "$(npy_shape "$work/texts.npy")" = "3, 128" ] || fail "text shape"

# A text's embedding does not depend on its neighbours.
expect 0 "$biovl" embed --text "edema"
cp "$work/out" "$work/alone"
printf 'edema\na much longer text about a small left pleural effusion and the heart\n' >"$work/lines"
expect 0 "$biovl" embed --text-file "$work/lines"
[ "$(head -1 "$work/out")" = "$(cat "$work/alone")" ] || fail "the neighbour changed an embedding"
expect 2 "$biovl" embed --text-file "$work/lines" -o "$work/lines"
says 'the output is also an input'
[ "$(wc -l <"$work/lines")" -eq 2 ] || fail "the texts were overwritten"

# One bad image keeps its row (NaN) and the others'.
expect 1 "$biovl" embed --image "$sample" "$work/none.png" "$sample" -o "$work/some.npy"
says 'none.png'
[ "$(npy_shape "$work/some.npy")" = "3, 128" ] || fail "shape with a failed image"
cmp -s <(tail -c 512 "$work/some.npy") <(tail -c 512 "$work/images.npy") || fail "rows moved"

expect 0 "$biovl" preprocess "$sample" -o "$work/pixels.npy"
[ "$(npy_shape "$work/pixels.npy")" = "160, 160, 1" ] || fail "pixel shape"
expect 0 "$biovl" tokenize --text 'No "acute" process.'
prints '^\{"text":"No \\"acute\\" process\.","ids":\[[0-9,]+\]\}$'
expect 0 "$biovl" info
prints 'system +biovl-cxr-small'
expect 0 "$biovl" info --systems
prints '^chexzero '
expect 0 "$biovl" info --devices
prints 'cpu'
expect 0 "$biovl" verify
prints '"digest":"ok"'
prints '"pass":true'
expect 0 "$biovl" --version
prints '"dcmtk":"[0-9]'
finish
