// linear and conv2d: the gradient of x is the transposed product with the weight.
#include "explain/adjoint/adjoint.h"

static enum bv_status check_plain(enum bv_activation activation, struct bv_error *err)
{
    if (activation != BV_ACT_NONE)
        return bv_fail(err, BV_ERR_INTERNAL, "an activation within another op has no derivative");
    return BV_OK;
}

// to[0…K-1] += g · w[0…K-1]
static void add_scaled(float *to, const float *w, float g, int64_t K)
{
    for (int64_t k = 0; k < K; k++)
        to[k] += g * w[k];
}

struct rows {
    const float *gradient, *weight;
    float *to;
    int64_t N, K;
};

static void linear_rows(const void *arg, int64_t first, int64_t last)
{
    const struct rows *r = arg;
    for (int64_t o = 0; o < r->N; o++)
        for (int64_t i = first; i < last; i++)
            if (r->gradient[i * r->N + o] != 0)
                add_scaled(r->to + i * r->K, r->weight + o * r->K, r->gradient[i * r->N + o], r->K);
}

enum bv_status bv_adjoint_linear(const struct bv_adjoint *a, struct bv_error *err)
{
    const struct bv_node *node = a->node;
    BV_TRY(check_plain(node->params.linear.activation, err));
    struct rows r = {a->gradient, a->in[1], a->to[0], bv_last_dim(node->out),
                     bv_last_dim(node->in[0])};
    if (r.to)
        bv_pool_for_ranges(a->pool, a->n * bv_rows(node->out), r.N * r.K, linear_rows, &r);
    if (a->to[3])
        add_scaled(a->to[3], a->gradient, 1, a->n * bv_elements(node->out));
    return BV_OK;
}

struct convolution {
    const struct bv_node *node;
    const float *gradient, *weight;
    float *to;
};

// What position (row, column) of the result gives back to the positions of x that it read.
static void spread_position(const struct convolution *c, const float *g, float *to, int64_t row,
                            int64_t column)
{
    const struct bv_conv2d_params *p = &c->node->params.conv2d;
    const int64_t *X = c->node->in[0]->dim, *W = c->node->in[1]->dim;
    const int64_t each = W[0] / p->groups; // outputs of a group
    for (int64_t i = 0; i < W[1]; i++)
        for (int64_t j = 0; j < W[2]; j++) {
            const int64_t y = row * p->stride_h - p->pad_h + i * p->dilation_h;
            const int64_t x = column * p->stride_w - p->pad_w + j * p->dilation_w;
            if (y < 0 || y >= X[1] || x < 0 || x >= X[2])
                continue;
            float *at = to + (y * X[2] + x) * X[3];
            for (int64_t o = 0; o < W[0]; o++)
                if (g[o] != 0)
                    add_scaled(at + o / each * W[3], c->weight + ((o * W[1] + i) * W[2] + j) * W[3],
                               g[o], W[3]);
        }
}

static void spread_map(void *arg, size_t n)
{
    const struct convolution *c = arg;
    const int64_t *out = c->node->out->dim;
    const float *g = c->gradient + (int64_t)n * bv_elements(c->node->out);
    float *to = c->to + (int64_t)n * bv_elements(c->node->in[0]);
    for (int64_t y = 0; y < out[1]; y++)
        for (int64_t x = 0; x < out[2]; x++, g += out[3])
            spread_position(c, g, to, y, x);
}

enum bv_status bv_adjoint_conv2d(const struct bv_adjoint *a, struct bv_error *err)
{
    const struct bv_node *node = a->node;
    BV_TRY(check_plain(node->params.conv2d.activation, err));
    struct convolution c = {node, a->gradient, a->in[1], a->to[0]};
    if (c.to)
        bv_pool_for(a->pool, (size_t)a->n, spread_map, &c);
    if (a->to[3])
        add_scaled(a->to[3], a->gradient, 1, a->n * bv_elements(node->out));
    return BV_OK;
}
