#!/bin/bash
# readme.sh ROOT: every file that README.md and the documents link to exists.
set -eo pipefail
cd "$1"
bad=0
for page in README.md CONTRIBUTING.md docs/*.md bench/*.md; do
    for link in $(grep -oE '\]\([^)#: ]+' "$page" | cut -c3-); do
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: no $link"; bad=1; }
    done
done
exit $bad
