#!/bin/bash
# Bad input to fusion encoders, each with its exit code and a sentence that names what is wrong:
# models that cannot do what is asked, texts, answer vocabularies, files of regions.
. "$(dirname "$0")/lib.sh"
data=${BIOVL_CONFORMANCE:-$root/../shared/conformance}
image=$root/assets/sample/cxr.dcm
cd "$work" || exit 1

# The default model embeds and matches; it has no answers.
bytes=$(printf 'caf\351')
expect 3 "$biovl" ask "$image" --question "effusion?"
says 'no "answer" head; it can: embed and classify, match texts'
expect 3 "$biovl" match "$image" --text "$bytes"
says 'biovl: text is not valid UTF-8 at byte 3'
expect 3 "$biovl" match "$image" --text "clear lungs" "$bytes"
says 'text 2: text is not valid UTF-8'
printf 'clear lungs\n%s\n' "$bytes" >texts
expect 3 "$biovl" match "$image" --text-file texts
says 'texts: line 2 is not UTF-8'
expect 3 "$biovl" match "$image" --text-file none
says 'none: '
expect 2 "$biovl" match "$image" --text-file /dev/null
expect 2 "$biovl" ask "$image" --question ''
expect 3 "$biovl" match none.png --text x
says 'none\.png'
expect 3 "$biovl" match texts --text x
says 'texts'
long=$(printf 'effusion %.0s' $(seq 1 400))
expect 0 "$biovl" match "$image" --text x "$long" --json
says "text 2 was cut to the model's maximum"
prints '"truncated":false.*"truncated":true'
expect 3 "$biovl" match "$image" --text x --regions texts
says 'texts: '

if [ ! -f "$data/uniter/small_uniter-base.pt" ] || ! command -v python3 >/dev/null; then
    echo "the rest is skipped: $data has no uniter, or there is no python3"
    finish
fi
uniter() { # checkpoint output
    expect 0 "$biovl" convert "$data/uniter/$1" -o "$2" --set fusion.heads=4 \
        --vocab "$data/vocab/small-cased-vocab.txt"
}
uniter small_uniter-base.pt match.safetensors
uniter small_vqa_model_step_6000.pt ask.safetensors

# Dual encoder and fusion encoder in each other's place.
if [ -f "$data/medclip/small-medclip-resnet/pytorch_model.bin" ]; then
    expect 0 "$biovl" convert "$data/medclip/small-medclip-resnet" -o dual.safetensors \
        --set text.heads=4
    for command in "match $image --text x" "ask $image --question x"; do
        # shellcheck disable=SC2086
        expect 3 "$biovl" $command -m dual.safetensors
        says 'has no fusion encoder; it can: embed and classify'
    done
fi
expect 3 "$biovl" embed --text x -m match.safetensors
says 'does not embed texts alone; it can: match texts'
expect 3 "$biovl" embed --image "$image" -m match.safetensors
says 'does not embed images alone; it can: match texts'
expect 3 "$biovl" index create i.biovl -m match.safetensors

# Files of regions, good and bad, with Python's standard library alone.
python3 - <<'PY'
import json, struct, zipfile
with open("match.safetensors", "rb") as f:
    tensors = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
width = tensors["fusion.regions.dense.weight"]["shape"][1]
open("width", "w").write(str(width))

def npy(shape, values=None, descr="<f4", data=None, order="False"):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    if data is None:
        data = struct.pack(f"<{len(values)}f", *values)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data

def npz(path, compression=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compression) as z:
        for name, content in members.items():
            z.writestr(name + ".npy", content)

features = npy((2, width), [0.5] * (2 * width))
boxes = [0.1, 0.1, 0.5, 0.5, 0, 0, 1, 1]
npz("good.npz", features=features, boxes=npy((2, 4), boxes))
npz("narrow.npz", features=npy((2, width - 1), [0.5] * (2 * width - 2)), boxes=npy((2, 4), boxes))
npz("outside.npz", features=features, boxes=npy((2, 4), boxes[:7] + [1.2]))
npz("pixels.npz", features=features, boxes=npy((2, 4), [10, 10, 50, 50, 0, 0, 200, 200]))
npz("negative.npz", features=features, boxes=npy((2, 4), [-0.2] + boxes[1:]))
npz("nan.npz", features=npy((2, width), [0.5] * (2 * width - 1) + [float("nan")]),
    boxes=npy((2, 4), boxes))
npz("nan_box.npz", features=features, boxes=npy((2, 4), boxes[:7] + [float("nan")]))
npz("three.npz", features=features, boxes=npy((3, 4), boxes + boxes[:4]))
npz("no_boxes.npz", features=features)
npz("no_features.npz", boxes=npy((2, 4), boxes))
npz("empty.npz", features=npy((0, width), []), boxes=npy((0, 4), []))
npz("flat.npz", features=npy((2 * width,), [0.5] * (2 * width)), boxes=npy((2, 4), boxes))
npz("integers.npz", features=npy((2, width), descr="<i4", data=bytes(8 * width)),
    boxes=npy((2, 4), boxes))
