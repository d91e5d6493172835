// linear: rows of x times the packed weight.
#include "cpu/kernels.h"
#include "cpu/product.h"

enum bv_status bv_cpu_linear_prepare(const struct bv_node *node, struct bv_weights *weights,
                                     const void **prepared, struct bv_error *err)
{
    return bv_cpu_prepare_panels(node->in[1], 1, weights, prepared, err);
}

// A weight that the graph computes is packed at each run.
size_t bv_cpu_linear_scratch(const struct bv_node *node, int n_threads)
{
    (void)n_threads;
    const struct bv_tensor *w = node->in[1];
    return w->role == BV_ROLE_WEIGHT ? 0 : bv_cpu_packed_size(w->dim[0], w->dim[1]);
}

void bv_cpu_linear(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    int64_t K = bv_last_dim(n->in[0]), N = bv_last_dim(n->out);
    const float *panels = a->prepared;
    if (!panels) {
        bv_cpu_pack(a->in[1], N, K, a->scratch);
        panels = a->scratch;
    }
    const struct bv_cpu_matrix x = {a->in[0], K};
    const struct bv_cpu_product p = {
        .rows = bv_rows(n->out),
        .columns = N,
        .taps = 1,
        .depth = K,
        .panels = panels,
        .out = a->out,
        .ldo = N,
        .bias = a->in[2],
        .residual = a->in[3],
        .activation = n->params.linear.activation,
        .point = bv_cpu_point_matrix,
        .source = &x,
    };
    bv_cpu_product(a->pool, &p);
}
