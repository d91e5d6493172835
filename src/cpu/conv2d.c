// conv2d as a product whose rows are the receptive fields, read in place: a tap is a pixel of the
// window, and rows point at it or, outside the image, at zeros. With few channels (the stem, patch
// embedding) a tap is a whole row of the window, in a copy of the image that has its padding.
#include <string.h>

#include "cpu/kernels.h"
#include "cpu/product.h"

static const int64_t few_channels = 16;

struct conv {
    const struct bv_node *node;
    const float *image, *zeros;
    int64_t height, width, channels; // of image, which may hold the padding
    int64_t pad_h, pad_w;            // what the image does not hold
    int64_t taps_h, taps_w;
};

static bool by_rows(const struct bv_node *n)
{
    const struct bv_conv2d_params *p = &n->params.conv2d;
    return n->in[1]->dim[3] < few_channels && n->in[1]->dim[2] > 1 && p->dilation_w == 1 &&
           p->groups == 1;
}

bool bv_cpu_conv2d_too_many_taps(const struct bv_node *n)
{
    const struct bv_tensor *W = n->in[1];
    return W->dim[1] * (by_rows(n) ? 1 : W->dim[2]) > BV_CPU_MAX_TAPS;
}

static bool padded(const struct bv_node *n)
{
    return by_rows(n) && (n->params.conv2d.pad_h || n->params.conv2d.pad_w);
}

// Few channels stay f32, as the first layer of a network should.
enum bv_cpu_format bv_cpu_conv2d_format(const struct bv_node *n, enum bv_cpu_format wanted)
{
    if (n->in[1]->role != BV_ROLE_WEIGHT || n->in[1]->dim[3] < few_channels)
        return BV_CPU_F32;
    while (wanted != BV_CPU_F32 && n->in[1]->dim[3] % bv_cpu_channels_per_word(wanted))
        wanted--;
    return wanted;
}

static size_t image_size(const struct bv_node *n)
{
    const struct bv_tensor *x = n->in[0];
    const struct bv_conv2d_params *p = &n->params.conv2d;
    return padded(n) ? (size_t)(x->dim[0] * (x->dim[1] + 2 * p->pad_h) *
                                (x->dim[2] + 2 * p->pad_w) * x->dim[3])
                     : 0;
}

static size_t panels_size(const struct bv_node *n)
{
    const struct bv_tensor *w = n->in[1];
    int64_t groups = n->params.conv2d.groups;
    return (size_t)groups *
           bv_cpu_packed_size(BV_CPU_F32, w->dim[0] / groups, bv_elements(w) / w->dim[0]);
}

enum bv_status bv_cpu_conv2d_prepare(const struct bv_node *node, enum bv_cpu_format format,
                                     struct bv_weights *weights, struct bv_pool *pool,
                                     const void **prepared, struct bv_error *err)
{
    if (bv_cpu_conv2d_too_many_taps(node)) // the reference reads the weight itself
        return BV_OK;
    return bv_cpu_prepare_panels(node->in[1], node->params.conv2d.groups,
                                 bv_cpu_conv2d_format(node, format), weights, pool, prepared, err);
}

// Zeros for one tap, then: the padded image and the panels of a weight that the graph computes, or
// the image in words (of two channels where an int8 weight is kept) with a scale for each of its
// pixels and, at last, of the results.
size_t bv_cpu_conv2d_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads)
{
    (void)n_threads;
    const struct bv_tensor *x = node->in[0];
    format = bv_cpu_conv2d_format(node, format);
    if (x->dtype == BV_BF16)
        return (size_t)x->dim[3];
    if (format != BV_CPU_F32)
        return (size_t)(x->dim[3] + bv_rows(x) + bv_elements(x) / 2 + bv_rows(node->out));
    size_t panels = node->in[1]->role == BV_ROLE_WEIGHT ? 0 : panels_size(node);
    return (size_t)x->dim[3] + image_size(node) + panels;
}

