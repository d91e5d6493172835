// permute, expand, patch_merge, concat, slice, gather, embed, nearest interpolation: elements moved
// in the longest runs there are.
#include <string.h>

#include "base/thread.h"
#include "cpu/kernels.h"

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

static void permute(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
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
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), permute, a);
}

static void expand(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
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
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), expand, a);
}

static void merge_pixels(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
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
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), merge_pixels, a);
}

// Elements of x before and after an axis.
static void around(const struct bv_tensor *x, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int d = 0; d < x->rank; d++)
        *(d < axis ? outer : inner) *= d == axis ? 1 : x->dim[d];
}

static void join(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_node *n = a->node;
    int axis = n->params.concat.axis;
    int64_t outer, inner;
    around(n->out, axis, &outer, &inner);
    for (int64_t o = first; o < last; o++) {
        float *to = (float *)a->out + o * n->out->dim[axis] * inner;
        for (int i = 0; i < BV_MAX_INPUTS && n->in[i]; i++) {
            int64_t run = n->in[i]->dim[axis] * inner;
            memcpy(to, (const float *)a->in[i] + o * run, (size_t)run * sizeof *to);
            to += run;
        }
    }
}

void bv_cpu_concat(const struct bv_kernel_args *a)
{
    int64_t outer, inner;
    around(a->node->out, a->node->params.concat.axis, &outer, &inner);
    bv_pool_for_ranges(a->pool, outer, bv_elements(a->node->out) / outer, join, a);
}

static void cut(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_slice_params *p = &a->node->params.slice;
    const struct bv_tensor *x = a->node->in[0];
    int64_t outer, inner;
    around(x, p->axis, &outer, &inner);
    for (int64_t i = first; i < last; i++) {
        int64_t row = i / p->count * x->dim[p->axis] + p->start + i % p->count * p->step;
        memcpy((float *)a->out + i * inner, (const float *)a->in[0] + row * inner,
               (size_t)inner * sizeof(float));
    }
}

void bv_cpu_slice(const struct bv_kernel_args *a)
{
    int64_t outer, inner;
    around(a->node->in[0], a->node->params.slice.axis, &outer, &inner);
    bv_pool_for_ranges(a->pool, outer * a->node->params.slice.count, inner, cut, a);
}

static void pick_rows(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_tensor *x = a->node->in[0], *out = a->node->out;
    for (int64_t i = first; i < last; i++) {
        int64_t row = i / out->dim[1] * x->dim[1] + ((const int32_t *)a->in[1])[i];
        memcpy((float *)a->out + i * x->dim[2], (const float *)a->in[0] + row * x->dim[2],
               (size_t)x->dim[2] * sizeof(float));
    }
}

void bv_cpu_gather(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), pick_rows, a);
}

static void look_up_rows(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_tensor *table = a->node->in[1];
    size_t C = (size_t)table->dim[1], bytes = C * bv_dtype_size(table->dtype);
    for (int64_t i = first; i < last; i++)
        bv_dtype_to_f32(table->dtype,
                        (const char *)a->in[1] + (size_t)((const int32_t *)a->in[0])[i] * bytes,
                        (float *)a->out + (size_t)i * C, C);
}

void bv_cpu_embed(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), look_up_rows, a);
}

// Lines of the output, counted through all images.
static void nearest(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_tensor *x = a->node->in[0], *out = a->node->out;
    const struct bv_interpolate_params *p = &a->node->params.interpolate;
    size_t pixel = (size_t)out->dim[3] * bv_dtype_size(out->dtype);
    for (int64_t i = first; i < last; i++) {
        int64_t image = i / out->dim[1], y = i % out->dim[1];
        int64_t row = image * x->dim[1] + bv_interpolate_nearest(p, y, x->dim[1], out->dim[1]);
        const char *from = (const char *)a->in[0] + (size_t)(row * x->dim[2]) * pixel;
        char *to = (char *)a->out + (size_t)(i * out->dim[2]) * pixel;
        for (int64_t k = 0; k < out->dim[2]; k++, to += pixel) {
            int64_t column = bv_interpolate_nearest(p, k, x->dim[2], out->dim[2]);
            memcpy(to, from + (size_t)column * pixel, pixel);
        }
    }
}

void bv_cpu_interpolate(const struct bv_kernel_args *a)
{
    const struct bv_tensor *out = a->node->out;
    if (a->node->params.interpolate.mode != BV_INTERPOLATE_NEAREST) {
        bv_reference_interpolate(a);
        return;
    }
    bv_pool_for_ranges(a->pool, out->dim[0] * out->dim[1], out->dim[2] * out->dim[3], nearest, a);
}
