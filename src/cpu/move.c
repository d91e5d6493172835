// permute, expand, patch_merge: elements moved in the longest runs there are.
#include <string.h>

#include "cpu/kernels.h"
#include "cpu/pieces.h"

// Output rows (last dimension) first … last-1 of a copy whose dimension d advances by step[d]
// elements of the input.
static void copy_rows(const struct bv_kernel_args *a, const int64_t *step, int64_t first,
                      int64_t last)
{
    const struct bv_tensor *out = a->node->out;
    int64_t C = bv_last_dim(out), inner = step[out->rank - 1];
    for (int64_t row = first; row < last; row++) {
        int64_t rest = row, at = 0;
        for (int d = out->rank - 2; d >= 0; d--) {
            at += rest % out->dim[d] * step[d];
            rest /= out->dim[d];
        }
        const float *x = (const float *)a->in[0] + at;
        float *to = (float *)a->out + row * C;
        if (inner == 1)
            memcpy(to, x, (size_t)C * sizeof *to);
        else
            for (int64_t c = 0; c < C; c++)
                to[c] = x[c * inner];
    }
}

static void permute(const struct bv_kernel_args *a, int64_t first, int64_t last)
{
    const struct bv_tensor *x = a->node->in[0];
    int64_t step[BV_MAX_RANK] = {0}, stride = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        for (int i = 0; i < x->rank; i++)
            if (a->node->params.permute.order[i] == d)
                step[i] = stride;
        stride *= x->dim[d];
    }
    copy_rows(a, step, first, last);
}

void bv_cpu_permute(const struct bv_kernel_args *a)
{
    bv_cpu_in_pieces(a, bv_rows(a->node->out), bv_last_dim(a->node->out), permute);
}

static void expand(const struct bv_kernel_args *a, int64_t first, int64_t last)
{
    const struct bv_tensor *x = a->node->in[0];
    int64_t step[BV_MAX_RANK] = {0}, stride = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        step[d] = x->dim[d] == 1 ? 0 : stride;
        stride *= x->dim[d];
    }
    if (bv_last_dim(a->node->out) == 1)
        step[x->rank - 1] = 1; // one element: a run of its own
    copy_rows(a, step, first, last);
}

void bv_cpu_expand(const struct bv_kernel_args *a)
{
    bv_cpu_in_pieces(a, bv_rows(a->node->out), bv_last_dim(a->node->out), expand);
}

static void merge_pixels(const struct bv_kernel_args *a, int64_t first, int64_t last)
{
    const struct bv_tensor *x = a->node->in[0], *out = a->node->out;
    int64_t C = x->dim[3];
    for (int64_t at = first; at < last; at++) {
        int64_t column = at % out->dim[2], row = at / out->dim[2] % out->dim[1];
        const float *image =
            (const float *)a->in[0] + at / (out->dim[1] * out->dim[2]) * x->dim[1] * x->dim[2] * C;
        for (int64_t k = 0; k < 4; k++)
            memcpy((float *)a->out + (4 * at + k) * C,
                   image + ((2 * row + k % 2) * x->dim[2] + 2 * column + k / 2) * C,
                   (size_t)C * sizeof(float));
    }
}

void bv_cpu_patch_merge(const struct bv_kernel_args *a)
{
    bv_cpu_in_pieces(a, bv_rows(a->node->out), bv_last_dim(a->node->out), merge_pixels);
}
