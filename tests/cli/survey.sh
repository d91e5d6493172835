#!/bin/bash
# biovl info --devices --compile: every kernel compiles on this machine's devices, without a run.
. "$(dirname "$0")/vulkan.sh"

expect 0 "$biovl" info --devices --compile --device vulkan:0
prints '^attention '
prints '^[0-9]* pipelines, 0 refused, '
expect 0 "$biovl" info --devices --compile --device vulkan:0 --json
python3 - "$work/out" <<'P'
import json, sys
report = json.load(open(sys.argv[1]))
shaders = {p["shader"] for p in report["pipelines"]}
graphs = {p["graph"].rsplit(" ", 3)[0] for p in report["pipelines"]}
assert {"gemm", "conv2d", "attention", "layer_norm", "gather", "pool2d"} <= shaders, shaders
assert len(graphs) == 4, graphs
assert report["refused"] == 0
P
expect 4 "$biovl" info --devices --compile --device vulkan:99
expect 3 "$biovl" info --devices --compile --device vulkan:0 --allow-spills /nowhere
finish_silent
