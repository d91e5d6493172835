// place.h: where a checkpoint lies: a file, an archive or a folder, in one part or several.
#ifndef BV_CHECKPOINT_PLACE_H
#define BV_CHECKPOINT_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "checkpoint/zip.h"

// place.c: the files around a checkpoint: a folder, or a zip archive, with the checkpoint in it.

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

// shards.c: checkpoints in several files: pytorch_model-00001-of-00002.bin and its like.

// STEM-number-of-count.TAIL, with numbers of five digits.
struct bv_shard {
    const char *name; // borrowed
    size_t stem;      // bytes
    int number, count;
};

// False where name (of a file, without a folder) is not that of one of several shards.
bool bv_shard_parse(const char *name, struct bv_shard *shard);

// Whether two names are shards of one checkpoint.
bool bv_shard_same(const struct bv_shard *a, const struct bv_shard *b);

// Writes the name of shard `number` beside this one to out, which has room for strlen(name) + 1.
void bv_shard_name(const struct bv_shard *shard, int number, char *out);

// foreign.c: what a folder without a checkpoint is.

// Names what is there instead: weights of another framework, pointers of Git LFS, a cache of the
// Hugging Face hub, a folder without files. Returns BV_ERR_UNSUPPORTED or BV_ERR_FORMAT. place is
// listed.
enum bv_status bv_foreign(const struct bv_place *place, struct bv_error *err);

#endif
