#!/usr/bin/env bash
# Measures the Vulkan backend on a GPU beside PyTorch, in under eight minutes.
#
#   bench/gpu.sh pack FILE.tar.gz   build, and put the program, its libraries, the loader and these
#                                   scripts into a tarball (x86-64)
#   bench/gpu.sh run [FOLDER]       on the machine with the GPU, in the unpacked tarball: measure,
#                                   write FOLDER (default: results) with FOLDER/RESULTS.md
#   bench/gpu.sh report FOLDER      write a folder's section into bench/RESULTS.md
#
# BIOVL_GLSLANG: the GLSL compiler for pack; without one that knows GL_KHR_cooperative_matrix the
# NVIDIA form of the matrix shaders is packed alone. BIOVL_BENCH_SECONDS: of each row (0.7).
# BIOVL_BENCH_LIMIT: seconds for all of run (450); what does not fit is left out, f32 first.
# BIOVL_BENCH_SMALL=1: sizes for a software device, to try the script itself. PYTHON: the one that
# has PyTorch (python3).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

pack() {
    local root=$here/.. out=$1 build stage
    build=$(mktemp -d) stage=$(mktemp -d)
    cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBIOVL_TESTS=OFF \
        -DBIOVL_BENCH=ON ${BIOVL_GLSLANG:+-DBIOVL_GLSLANG="$BIOVL_GLSLANG"} | grep Vulkan:
    ninja -C "$build" ${BIOVL_JOBS:+-j"$BIOVL_JOBS"} bench_gpu >"$build/log" || {
        tail -20 "$build/log" >&2
        exit 1
    }
    mkdir -p "$stage/biovl-gpu/lib"
    find "$build" -name bench_gpu -type f -exec cp {} "$stage/biovl-gpu/" \;
    cp "$here"/gpu.sh "$here"/gpu_torch.py "$here"/gpu_report.py "$here"/results.py \
        "$stage/biovl-gpu/"
    # Everything but the C library itself, and the loader, which is opened at run time.
    ldd "$stage/biovl-gpu/bench_gpu" | awk '/=> \// {print $3}' |
        grep -vE '/(libc|libm|libdl|libpthread|librt|ld-linux[^/]*)\.so' |
        xargs -r -I{} cp -L {} "$stage/biovl-gpu/lib/"
    cp -L "$(ldconfig -p | awk '/libvulkan.so.1 .*x86-64/ {print $NF; exit}')" \
        "$stage/biovl-gpu/lib/libvulkan.so.1"
    git -C "$root" rev-parse HEAD >"$stage/biovl-gpu/commit" 2>/dev/null || true
    mkdir -p "$(dirname "$out")"
    tar -C "$stage" -czf "$out" biovl-gpu
    rm -rf "$build" "$stage"
    echo "$out: $(du -h "$out" | cut -f1)"
}

# Containers often have the driver but no ICD file where the loader looks.
find_driver() {
    local file library
    [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && return
    [ -n "${BIOVL_BENCH_SMALL:-}" ] && return
    for file in /usr/share/vulkan/icd.d/nvidia*.json /etc/vulkan/icd.d/nvidia*.json; do
        [ -e "$file" ] && return
    done
    for file in /usr/local/nvidia/share/vulkan/icd.d/nvidia*.json; do
        [ -e "$file" ] || continue
        export VK_DRIVER_FILES=$file VK_ICD_FILENAMES=$file
        return
    done
    for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
        ldconfig -p | grep -q "$library" || continue
        printf '{"file_format_version":"1.0.0","ICD":{"library_path":"%s","api_version":"1.3.0"}}\n' \
            "$library" >"$1/icd.json"
        export VK_DRIVER_FILES=$1/icd.json VK_ICD_FILENAMES=$1/icd.json
        return
    done
}

# stage NAME COMMAND…: its output in NAME.jsonl, its messages in NAME.log, within two thirds of the
# time that is left: one that hangs does not take the others' turn.
stage() {
    local name=$1 left=$(((end - SECONDS) * 2 / 3)) code=0
    shift
    if [ "$left" -lt 10 ]; then
        echo "$name: left out, no time" >&2
        return 1
    fi
    timeout "$left" "$@" >"$out/$name.jsonl" 2>"$out/$name.log" || code=$?
    [ "$code" -eq 0 ] || echo "$name: exit code $code, see $out/$name.log" >&2
    return "$code"
}

run() {
    local seconds=${BIOVL_BENCH_SECONDS:-0.7} small=${BIOVL_BENCH_SMALL:+small} failed=0 sampler=
    # Ours alone sees the packed libraries: PyTorch brings its own.
    local ours=(env LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$here/bench_gpu")
    local theirs=("${PYTHON:-python3}" "$here/gpu_torch.py")
    end=$((SECONDS + ${BIOVL_BENCH_LIMIT:-450}))
    out=${1:-results}
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
    find_driver "$out"
    { date -u +%FT%TZ; echo "commit $(cat "$here/commit" 2>/dev/null || echo unknown)"; uname -srm
      nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem --format=csv,noheader \
          2>/dev/null || echo "no nvidia-smi"; } >"$out/machine.txt"
    if command -v nvidia-smi >/dev/null; then
        nvidia-smi --query-gpu=clocks.sm,clocks.mem,power.draw --format=csv,noheader,nounits -l 2 \
            >"$out/clocks.csv" 2>/dev/null &
        sampler=$!
    fi
    stage biovl-f16 "${ours[@]}" f16 "$seconds" $small || failed=1
    stage torch-f16 "${theirs[@]}" "$seconds" f16,bf16 $small || failed=1
    report "$out" "$out/RESULTS.md" >/dev/null # in case the rest is cut off
    stage biovl-f32 "${ours[@]}" f32 "$seconds" $small || failed=1
    stage torch-f32 "${theirs[@]}" "$seconds" f32 $small || failed=1
    [ -z "$sampler" ] || kill "$sampler" 2>/dev/null || true
    report "$out" "$out/RESULTS.md"
    echo "$SECONDS s in all"
    return $failed
}

report() {
    "${PYTHON:-python3}" "$here/gpu_report.py" "$1" "$2"
}

case ${1:-} in
pack) pack "$(realpath -m "${2:?usage: bench/gpu.sh pack FILE.tar.gz}")" ;;
run) run "${2:-}" ;;
report) report "${2:?usage: bench/gpu.sh report FOLDER}" "$here/RESULTS.md" ;;
*) sed -n '2,17p' "$0" >&2; exit 2 ;;
esac
