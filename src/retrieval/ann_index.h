// ann_index.h: approximate search: FAISS behind C, and its BLAS.
#ifndef BV_RETRIEVAL_ANN_INDEX_H
#define BV_RETRIEVAL_ANN_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// blas.c: OpenBLAS, loaded when FAISS needs it.
//
// A process that links OpenBLAS starts with a thread of it per processor, which stay awake for some
// 20 ms: as long as it takes to score a radiograph. So the BLAS and LAPACK functions that
// libfaiss.a calls are defined here and hand over to the library, which bv_blas_load() opens.

// To be called before anything of FAISS that multiplies or trains; loads at the first call, from
// any thread. BV_ERR_UNSUPPORTED when the library or a function of it is missing.
enum bv_status bv_blas_load(struct bv_error *err);

// faiss.cc: approximate search through FAISS, behind C. The file that it writes can be made again
// from the index at any time; scores that leave this layer are always exact ones.

struct bv_vectors;
struct bv_faiss;

// Builds an index over all rows. kind is "flat" (exact, f32), "ivf" (inverted lists of f16
// vectors, 4 √n of them) or "hnsw" (a graph of 32 neighbours over f16 vectors). Sequential and
// seeded: the same vectors give the same index.
enum bv_status bv_faiss_build(struct bv_faiss **faiss, const char *kind,
                              const struct bv_vectors *vectors, struct bv_error *err);

// Serialises into malloc'd memory that the caller frees.
enum bv_status bv_faiss_bytes(const struct bv_faiss *faiss, uint8_t **bytes, size_t *size,
                              struct bv_error *err);

// Reads what bv_faiss_bytes() made. bytes must be trusted: check their checksum first. An index
// of other sizes is BV_ERR_FORMAT.
enum bv_status bv_faiss_read(struct bv_faiss **faiss, const uint8_t *bytes, size_t size,
                             size_t n_rows, size_t dimension, struct bv_error *err);

// The k rows that seem nearest for each query [n][dimension]: rows [n][k], -1 where there are
// fewer. effort is the number of inverted lists visited (ivf) or of graph candidates (hnsw); 0
// takes 16 and 128.
enum bv_status bv_faiss_search(struct bv_faiss *faiss, const float *queries, size_t n, size_t k,
                               int effort, int64_t *rows, struct bv_error *err);

const char *bv_faiss_version(void); // "1.7.3"

void bv_faiss_free(struct bv_faiss **faiss); // accepts NULL

#endif
