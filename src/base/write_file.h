// write_file.h: bytes in memory as a file.
#ifndef BV_BASE_WRITE_FILE_H
#define BV_BASE_WRITE_FILE_H

#include <stddef.h>

#include "base/status.h"

// Writes path completely and durably, or leaves it as it is. BV_ERR_IO names it.
enum bv_status bv_write_file(const char *path, const void *bytes, size_t size,
                             struct bv_error *err);

#endif
