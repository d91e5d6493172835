#!/bin/sh
# search.sh BUILD-FOLDER [ROWS] [THREADS] [FOLDER]: search of biovl and FAISS with equal threads.
set -e
threads=${3:-1}
export OMP_NUM_THREADS="$threads" OPENBLAS_NUM_THREADS="$threads"
exec "$1/bench/bench_search" "${2:-1000000}" 512 "$threads" ${4:+"$4"}
