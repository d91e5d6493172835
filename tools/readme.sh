#!/usr/bin/env bash
# Puts real output into README.md: what the commands `$ biovl classify|match assets/sample/…` print.
#   tools/readme.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/.."
biovl=$(realpath "${1:-build/release/bin/biovl}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# output COMMAND-LINE: what it prints; classify with its messages, the others without.
output() {
    case $1 in
    "biovl classify "*) eval "\"\$biovl\" ${1#biovl }" 2>&1 ;;
    *) eval "\"\$biovl\" ${1#biovl }" 2>/dev/null ;;
    esac
}

skipping=
while IFS= read -r line; do
    case $line in '$ '* | '```'*) skipping= ;; esac
    [ -n "$skipping" ] || printf '%s\n' "$line"
    case $line in
    '$ biovl classify assets/sample/'* | '$ biovl match assets/sample/'*)
        output "${line#\$ }"
        skipping=1
        ;;
    esac
done <README.md >"$work/README.md"
cat "$work/README.md" >README.md
