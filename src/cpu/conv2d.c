// conv2d as a gemm whose rows are the receptive fields, read in place (implicit im2col).
//
// The result [N·H·W, O] is x [N·H·W, kh·kw·C] times the weight. A tap is a pixel of the window: C
// neighbouring floats of the image, which is [N,H,W,C]. For a strip of results the point function
// writes the address of each tap's pixel, or of a block of zeros where the window leaves the image;
// strides and dilations only change addresses, and no window is ever copied. With groups the gemm
// runs once for each, its pixels offset by the group's channels.
//
// With few channels (the stem of a ResNet, patch embedding: C = 3) the loop over one tap would be
// too short. There a tap is a whole row of the window, kw·C neighbouring floats of a copy of the
// image that includes its padding; in bf16 the row's last word is filled up with a zero.
//
// A result of no more channels than the image may take the image's place: large images are the
// memory of a generator. Lines are computed in bands whose windows are copied first, and a result's
// line lies before the first line of the image that is still to be read.
//
// bf16 and int8 convert an image to words first, one image at a time so that it stays in the cache;
// int8 takes one scale for the image, or one for each pixel where a result reads one pixel only.
#include <string.h>

#include "cpu/gemm.h"
#include "cpu/kernels.h"

static const int64_t few_channels = 16;

enum { band = 32 }; // lines of results of a convolution in place that are computed at a time

