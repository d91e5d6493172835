#include "graph/transformer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool bv_transformer_fits(struct bv_graph *g, const struct bv_transformer *t, int64_t width)
{
    if (t->problem) {
        (void)bv_graph_fail(g, BV_ERR_MODEL, "%s", t->problem);
        return false;
    }
    if (t->heads > 0 && width % t->heads == 0)
        return true;
    (void)bv_graph_fail(g, BV_ERR_MODEL, "%d heads do not divide a width of %lld", t->heads,
                        (long long)width);
    return false;
}

// Where query, key and value are: tensors, and the channels of them from which on.
struct projections {
    struct bv_tensor *part[3];
    int64_t offset[3];
};

// Biases [C] of query, key and value as one; NULL counts as zeros.
struct bias_parts {
    const struct bv_tensor *part[3];
    int64_t C;
};

static void join_biases(struct bv_weights *weights, const void *arg, float *out)
{
    const struct bias_parts *p = arg;
    for (int i = 0; i < 3; i++, out += p->C) {
        if (p->part[i])
            bv_weights_read(weights, p->part[i], out);
        else
            memset(out, 0, (size_t)p->C * sizeof *out);
    }
}

// attn.qkv with a bias of its own, or those of the parts (EVA: there is none of the keys).
static struct bv_tensor *stacked(struct bv_graph *g, struct bv_tensor *x, const char *prefix)
{
    static const char *const names[] = {"query", "key", "value"};
    struct bias_parts parts = {.C = bv_dim(x, 2)};
    int64_t rows = 3 * parts.C;
    for (int i = 0; i < 3; i++)
        parts.part[i] = bv_weight_optional(g, "%sattn.%s.bias", prefix, names[i]);
    struct bv_tensor *y = bv_linear(g, x, "%sattn.qkv", prefix);
    if (!y || !(parts.part[0] || parts.part[1] || parts.part[2]))
        return y;
    for (int i = 0; i < 3; i++)
        if (parts.part[i] && bv_elements(parts.part[i]) != parts.C)
            return bv_graph_fail(g, BV_ERR_MODEL, "\"%s\" does not fit a width of %lld",
                                 parts.part[i]->name, (long long)parts.C);
    const char *name = bv_arena_printf(&g->arena, "%sattn.qkv.bias", prefix);
    return name ? bv_add(g, y,
                         bv_graph_computed(g, name, join_biases, &parts, sizeof parts, 1, &rows))
                : NULL;
}

static struct projections project(struct bv_graph *g, struct bv_tensor *x, const char *prefix)
{
    if (bv_weight_optional(g, "%sattn.query.weight", prefix))
        return (struct projections){.part = {bv_linear(g, x, "%sattn.query", prefix),
                                             bv_linear(g, x, "%sattn.key", prefix),
                                             bv_linear(g, x, "%sattn.value", prefix)}};
    int64_t C = bv_dim(x, 2);
    struct bv_tensor *qkv = stacked(g, x, prefix);
    return (struct projections){.part = {qkv, qkv, qkv}, .offset = {0, C, 2 * C}};
}

// Turns queries and keys by their places.
static void rotate(struct bv_graph *g, const struct bv_transformer *t, int head_dim,
                   struct projections *p)
{
    for (int i = 0; i < 2; i++) {
        struct bv_rope_params r = {t->heads, head_dim, p->offset[i], 1};
        p->part[i] = bv_rope(g, p->part[i], t->rope, &r);
        p->offset[i] = 0;
    }
}

static struct bv_tensor *self_attention(struct bv_graph *g, const struct bv_transformer *t,
                                        struct bv_tensor *x, const char *prefix)
{
    struct bv_attention_params a = {
        .heads = t->heads, .head_dim = (int)bv_dim(x, 2) / t->heads, .causal = t->causal};
    a.scale = 1 / sqrtf((float)a.head_dim);
    struct projections p = project(g, x, prefix);
    if (t->rope)
        rotate(g, t, a.head_dim, &p);
    a.q_offset = p.offset[0];
    a.k_offset = p.offset[1];
    a.v_offset = p.offset[2];
    x = bv_attention(g, p.part[0], p.part[1], p.part[2], NULL, NULL, &a);
    return bv_linear(g, x, "%sattn.proj", prefix);
}

// silu(a) · b (SwiGLU), a and b from mlp.w12 or apart from mlp.w1 and mlp.w2; NULL: another layer.
static struct bv_tensor *gated(struct bv_graph *g, struct bv_tensor *x, const char *prefix)
{
    if (bv_weight_optional(g, "%smlp.w12.weight", prefix))
        return bv_glu(g, bv_linear(g, x, "%smlp.w12", prefix), BV_ACT_SILU, false);
    if (!bv_weight_optional(g, "%smlp.w1.weight", prefix))
        return NULL;
    struct bv_tensor *gate = bv_activate(g, bv_linear(g, x, "%smlp.w1", prefix), BV_ACT_SILU);
    return bv_mul(g, gate, bv_linear(g, x, "%smlp.w2", prefix));
}

static struct bv_tensor *pre_norm_mlp(struct bv_graph *g, const struct bv_transformer *t,
                                      struct bv_tensor *x, const char *prefix)
{
    struct bv_tensor *y = gated(g, x, prefix);
    if (y && bv_weight_optional(g, "%smlp.ffn_ln.weight", prefix))
        y = bv_layer_norm(g, y, t->eps, "%smlp.ffn_ln", prefix);
    if (y)
        return bv_linear(g, y, "%smlp.w3", prefix);
    y = bv_activate(g, bv_linear(g, x, "%smlp.fc1", prefix), t->activation);
    y = bv_linear(g, y, "%smlp.fc2", prefix);
    return t->twice ? bv_activate(g, y, t->activation) : y;
}

