#!/bin/bash
# Every path of the CPU backend, masked off one by one, and threads that do not fit the machine:
# the right path is chosen and said, results agree, and no instruction is illegal.
. "$(dirname "$0")/lib.sh"
model=$root/assets/models/biovl-cxr-small.safetensors
image=$root/assets/sample/cxr.dcm

embed() { "$biovl" embed --model "$model" --device cpu --image "$image" "$@"; }
best=$("$biovl" info --devices | sed -n 's/^device="cpu".*instructions="\([a-z0-9]*\)".*/\1/p')
[ -n "$best" ] || fail "info --devices does not say the instructions"

# largest_difference A.npy B.npy
largest_difference() {
    paste <(od -An -v -w4 -t f4 -j128 "$1") <(od -An -v -w4 -t f4 -j128 "$2") |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > m) m = d } END { print m + 0 }'
}

# From the best down: a path is what was asked for, or the best there is.
reached=no
for path in avx512bf16 avx512 avx2 portable; do
    export BIOVL_CPU=$path
    expect 0 "$biovl" info --devices
    if [ "$path" = "$best" ]; then reached=yes; fi
    if [ $reached = yes ]; then prints "instructions=\"$path\""; else prints "instructions=\"$best\""; fi
    expect 0 "$biovl" verify "$model" --device cpu
    expect 0 embed --precision f32 -o "$work/$path.npy"
    difference=$(largest_difference "$work/$path.npy" "$work/avx512bf16.npy")
    # measured: 1.5e-7
    awk "BEGIN { exit !($difference < 2e-6) }" || fail "$path differs by $difference"
    for precision in bf16 int8; do
        if [ $reached = yes ] && [ "$path" != avx512bf16 ] || [ "$best" != avx512bf16 ]; then
            expect 3 embed --precision $precision
            says "$precision is not available"
        else
            expect 0 embed --precision $precision -o "$work/narrow.npy"
        fi
    done
done
unset BIOVL_CPU

# Odd numbers of threads, and more than processors: the same bits.
expect 0 embed --threads 1 -o "$work/one.npy"
for threads in 2 3 7 33; do
    expect 0 embed --threads $threads -o "$work/many.npy"
    cmp -s "$work/one.npy" "$work/many.npy" || fail "$threads threads give other bits than one"
done
if command -v taskset >"$work/null"; then
    expect 0 taskset -c "$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')" "$biovl" info --devices
    prints 'processors=1 '
fi

# On processors that lack the instructions altogether.
if ! sanitized && command -v qemu-x86_64 >"$work/null" && [ "$(uname -m)" = x86_64 ]; then
    for cpu in Nehalem:portable Haswell:avx2; do
        expect 0 qemu-x86_64 -cpu ${cpu%:*} "$biovl" info --devices
        prints "instructions=\"${cpu#*:}\""
        expect 0 qemu-x86_64 -cpu ${cpu%:*} "$biovl" embed --model "$model" --device cpu \
            --threads 2 --text "Cardiomegaly." -o "$work/old.npy"
        expect 0 env BIOVL_CPU=${cpu#*:} "$biovl" embed --model "$model" --device cpu \
            --threads 1 --text "Cardiomegaly." -o "$work/new.npy"
        difference=$(largest_difference "$work/old.npy" "$work/new.npy")
        awk "BEGIN { exit !($difference < 2e-6) }" || fail "${cpu%:*} differs by $difference"
    done
fi
finish
