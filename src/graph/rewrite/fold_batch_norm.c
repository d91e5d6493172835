// y = γ (Wx + b - μ)/√(σ² + ε) + β  is  W'x + b'  with  W' = sW, b' = s(b - μ) + β, s = γ/√(σ² +
// ε).
#include <math.h>
#include <stdio.h>

#include "graph/rewrite.h"

struct folding {
    const struct bv_tensor *weight, *bias, *mean, *variance, *gamma, *beta;
    double eps;
};

static double element(const struct bv_tensor *t, int64_t i, double absent)
{
    float x = 0;
    if (!t)
        return absent;
    bv_dtype_to_f32(t->dtype, (const char *)t->data + (size_t)i * bv_dtype_size(t->dtype), &x, 1);
    return (double)x;
}

static double channel_scale(const struct folding *f, int64_t o)
{
    return element(f->gamma, o, 1) / sqrt(element(f->variance, o, 0) + f->eps);
}

static void fold_weight(struct bv_weights *weights, const void *arg, float *out)
{
    const struct folding *f = arg;
    int64_t O = f->weight->dim[0], K = bv_elements(f->weight) / O;
    bv_weights_read(weights, f->weight, out);
    for (int64_t o = 0; o < O; o++) {
        double scale = channel_scale(f, o);
        for (int64_t k = 0; k < K; k++)
            out[o * K + k] = (float)((double)out[o * K + k] * scale);
    }
    bv_weights_let_go(weights, f->weight);
}

static void fold_bias(struct bv_weights *weights, const void *arg, float *out)
{
    (void)weights;
    const struct folding *f = arg;
    for (int64_t o = 0; o < f->weight->dim[0]; o++)
        out[o] = (float)((element(f->bias, o, 0) - element(f->mean, o, 0)) * channel_scale(f, o) +
                         element(f->beta, o, 0));
}

static bool plain(const struct bv_tensor *t)
{
    return !t || (t->role == BV_ROLE_WEIGHT && !t->formula);
}

static void fold(struct bv_graph *g, struct bv_node *product, struct bv_node *norm)
{
    const struct folding f = {
        .weight = product->in[1],
        .bias = product->in[2],
        .mean = norm->in[1],
        .variance = norm->in[2],
        .gamma = norm->in[3],
        .beta = norm->in[4],
        .eps = (double)norm->params.batch_norm.eps,
    };
    char name[1024];
    int64_t O = f.weight->dim[0];
    (void)snprintf(name, sizeof name, "%s+%s", f.weight->name, f.mean->name);
    struct bv_tensor *weight =
        bv_graph_computed(g, name, fold_weight, &f, sizeof f, f.weight->rank, f.weight->dim);
    (void)snprintf(name, sizeof name, "bias of %s+%s", f.weight->name, f.mean->name);
    struct bv_tensor *bias = bv_graph_computed(g, name, fold_bias, &f, sizeof f, 1, &O);
    if (!weight || !bias)
        return;
    product->in[1] = weight;
    product->in[2] = bias;
    enum bv_activation activation = norm->params.batch_norm.activation;
    if (product->op == BV_OP_conv2d)
        product->params.conv2d.activation = activation;
    else
        product->params.linear.activation = activation;
    product->out->name = norm->out->name;
    bv_graph_replace_uses(g, norm->out, product->out);
}

void bv_rewrite_fold_batch_norm(struct bv_graph *g)
{
    for (struct bv_node *norm = g->first; norm && g->status == BV_OK; norm = norm->next) {
        if (norm->op != BV_OP_batch_norm || norm->in[0]->alias_of || !norm->in[0]->producer)
            continue;
        struct bv_node *product = norm->in[0]->producer;
        bool bare =
            (product->op == BV_OP_conv2d && product->params.conv2d.activation == BV_ACT_NONE) ||
            (product->op == BV_OP_linear && product->params.linear.activation == BV_ACT_NONE);
        if (!bare || product->in[3] || bv_graph_use_count(g, norm->in[0]) != 1)
            continue;
        bool weights = true;
        for (int i = 1; i < 5; i++)
            weights = weights && plain(norm->in[i]);
        if (weights && plain(product->in[1]) && plain(product->in[2]))
            fold(g, product, norm);
    }
}
