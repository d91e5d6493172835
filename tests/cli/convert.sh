#!/bin/bash
# convert: accidents that happen to checkpoints are named for what they are, and nothing is left
# behind.
. "$(dirname "$0")/lib.sh"
out=$work/out.safetensors

expect 3 "$biovl" convert "$work/absent.pt" -o "$out"
says 'absent.pt'
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' >"$work/pointer.pt"
expect 3 "$biovl" convert "$work/pointer.pt" -o "$out"
says 'LFS'
printf '<!DOCTYPE html><html><body>404</body></html>' >"$work/page.pt"
expect 3 "$biovl" convert "$work/page.pt" -o "$out"
says 'HTML'
: >"$work/empty.pt"
expect 3 "$biovl" convert "$work/empty.pt" -o "$out"
expect 3 "$biovl" convert "$root/assets/models/biovl-cxr-small.safetensors" -o "$out" --system chexzero
expect 2 "$biovl" convert "$work/empty.pt" -o "$out" --system no-such-system
says 'no-such-system'
[ -e "$out" ] && fail "a failed conversion left a file"
[ "$(ls "$work" | grep -c 'out\.safetensors')" -eq 0 ] || fail "temporary files were left"
finish
