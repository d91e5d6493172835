#!/usr/bin/env bash
# Builds and tests the tracked files on Debian 13 (GCC 14, DCMTK 3.6.9, FAISS 1.11), in a folder to
# which it changes its root. The folder is made by debootstrap where it does not exist; without
# root or debootstrap the script says so and succeeds.
#
#   tools/debian13.sh FOLDER [ctest options]
set -euo pipefail
cd "$(dirname "$0")/.."
root=$(realpath -m "$1")
skip() { echo "Debian 13: skipped, $1" >&2; exit 0; }

[ "$(id -u)" -eq 0 ] || skip "changing the root takes root"
if [ ! -d "$root/usr" ]; then
    command -v debootstrap >/dev/null || skip "debootstrap is not installed"
    debootstrap --variant=minbase trixie "$root" >/dev/null || skip "debootstrap failed"
fi
mkdir -p "$root/biovl"
git ls-files -z | tar --null -T - -c | tar -x -C "$root/biovl"
mountpoint -q "$root/proc" || { mount -t proc proc "$root/proc"; trap 'umount "$root/proc"' EXIT; }
run() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }

packages=$(sed -n '/^build_packages=(/,/^)/p; /^test_packages=(/,/^)/p' tools/setup.sh | grep -v '[()]')
run apt-get update -qq
# shellcheck disable=SC2086
run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
run cmake -S /biovl -B /biovl/b -G Ninja -DBIOVL_TESTS=ON >/dev/null
run cmake --build /biovl/b
run ctest --test-dir /biovl/b -LE slow --output-on-failure "${@:2}"
