#!/bin/bash
# Help, manual pages and completions come from the same option tables.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
expect 0 python3 "$root/tools/manual/manual.py" "$biovl" "$work"
n=0
for verb in $("$biovl" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    page=$work/man/biovl-$verb.1.scd
    [ -s "$page" ] || fail "no page for $verb"
    # Every option that the help names is in the page, and in the completions.
    for option in $("$biovl" "$verb" --help | grep -oE '^  --[a-z0-9-]+' || true); do
        n=$((n + 1))
        tr -d '\\' <"$page" | grep -qF -- "*$option*" || fail "$verb: $option is not in its page"
        grep -qF -- "$option" "$work/completions/biovl" || fail "$verb: bash lacks $option"
        grep -qF -- "'$option[" "$work/completions/_biovl" || fail "$verb: zsh lacks $option"
        grep -qF -- "-l ${option#--}" "$work/completions/biovl.fish" || fail "$verb: fish lacks $option"
    done
done
[ "$n" -gt 60 ] || fail "only $n options were seen"
bash -n "$work/completions/biovl" || fail "bash does not read its completion"
# What bash completes.
complete() {
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _biovl
             printf "%s\n" "${COMPREPLY[@]}"' - "$work/completions/biovl" "$@"
}
complete biovl cla | grep -qx classify || fail "bash does not complete cla"
complete biovl classify --lab | grep -qx -- --labels || fail "bash does not complete --lab"
complete biovl index ad | grep -qx add || fail "bash does not complete ad"
complete biovl index add x --key | grep -qx -- --key-file || true
if command -v zsh >/dev/null; then
    zsh -n "$work/completions/_biovl" || fail "zsh does not read its completion"
fi
if command -v fish >/dev/null; then
    fish -n "$work/completions/biovl.fish" || fail "fish does not read its completion"
fi
if command -v scdoc >/dev/null; then
    for page in "$work"/man/*.scd; do
        scdoc <"$page" >"$work/page.1" || fail "scdoc does not read $page"
        grep -q '^\.SH NAME' "$work/page.1" || fail "$page is no manual page"
    done
fi
finish
