#!/bin/bash
# symbols.sh ROOT LIBRARY: the library exports what the public headers declare, no more and no less,
# and a program in tests/api calls each of it.
set -euo pipefail
export LC_ALL=C
root=$1 library=$2 bad=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Comments go, a declaration becomes one line: the name before its first parenthesis.
sed 's|//.*||' "$root"/include/biovl/*.h | tr '\n' ' ' | tr ';' '\n' |
    sed -n 's/.*BV_API [^(]*[ *]\(bv_[a-z0-9_]*\) *(.*/\1/p' | sort >"$work/declared"
nm -D --defined-only "$library" | awk '$2 ~ /[TDBRVWi]/ {print $3}' | sort >"$work/exported"
sed 's|//.*||' "$root"/tests/api/*.c "$root"/tests/api/*.cc | grep -o 'bv_[a-z0-9_]*(' | tr -d '(' |
    sort -u >"$work/called"
n=$(wc -l <"$work/declared")
[ "$n" -gt 100 ] || { echo "only $n declarations found in include/biovl"; bad=1; }
[ "$(sort -u "$work/declared" | wc -l)" -eq "$n" ] || { echo "declared twice: $(uniq -d "$work/declared")"; bad=1; }
report() {
    [ -z "$2" ] || { printf '%s:\n%s\n' "$1" "$2"; bad=1; }
}
report "exported but in no public header" "$(comm -13 "$work/declared" "$work/exported")"
report "declared but not exported" "$(comm -23 "$work/declared" "$work/exported")"
report "called by no program in tests/api" "$(comm -23 "$work/declared" "$work/called")"
exit $bad
