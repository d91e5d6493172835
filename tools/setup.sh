#!/usr/bin/env bash
# Everything on a fresh Debian 12 (demo and test: or 13), in one command:
#
#   tools/setup.sh demo    install what is missing, build, classify the sample radiograph
#   tools/setup.sh test    install what is missing, build, run the tests
#   tools/setup.sh format  install clang-format, check the layout of the sources
#   tools/setup.sh check   build with clang's address and undefined-behaviour sanitizers, test
#   tools/setup.sh tidy    the same build read by clang-tidy
#
# Packages come from Debian. Without root, apt-get goes through sudo; when nothing is missing,
# neither is called.
set -euo pipefail
cd "$(dirname "$0")/.."

build_packages=(
    gcc g++ cmake ninja-build pkg-config
    libdcmtk-dev libpng-dev libjpeg62-turbo-dev libopenjp2-7-dev libcharls-dev zlib1g-dev
    libjansson-dev libutf8proc-dev libboost-dev
    libsqlite3-dev libfaiss-dev libopenblas-dev libcurl4-openssl-dev libssl-dev
    libmicrohttpd-dev
    glslang-tools libvulkan-dev
)
test_packages=(
    libcmocka-dev libzip-dev mesa-vulkan-drivers vulkan-validationlayers
    dcmtk dicom3tools orthanc orthanc-dicomweb orthanc-gdcm python3-sklearn python3-pytest python3-jsonschema
    sqlite3 scdoc
)
# Where these do not install, the tests of job arrays and of search over MPI skip.
cluster_packages=(slurmctld slurmd slurm-client munge libopenmpi-dev openmpi-bin)
check_packages=(clang clang-format clang-tidy llvm libclang-rt-14-dev libomp-14-dev)

install_packages() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing: ${missing[*]}" >&2
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() { # preset, options
    local preset=$1
    shift
    cmake --preset "$preset" "$@" >/dev/null
    cmake --build --preset "$preset"
}

case "${1-}" in
demo)
    install_packages "${build_packages[@]}"
    build release -DBIOVL_TESTS=OFF -DBIOVL_WERROR=OFF
    set -x
    build/release/bin/biovl classify assets/sample/cxr.dcm --labels assets/labels/chest.txt
    ;;
test)
    install_packages "${build_packages[@]}" "${test_packages[@]}"
    install_packages "${cluster_packages[@]}" || echo "no Slurm or MPI: their tests skip" >&2
    build release -DBIOVL_TESTS=ON -DBIOVL_WERROR=ON \
        -DBIOVL_MPI="$(command -v mpicc >/dev/null && echo ON || echo OFF)"
    ctest --preset release -LE slow -j "$(nproc)" "${@:2}"
    ;;
format)
    install_packages git clang-format
    git ls-files '*.c' '*.h' '*.cc' '*.hh' | xargs clang-format --dry-run -Werror
    ;;
check)
    install_packages "${build_packages[@]}" "${test_packages[@]}" "${check_packages[@]}"
    build asan -DBIOVL_TESTS=ON
    ctest --preset asan -LE 'slow|vulkan|bench|peer' -E '^style' -j "$(nproc)" "${@:2}"
    ;;
tidy)
    install_packages "${build_packages[@]}" "${test_packages[@]}" "${check_packages[@]}"
    build asan -DBIOVL_TESTS=ON
    # The analyzer walks 30000 states of a function, not 225000: a fifth of the time.
    run-clang-tidy-14 -p build/asan -quiet -extra-arg=-Xclang -extra-arg=-analyzer-config \
        -extra-arg=-Xclang -extra-arg=max-nodes=30000 '/(src|fusion|tools)/.*\.c$' 2>/dev/null
    ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
