// matmul: out[…,m,n] = scale · Σ_k a[…,m,k] b[…,k,n].
#include <string.h>

#include "op/kernel.h"

enum bv_status bv_shape_matmul(const struct bv_node *node, struct bv_tensor *out,
                               struct bv_error *err)
{
    const struct bv_tensor *a = node->in[0], *b = node->in[1];
    BV_TRY(bv_expect_floats(node, 2, err));
    if (a->rank < 2 || b->rank < 2 || (b->rank != 2 && b->rank != a->rank))
        return bv_fail(err, BV_ERR_MODEL, "operands of ranks %d and %d", a->rank, b->rank);
    for (int i = 0; b->rank > 2 && i < a->rank - 2; i++)
        if (a->dim[i] != b->dim[i])
            return bv_fail(err, BV_ERR_MODEL, "the leading dimensions differ");
    bool t = node->params.matmul.transpose_b;
    int64_t inner = b->dim[b->rank - (t ? 1 : 2)], N = b->dim[b->rank - (t ? 2 : 1)];
    if (inner != bv_last_dim(a))
        return bv_fail(err, BV_ERR_MODEL, "inner dimensions %lld and %lld",
                       (long long)bv_last_dim(a), (long long)inner);
    BV_TRY(bv_shape_same(a, out));
    out->dim[out->rank - 1] = N;
    return BV_OK;
}

void bv_reference_matmul(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const struct bv_tensor *A = n->in[0], *B = n->in[1];
    const struct bv_matmul_params *p = &n->params.matmul;
    int64_t M = A->dim[A->rank - 2], K = bv_last_dim(A), N = bv_last_dim(n->out);
    int64_t batches = bv_elements(A) / (M * K);
    for (int64_t i = 0; i < batches; i++) {
        const float *x = (const float *)a->in[0] + i * M * K;
        const float *y = (const float *)a->in[1] + (B->rank > 2 ? i * K * N : 0);
        float *out = (float *)a->out + i * M * N;
        for (int64_t m = 0; m < M; m++)
            for (int64_t j = 0; j < N; j++) {
                double sum = 0;
                for (int64_t k = 0; k < K; k++)
                    sum += (double)x[m * K + k] * (p->transpose_b ? y[j * K + k] : y[k * N + j]);
                out[m * N + j] = (float)(sum * p->scale);
            }
    }
}
