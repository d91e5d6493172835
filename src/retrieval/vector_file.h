// vector_file.h: a copy of an index's vectors beside it, which is mapped instead of read through
// SQLite: INDEX.image.vectors, INDEX.report.vectors.
//
// The copy follows the index: rows are only ever appended, so what is missing is written behind
// what is there. Every block of rows has a checksum, which is compared when the file is mapped. A
// copy that is damaged, or of another index, is recreated; deleting it costs only time. Layout,
// little-endian:
//
//   0       struct head (vector_file.c), with a checksum of its own
//   4096    CRC-32C of each block of 65536 rows, room for 65536 blocks
//   2 MiB   rows, f16 [n][stride], strides as in vectors.h
#ifndef BV_RETRIEVAL_VECTOR_FILE_H
#define BV_RETRIEVAL_VECTOR_FILE_H

#include "retrieval/store.h"

// Fewer bytes of vectors than this are read from the index faster than a file is looked for.
#define BV_VECTOR_FILE_LEAST ((size_t)16 << 20)

// All vectors of a kind, as bv_store_load(): from the file, which is made or completed first where
// the folder can be written, else from the index. No file for less than least bytes. *state (may be
// NULL): "mapped", "completed", why the file was recreated ("missing", "damaged", "of another
// index"), "none" for little data, or "unwritable". With vectors NULL the file is only brought up
// to date, which costs what was added since and no more.
enum bv_status bv_vector_file_load(struct bv_store *store, enum bv_kind kind, size_t least,
                                   struct bv_pool *pool, struct bv_vectors *vectors,
                                   const char **state, struct bv_error *err);

#endif
