#include "model/graphs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct bv_tensor *activation_step(struct bv_graph *g, const char *op, struct bv_tensor *x)
{
    static const struct {
        const char *name;
        enum bv_activation activation;
    } activations[] = {
        {"relu", BV_ACT_RELU},       {"gelu", BV_ACT_GELU}, {"tanh", BV_ACT_TANH},
        {"sigmoid", BV_ACT_SIGMOID}, {"elu", BV_ACT_ELU},   {"quick_gelu", BV_ACT_QUICK_GELU},
    };
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(activations[i].name, op) == 0)
            return bv_activate(g, x, activations[i].activation);
    return bv_graph_fail(g, BV_ERR_MODEL, "the card has an unknown step \"%s\"", op);
}

// linear over the last dimension; a [O,1,1,I] weight is a 1×1 convolution of the same arithmetic.
static struct bv_tensor *linear_step(struct bv_graph *g, struct bv_tensor *x, const char *name)
{
    struct bv_tensor *w = bv_weight(g, "%s.weight", name);
    if (w && w->rank == 4 && x && x->rank == 4)
        return bv_conv2d(g, x, 1, 0, "%s", name);
    return bv_linear(g, x, "%s", name);
}

// [N,h,w,C] to [N,C·h·w], channels first, as PyTorch flattens a feature map.
static struct bv_tensor *flatten(struct bv_graph *g, struct bv_tensor *x)
{
    x = bv_permute(g, x, (int[]){0, 3, 1, 2});
    return bv_reshape(g, x, 2, (int64_t[]){bv_dim(x, 0), -1});
}

// torch's MultiheadAttention with the mean of x [B,T,C] as its one query: weights NAME.qkv (its
// in_proj) and NAME.proj. x [B,C] counts as one row.
static struct bv_tensor *attention_pool(struct bv_graph *g, struct bv_tensor *x,
                                        struct bv_tensor *lengths, const char *name, int heads)
{
    int64_t B = bv_dim(x, 0), C = x ? bv_last_dim(x) : 1;
    if (x && x->rank == 2) {
        x = bv_reshape(g, x, 3, (int64_t[]){B, 1, C});
        lengths = NULL;
    }
    struct bv_tensor *mean = bv_reduce(g, x, lengths, BV_REDUCE_MEAN);
    mean = bv_reshape(g, mean, 3, (int64_t[]){B, 1, C});
    struct bv_tensor *q = bv_slice(g, bv_linear(g, mean, "%s.qkv", name), 2, 0, C);
    struct bv_tensor *kv = bv_linear(g, x, "%s.qkv", name);
    if (heads < 1 || C % heads != 0)
        return bv_graph_fail(g, BV_ERR_MODEL, "%d heads do not divide a width of %lld", heads,
                             (long long)C);
    struct bv_attention_params a = {.heads = heads, .head_dim = (int)(C / heads)};
    a.scale = 1 / sqrtf((float)a.head_dim);
    a.k_offset = C;
    a.v_offset = 2 * C;
    struct bv_tensor *y = bv_attention(g, q, kv, kv, NULL, lengths, &a);
    y = bv_linear(g, y, "%s.proj", name);
    return bv_reshape(g, y, 2, (int64_t[]){B, C});
}

// The largest of the tokens between the special ones at both ends.
static struct bv_tensor *max_inner(struct bv_graph *g, struct bv_tensor *x,
                                   const struct bv_text_inputs *text)
{
    if (!text || bv_dim(x, 1) < 3)
        return bv_reduce(g, x, text ? text->lengths : NULL, BV_REDUCE_MAX);
    x = bv_slice(g, x, 1, 1, bv_dim(x, 1) - 1);
    return bv_reduce(g, x, text->inner, BV_REDUCE_MAX);
}

// One row of each sequence of x [B,T,C]: the first, or (eos) the one of the end marker.
static struct bv_tensor *pick(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *index)
{
    if (x && x->rank != 3)
        return bv_graph_fail(g, BV_ERR_MODEL, "only one row of a sequence can be picked");
    struct bv_tensor *y = index ? bv_gather_rows(g, x, index) : bv_slice(g, x, 1, 0, 1);
    return bv_reshape(g, y, 2, (int64_t[]){bv_dim(x, 0), bv_dim(x, 2)});
}

// Layers NAME.0, NAME.1 … of the same input, one after another.
static struct bv_tensor *heads(struct bv_graph *g, struct bv_tensor *x, const char *name)
{
    struct bv_tensor *all = bv_linear(g, x, "%s.0", name);
    for (int i = 1; all && bv_weight_optional(g, "%s.%d.weight", name, i); i++) {
        struct bv_tensor *parts[] = {all, bv_linear(g, x, "%s.%d", name, i)};
        all = bv_concat(g, 2, parts, all->rank - 1);
    }
    return all;
}

// max(x, 0) + slope · min(x, 0), the slope learned.
static struct bv_tensor *prelu(struct bv_graph *g, struct bv_tensor *x, const char *name)
{
    struct bv_tensor *below = bv_activate(g, bv_scale(g, x, -1, 0), BV_ACT_RELU);
    below = bv_scale(g, bv_mul(g, below, bv_weight(g, "%s.weight", name)), -1, 0);
    return bv_add(g, bv_activate(g, x, BV_ACT_RELU), below);
}

