#!/bin/bash
# A GPU that fails under --device auto: the CPU's scores, one warning, and both said in the JSON;
# under --device vulkan: an error and exit code 4.
. "$(dirname "$0")/vulkan.sh"
sample=$root/assets/sample/cxr.dcm
labels=$root/assets/labels/chest.txt

score() { "$biovl" classify "$sample" --labels "$labels" --json "$@"; }
scores() { grep -oE '"label":"[^"]*","score":[0-9.]+' "$1"; }

expect 0 score --device cpu
scores "$work/out" >"$work/expected"

# Whether the scores of a file are the CPU's: texts embedded by the GPU before it failed may move
# them by rounding (measured 5e-8).
close() {
    paste -d, "$work/expected" <(scores "$1") | tr ':' ',' |
        awk -F, '{ d = $4 - $8; n++; if ($2 != $6 || d > 1e-5 || d < -1e-5) bad++ } END { exit bad || n != 8 }'
}

# fails WHY VARIABLE=VALUE: whatever fails, and whenever.
fails() {
    local why=$1 setting=$2
    expect 0 env "$setting" "$biovl" classify "$sample" --labels "$labels" --json --device auto
    close "$work/out" || fail "$setting: not the CPU's scores"
    prints '"device":"cpu"'
    prints "\"fallback\":\".*$why"
    says "warning: running on the CPU: .*$why"
    [ "$(grep -c warning "$work/err")" -eq 1 ] || fail "$setting: not one warning"
    expect 4 env "$setting" "$biovl" classify "$sample" --labels "$labels" --json --device vulkan
    says "$why"
    [ ! -s "$work/out" ] || fail "$setting: results after an error"
}

fails '/nowhere/libvulkan.so' BIOVL_VK_LOADER=/nowhere/libvulkan.so
fails 'libm.so.6 is not a Vulkan loader' BIOVL_VK_LOADER=libm.so.6
fails 'no driver' VK_ICD_FILENAMES=/nowhere/icd.json
for n in 1 2 3; do # at the labels' texts, and at the image
    fails 'was lost while submitting' BIOVL_VK_LOSE=$n
done
# A precision that the CPU has not: no results in another one, and both reasons.
expect 3 env BIOVL_VK_LOADER=/nowhere/libvulkan.so "$biovl" classify "$sample" --labels "$labels" \
    --device auto --precision f16
says 'f16 is not available on this processor.*no GPU: .*/nowhere'
# Without an accident: the GPU, and nothing to say.
expect 0 score --device auto
prints '"device":"vulkan:'
close "$work/out" || fail "not the CPU's scores"
grep -q '"fallback"' "$work/out" && fail "a fallback without an accident"
grep -q 'warning' "$work/err" && fail "a warning without an accident"
finish_silent
