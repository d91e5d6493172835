// adjoint.h: the vector-Jacobian product of each op of the graph: from the gradient of a number
// with respect to an op's result, that with respect to its inputs. src/op/<op>.c is the function
// that these are the derivatives of; tests/explain/adjoint.c compares with central differences.
#ifndef BV_EXPLAIN_ADJOINT_H
#define BV_EXPLAIN_ADJOINT_H

#include "base/thread.h"
#include "graph/graph.h"

// One product. Gradients are [n, elements of the tensor]: n numbers are differentiated at a time,
// over one and the same forward run of a graph of one item.
struct bv_adjoint {
    const struct bv_node *node;
    struct bv_pool *pool;           // or NULL
    int64_t n;                      // numbers that are differentiated
    const float *in[BV_MAX_INPUTS]; // weights, and the values of inputs that bv_adjoint_reads()
    const float *gradient;          // of the result
    float *to[BV_MAX_INPUTS];       // added to; NULL: not wanted. Two may be the same memory
};

typedef enum bv_status bv_adjoint_rule(const struct bv_adjoint *a, struct bv_error *err);

// NULL where an op has none.
bv_adjoint_rule *bv_adjoint_of(enum bv_op op);

// Whether the rule reads the value of input i, which is no weight.
bool bv_adjoint_reads(enum bv_op op, int i);

bv_adjoint_rule bv_adjoint_linear, bv_adjoint_conv2d, bv_adjoint_layer_norm, bv_adjoint_batch_norm,
    bv_adjoint_l2_normalize, bv_adjoint_activation, bv_adjoint_add, bv_adjoint_mul,
    bv_adjoint_scale, bv_adjoint_pool2d, bv_adjoint_reduce, bv_adjoint_concat, bv_adjoint_slice,
    bv_adjoint_permute, bv_adjoint_expand, bv_adjoint_patch_merge, bv_adjoint_attention;

// The derivative of a pointwise function at x.
double bv_activation_slope(enum bv_activation act, double x);

#endif