static void pad_image(const struct bv_node *n, const float *x, float *to)
{
    const struct bv_tensor *X = n->in[0];
    const struct bv_conv2d_params *p = &n->params.conv2d;
    size_t side = (size_t)(p->pad_w * X->dim[3]), line = (size_t)(X->dim[2] * X->dim[3]);
    size_t ends = (size_t)p->pad_h * (line + 2 * side);
    for (int64_t i = 0; i < X->dim[0]; i++) {
        memset(to, 0, ends * sizeof *to);
        to += ends;
        for (int64_t row = 0; row < X->dim[1]; row++, x += line, to += line + 2 * side) {
            memset(to, 0, side * sizeof *to);
            memcpy(to + side, x, line * sizeof *to);
            memset(to + side + line, 0, side * sizeof *to);
        }
        memset(to, 0, ends * sizeof *to);
        to += ends;
    }
}

static void point_pixels(const void *source, int64_t first, int64_t n, const float **to)
{
    const struct conv *s = source;
    const struct bv_tensor *out = s->node->out;
    const struct bv_conv2d_params *p = &s->node->params.conv2d;
    int64_t x = first % out->dim[2], y = first / out->dim[2] % out->dim[1];
    const float *image =
        s->image + first / (out->dim[1] * out->dim[2]) * s->height * s->width * s->channels;
    for (int64_t k = 0; k < n; k++) {
        int64_t top = y * p->stride_h - s->pad_h, left = x * p->stride_w - s->pad_w;
        const float **at = to + k;
        for (int64_t i = 0; i < s->taps_h; i++) {
            int64_t row = top + i * p->dilation_h;
            const float *line = image + row * s->width * s->channels;
            for (int64_t j = 0; j < s->taps_w; j++, at += n) {
                int64_t column = left + j * p->dilation_w;
                bool inside = row >= 0 && row < s->height && column >= 0 && column < s->width;
                *at = inside ? line + column * s->channels : s->zeros;
            }
        }
        if (++x == out->dim[2]) {
            x = 0;
            if (++y == out->dim[1]) {
                y = 0;
                image += s->height * s->width * s->channels;
            }
        }
    }
}

// Image `item` in words: one scale for all of it, or, where each result reads one pixel only, for
// each pixel. Returns the scales of its results.
static const float *convert_image(const struct bv_kernel_args *a, struct conv *s,
                                  enum bv_cpu_format format, int64_t item, float *scratch)
{
    const struct bv_node *n = a->node;
    const struct bv_tensor *X = n->in[0], *out = n->out;
    int64_t pixels = X->dim[1] * X->dim[2], positions = out->dim[1] * out->dim[2];
    float *scale = scratch, *result = scale + pixels, *words = result + positions;
    bool each = s->taps_h * s->taps_w == 1 && pixels == positions;
    bv_cpu_convert_rows(a->pool, format, (const float *)a->in[0] + item * pixels * X->dim[3],
                        pixels, X->dim[3], each ? 1 : pixels, words, scale);
    for (int64_t i = 0; format == BV_CPU_INT8 && i < positions; i++)
        result[i] = scale[each ? i : 0];
    s->image = words;
    s->channels = X->dim[3] / bv_cpu_channels_per_word(format);
    return result;
}

static struct conv describe(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const struct bv_tensor *X = n->in[0], *W = n->in[1];
    const struct bv_conv2d_params *p = &n->params.conv2d;
    return (struct conv){
        .node = n,
        .image = a->in[0],
        .zeros = a->scratch,
        .height = X->dim[1],
        .width = X->dim[2],
        .channels = X->dim[3],
        .pad_h = p->pad_h,
        .pad_w = p->pad_w,
        .taps_h = W->dim[1],
        .taps_w = by_rows(n) ? 1 : W->dim[2],
    };
}

