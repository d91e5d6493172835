#!/bin/bash
# The installed tree: only public symbols, and examples/ builds and runs against it through CMake
# and through pkg-config.
. "$(dirname "$0")/lib.sh"
build=$3
cached() { sed -n "s/^$1:[^=]*=\(..*\)/\1/p" "$build/CMakeCache.txt"; }
compiler=$(cached CMAKE_C_COMPILER)
sanitizers=$(cached BIOVL_SANITIZE) # a program is linked with those its libraries were
sanitize=${sanitizers:+-fsanitize=$sanitizers -fsanitize-link-c++-runtime -lstdc++}
expect 0 cmake --install "$build" --prefix "$work/prefix"
library=$(find "$work/prefix" -name 'libbiovl.so')
[ -n "$library" ] || fail "no library installed"
nm -D --defined-only "$library" | awk '{print $3}' | grep -v '^bv_' | grep -qv '^$' &&
    fail "symbols that are not public: $(nm -D --defined-only "$library" | awk '{print $3}' | grep -v '^bv_' | head -3)"
expect 0 "$work/prefix/bin/biovl" classify "$root/assets/sample/cxr.dcm" --labels "$root/assets/labels/chest.txt"

expect 0 cmake -G Ninja -S "$root/examples" -B "$work/example" -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DCMAKE_C_COMPILER="$compiler" -DCMAKE_C_FLAGS="$sanitize"
expect 0 cmake --build "$work/example"
model=$work/prefix/share/biovl/models/biovl-cxr-small.safetensors
expect 0 "$work/example/classify" "$model" "$root/assets/sample/cxr.dcm"
prints 'Pleural effusion +0\.[0-9]+ \(pair_softmax\)'

export PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name biovl.pc)")
expect 0 "$compiler" $sanitize -std=c11 "$root/examples/classify.c" $(pkg-config --cflags --libs biovl) -o "$work/plain"
export LD_LIBRARY_PATH=$(dirname "$library")
expect 0 "$work/plain" "$model" "$root/assets/sample/cxr.dcm"
finish
