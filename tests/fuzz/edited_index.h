// edited_index.h: a small index whose files are changed as an input says.
#ifndef BV_TESTS_FUZZ_EDITED_INDEX_H
#define BV_TESTS_FUZZ_EDITED_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "retrieval/store.h"

// The path of an index of some images and reports, recreated when a process first asks, in a folder
// that is removed when it ends. Its vectors have 8 dimensions.
const char *edited_index_path(void);

// Writes the file at original with the input's edits to path. An edit is 5 bytes: where (big
// endian, modulo the size) and what; a place of 0xffffffff cuts the file to 256 times the what.
void edited_file(const char *original, const char *path, const uint8_t *data, size_t size);

#endif
