#!/usr/bin/env bash
# Puts real output into README.md: what the commands `$ biovl classify|match|ask assets/sample/…`
# print, and examples/classify.c. `ask` needs the conformance data (as the tests find it) and stays
# as it is without.
#   tools/readme.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/.."
biovl=$(realpath "${1:-build/release/bin/biovl}")
data=${BIOVL_CONFORMANCE:-../shared/conformance}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The model that README.md calls m3ae-vqa.safetensors.
if [ -f "$data/m3ae/small_vqa_rad_finetuned.ckpt" ]; then
    "$biovl" convert "$data/m3ae/small_vqa_rad_finetuned.ckpt" -o "$work/m3ae-vqa.safetensors" \
        --vocab "$data/vocab/small-roberta-vocab.json" --set fusion.heads=4 --set text.heads=4 \
        2>/dev/null
fi

# output COMMAND-LINE: what it prints; classify with its messages, the others without.
output() {
    local line=${1//m3ae-vqa.safetensors/$work/m3ae-vqa.safetensors}
    case $line in
    "biovl classify "*) eval "\"\$biovl\" ${line#biovl }" 2>&1 ;;
    *) eval "\"\$biovl\" ${line#biovl }" 2>/dev/null ;;
    esac
}

skipping=
while IFS= read -r line; do
    case $line in '$ '* | '```'*) skipping= ;; esac
    [ -n "$skipping" ] || printf '%s\n' "$line"
    case $line in
    '$ biovl ask '*m3ae-vqa.safetensors* | '$ biovl classify assets/sample/'* | '$ biovl match assets/sample/'*)
        [[ $line != *m3ae-vqa* || -f $work/m3ae-vqa.safetensors ]] || continue
        output "${line#\$ }"
        skipping=1
        ;;
    '```c')
        cat examples/classify.c
        skipping=1
        ;;
    esac
done <README.md >"$work/README.md"
cat "$work/README.md" >README.md
