// options.h: structs that cross the boundary of the library. Each begins with a size_t that holds
// its size where the caller was compiled, so that a later version can add members at its end.
#ifndef BV_API_OPTIONS_H
#define BV_API_OPTIONS_H

#include <stddef.h>

#include "base/status.h"

// Copies what a caller gave into the library's own struct of `size` bytes; members that the caller
// does not know become zero. BV_ERR_ARG when the size is not set, BV_ERR_UNSUPPORTED when members
// beyond ours are not zero. name: of the struct, for the message. from may be NULL: all zero.
enum bv_status bv_options_read(void *to, size_t size, const void *from, const char *name,
                               struct bv_error *err);

// Whether the size of a struct to be filled is set; before any work is done.
enum bv_status bv_counts_check(const void *to, const char *name, struct bv_error *err);

// Fills a caller's struct from the library's own of `size` bytes, as far as the caller knows it;
// its size stays. to may be NULL.
void bv_counts_write(void *to, const void *from, size_t size);

#endif