npz("objects.npz", features=npy((2, width), descr="|O", data=b"\x80\x04N."), boxes=npy((2, 4), boxes))
npz("huge.npz", features=npy((1 << 40, width), [0.5] * width), boxes=npy((2, 4), boxes))
npz("overflow.npz", features=npy((1 << 62, 1 << 62), [0.5]), boxes=npy((2, 4), boxes))
n = (256 << 20) // 4 // width # 256 MiB from 256 KiB
npz("bomb.npz", zipfile.ZIP_DEFLATED, features=npy((n, width), data=bytes(4 * n * width)),
    boxes=npy((2, 4), boxes))
many = 5000
npz("many.npz", features=npy((many, width), data=bytes(4 * many * width)),
    boxes=npy((many, 4), data=bytes(16 * many)))
whole = open("good.npz", "rb").read()
open("cut.npz", "wb").write(whole[:len(whole) // 2])
npz("changed.npz", features=features.replace(b"NUMPY", b"NUMPX"), boxes=npy((2, 4), boxes))
open("damaged.npz", "wb").write(whole[:200] + bytes([whole[200] ^ 255]) + whole[201:])
open("empty", "wb").close()
def safetensors(path, header, data):
    header = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(header)) + header + data)
safetensors("good.safetensors", {"features": {"dtype": "F32", "shape": [2, width],
    "data_offsets": [0, 8 * width]}, "boxes": {"dtype": "F32", "shape": [2, 4],
    "data_offsets": [8 * width, 8 * width + 32]}}, struct.pack("<f", 0.5) * 2 * width +
    struct.pack("<8f", *boxes))
safetensors("short.safetensors", {"features": {"dtype": "F32", "shape": [2, width],
    "data_offsets": [0, 8 * width]}}, b"")
PY

width=$(cat width)
match() { "$biovl" match -m match.safetensors --text "clear lungs" --regions "$@"; }
expect 0 match good.npz
tail -1 out >first
expect 0 match good.safetensors
cmp -s first <(tail -1 out) || fail "the two kinds of file differ"
expect 3 "$biovl" match "$image" -m match.safetensors --text x
says 'reads detector regions, not pixels: give --regions FILE'
expect 2 "$biovl" match -m match.safetensors --text x
says '\(IMAGE \| --regions FILE\)'

memory=2000000 # KB of addresses: nothing large is allocated
sanitized && memory=unlimited
refuses() { # file pattern
    expect 3 bash -c "ulimit -v $memory; exec \"\$@\"" _ "$biovl" match -m match.safetensors \
        --text "clear lungs" --threads 1 --regions "$1"
    says "$1: .*$2"
}
refuses narrow.npz "region features have $((width - 1)) elements, model \"uniter\" reads $width"
for file in outside pixels; do
    refuses $file.npz 'the box of region [01] is out of the image'
done
refuses negative.npz 'the box of region 0 is out of the image'
refuses nan.npz '"features" holds NaN in row 1'
refuses nan_box.npz '"boxes" holds NaN in row 1'
refuses three.npz '2 features but 3 boxes'
refuses no_boxes.npz 'needs a box \[x1,y1,x2,y2\] for each region'
refuses no_features.npz 'features'
refuses empty.npz 'not a matrix'
refuses flat.npz 'not a matrix'
refuses integers.npz 'not a matrix of floats'
refuses objects.npz "type '\|O'"
refuses huge.npz '.'
refuses overflow.npz 'impossibly large'
refuses bomb.npz '.'
refuses many.npz '5000 regions; 1 to 4096'
refuses cut.npz '.'
refuses changed.npz 'not a NumPy array'
refuses damaged.npz '.'
refuses empty '.'
refuses none.npz '.'
refuses short.safetensors '.'

# Answer vocabularies.
ask() { "$biovl" ask -m ask.safetensors --regions good.npz --question "where is it?" "$@"; }
expect 0 ask --top 0
n=$(grep -c '  answer ' out)
seq 1 "$n" >answers
expect 0 ask --answers answers
seq 2 "$n" >fewer
expect 3 ask --answers fewer
says "fewer: $((n - 1)) answers, but the model's head scores $n"
expect 3 ask --answers none
says 'none: '
sed '2s/.*/\xff/' answers >binary
expect 3 ask --answers binary
says 'binary: line 2 is not UTF-8'
expect 0 "$biovl" ask -m ask.safetensors --regions good.npz --question "$long"
says "the question was cut to the model's maximum"
expect 3 "$biovl" ask -m ask.safetensors --regions good.npz --question "$bytes"
says 'not valid UTF-8'
finish
