// file.h: whole files in memory, and files that are either written completely or not at all.
#ifndef BV_BASE_FILE_H
#define BV_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

// A read-only view of a file's bytes. data is NULL and size 0 for an empty file.
struct bv_mapping {
    const uint8_t *data;
    size_t size;
};

// Maps a regular file. max_bytes 0 means no limit; a larger file is BV_ERR_LIMIT. Directories,
// devices and missing files are BV_ERR_IO; the message names path.
enum bv_status bv_mapping_open(struct bv_mapping *mapping, const char *path, size_t max_bytes,
                               struct bv_error *err);

// Unmaps and zeroes; accepts a zeroed mapping.
void bv_mapping_close(struct bv_mapping *mapping);

// Reads a stream ("-" is stdin) or file into malloc'd memory with a terminating zero byte that is
// not counted in *size. The caller frees *data. Longer than max_bytes is BV_ERR_LIMIT.
enum bv_status bv_read_all(const char *path, size_t max_bytes, char **data, size_t *size,
                           struct bv_error *err);

// A file under construction: bytes go to a temporary file beside path; commit makes them durable
// (fsync) and renames it over path; discard removes it. Zero-initialise.
struct bv_new_file {
    FILE *stream;
    char *path, *temporary;
};

enum bv_status bv_new_file_create(struct bv_new_file *file, const char *path, struct bv_error *err);
// On failure the temporary file is gone and path is as it was.
enum bv_status bv_new_file_commit(struct bv_new_file *file, struct bv_error *err);
// Accepts a zeroed or committed file.
void bv_new_file_discard(struct bv_new_file *file);

#endif
