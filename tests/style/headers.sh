#!/bin/sh
# headers.sh CC ROOT LIST: compiles each header of the list on its own.
cc=$1 root=$2 list=$3 bad=0
flags="-std=c11 -D_POSIX_C_SOURCE=200809L -fsyntax-only -I$root/src -I$root/include -I$root -I/usr/include"
while read -r header; do
    printf '#include "%s"\nint main(void) { return 0; }\n' "$root/$header" |
        $cc $flags -x c - || { echo "$header does not compile alone"; bad=1; }
done <"$list"
exit $bad
