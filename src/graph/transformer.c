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

static struct bv_tensor *self_attention(struct bv_graph *g, const struct bv_transformer *t,
                                        struct bv_tensor *x, const char *prefix)
{
    int C = (int)bv_dim(x, 2);
    struct bv_attention_params a = {
        .heads = t->heads, .head_dim = C / t->heads, .causal = t->causal};
    a.scale = 1 / sqrtf((float)a.head_dim);
    a.k_offset = C;
    a.v_offset = 2 * (int64_t)C;
    struct bv_tensor *qkv = bv_linear(g, x, "%sattn.qkv", prefix);
    x = bv_attention(g, qkv, qkv, qkv, NULL, NULL, &a);
    return bv_linear(g, x, "%sattn.proj", prefix);
}

struct bv_tensor *bv_transformer_block(struct bv_graph *g, const struct bv_transformer *t,
                                       struct bv_tensor *x, const char *prefix)
{
    struct bv_tensor *y = bv_layer_norm(g, x, t->eps, "%snorm1", prefix);
    x = bv_add(g, self_attention(g, t, y, prefix), x);
    y = bv_layer_norm(g, x, t->eps, "%snorm2", prefix);
    y = bv_activate(g, bv_linear(g, y, "%smlp.fc1", prefix), t->activation);
    y = bv_linear(g, y, "%smlp.fc2", prefix);
    return bv_add(g, t->twice ? bv_activate(g, y, t->activation) : y, x);
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
