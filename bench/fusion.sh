#!/usr/bin/env bash
# Times fusion encoders: one image against many texts, and beside PyTorch with the same weights;
# writes bench/FUSION.md.
#
#     bench/fusion.sh [--threads 2] [--rounds 5] [--models uniter,m3ae]
#
# PyTorch comes as a Python package into build/peers (or the environment in $BIOVL_PEERS); biovl is
# built into build/release first. The models take 2.4 GB in build/release/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=${BIOVL_PEERS:-build/peers}
if [ ! -x "$peers/bin/python" ]; then
    python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet numpy torch
fi
cmake --preset release -DBIOVL_BENCH=ON >/dev/null
cmake --build --preset release --target biovl bench_fusion >/dev/null
exec "$peers/bin/python" bench/fusion.py "$@"
