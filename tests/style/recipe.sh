#!/bin/bash
# recipe.sh ROOT: image/recipe.h lists the steps, fields and words that image/recipe.c parses, and
# no others.
root=$1 bad=0
parsed=$(sed -n '/^static const struct op ops/,/^};/p' "$root/src/image/recipe.c" | tr -d '\n' |
    grep -oE '\{"[a-z_]+", bv_step_[a-z_]+, *("[^"]*" *)+\}' |
    sed -E 's/\{"([a-z_]+)", bv_step_[a-z_]+, */\1:/; s/["}]//g; s/ +/ /g; s/ $//')
listed=$(sed -nE 's,^//   ([a-z_]+:( [a-z_ ]+)?)$,\1,p' "$root/src/image/recipe.h")
[ "$(wc -l <<<"$parsed")" -gt 5 ] || { echo "the table of steps was not found"; exit 1; }
diff <(echo "$parsed") <(echo "$listed") || bad=1
for word in $(grep -oE '\{"[a-z_]+", (BV_|[01]\})' "$root/src/image/recipe.c" | cut -d'"' -f2); do
    grep -qw "$word" "$root/src/image/recipe.h" || { echo "$word is not documented"; bad=1; }
done
exit $bad
