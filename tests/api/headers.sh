#!/bin/bash
# headers.sh ROOT CC CXX: each public header compiles alone, as C11 and as C++17, without a warning.
root=$1 cc=$2 cxx=$3 bad=0
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-align -Werror"
for header in "$root"/include/biovl/*.h; do
    name=biovl/$(basename "$header")
    printf '#include <%s>\nint main(void) { return 0; }\n' "$name" |
        "$cc" -std=c11 $warnings -Wstrict-prototypes -Wmissing-prototypes -I"$root/include" -fsyntax-only -x c - ||
        { echo "$name is no clean C11"; bad=1; }
    printf '#include <%s>\nint main() { return 0; }\n' "$name" |
        "$cxx" -std=c++17 $warnings -Wold-style-cast -I"$root/include" -fsyntax-only -x c++ - ||
        { echo "$name is no clean C++17"; bad=1; }
done
exit $bad
