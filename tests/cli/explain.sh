#!/bin/bash
# explain with the default model: lines, JSON, maps, pictures, refusals.
. "$(dirname "$0")/lib.sh"
sample=$root/assets/sample/cxr.dcm

npy_shape() { head -c 128 "$1" | LC_ALL=C tr -d '\0' | LC_ALL=C sed -n "s/.*'shape': (\([^)]*\)).*/\1/p"; }
is_png() { [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] || fail "$1 is no picture"; }

expect 0 "$biovl" explain "$sample" --text cardiomegaly "pleural effusion" --boxes --method gradcam \
    -o "$work/maps.npy" --overlay "$work/map.png" --dicom-sc "$work/map.dcm"
prints 'gradcam, 5 x 5 cells'
prints 'pleural effusion +score .* prompt dependence'
[ "$(npy_shape "$work/maps.npy")" = "2, 640, 576" ] || fail "shape $(npy_shape "$work/maps.npy")"
is_png "$work/map-1.png"
is_png "$work/map-2.png"
[ "$(head -c 132 "$work/map-2.dcm" | tail -c 4)" = DICM ] || fail "no Secondary Capture"

# The same input, the same map.
cp "$work/maps.npy" "$work/before.npy"
expect 0 "$biovl" explain "$sample" --text cardiomegaly "pleural effusion" --method gradcam -o "$work/maps.npy"
cmp -s "$work/maps.npy" "$work/before.npy" || fail "another map"

printf 'Cardiomegaly\nEdema\n' >"$work/labels"
for method in similarity hirescam eigencam occlusion; do
    expect 0 "$biovl" explain "$sample" --labels "$work/labels" --method $method --json
    prints "\"method\":\"$method\""
done
prints '"unit":"change of the score"'
expect 0 "$biovl" explain "$sample" --text edema --method rise --masks 8 --seed 3 --errors "$work/errors.npy" --json
prints '"masks":8,"seed":3'
[ "$(npy_shape "$work/errors.npy")" = "1, 640, 576" ] || fail "shape of the errors"

expect 0 "$biovl" classify "$sample" --labels "$work/labels" --explain "$work/best.png"
is_png "$work/best.png"
expect 0 "$biovl" classify "$sample" "$sample" --labels "$work/labels" --explain "$work/best"
is_png "$work/best/000002.png"

# Where a decoder looks for its labels.
kad=${BIOVL_CONFORMANCE:-$root/../shared/conformance}/kad
if [ -d "$kad" ]; then
    expect 0 "$biovl" convert "$kad/small_KAD_224.pt" --vocab "$kad/../vocab/small-uncased-vocab.txt" --set text.heads=4 -o "$work/kad.safetensors"
    expect 0 "$biovl" explain "$sample" --labels "$work/labels" -m "$work/kad.safetensors" --boxes --json
    prints '"method":"attention"'
    expect 3 "$biovl" explain "$sample" --labels "$work/labels" -m "$work/kad.safetensors" --method gradcam
    says 'it can have: attention'
    expect 0 "$biovl" explain --methods -m "$work/kad.safetensors"
    prints '"name":"attention"'
fi

# Against boxes.
printf 'path,text,x,y,w,h\n%s,cardiomegaly,200,250,200,150\n' "$sample" >"$work/boxes.csv"
expect 0 "$biovl" eval grounding "$work/boxes.csv" --method hirescam -o "$work/grounding"
prints '"pointing_accuracy_15px":'
prints '"method":"hirescam"'
expect 2 "$biovl" eval grounding "$work/boxes.csv" --faithfulness -o "$work/refused" # of which method
expect 3 "$biovl" eval grounding "$work/boxes.csv" --method legrad -o "$work/refused"

