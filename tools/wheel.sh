#!/usr/bin/env bash
# Makes the Python wheel, with the libraries, the command and the default model in it, in dist/.
#
#   tools/wheel.sh           build for release in build/wheel, and pack
#   tools/wheel.sh FOLDER    pack what an existing build folder holds
#
# Needs what a build needs, patchelf and binutils. The wheel serves every Python from 3.9 on Linux
# with the glibc that its name says, without a compiler and without Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1-build/wheel}
if [ $# -eq 0 ]; then
    cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBIOVL_TESTS=OFF >/dev/null
    cmake --build "$build" --target biovl_command biovl_python
fi
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
package=$stage/biovl
vendored=$package/_vendored
mkdir -p "$vendored/lib" "$vendored/bin" "$vendored/share/biovl"
cp "$build"/python/biovl/*.py bindings/python/biovl/py.typed "$package"
cp "$build/bin/biovl" "$vendored/bin"
cp -L "$build/src/api/libbiovl.so.1" "$vendored/lib"
cp -r assets/models assets/labels "$vendored/share/biovl"
# DCMTK reads its dictionary from a file.
cp /usr/share/libdcmtk*/dicom.dic "$vendored/share"
python3 tools/wheel/vendor.py "$vendored" "$stage/vendored.json"
python3 tools/wheel/pack.py "$stage" dist
