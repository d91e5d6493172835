#!/usr/bin/env bash
# Times decoding and preprocessing of a full-size radiograph (2500×3056, 16 bit, uncompressed and
# JPEG lossless) beside pydicom with Pillow, on this machine, and writes that section of
# bench/RESULTS.md.
#
#     bench/decode.sh [REPEATS]
#
# The peers come as Python packages into build/decode-peers (or the environment in $BIOVL_PEERS).
# The JPEG lossless file is made by DCMTK's dcmcjpeg; without it that row is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=${BIOVL_PEERS:-build/decode-peers}
if [ ! -x "$peers/bin/python" ]; then
    python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet numpy pydicom pillow pylibjpeg pylibjpeg-libjpeg
fi
build=build/decode
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBIOVL_BENCH=ON -DBIOVL_TESTS=OFF >/dev/null
cmake --build "$build" --target bench_decode >/dev/null
exec "$peers/bin/python" bench/decode.py "$build/bench/bench_decode" "$build/files" "${1:-10}"
