// kernel.h: what a kernel is given, and the reference kernels.
//
// The reference of each op is the specification: obvious loops over f32 data that accumulate in
// double precision. Backends are tested against it.
#ifndef BV_OP_KERNEL_H
#define BV_OP_KERNEL_H

#include "graph/op.h"

struct bv_pool;

// The memory of one node. Inputs are f32 arrays of the shapes in node->in[i], except: lengths, ids
// and index are int32_t, and embed's table keeps its own type. Absent inputs are NULL.
struct bv_kernel_args {
    const struct bv_node *node;
    const void *in[BV_MAX_INPUTS];
    void *out;
    const void *prepared; // what the backend made of the weights beforehand, or NULL
    float *scratch;       // as much as the backend's table asked for, or NULL
    struct bv_pool *pool; // may be NULL
};

typedef void bv_kernel(const struct bv_kernel_args *a);

#define BV_OP(name, inputs) bv_kernel bv_reference_##name;
#include "graph/oplist.h"
#undef BV_OP

// The reference kernel of an op.
bv_kernel *bv_reference(enum bv_op op);

// One activation, in double precision.
double bv_activation_value(enum bv_activation activation, double x);

// The offset in b, of an element at position `at` of a, under the broadcasting of add and mul.
int64_t bv_broadcast_offset(const struct bv_tensor *a, const struct bv_tensor *b, int64_t at);

// Shape rule pieces shared by the files of this folder.
enum bv_status bv_shape_same(const struct bv_tensor *x, struct bv_tensor *out);
enum bv_status bv_shape_broadcast(const struct bv_node *node, struct bv_tensor *out,
                                  struct bv_error *err);
enum bv_status bv_expect_vector(const struct bv_tensor *t, int64_t n, const char *what,
                                struct bv_error *err);
enum bv_status bv_expect_floats(const struct bv_node *node, int n_inputs, struct bv_error *err);

// Where output position i of a side of `out` reads a side of `in` positions, by nearest neighbour.
int64_t bv_interpolate_nearest(const struct bv_interpolate_params *p, int64_t i, int64_t in,
                               int64_t out);

#endif
