// matmul: b is packed at each run, then as linear.
#include "cpu/gemm.h"
#include "cpu/kernels.h"

size_t bv_cpu_matmul_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads)
{
    (void)format;
    (void)n_threads;
    int64_t N = bv_last_dim(node->out), K = bv_last_dim(node->in[0]);
    return bv_cpu_packed_size(BV_CPU_F32, N, K) + (size_t)(N * K);
}

// b [K,N] or, transposed, [N,K], times scale, as [N,K].
static void gather_columns(const struct bv_matmul_params *p, const float *b, int64_t N, int64_t K,
                           float *to)
{
    if (p->transpose_b) {
        for (int64_t i = 0; i < N * K; i++)
            to[i] = b[i] * p->scale;
        return;
    }
    for (int64_t k = 0; k < K; k++)
        for (int64_t n = 0; n < N; n++)
            to[n * K + k] = b[k * N + n] * p->scale;
}

void bv_cpu_matmul(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const struct bv_tensor *A = n->in[0], *B = n->in[1];
    int64_t M = A->dim[A->rank - 2], K = bv_last_dim(A), N = bv_last_dim(n->out);
    int64_t batches = bv_elements(A) / (M * K);
    if (B->rank == 2) { // shared: one long product
        M *= batches;
        batches = 1;
    }
    float *columns = a->scratch, *panels = a->scratch + N * K;
    for (int64_t i = 0; i < batches; i++) {
        gather_columns(&n->params.matmul, (const float *)a->in[1] + i * K * N, N, K, columns);
        bv_cpu_pack(columns, N, K, panels);
        const struct bv_cpu_matrix x = {(const float *)a->in[0] + i * M * K, K};
        const struct bv_cpu_gemm p = {
            .rows = M,
            .columns = N,
            .taps = 1,
            .depth = K,
            .panels = panels,
            .out = (float *)a->out + i * M * N,
            .ldo = N,
            .point = bv_cpu_point_matrix,
            .source = &x,
        };
        bv_cpu_gemm(a->pool, &p);
    }
}
