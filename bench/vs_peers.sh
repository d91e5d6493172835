#!/usr/bin/env bash
# Times biovl beside ONNX Runtime, OpenVINO and PyTorch on this machine and writes bench/RESULTS.md.
#
#     bench/vs_peers.sh [--threads 1,2] [--batch 1,8] [--archs resnet50,…] [--rounds 3]
#                       [--agreement | --startup]
#
# The peers come as Python packages into build/peers (or the environment in $BIOVL_PEERS, made by
# `python3 -m venv`); biovl is built into build/release first.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=${BIOVL_PEERS:-build/peers}
if [ ! -x "$peers/bin/python" ]; then
    python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet numpy onnx onnxruntime openvino torch torchvision
fi
cmake --preset release -DBIOVL_BENCH=ON >/dev/null
cmake --build --preset release --target biovl_command bench_ceiling >/dev/null
exec "$peers/bin/python" bench/vs_peers.py "$@"