# Against masks: of 640 x 576 pixels, the left half.
runs='{"size":[640,576],"counts":[0,184320,184320]}'
printf '{"sample_cxr":{"Edema":%s,"Cardiomegaly":%s}}' "$runs" "$runs" >"$work/truth.json"
expect 0 "$biovl" eval grounding "$work/truth.json" --truth "$work/truth.json"
prints '"Edema":{"miou":{"n":1,"mean":1.0,'
printf 'path,task,text\n%s,Edema,\n%s,Cardiomegaly,a large heart\n%s,None,\n%s,Edema,fluid\n' "$sample" "$sample" "$sample" "$sample" >"$work/tasks.csv"
expect 1 "$biovl" eval grounding "$work/tasks.csv" --truth "$work/truth.json" --method gradcam --protocol chexlocalize -o "$work/masks"
prints '"protocol":"chexlocalize"'
grep -q '^4,.*,no_truth,' "$work/masks/errors.csv" || fail "a row without truth"
grep -q '^5,.*,duplicate_row,' "$work/masks/errors.csv" || fail "a second map of one image and task"
grep -q '^hitrate_15px,Edema,1,' "$work/masks/summary.csv" || fail "no hit rate"
expect 0 "$biovl" eval grounding "$work/masks/segmentations.json" --truth "$work/masks/segmentations.json"
prints '"mean_of_tasks":{"miou":1.0'
printf 'id,task,map\nsample_cxr,Edema,maps.npy\n' >"$work/maps.csv"
expect 3 "$biovl" eval grounding "$work/maps.csv" --truth "$work/truth.json" # a stack of maps
says 'maps.csv: line 2: .*maps.npy: not a float32 array'
sed 's/sample_cxr/other/' "$work/truth.json" >"$work/other.json"
expect 2 "$biovl" eval grounding "$work/other.json" --truth "$work/truth.json"
says 'the truth has no image of the prediction'
sed 's/184320\]/184321]/' "$work/truth.json" >"$work/bad.json"
expect 3 "$biovl" eval grounding "$work/bad.json" --truth "$work/truth.json"
says 'runs that do not make 576 . 640 pixels'
expect 2 "$biovl" eval grounding "$work/boxes.csv" --protocol chexlocalize -o "$work/refused"
expect 2 "$biovl" eval grounding "$work/boxes.csv" --tune -o "$work/refused"
expect 2 "$biovl" eval grounding "$work/tasks.csv" --truth "$work/truth.json" --method gradcam --faithfulness -o "$work/refused"
for protocol in boxes ms-cxr xbench padchest-gr; do
    expect 0 "$biovl" eval grounding "$work/boxes.csv" --method gradcam --protocol $protocol -o "$work/$protocol"
    prints "\"protocol\":\"$protocol\""
done

expect 0 "$biovl" explain --methods
prints '"name":"rise"'
expect 3 "$biovl" explain "$sample" --text edema --method legrad
says 'it can have: similarity, gradcam'
expect 2 "$biovl" explain "$sample" --text edema --method none
expect 2 "$biovl" explain "$sample"
expect 2 "$biovl" explain "$sample" "$sample" --text edema -o "$work/none.npy"
[ ! -e "$work/none.npy" ] || fail "a map of two images"
expect 3 "$biovl" explain "$work/none.dcm" --text edema
expect 2 "$biovl" explain "$sample" --text edema -o "$sample"

# Nothing that is read is written over, nor one output over another.
cp "$sample" "$work/in-2.dcm"
expect 2 "$biovl" explain "$work/in-2.dcm" --text edema cardiomegaly --method gradcam --dicom-sc "$work/in.dcm"
cmp -s "$sample" "$work/in-2.dcm" || fail "a picture over its image"
expect 2 "$biovl" explain "$sample" --labels "$work/labels" --method gradcam -o "$work/labels"
grep -q Edema "$work/labels" || fail "maps over the labels"
expect 2 "$biovl" explain "$sample" --text edema -o "$work/one" --overlay "$work/one"
[ ! -e "$work/one" ] || fail "two outputs in one file"
expect 3 "$biovl" explain "$sample" --text edema --method gradcam -o "$work/none.npy" --errors "$work/errors2.npy"
[ ! -e "$work/none.npy" ] || fail "maps of a request that cannot be met"

# What a method does not read is said; so is a text that was cut.
expect 2 "$biovl" explain "$sample" --text edema --method gradcam --layers 2
says 'reads no number of layers'
expect 2 "$biovl" eval grounding "$work/boxes.csv" --method gradcam --layers 2 -o "$work/refused"
expect 2 "$biovl" explain "$sample" --text edema --method gradcam --masks 8
says 'reads no masks'
long=$(printf 'opacity %.0s' {1..400})
expect 0 "$biovl" explain "$sample" --text edema "$long" --method gradcam --json
prints '"truncated":true'
[ "$(grep -o truncated "$work/out" | wc -l)" = 1 ] || fail "a short text was cut"
finish
