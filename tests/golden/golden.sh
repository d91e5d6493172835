#!/bin/bash
# golden.sh BIOVL ROOT [--print]: the JSON of twenty images has the digests in digests.txt, from every
# build and every package: of a debug or a release build, the wheel, the Debian package, a container.
# The digests are of the processor kernels avx2, which are not those of other instruction sets to the
# last bit. --print writes the list instead. BIOVL may be a command with arguments ("python3 -m biovl").
set -eo pipefail
root=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8 BIOVL_CPU=avx2
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
case $1 in /*|*\ *) biovl=$1 ;; */*) biovl=$PWD/$1 ;; *) biovl=$1 ;; esac
python3 "$root/tests/golden/inputs.py" "$work"
cp "$root/assets/labels/chest.txt" "$work"
cd "$work"
used=$($biovl info --build --json | sed 's/.*"used":"\([a-z0-9]*\)".*/\1/')
[ "$used" = avx2 ] || { echo "skipped: the processor has $used alone"; exit 77; }
for image in *.png *.dcm; do
    $biovl classify "$image" --labels chest.txt --device cpu --precision f32 --json 2>/dev/null |
        sed 's/"version":"[^"]*"/"version":""/' | sha256sum | sed "s/-\$/$image/"
done >digests.txt
[ "$(wc -l <digests.txt)" -eq 20 ] || { echo "FAILED: not twenty"; exit 1; }
if [ "${3-}" = --print ]; then
    cat digests.txt
else
    diff "$root/tests/golden/digests.txt" digests.txt
fi