struct conv {
    struct bv_cpu_windows at;
    int64_t line, step; // by rows: words from one line of image to the next, and between windows
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

// Pixels keep at least bf16; words of theirs must begin where windows do.
enum bv_cpu_format bv_cpu_conv2d_format(const struct bv_node *n, enum bv_cpu_format wanted)
{
    int64_t channels = n->in[1]->dim[3];
    if (n->in[1]->role != BV_ROLE_WEIGHT || wanted == BV_CPU_F32)
        return BV_CPU_F32;
    if (channels < few_channels)
        return by_rows(n) && n->params.conv2d.stride_w * channels % 2 == 0 ? BV_CPU_BF16
                                                                           : BV_CPU_F32;
    while (wanted != BV_CPU_F32 && channels % bv_cpu_channels_per_word(wanted))
        wanted--;
    return wanted;
}

bool bv_cpu_conv2d_reads_bf16(const struct bv_node *n)
{
    if (bv_cpu_is_depthwise(n))
        return true;
    return !by_rows(n) && bv_cpu_conv2d_format(n, BV_CPU_BF16) == BV_CPU_BF16 &&
           !bv_cpu_conv2d_too_many_taps(n);
}

// Words of n channels, the last filled up.
static int64_t words_of(int64_t n, enum bv_cpu_format format)
{
    int64_t each = bv_cpu_channels_per_word(format);
    return (n + each - 1) / each;
}

// Lines of an image with its padding.
static int64_t padded_height(const struct bv_node *n)
{
    const struct bv_conv2d_params *p = &n->params.conv2d;
    return n->in[0]->dim[1] + 2 * p->pad_h + p->more_h;
}

// By rows: words of a line with its padding.
static int64_t line_words(const struct bv_node *n, enum bv_cpu_format format)
{
    const struct bv_tensor *x = n->in[0];
    const struct bv_conv2d_params *p = &n->params.conv2d;
    return words_of((x->dim[2] + 2 * p->pad_w + p->more_w) * x->dim[3], format);
}

// Whether the image is copied first.
static bool copied(const struct bv_node *n, enum bv_cpu_format format)
{
    const struct bv_conv2d_params *p = &n->params.conv2d;
    return by_rows(n) && (p->pad_h || p->pad_w || p->more_h || p->more_w || format != BV_CPU_F32);
}

// Words of the copy, and one more, which the last tap reads in part.
static int64_t copy_words(const struct bv_node *n, enum bv_cpu_format format)
{
    int64_t lines = n->in[0]->dim[0] * padded_height(n);
    return lines * line_words(n, format) + 1;
}

static size_t copy_pieces(int n_threads)
{
    return n_threads == 1 ? 1 : 2 * (size_t)n_threads;
}

// The copy and, for each piece of it, a line in f32.
static size_t copy_size(const struct bv_node *n, enum bv_cpu_format format, int n_threads)
{
    if (!copied(n, format))
        return 0;
    int64_t line = line_words(n, format) * bv_cpu_channels_per_word(format);
    return (size_t)copy_words(n, format) + copy_pieces(n_threads) * (size_t)line;
}

static size_t panels_size(const struct bv_node *n)
{
    const struct bv_tensor *w = n->in[1];
    int64_t groups = n->params.conv2d.groups;
    return (size_t)groups *
           bv_cpu_packed_size(BV_CPU_F32, w->dim[0] / groups, bv_elements(w) / w->dim[0]);
}

enum bv_status bv_cpu_conv2d_prepare(const struct bv_node *node,
                                     const struct bv_cpu_pack_context *how, const void **prepared,
                                     struct bv_error *err)
{
    if (bv_cpu_conv2d_too_many_taps(node)) // the reference reads the weight itself
        return BV_OK;
    const struct bv_tensor *w = node->in[1];
    int64_t taps = w->role == BV_ROLE_WEIGHT ? w->dim[1] * (by_rows(node) ? 1 : w->dim[2]) : 1;
    return bv_cpu_pack_weight(w, node->params.conv2d.groups, taps,
                              bv_cpu_conv2d_format(node, how->format), how, prepared, err);
}

// Windows that move by one over an image read as it is, to results of its size.
bool bv_cpu_conv2d_in_place(const struct bv_node *n, enum bv_cpu_format format)
{
    const struct bv_conv2d_params *p = &n->params.conv2d;
    const struct bv_tensor *x = n->in[0], *w = n->in[1], *out = n->out;
    bool as_it_is = x->dtype == BV_BF16 || bv_cpu_conv2d_format(n, format) == BV_CPU_F32;
    return as_it_is && !by_rows(n) && !bv_cpu_is_depthwise(n) && !bv_cpu_conv2d_too_many_taps(n) &&
           p->groups == 1 && p->stride_h == 1 && p->stride_w == 1 && p->dilation_h == 1 &&
           w->dim[1] == 2 * p->pad_h + 1 && out->dim[1] == x->dim[1] && out->dim[2] == x->dim[2] &&
           out->dim[3] <= x->dim[3] && x->dtype == out->dtype;
}

// A band's windows: its lines, and as many around them as the padding.
static size_t band_size(const struct bv_node *n, enum bv_cpu_format format)
{
    const struct bv_tensor *x = n->in[0];
    if (!bv_cpu_conv2d_in_place(n, format))
        return 0;
    return (size_t)((band + 2 * n->params.conv2d.pad_h) * x->dim[2] * x->dim[3]);
}

// Zeros for one tap, then: the windows of a band, the copied image and the panels of a weight that
// the graph computes, or the image in words (of two channels where an int8 weight is kept) with a
// scale for each of its pixels and, at last, of the results.
size_t bv_cpu_conv2d_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads)
{
    const struct bv_tensor *x = node->in[0];
    format = bv_cpu_conv2d_format(node, format);
    if (x->dtype == BV_BF16)
        return (size_t)x->dim[3] + band_size(node, format);
    if (format != BV_CPU_F32 && !by_rows(node))
        return (size_t)(x->dim[3] + bv_rows(x) + bv_elements(x) / 2 + bv_rows(node->out));
    size_t panels = node->in[1]->role == BV_ROLE_WEIGHT ? 0 : panels_size(node);
    return (size_t)x->dim[3] + band_size(node, format) + copy_size(node, format, n_threads) +
           panels;
}

struct copying {
    const struct bv_node *node;
    const float *x;
    enum bv_cpu_format format;
    float *to;
    size_t pieces;
};

