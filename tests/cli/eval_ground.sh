#!/bin/bash
# eval grounding with BioViL: the measures of the authors' own similarity map of an image and a
# sentence. Skipped where the conformance data is absent.
. "$(dirname "$0")/lib.sh"
data=${BIOVL_CONFORMANCE:-$root/../shared/conformance}
golden=$data/biovil/golden_small_biovil
[ -r "$golden.npz" ] || { echo "skipped: no $golden.npz"; exit 77; }
python3 - "$golden" "$data" "$work" <<'EOF'
import csv, json, sys, zipfile
golden, data, work = sys.argv[1:]
meta = json.load(open(golden + ".json"))["meta"]
with zipfile.ZipFile(golden + ".npz") as arrays:
    for kind in ("nearest", "bilinear"):
        name = "heatmap_img1_sent1_%s.npy" % kind
        open("%s/%s.npy" % (work, kind), "wb").write(arrays.read(name))
    header = arrays.read("heatmap_img1_sent1_nearest.npy")[:128].decode("latin-1")
height, width = (int(v) for v in header.split("(")[1].split(")")[0].split(",")[:2])
boxes = [(width // 4, height // 4, width // 5, height // 3), (width // 2, height // 3, width // 6, height // 6)]
for kind in ("nearest", "bilinear"):
    with open("%s/%s.csv" % (work, kind), "w") as f:
        rows = csv.writer(f)
        rows.writerow("map x y w h category".split())
        for box in boxes:
            rows.writerow([kind + ".npy", *box, "edema"])
with open(work + "/settings", "w") as f:
    json.dump({"sentence": meta["sentences"][1], "boxes": boxes, "width": width, "height": height}, f)
with open(work + "/convert", "w") as f:
    f.write("%s\n%s\n%d\n" % (meta["text_checkpoint"], meta["vocab"], meta["bert_config"]["num_attention_heads"]))
EOF
{ read -r checkpoint; read -r vocabulary; read -r heads; } <"$work/convert"
model=$work/biovil.safetensors
expect 0 "$biovl" convert "$data/$checkpoint" -o "$model" --vocab "$data/$vocabulary" --set text.heads="$heads"

# The image of the golden map is the one of its size that comes second in the golden's list.
python3 - "$golden" "$data" "$work" <<'EOF' || fail "the golden's image"
import csv, json, os, struct, sys
golden, data, work = sys.argv[1:]
settings = json.load(open(work + "/settings"))
names = [k.split("/", 1)[1] for k in json.load(open(golden + ".json"))["arrays"] if k.startswith("global_emb/")]
image = os.path.join(data, "inputs", names[1])
head = open(image, "rb").read(24)
assert struct.unpack(">II", head[16:24]) == (settings["width"], settings["height"]), names
with open(work + "/phrases.csv", "w") as f:
    rows = csv.writer(f)
    rows.writerow("path label_text x y w h category_name".split())
    first, second = settings["boxes"]
    other = os.path.join(data, "inputs", names[0])
    rows.writerow([image, settings["sentence"], *first, "edema"])
    rows.writerow([other, "clear lungs", 10, 10, 50, 50, "normal"])
    rows.writerow([image, settings["sentence"], *second, "edema"])  # one region with the first
    rows.writerow(["none.png", "edema", 1, 1, 2, 2, "edema"])
    rows.writerow([image, "mass", 1, 1, 0, 2, "mass"])
    rows.writerow([image, "mass", 1, 1, 2, 2, "mass"])  # not without its other box
    rows.writerow([image, "nodule", settings["width"], 1, 2, 2, "mass"])
    rows.writerow([image, "", 1, 1, 2, 2, "mass"])
EOF
ground() { "$biovl" eval grounding "$work/phrases.csv" -m "$model" --device cpu --precision f32 "$@"; }
for kind in nearest bilinear; do
    expect 0 "$biovl" eval grounding "$work/$kind.csv"
    cp "$work/out" "$work/golden.json"
    flag=; [ $kind = nearest ] || flag=--bilinear
    expect 1 ground -o "$work/$kind" $flag
    says '5 of 8 rows failed'
    python3 - "$work" $kind <<'EOF' || fail "$kind: $(cat "$work/out")"
import json, sys
work, kind = sys.argv[1:]
golden, ours = json.load(open(work + "/golden.json")), json.load(open(work + "/out"))
assert ours == json.load(open("%s/%s/metrics.json" % (work, kind)))
assert ours["n"] == 2 and ours["failed"] == 5 and ours["interpolation"] == kind
a, b = golden["categories"]["edema"], ours["categories"]["edema"]
assert a["n"] == b["n"] == 1 and set(ours["categories"]) == {"edema", "normal"}
for key in ("cnr_signed", "cnr_absolute", "mean_iou", "pointing_accuracy"):
    print(kind, key, a[key], "difference", abs(a[key] - b[key]))
    assert abs(a[key] - b[key]) < 1e-4, key  # measured: 8.6e-6
EOF
done
[ "$(cut -d, -f1,3 "$work/nearest/errors.csv" | tr '\n' ' ')" = "line,reason 5,io 6,bad_box 7,bad_box 8,bad_box 9,no_text " ] ||
    fail "errors: $(cat "$work/nearest/errors.csv")"
[ "$(cut -d, -f1,4,5 "$work/nearest/predictions.csv" | tr '\n' ' ')" = "line,category,boxes 2,edema,2 3,normal,1 " ] ||
    fail "predictions: $(cat "$work/nearest/predictions.csv")"

# Models without such a map.
expect 3 "$biovl" eval grounding "$work/phrases.csv" -o "$work/x" --device cpu
says 'has no similarity map of a phrase'
expect 2 ground
says '--output'
finish
