#!/bin/sh
# tags.sh ROOT: a name of a struct, enum or union is defined in one place, and one kind of tag only.
cd "$1" || exit 1
bad=$(find src include fusion tools -name '*.[ch]' -o -name '*.cc' -o -name '*.hh' |
    xargs grep -hoE '^(struct|enum|union) bv_[a-z0-9_]+ \{' | awk '{print $2}' | sort | uniq -d)
[ -z "$bad" ] || { echo "defined more than once: $bad"; exit 1; }