static struct bv_tensor *step(struct bv_graph *g, const json_t *s, struct bv_tensor *x,
                              const struct bv_text_inputs *text)
{
    struct bv_tensor *lengths = text ? text->lengths : NULL;
    const char *op = json_string_value(json_array_get(s, 0));
    const char *name = json_string_value(json_array_get(s, 1));
    const json_t *number = json_array_get(s, 2);
    if (!op)
        return bv_graph_fail(g, BV_ERR_MODEL, "a step of the card is not an array with a name");
    if (strcmp(op, "mean") == 0) {
        bool padded = name && strcmp(name, "padded") == 0;
        return bv_reduce(g, x, padded ? NULL : lengths, BV_REDUCE_MEAN);
    }
    if (strcmp(op, "max") == 0 && name && strcmp(name, "inner") == 0)
        return max_inner(g, x, text);
    if (strcmp(op, "max") == 0)
        return bv_reduce(g, x, lengths, BV_REDUCE_MAX);
    if (strcmp(op, "sum") == 0)
        return bv_reduce(g, x, lengths, BV_REDUCE_SUM);
    if (strcmp(op, "l2") == 0)
        return bv_l2_normalize(g, x, 1e-12f);
    if (strcmp(op, "flatten") == 0)
        return flatten(g, x);
    if (strcmp(op, "first") == 0)
        return pick(g, x, NULL);
    if (strcmp(op, "eos") == 0 && text)
        return pick(g, x, text->last);
    if (strcmp(op, "mean_pool") == 0 || strcmp(op, "max_pool") == 0) {
        int size = (int)json_integer_value(json_array_get(s, 1));
        return op[1] == 'a' ? bv_max_pool(g, x, size, size, 0) : bv_mean_pool(g, x, size, size);
    }
    if (strcmp(op, "tokens") == 0)
        return bv_reshape(g, x, 3, (int64_t[]){bv_dim(x, 0), -1, x ? bv_last_dim(x) : 1});
    if (strcmp(op, "scale") == 0)
        return bv_scale(g, x, (float)json_number_value(json_array_get(s, 1)), 0);
    if (strcmp(op, "interpolate") == 0) {
        int size = (int)json_integer_value(json_array_get(s, 1));
        return bv_interpolate(g, x, size, size, BV_INTERPOLATE_BILINEAR,
                              json_is_true(json_array_get(s, 2)));
    }
    if (!name)
        return activation_step(g, op, x);
    if (strcmp(op, "linear") == 0)
        return linear_step(g, x, name);
    if (strcmp(op, "prelu") == 0)
        return prelu(g, x, name);
    if (strcmp(op, "heads") == 0)
        return heads(g, x, name);
    if (strcmp(op, "batch_norm") == 0)
        return bv_batch_norm(g, x, number ? (float)json_number_value(number) : 1e-5f, "%s", name);
    if (strcmp(op, "layer_norm") == 0)
        return bv_layer_norm(g, x, number ? (float)json_number_value(number) : 1e-5f, "%s", name);
    if (strcmp(op, "attention_pool") == 0)
        return attention_pool(g, x, lengths, name, (int)json_integer_value(number));
    return bv_graph_fail(g, BV_ERR_MODEL, "the card has an unknown step \"%s\"", op);
}

struct bv_tensor *bv_steps_build(struct bv_graph *g, const json_t *steps, struct bv_tensor *x,
                                 const struct bv_text_inputs *text)
{
    size_t i;
    const json_t *s;
    json_array_foreach(steps, i, s) x = step(g, s, x, text);
    return x;
}

// "hidden.-2" counts from the last feature of that family.
static struct bv_tensor *find_feature(struct bv_graph *g, const struct bv_features *features,
                                      const char *name)
{
    struct bv_tensor *t = bv_features_find(features, name);
    const char *dot = strrchr(name, '.');
    if (!t && dot && dot[1] == '-') {
        const size_t stem = (size_t)(dot + 1 - name);
        int count = 0, wanted = 0;
        for (int i = 0; i < features->n; i++)
            count += strncmp(features->item[i].name, name, stem) == 0;
        wanted = count + atoi(dot + 1);
        for (int i = 0; i < features->n; i++)
            if (strncmp(features->item[i].name, name, stem) == 0 && wanted-- == 0)
                t = features->item[i].tensor;
    }
    if (!t && g->n_missing == 0)
        return bv_graph_fail(g, BV_ERR_MODEL, "the encoder has no feature \"%s\" (it has: %s)",
                             name, bv_features_names(g, features));
    return t;
}

struct bv_tensor *bv_output_build(struct bv_graph *g, const json_t *output,
                                  const struct bv_features *features,
                                  const struct bv_text_inputs *text)
{
    const json_t *from = json_object_get(output, "from");
    struct bv_tensor *x = NULL;
    if (json_is_string(from)) {
        x = find_feature(g, features, json_string_value(from));
    } else {
        size_t i;
        const json_t *name;
        json_array_foreach(from, i, name)
        {
            const char *feature = json_string_value(name);
            struct bv_tensor *t = find_feature(g, features, feature ? feature : "");
            x = i == 0 ? t : bv_add(g, x, t);
        }
        if (strcmp(bv_json_string(output, "combine", "mean"), "mean") == 0 &&
            json_array_size(from) > 1)
            x = bv_scale(g, x, 1.0f / (float)json_array_size(from), 0);
    }
    return bv_steps_build(g, json_object_get(output, "steps"), x, text);
}
