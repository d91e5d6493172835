#!/bin/bash
# eval on a GPU that is lost in mid-run: under --device auto the results say how many images each
# device scored; under --device vulkan the run ends, and resumes to the undisturbed run's bytes.
. "$(dirname "$0")/vulkan.sh"
sample=$root/assets/sample/cxr.dcm
printf 'Edema\nPneumonia\n' >"$work/labels.txt"
{
    echo path,Edema,Pneumonia
    for i in $(seq 8); do
        ln -s "$sample" "$work/$i.dcm"
        echo "$i.dcm,$((i % 2)),$((i / 3 % 2))"
    done
} >"$work/data.csv"
run() { "$biovl" eval "$work/data.csv" --labels "$work/labels.txt" --no-bootstrap --batch 2 --quiet "$@"; }
# devices FOLDER: "vulkan 4 cpu 4 because" and the like.
devices() {
    python3 - "$work/$1/metrics.json" <<'EOF'
import json, sys
for d in json.load(open(sys.argv[1]))["devices"]:
    print(d["device"].split(":")[0], d["images"], "because" if "was lost" in d.get("fallback", "") else "", end=" ")
EOF
}

expect 0 run --device vulkan -o "$work/gpu"
[ "$(devices gpu)" = "vulkan 8  " ] || fail "undisturbed: $(devices gpu)"
# The submission at which the device is lost: the labels take some, each batch at least one.
lost=0
for n in 3 4 5 6; do
    expect 0 env BIOVL_VK_LOSE=$n "$biovl" eval "$work/data.csv" --labels "$work/labels.txt" \
        --no-bootstrap --batch 2 --device auto -o "$work/lost$n"
    case $(devices lost$n) in
    "vulkan 8  ") ;; # later than the last one
    "cpu 8 because ") says 'running on the CPU' ;; # at the labels
    "vulkan "[246]"  cpu "[246]" because ")
        lost=$n
        says 'scored on the CPU|running on the CPU'
        grep -q 'The device changed during the run' "$work/lost$n/report.html" || fail "the report"
        ;;
    *) fail "lost at $n: $(devices lost$n)" ;;
    esac
    python3 - "$work/gpu/predictions.csv" "$work/lost$n/predictions.csv" <<'EOF' || fail "scores"
import csv, sys
a, b = (list(csv.DictReader(open(p))) for p in sys.argv[1:])
# Measured between lavapipe and the processor: 2.2e-8.
sys.exit(any(abs(float(x["Edema"]) - float(y["Edema"])) > 1e-5 for x, y in zip(a, b)))
EOF
done
[ $lost -gt 0 ] || fail "the device was never lost in mid-run"
expect 2 run --device cpu -o "$work/lost$lost" --resume
says 'model.(device|precision) is '

expect 4 env BIOVL_VK_LOSE=$lost "$biovl" eval "$work/data.csv" --labels "$work/labels.txt" \
    --no-bootstrap --batch 2 --device vulkan -o "$work/ended"
[ ! -e "$work/ended/metrics.json" ] || fail "results of a run that ended"
expect 0 run --device vulkan -o "$work/ended" --resume
for f in predictions.csv metrics.json report.html warnings.csv; do
    cmp "$work/gpu/$f" "$work/ended/$f" || fail "resumed after the loss: $f"
done
finish_silent
