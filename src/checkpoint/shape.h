// shape.h: how many elements a shape from a file has, if it may be believed.
#ifndef BV_CHECKPOINT_SHAPE_H
#define BV_CHECKPOINT_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
