// container.h: what all containers of tensors share: little-endian numbers, the sizes of shapes,
// members by name.
#ifndef BV_CHECKPOINT_CONTAINER_H
#define BV_CHECKPOINT_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/status.h"

// Little-endian numbers at any address of a file.

static inline uint16_t bv_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t bv_le32(const uint8_t *p)
{
    return (uint32_t)bv_le16(p) | (uint32_t)bv_le16(p + 2) << 16;
}

static inline uint64_t bv_le64(const uint8_t *p)
{
    return (uint64_t)bv_le32(p) | (uint64_t)bv_le32(p + 4) << 32;
}

// shape.c: how many elements a shape from a file has, if it may be believed.

// Tensors of more dimensions, and files of more tensors, are refused with BV_ERR_LIMIT.
#define BV_MAX_DIMS 8
#define BV_MAX_TENSORS 65536

// The product of n_dims sizes times element_bytes, which must fit in memory: false for a negative
// size or an overflow, even where another size is zero.
bool bv_shape_bytes(const int64_t *shape, int n_dims, size_t element_bytes, size_t *bytes);

// Row-major strides, in elements, of a shape that bv_shape_bytes() accepts.
void bv_shape_strides(const int64_t *shape, int n_dims, int64_t *strides);

// Copies the elements of a strided view, first dimension outermost, to contiguous memory.
void bv_gather(void *out, const uint8_t *first, size_t element_bytes, const int64_t *shape,
               const int64_t *strides, int n_dims);

// names.c: finding a member of an archive or a tensor by its name.

// One line of an index over an array that somebody else owns.
struct bv_name {
    const char *text;
    size_t index;
};

// Sorts by text, equal texts by index.
void bv_names_sort(struct bv_name *names, size_t n);

// In a sorted index: the entry with this text, or NULL; and a text that occurs twice, or NULL.
const struct bv_name *bv_names_find(const struct bv_name *names, size_t n, const char *text);
const char *bv_names_duplicate(const struct bv_name *names, size_t n);

// averaged.c: which of a checkpoint's tensors are averages over training (EMA) of which others.

// The rest of a name that says that it is of a set of averages ("model_ema."); else NULL.
const char *bv_averaged_set(const char *name);

struct bv_averaged_names {
    const struct bv_name *items; // sorted; index is that of the plain tensor
    size_t n;
};

// The names that the averages of the plain tensors may have. From the arena.
enum bv_status bv_averaged_table(struct bv_arena *arena, const struct bv_name *plain, size_t n,
                                 struct bv_averaged_names *table, struct bv_error *err);

// The plain tensor of an average; NULL where there is none.
const struct bv_name *bv_averaged_find(const struct bv_averaged_names *table, const char *name);

#endif