// Where the panels of the groups are: prepared, or packed now behind `scratch`.
static const float *panels_of(const struct bv_kernel_args *a, float *scratch, size_t *group_size)
{
    const struct bv_cpu_panels *panels = a->prepared;
    if (panels) {
        *group_size = panels->group_size;
        return panels->words;
    }
    const struct bv_tensor *W = a->node->in[1];
    int64_t groups = a->node->params.conv2d.groups, N = W->dim[0] / groups;
    int64_t K = bv_elements(W) / W->dim[0];
    *group_size = bv_cpu_packed_size(BV_CPU_F32, N, K);
    for (int64_t g = 0; g < groups; g++)
        bv_cpu_pack((const float *)a->in[1] + g * N * K, N, K, scratch + (size_t)g * *group_size);
    return scratch;
}

// All groups of the results from row `first` on.
static void multiply_groups(const struct bv_kernel_args *a, struct conv *s,
                            struct bv_cpu_product *product, const float *panels, size_t group_size,
                            int64_t first)
{
    int64_t groups = a->node->params.conv2d.groups;
    const float *image = s->image, *bias = a->in[2];
    for (int64_t g = 0; g < groups; g++) {
        int64_t at = first * product->ldo + g * product->columns;
        s->image = image + g * s->channels / groups;
        product->panels = panels + (size_t)g * group_size;
        product->out = (char *)a->out + at * (product->out_bf16 ? 2 : 4);
        product->bias = bias ? bias + g * product->columns : NULL;
        product->residual =
            a->in[3] ? (const char *)a->in[3] + at * (product->residual_bf16 ? 2 : 4) : NULL;
        bv_cpu_product(a->pool, product);
    }
    s->image = image;
}

void bv_cpu_conv2d(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const struct bv_tensor *W = n->in[1];
    const struct bv_conv2d_params *p = &n->params.conv2d;
    const struct bv_cpu_panels *prepared = a->prepared;
    enum bv_cpu_format format = prepared ? prepared->format : BV_CPU_F32;
    struct conv s = describe(a);
    if (bv_cpu_conv2d_too_many_taps(n)) {
        bv_reference_conv2d(a);
        return;
    }
    // As a byte, 0 stands at 128.
    memset(a->scratch, format == BV_CPU_INT8 ? 128 : 0, (size_t)s.channels * sizeof(float));
    float *scratch = a->scratch + s.channels;
    if (format == BV_CPU_F32 && padded(n)) {
        pad_image(n, a->in[0], scratch);
        s.image = scratch;
        s.height += 2 * p->pad_h;
        s.width += 2 * p->pad_w;
        s.pad_h = s.pad_w = 0;
        scratch += image_size(n);
    }
    struct bv_cpu_product product = {
        .rows = bv_rows(n->out),
        .columns = W->dim[0] / p->groups,
        .taps = s.taps_h * s.taps_w,
        .depth = (by_rows(n) ? W->dim[2] : 1) * W->dim[3] / bv_cpu_channels_per_word(format),
        .format = format,
        .ldo = W->dim[0],
        .out_bf16 = n->out->dtype == BV_BF16,
        .residual_bf16 = n->in[3] && n->in[3]->dtype == BV_BF16,
        .activation = p->activation,
        .point = point_pixels,
        .source = &s,
    };
    size_t group_size = 0;
    const float *panels = panels_of(a, scratch, &group_size);
    if (n->in[0]->dtype == BV_BF16)
        s.channels /= 2; // words already
    if (format == BV_CPU_F32 || n->in[0]->dtype == BV_BF16) {
        multiply_groups(a, &s, &product, panels, group_size, 0);
        return;
    }
    product.rows = n->out->dim[1] * n->out->dim[2];
    for (int64_t item = 0; item < n->out->dim[0]; item++) { // one at a time stays in the cache
        product.row_scale = convert_image(a, &s, format, item, scratch);
        multiply_groups(a, &s, &product, panels, group_size, item * product.rows);
    }
}