// Lines of the copy, with their padding.
static void copy_piece(void *arg, size_t piece)
{
    const struct copying *c = arg;
    const struct bv_tensor *X = c->node->in[0];
    const struct bv_conv2d_params *p = &c->node->params.conv2d;
    int64_t words = line_words(c->node, c->format), height = padded_height(c->node);
    size_t lines = (size_t)(X->dim[0] * height), pixels = (size_t)(X->dim[2] * X->dim[3]);
    size_t line = (size_t)(words * bv_cpu_channels_per_word(c->format));
    float *wide = c->to + copy_words(c->node, c->format) + piece * line;
    for (size_t i = lines * piece / c->pieces; i < lines * (piece + 1) / c->pieces; i++) {
        int64_t y = (int64_t)i % height - p->pad_h, image = (int64_t)i / height;
        float *to = c->to + (int64_t)i * words, *at = c->format == BV_CPU_F32 ? to : wide;
        memset(at, 0, line * sizeof *at);
        if (y >= 0 && y < X->dim[1])
            memcpy(at + p->pad_w * X->dim[3], c->x + (size_t)(image * X->dim[1] + y) * pixels,
                   pixels * sizeof *at);
        if (c->format != BV_CPU_F32)
            bv_cpu_isa()->to_bf16(wide, (int64_t)line, to);
    }
}

// By rows: copies the image with its padding. One word behind it is 0.
static void copy_image(const struct bv_kernel_args *a, enum bv_cpu_format format, float *to)
{
    struct copying c = {a->node, a->in[0], format, to, copy_pieces(bv_pool_threads(a->pool))};
    bv_pool_for(a->pool, c.pieces, copy_piece, &c);
    to[copy_words(a->node, format) - 1] = 0;
}