// LayerScale (Touvron et al. 2021), where the block has it.
static struct bv_tensor *layer_scale(struct bv_graph *g, struct bv_tensor *x, const char *prefix,
                                     int i)
{
    struct bv_tensor *gamma = bv_weight_optional(g, "%sls%d.gamma", prefix, i);
    return gamma ? bv_mul(g, x, gamma) : x;
}

struct bv_tensor *bv_transformer_block(struct bv_graph *g, const struct bv_transformer *t,
                                       struct bv_tensor *x, const char *prefix)
{
    struct bv_tensor *y = bv_layer_norm(g, x, t->eps, "%snorm1", prefix);
    x = bv_add(g, layer_scale(g, self_attention(g, t, y, prefix), prefix, 1), x);
    y = bv_layer_norm(g, x, t->eps, "%snorm2", prefix);
    return bv_add(g, layer_scale(g, pre_norm_mlp(g, t, y, prefix), prefix, 2), x);
}

static bool find_activation(const char *name, enum bv_activation *activation)
{
    static const struct {
        const char *name;
        enum bv_activation activation;
    } activations[] = {{"gelu", BV_ACT_GELU},
                       {"gelu_python", BV_ACT_GELU},
                       {"gelu_tanh", BV_ACT_GELU_TANH},
                       {"gelu_new", BV_ACT_GELU_TANH},
                       {"gelu_fast", BV_ACT_GELU_TANH},
                       {"gelu_pytorch_tanh", BV_ACT_GELU_TANH},
                       {"quick_gelu", BV_ACT_QUICK_GELU},
                       {"relu", BV_ACT_RELU}};
    for (size_t i = 0; name && i < sizeof activations / sizeof *activations; i++)
        if (strcmp(activations[i].name, name) == 0) {
            *activation = activations[i].activation;
            return true;
        }
    return false;
}

struct bv_transformer bv_transformer_config(const json_t *config, int64_t width, double eps)
{
    const json_t *heads = json_object_get(config, "heads"),
                 *own_eps = json_object_get(config, "eps"),
                 *activation = json_object_get(config, "activation");
    struct bv_transformer t = {
        .heads = (int)bv_json_integer(config, "heads", width >= 64 ? width / 64 : 1),
        .eps = (float)bv_json_number(config, "eps", eps),
        .activation = BV_ACT_GELU,
    };
    if (activation && !find_activation(json_string_value(activation), &t.activation))
        t.problem = "the activation of the transformer is not known";
    if (heads && (!json_is_integer(heads) || json_integer_value(heads) != t.heads))
        t.problem = "the heads of the transformer are not a whole number";
    if (own_eps && (!json_is_number(own_eps) || !(t.eps >= 0 && t.eps < 1)))
        t.problem = "the eps of the transformer is not a small positive number";
    return t;
}

struct bv_tensor *bv_batch_of(struct bv_graph *g, struct bv_tensor *x, int64_t B)
{
    if (!x || x->dim[0] == B)
        return x;
    int64_t dim[BV_MAX_RANK];
    memcpy(dim, x->dim, sizeof dim);
    dim[0] = B;
    return bv_expand(g, x, dim);
}

struct bv_tensor *bv_attend(struct bv_graph *g, const struct bv_transformer *t, struct bv_tensor *x,
                            struct bv_tensor *y, struct bv_keys keys, const char *format, ...)
{
    char name[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(name, sizeof name, format, args);
    va_end(args);
    int64_t B = bv_dim(x, 0) > bv_dim(y, 0) ? bv_dim(x, 0) : bv_dim(y, 0);
    struct bv_tensor *q = bv_linear(g, x, "%s.self.query", name);
    struct bv_tensor *k = bv_linear(g, y, "%s.self.key", name);
    struct bv_tensor *v = bv_linear(g, y, "%s.self.value", name);
    struct bv_attention_params a = {.heads = t->heads, .head_dim = (int)bv_dim(q, 2) / t->heads};
    a.scale = 1 / sqrtf((float)(a.head_dim > 0 ? a.head_dim : 1));
    y = bv_attention(g, bv_batch_of(g, q, B), bv_batch_of(g, k, B), bv_batch_of(g, v, B), keys.bias,
                     keys.lengths, &a);
    y = bv_linear(g, y, "%s.output.dense", name);
    return bv_layer_norm(g, bv_add(g, y, x), t->eps, "%s.output.LayerNorm", name);
}

struct bv_tensor *bv_feed_forward(struct bv_graph *g, const struct bv_transformer *t,
                                  struct bv_tensor *x, const char *prefix, const char *in,
                                  const char *out)
{
    struct bv_tensor *y = bv_activate(g, bv_linear(g, x, "%s%s.dense", prefix, in), t->activation);
    y = bv_linear(g, y, "%s%s.dense", prefix, out);
    return bv_layer_norm(g, bv_add(g, y, x), t->eps, "%s%s.LayerNorm", prefix, out);
}

struct bv_tensor *bv_bert_layer(struct bv_graph *g, const struct bv_transformer *t,
                                struct bv_tensor *x, struct bv_keys keys, const char *prefix)
{
    x = bv_attend(g, t, x, x, keys, "%sattention", prefix);
    return bv_feed_forward(g, t, x, prefix, "intermediate", "output");
}
