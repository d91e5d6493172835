// y = γ (Wx + b - μ)/√(σ² + ε) + β  is  W'x + b'  with  W' = sW, b' = s(b - μ) + β, s = γ/√(σ² +
// ε).
#include <math.h>
#include <stdio.h>

#include "graph/rewrite.h"

struct folding {
    const struct bv_tensor *weight;
    const float *w, *bias, *mean, *variance, *gamma, *beta;
    double eps;
};

static double channel_scale(const struct folding *f, int64_t o)
{
    return (f->gamma ? f->gamma[o] : 1) / sqrt((double)f->variance[o] + f->eps);
}

static void fold_weight(void *arg, void *memory)
{
    const struct folding *f = arg;
    int64_t O = f->weight->dim[0], K = bv_elements(f->weight) / O;
    for (int64_t o = 0; o < O; o++)
        for (int64_t k = 0; k < K; k++)
            ((float *)memory)[o * K + k] = (float)(f->w[o * K + k] * channel_scale(f, o));
}

static void fold_bias(void *arg, void *memory)
{
    const struct folding *f = arg;
    for (int64_t o = 0; o < f->weight->dim[0]; o++)
        ((float *)memory)[o] =
            (float)(((f->bias ? f->bias[o] : 0.0) - f->mean[o]) * channel_scale(f, o) +
                    (f->beta ? f->beta[o] : 0));
}

static enum bv_status load(struct bv_graph *g, const struct bv_tensor *t, const float **data)
{
    *data = NULL;
    return t ? bv_weights_f32(g->weights, t, data, &g->error) : BV_OK;
}

static enum bv_status fold(struct bv_graph *g, struct bv_node *product, struct bv_node *norm)
{
    struct folding f = {.weight = product->in[1], .eps = norm->params.batch_norm.eps};
    BV_TRY(load(g, product->in[1], &f.w));
    BV_TRY(load(g, product->in[2], &f.bias));
    BV_TRY(load(g, norm->in[1], &f.mean));
    BV_TRY(load(g, norm->in[2], &f.variance));
    BV_TRY(load(g, norm->in[3], &f.gamma));
    BV_TRY(load(g, norm->in[4], &f.beta));
    char key[1024];
    const void *weight = NULL, *bias = NULL;
    int64_t O = f.weight->dim[0];
    (void)snprintf(key, sizeof key, "%s+%s", f.weight->name, norm->in[1]->name);
    BV_TRY(bv_weights_derive(g->weights, key, (size_t)bv_elements(f.weight) * sizeof(float),
                             fold_weight, &f, &weight, &g->error));
    product->in[1] = bv_graph_derived(g, key, weight, f.weight->rank, f.weight->dim);
    (void)snprintf(key, sizeof key, "bias of %s+%s", f.weight->name, norm->in[1]->name);
    BV_TRY(bv_weights_derive(g->weights, key, (size_t)O * sizeof(float), fold_bias, &f, &bias,
                             &g->error));
    product->in[2] = bv_graph_derived(g, key, bias, 1, &O);
    enum bv_activation activation = norm->params.batch_norm.activation;
    if (product->op == BV_OP_conv2d)
        product->params.conv2d.activation = activation;
    else
        product->params.linear.activation = activation;
    product->out->name = norm->out->name;
    bv_graph_replace_uses(g, norm->out, product->out);
    return g->status;
}

void bv_rewrite_fold_batch_norm(struct bv_graph *g)
{
    for (struct bv_node *norm = g->first; norm && g->status == BV_OK; norm = norm->next) {
        if (norm->op != BV_OP_batch_norm || norm->in[0]->alias_of || !norm->in[0]->producer)
            continue;
        struct bv_node *product = norm->in[0]->producer;
        bool plain =
            (product->op == BV_OP_conv2d && product->params.conv2d.activation == BV_ACT_NONE) ||
            (product->op == BV_OP_linear && product->params.linear.activation == BV_ACT_NONE);
        if (plain && !product->in[3] && product->in[1]->role == BV_ROLE_WEIGHT &&
            bv_graph_use_count(g, norm->in[0]) == 1)
            g->status = fold(g, product, norm);
    }
}