// The lines of windows that lie in the image with its padding.
static void point_lines(const void *source, int64_t first, int64_t n, const float **to)
{
    const struct conv *s = source;
    const struct bv_tensor *out = s->at.node->out;
    const struct bv_conv2d_params *p = &s->at.node->params.conv2d;
    for (int64_t k = 0; k < n; k++) {
        int64_t at = first + k, x = at % out->dim[2], y = at / out->dim[2] % out->dim[1];
        int64_t image = at / (out->dim[1] * out->dim[2]);
        int64_t top = image * padded_height(s->at.node) + y * p->stride_h;
        for (int64_t i = 0; i < s->at.taps_h; i++)
            to[i * n + k] = s->at.image + (top + i * p->dilation_h) * s->line + x * s->step;
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
    bool each = s->at.taps_h * s->at.taps_w == 1 && pixels == positions;
    bv_cpu_convert_rows(a->pool, format, (const float *)a->in[0] + item * pixels * X->dim[3],
                        pixels, X->dim[3], each ? 1 : pixels, words, scale);
    for (int64_t i = 0; format == BV_CPU_INT8 && i < positions; i++)
        result[i] = scale[each ? i : 0];
    s->at.image = words;
    s->at.channels = X->dim[3] / bv_cpu_channels_per_word(format);
    return result;
}

// The convolution as a product: M = N·Hout·Wout results, K = taps · depth, one column for each
// output channel. Two ways to cut K:
//
//   by pixels   taps = kernel_h · kernel_w, depth = channels. A tap points into the image itself,
//               or at a line of zeros where the window is outside: nothing is copied. Good where a
//               pixel has channels enough to fill the tile's inner loop.
//   by rows     taps = kernel_h, depth = kernel_w · channels: with few channels a row of the window
//               is one run of memory, because a dense image has its pixels side by side. Outside
//               there is nothing to point at, so an image that has padding is copied with it.
//
// The weights [O,kernel_h,kernel_w,C] are in the order of K in both.
static struct conv describe(const struct bv_kernel_args *a, enum bv_cpu_format format)
{
    const struct bv_node *n = a->node;
    const struct bv_tensor *X = n->in[0], *W = n->in[1];
    return (struct conv){
        .at = {.node = n,
               .image = a->in[0],
               .zeros = a->scratch,
               .height = X->dim[1],
               .width = X->dim[2],
               .channels = X->dim[3],
               .taps_h = W->dim[1],
               .taps_w = by_rows(n) ? 1 : W->dim[2]},
        .line = line_words(n, format),
        .step = n->params.conv2d.stride_w * X->dim[3] / bv_cpu_channels_per_word(format),
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
                            struct bv_cpu_gemm *product, const float *panels, size_t group_size,
                            int64_t first)
{
    int64_t groups = a->node->params.conv2d.groups;
    const float *image = s->at.image, *bias = a->in[2];
    for (int64_t g = 0; g < groups; g++) {
        int64_t at = first * product->ldo + g * product->columns;
        s->at.image = image + g * s->at.channels / groups;
        product->panels = panels + (size_t)g * group_size;
        product->out = (char *)a->out + at * (product->out_bf16 ? 2 : 4);
        product->bias = bias ? bias + g * product->columns : NULL;
        product->residual =
            a->in[3] ? (const char *)a->in[3] + at * (product->residual_bf16 ? 2 : 4) : NULL;
        bv_cpu_gemm(a->pool, product);
    }
    s->at.image = image;
}

// In the image's place. `lines` holds a band's windows; lines that the next band shares with this
// one are kept, as results have taken their place.
static void multiply_bands(const struct bv_kernel_args *a, struct conv *s,
                           struct bv_cpu_gemm *product, const float *panels, size_t group_size,
                           float *lines)
{
    const struct bv_tensor *X = a->node->in[0];
    const char *x = a->in[0];
    int64_t height = X->dim[1], pad = a->node->params.conv2d.pad_h;
    size_t line = (size_t)(X->dim[2] * X->dim[3]) * bv_dtype_size(X->dtype);
    s->at.image = lines;
    for (int64_t i = 0; i < X->dim[0] * height; i += product->rows / X->dim[2]) {
        int64_t y = i % height, end = height - y < band ? height : y + band;
        int64_t last = end + pad < height ? end + pad : height, from = y == 0 ? 0 : y + pad;
        char *to = (char *)lines + (size_t)pad * line; // where line y stands
        if (y > 0)
            memmove(lines, (char *)lines + (size_t)band * line, 2 * (size_t)pad * line);
        if (last > from)
            memcpy(to + (size_t)(from - y) * line, x + (size_t)(i - y + from) * line,
                   (size_t)(last - from) * line);
        s->at.first_result = y;
        s->at.first_line = y - pad;
        product->rows = (end - y) * X->dim[2];
        multiply_groups(a, s, product, panels, group_size, i * X->dim[2]);
    }
}

void bv_cpu_conv2d(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const struct bv_tensor *W = n->in[1];
    const struct bv_conv2d_params *p = &n->params.conv2d;
    const struct bv_cpu_panels *prepared = a->prepared;
    enum bv_cpu_format format = prepared ? prepared->format : BV_CPU_F32;
    struct conv s = describe(a, format);
    bool rows = by_rows(n);
    if (bv_cpu_conv2d_too_many_taps(n)) {
        bv_reference_conv2d(a);
        return;
    }
    // As a byte, 0 stands at 128.
    memset(a->scratch, format == BV_CPU_INT8 ? 128 : 0, (size_t)s.at.channels * sizeof(float));
    float *scratch = a->scratch + s.at.channels + band_size(n, format);
    if (copied(n, format)) {
        copy_image(a, format, scratch);
        s.at.image = scratch;
        scratch += copy_size(n, format, bv_pool_threads(a->pool));
    }
    struct bv_cpu_gemm product = {
        .rows = bv_rows(n->out),
        .columns = W->dim[0] / p->groups,
        .taps = s.at.taps_h * s.at.taps_w,
        .depth = words_of((rows ? W->dim[2] : 1) * W->dim[3], format),
        .format = format,
        .ldo = W->dim[0],
        .out_bf16 = n->out->dtype == BV_BF16,
        .residual_bf16 = n->in[3] && n->in[3]->dtype == BV_BF16,
        .activation = p->activation,
        .point = rows ? point_lines : bv_cpu_point_pixels,
        .source = rows ? (const void *)&s : &s.at,
    };
    size_t group_size = 0;
    const float *panels = panels_of(a, scratch, &group_size);
    if (n->in[0]->dtype == BV_BF16)
        s.at.channels /= 2; // words already
    if (a->out == a->in[0]) {
        float *lines = a->scratch + n->in[0]->dim[3];
        multiply_bands(a, &s, &product, panels, group_size, lines);
        return;
    }
    if (format == BV_CPU_F32 || rows || n->in[0]->dtype == BV_BF16) {
        multiply_groups(a, &s, &product, panels, group_size, 0);
        return;
    }
    product.rows = n->out->dim[1] * n->out->dim[2];
    for (int64_t item = 0; item < n->out->dim[0]; item++) { // one at a time stays in the cache
        product.row_scale = convert_image(a, &s, format, item, scratch);
        multiply_groups(a, &s, &product, panels, group_size, item * product.rows);
    }
}
