// linear: out[…,n] = act(Σ_k x[…,k] weight[n,k] + bias[n] + residual[…,n]).
#include "op/kernel.h"

enum bv_status bv_shape_linear(const struct bv_node *node, struct bv_tensor *out,
                               struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *w = node->in[1], *residual = node->in[3];
    BV_TRY(bv_expect_floats(node, 4, err));
    if (!w || w->rank != 2 || x->rank < 1 || w->dim[1] != bv_last_dim(x))
        return bv_fail(err, BV_ERR_MODEL, "weight \"%s\" does not take %lld channels",
                       w ? w->name : "?", x->rank ? (long long)bv_last_dim(x) : 0);
    BV_TRY(bv_expect_vector(node->in[2], w->dim[0], "bias", err));
    BV_TRY(bv_shape_same(x, out));
    out->dim[out->rank - 1] = w->dim[0];
    if (residual && bv_elements(residual) != bv_elements(out))
        return bv_fail(err, BV_ERR_MODEL, "the residual has another shape");
    return BV_OK;
}

void bv_reference_linear(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const float *x = a->in[0], *w = a->in[1], *bias = a->in[2], *residual = a->in[3];
    float *out = a->out;
    int64_t rows = bv_rows(n->in[0]), K = bv_last_dim(n->in[0]), N = bv_last_dim(n->out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < N; j++) {
            double sum = bias ? bias[j] : 0;
            for (int64_t k = 0; k < K; k++)
                sum += (double)x[i * K + k] * w[j * K + k];
            if (residual)
                sum += residual[i * N + j];
            out[i * N + j] = (float)bv_activation_value(n->params.linear.activation, sum);
        }
}
