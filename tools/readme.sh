#!/usr/bin/env bash
# Puts real output into README.md: the demo's output between its markers, and examples/classify.c.
#   tools/readme.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/.."
biovl=${1:-build/release/bin/biovl}
demo=$("$biovl" classify assets/sample/cxr.dcm --labels assets/labels/chest.txt 2>&1)
demo=$demo example=$(cat examples/classify.c) awk '
    /^\$ biovl classify assets\/sample/ { print; print ENVIRON["demo"]; skipping = 1; next }
    /^```c$/ { print; print ENVIRON["example"]; skipping = 1; next }
    /^```$/ { skipping = 0 }
    !skipping { print }' README.md >README.md.new
mv README.md.new README.md
