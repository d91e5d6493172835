#!/bin/bash
# fuzz.sh MINUTES [TARGET…]: runs each libFuzzer target of tests/fuzz (or those named) for that long
# with address and undefined behaviour sanitizers, one after the other, from its seeds and what
# earlier runs of this build found (build/fuzz/corpus). Prints a table; inputs that make a target
# fail are in build/fuzz/found. Exit: 1 if there are any. Needs clang.
set -uo pipefail
minutes=${1:?usage: fuzz.sh MINUTES [TARGET…]}
shift
cd "$(dirname "$0")/.." || exit 2
build=build/fuzz
if [ $# -eq 0 ]; then
    for source in tests/fuzz/*.c; do
        grep -q LLVMFuzzerTestOneInput "$source" && set -- "$@" "$(basename "$source" .c)"
    done
fi
targets=()
for name in "$@"; do
    [ "$name" = replay ] || targets+=("$name")
done
cmake --preset fuzz >/dev/null && cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}" || exit 2

mkdir -p $build/found
seconds=$(awk "BEGIN { print int(60 * $minutes) }")
failed=0
printf '%-16s %12s %10s %6s\n' target executions coverage found
for name in "${targets[@]}"; do
    corpus=$build/corpus/$name
    found=$build/found/$name
    mkdir -p "$corpus" "$found"
    seeds=tests/fuzz/seeds/$name
    [ -d "$seeds" ] || seeds=
    log=$build/found/$name.log
    # One failure does not end the run: the next one may be another.
    $build/tests/fuzz/fuzz_"$name" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=4096 \
        -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 \
        -artifact_prefix="$found/" "$corpus" $seeds >"$log" 2>&1
    n=$(find "$found" -type f | wc -l)
    line=$(grep -E '^#[0-9]+: cov: ' "$log" | tail -1)
    executions=$(sed -n 's/^#\([0-9]*\):.*/\1/p' <<<"$line")
    coverage=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' <<<"$line")
    printf '%-16s %12s %10s %6s\n' "$name" "${executions:-0}" "${coverage:-0}" "$n"
    [ "$n" -eq 0 ] || failed=1
done
exit $failed
