// root.h: files below the one folder that a service may read. A path is opened component by
// component, and no link is followed: what is below the folder stays below it.
#ifndef BV_SERVE_ROOT_H
#define BV_SERVE_ROOT_H

#include <jansson.h>
#include <stddef.h>

#include "base/status.h"

// *root is a file descriptor.
enum bv_status bv_root_open(const char *folder, int *root, struct bv_error *err);

// Reads a regular file of at most `most` bytes into malloc'd memory. BV_ERR_ARG for a path that
// leads out ("..", "/", a link) or to nothing.
enum bv_status bv_root_read(int root, const char *path, size_t most, char **bytes, size_t *size,
                            struct bv_error *err);

// What a folder holds ("" is the root itself): [{"name", "folder": true} or {"name", "bytes"}, …],
// by name, at most 10000. Links and hidden names are left out.
enum bv_status bv_root_list(int root, const char *path, json_t **list, struct bv_error *err);

#endif
