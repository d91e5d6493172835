#!/usr/bin/env bash
# Measures the Vulkan backend on a GPU beside PyTorch.
#
#   bench/gpu.sh pack FILE.tar.gz   build, and put the program, its libraries, the loader and this
#                                   script into a tarball (x86-64)
#   bench/gpu.sh run [FOLDER]       on the machine with the GPU, in the unpacked tarball: measure,
#                                   write FOLDER/*.jsonl (default: results) and print the ratios
#
# BIOVL_GLSLANG: the GLSL compiler for pack; without one that knows GL_KHR_cooperative_matrix the
# NVIDIA form of the matrix shaders is packed alone. BIOVL_BENCH_SECONDS: of each row (1).
# BIOVL_BENCH_SMALL=1: sizes for a software device, to try the script itself.
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
    cp "$here/gpu.sh" "$here/gpu_torch.py" "$stage/biovl-gpu/"
    # Everything but the C library itself, and the loader, which is opened at run time.
    ldd "$stage/biovl-gpu/bench_gpu" | awk '/=> \// {print $3}' |
        grep -vE '/(libc|libm|libdl|libpthread|librt|ld-linux[^/]*)\.so' |
        xargs -r -I{} cp -L {} "$stage/biovl-gpu/lib/"
    cp -L "$(ldconfig -p | awk '/libvulkan.so.1 .*x86-64/ {print $NF; exit}')" \
        "$stage/biovl-gpu/lib/libvulkan.so.1"
    git -C "$root" rev-parse HEAD >"$stage/biovl-gpu/commit" 2>/dev/null || true
    tar -C "$stage" -czf "$out" biovl-gpu
    rm -rf "$build" "$stage"
    echo "$out: $(du -h "$out" | cut -f1)"
}

# Containers often have the driver but no ICD file that points the loader at it.
find_driver() {
    [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && return
    compgen -G '/usr/share/vulkan/icd.d/nvidia*.json' >/dev/null && return
    compgen -G '/etc/vulkan/icd.d/nvidia*.json' >/dev/null && return
    local library
    for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
        ldconfig -p | grep -q "$library" || continue
        printf '{"file_format_version":"1.0.0","ICD":{"library_path":"%s","api_version":"1.3.0"}}\n' \
            "$library" >"$1/icd.json"
        export VK_DRIVER_FILES=$1/icd.json VK_ICD_FILENAMES=$1/icd.json
        return
    done
}

run() {
    local out=${1:-results} seconds=${BIOVL_BENCH_SECONDS:-1} small=${BIOVL_BENCH_SMALL:+small}
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
    find_driver "$out"
    export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    { date -u +%FT%TZ; cat "$here/commit" 2>/dev/null || true; uname -srm
      nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,clocks.max.sm --format=csv \
          2>/dev/null || echo "no nvidia-smi"; } >"$out/machine.txt"
    local failed=0 precision
    for precision in f16 f32; do
        "$here/bench_gpu" "$precision" "$seconds" $small >"$out/biovl-$precision.jsonl" || failed=1
    done
    python3 "$here/gpu_torch.py" "$seconds" >"$out/torch.jsonl" 2>"$out/torch.log" ||
        echo "PyTorch did not run; see $out/torch.log" >&2
    compare "$out"
    return $failed
}

compare() {
    python3 - "$1" <<'PY'
import glob, json, sys
def rows(pattern):
    for name in sorted(glob.glob(sys.argv[1] + pattern)):
        for line in open(name):
            yield json.loads(line)
torch = {(r["item"], r["shape"], r["precision"], r["mode"]): r["ms"]
         for r in rows("/torch*.jsonl") if "ms" in r}
print("| item | shape | precision | kernel | biovl ms | TFLOP/s | GB/s | torch eager ms | torch graph ms |")
print("|---|---|---|---|---|---|---|---|---|")
for r in rows("/biovl-*.jsonl"):
    if "ms" not in r:
        print(f"| {r['item']} | failed: {r['error']} | {r['precision']} | | | | | | |")
        continue
    def beside(mode):
        ms = torch.get((r["item"], r["shape"], r["precision"], mode))
        return f"{ms:.4f} ({ms / r['ms']:.2f}×)" if ms else ""
    print(f"| {r['item']} | {r['shape']} | {r['precision']} | {r.get('kernel', '')} | {r['ms']:.4f} "
          f"| {r.get('tflops', 0):.2f} | {r.get('gbps', 0):.0f} | {beside('eager')} | {beside('graph')} |")
PY
}

case ${1:-} in
pack) pack "$(realpath -m "${2:?usage: bench/gpu.sh pack FILE.tar.gz}")" ;;
run) run "${2:-}" ;;
*) sed -n '2,13p' "$0" >&2; exit 2 ;;
esac
