// place.h: the files around a checkpoint: a folder, or a zip archive, with the checkpoint in it.
#ifndef BV_CHECKPOINT_PLACE_H
#define BV_CHECKPOINT_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/status.h"
#include "checkpoint/zip.h"

// Zero-initialise. names is filled by bv_place_list() only.
struct bv_place {
    const char *folder;       // or NULL
    const struct bv_zip *zip; // or NULL
    const char *prefix;       // "" or "some/folder/": names in the archive are relative to it
    const char **names;       // sorted
    size_t n_names;
    struct bv_arena arena;
};

// The bytes of one file, mapped, borrowed from an archive, or inflated.
struct bv_place_file {
    const uint8_t *data;
    size_t size;
    struct bv_mapping mapping;
    uint8_t *inflated;
};

// The folder's regular files (not those of folders in it), or the archive's members. More than
// 4096 files in a folder are BV_ERR_LIMIT.
enum bv_status bv_place_list(struct bv_place *place, struct bv_error *err);

// Whether name may be a file in the place: relative, and without a ".." in its path.
bool bv_place_is_inside(const char *name);

// Whether there is such a file.
bool bv_place_has(const struct bv_place *place, const char *name);

// Opens a file of at most max_bytes. BV_ERR_IO where there is none, BV_ERR_ARG for a name that
// leads out of the place.
enum bv_status bv_place_open(const struct bv_place *place, const char *name, size_t max_bytes,
                             struct bv_place_file *file, struct bv_error *err);

// Up to room bytes from a file's begin, without reading the rest; 0 where it cannot be read.
size_t bv_place_sample(const struct bv_place *place, const char *name, uint8_t *sample,
                       size_t room);

void bv_place_file_close(struct bv_place_file *file);
void bv_place_close(struct bv_place *place);

#endif
