#!/bin/sh
# search.sh BUILD-FOLDER [ROWS] [THREADS] [FOLDER]: search of biovl and FAISS with equal threads;
# then, with a FOLDER, an index file of as many rows in it.
set -e
threads=${3:-1}
export OMP_NUM_THREADS="$threads" OPENBLAS_NUM_THREADS="$threads"
"$1/bench/bench_search" "${2:-1000000}" 512 "$threads"
[ -z "$4" ] || "$1/bench/bench_index" "$4" "${2:-1000000}" 512 "$threads"
