#!/bin/bash
# readme.sh ROOT: the README's C block is examples/classify.c (tools/readme.sh puts it there).
set -eo pipefail
diff <(sed -n '/^```c$/,/^```$/{/^```/d;p}' "$1/README.md") "$1/examples/classify.c"
