#!/bin/sh
# eval.sh BUILD-FOLDER DATA.csv [MODEL…]: how much of the slower of decoding and encoding is left of
# an evaluation, with half of the processors for each.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
bench=$1/bench/bench_eval
data=$2
shift 2
half=$(($(nproc) / 2))
[ "$half" -gt 0 ] || half=1
for model in "${@:-$here/assets/models/biovl-cxr-small.safetensors}"; do
    echo "# $(basename "$model")" >&2
    "$bench" "$model" "$data" "$half" "$half"
done
