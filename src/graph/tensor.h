// tensor.h: a value of the graph: its type and shape, no memory.
#ifndef BV_GRAPH_TENSOR_H
#define BV_GRAPH_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"

#define BV_MAX_RANK 5

struct bv_node;
struct bv_weight_formula;

enum bv_role {
    BV_ROLE_WEIGHT,       // data points into the weight store
    BV_ROLE_INPUT,        // filled by the caller before a run
    BV_ROLE_INTERMEDIATE, // made by producer
};

// Dense, row-major, last dimension contiguous. Activations are [N,H,W,C] or [B,T,C]: one layout
// for everything. Owned by its graph.
struct bv_tensor {
    const char *name;
    enum bv_role role;
    enum bv_dtype dtype;
    int rank;
    int64_t dim[BV_MAX_RANK];
    const void *data; // weights only: dtype elements, any alignment; NULL with a formula
    const struct bv_weight_formula *formula; // weights that a rewrite computes from others, or NULL
    struct bv_node *producer;                // intermediates only
    struct bv_tensor *alias_of;              // a reshape: the same memory under another shape
    bool is_output;
    int id; // position in the graph's tensor list
};

// Dimension i, or 1 where t is NULL because a weight before it is missing: definitions read shapes
// through this.
static inline int64_t bv_dim(const struct bv_tensor *t, int i)
{
    return t ? t->dim[i] : 1;
}

// The product of all dimensions; shapes are checked to fit int64_t when they are made.
static inline int64_t bv_elements(const struct bv_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

// 1 for a single number, which has no dimensions: a weight may be one, whatever its name.
static inline int64_t bv_last_dim(const struct bv_tensor *t)
{
    return t->rank > 0 ? t->dim[t->rank - 1] : 1;
}

// Elements divided by the last dimension: the rows of the tensor seen as a matrix.
static inline int64_t bv_rows(const struct bv_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i + 1 < t->rank; i++)
        n *= t->dim[i];
    return n;
}

// The tensor whose memory t shares, through any number of reshapes.
static inline struct bv_tensor *bv_storage_of(struct bv_tensor *t)
{
    while (t->alias_of)
        t = t->alias_of;
    return t;
}

#endif
