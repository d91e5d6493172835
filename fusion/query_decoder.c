// Query decoder: texts look for themselves among the patches of an image (KAD, MedKLIP, CARZero:
// torch's decoder layers, pre-LN, without positions).
//
//   layers.i:  q += self_attn(norm1(q));  q += cross_attn(norm2(q), memory);
//              q += linear2(relu(linear1(norm3(q))))
//   norm, then the steps of "head"
// self_attn.qkv and cross_attn.qkv stack query, key and value; self_attn.proj, cross_attn.proj.
//
// Configuration: "heads" (4), "eps" (1e-5), "norm_inputs" (false: queries and memory go through
// `norm` first), "self_attention" (true; false: a query does not see the others, though the layers
// may have the weights), "map" ("last": the attention of the last layer, or "mean" of all).
#include <math.h>
#include <string.h>

#include "fusion/blocks.h"

enum { MAX_HEADS = 16 }; // of attend_one()

struct decoder {
    const char *prefix;
    int heads;
    float eps;
    bool alone;    // queries do not see each other
    bool mean_map; // the map is the mean of all layers' attentions
};

// Which rows of a stacked projection of x: parts first … first + n - 1 of three.
static struct bv_tensor *part(struct bv_graph *g, struct bv_tensor *x, const char *name,
                              int64_t first, int64_t n)
{
    int64_t C = bv_dim(x, 2);
    x = bv_linear(g, x, "%s.qkv", name);
    if (x && bv_dim(x, 2) != 3 * C)
        return bv_graph_fail(g, BV_ERR_MODEL, "\"%s.qkv\" does not stack three projections", name);
    return bv_slice(g, x, 2, first * C, n * C);
}

// Σ over heads of softmax(q kᵀ / √d) / heads: [B,Q,P], what torch returns as attention weights.
static struct bv_tensor *mean_attention(struct bv_graph *g, struct bv_tensor *q,
                                        struct bv_tensor *kv, int heads)
{
    int64_t D = bv_dim(q, 2) / heads;
    struct bv_tensor *sum = NULL;
    for (int h = 0; h < heads; h++) {
        struct bv_tensor *one =
            bv_matmul(g, bv_slice(g, q, 2, h * D, D), bv_slice(g, kv, 2, h * D, D), true, 1);
        one = bv_softmax(g, one, 1 / sqrtf((float)D));
        sum = sum ? bv_add(g, sum, one) : one;
    }
    return bv_scale(g, sum, 1.0f / (float)heads, 0);
}

// The same as attend() of one query x [B,1,C] to each memory [B,P,C], with the projections of the
// memory's rows moved to the query and to the result: q · (W m) is (q W) · m, the bias of the keys
// moves all logits alike, and a sum of W m with weights that add up to 1 is W of their sum. The
// work no longer grows with C² for each row.
static struct bv_tensor *attend_one(struct bv_graph *g, const struct decoder *d,
                                    struct bv_tensor *x, struct bv_tensor *memory, const char *name)
{
    const int64_t C = bv_dim(x, 2), D = C / d->heads;
    struct bv_tensor *q = part(g, x, name, 0, 1), *parts[MAX_HEADS] = {NULL};
    struct bv_tensor *w = bv_weight(g, "%s.qkv.weight", name);
    struct bv_tensor *bias = bv_weight_optional(g, "%s.qkv.bias", name);
    for (int h = 0; h < d->heads; h++)
        parts[h] =
            bv_matmul(g, bv_slice(g, q, 2, h * D, D), bv_weight_rows(g, w, C + h * D, D), false, 1);
    struct bv_tensor *keys = bv_concat(g, d->heads, parts, 1);
    x = bv_softmax(g, bv_matmul(g, keys, memory, true, 1), 1 / sqrtf((float)D));
    x = bv_matmul(g, x, memory, false, 1);
    for (int h = 0; h < d->heads; h++)
        parts[h] =
            bv_matmul(g, bv_slice(g, x, 1, h, 1), bv_weight_rows(g, w, 2 * C + h * D, D), true, 1);
    x = bv_concat(g, d->heads, parts, 2);
    if (bias)
        x = bv_add(g, x, bv_slice(g, bias, 0, 2 * C, C));
    return bv_linear(g, x, "%s.proj", name);
}

static struct bv_tensor *attend(struct bv_graph *g, const struct decoder *d, struct bv_tensor *x,
                                struct bv_tensor *memory, const char *name, struct bv_tensor **map)
{
    if (!map && bv_dim(x, 1) == 1 && bv_dim(memory, 1) > 1 && d->heads <= MAX_HEADS)
        return attend_one(g, d, x, memory, name);
    int64_t C = bv_dim(x, 2);
    struct bv_attention_params a = {.heads = d->heads, .head_dim = (int)(C / d->heads)};
    a.scale = 1 / sqrtf((float)a.head_dim);
    a.v_offset = C;
    struct bv_tensor *q = part(g, x, name, 0, 1), *kv = part(g, memory, name, 1, 2);
    if (map)
        *map = mean_attention(g, q, kv, d->heads);
    x = bv_attention(g, q, kv, kv, NULL, NULL, &a);
    return bv_linear(g, x, "%s.proj", name);
}

static struct bv_tensor *layer(struct bv_graph *g, const struct decoder *d, struct bv_tensor *q,
                               struct bv_tensor *memory, const char *p, struct bv_tensor **map)
{
    const char *self = bv_arena_printf(&g->arena, "%sself_attn", p);
    const char *cross = bv_arena_printf(&g->arena, "%scross_attn", p);
    struct bv_tensor *x = NULL;
    if (!self || !cross)
        return NULL;
    if (!d->alone) {
        x = bv_layer_norm(g, q, d->eps, "%snorm1", p);
        q = bv_add(g, attend(g, d, x, x, self, NULL), q);
    }
    x = bv_layer_norm(g, q, d->eps, "%snorm2", p);
    q = bv_add(g, attend(g, d, x, memory, cross, map), q);
    x = bv_layer_norm(g, q, d->eps, "%snorm3", p);
    x = bv_activate(g, bv_linear(g, x, "%slinear1", p), BV_ACT_RELU);
    return bv_add(g, bv_linear(g, x, "%slinear2", p), q);
}

static struct bv_tensor *normalize(struct bv_graph *g, const struct decoder *d, struct bv_tensor *x)
{
    return bv_layer_norm(g, x, d->eps, "%snorm", d->prefix);
}

static bool read(struct bv_graph *g, const json_t *config, const char *prefix, int64_t width,
                 struct decoder *d)
{
    *d = (struct decoder){
        .prefix = prefix,
        .heads = (int)bv_json_integer(config, "heads", 4),
        .eps = (float)bv_json_number(config, "eps", 1e-5),
        .alone = !bv_json_boolean(config, "self_attention", true),
        .mean_map = strcmp(bv_json_string(config, "map", "last"), "mean") == 0,
    };
    const struct bv_transformer checked = {.heads = d->heads};
    return bv_transformer_fits(g, &checked, width);
}

struct bv_tensor *bv_fusion_query_decoder(struct bv_graph *g, const json_t *config,
                                          const char *prefix, struct bv_tensor *queries,
                                          struct bv_tensor *memory, struct bv_tensor **map)
{
    struct decoder d;
    struct bv_tensor *sum = NULL;
    int n = 0;
    if (!queries || !memory || !read(g, config, prefix, bv_dim(queries, 2), &d))
        return NULL;
    if (bv_json_boolean(config, "norm_inputs", false)) {
        queries = normalize(g, &d, queries);
        memory = normalize(g, &d, memory);
    }
    for (;; n++) {
        struct bv_tensor *one = NULL;
        const char *p = bv_arena_printf(&g->arena, "%slayers.%d.", prefix, n);
        if (!p || (n > 0 && !bv_weight_optional(g, "%snorm2.weight", p)))
            break;
        queries = layer(g, &d, queries, memory, p, map ? &one : NULL);
        if (!queries)
            break;
        sum = sum && d.mean_map ? bv_add(g, sum, one) : one;
    }
    if (map)
        *map = d.mean_map && n > 0 ? bv_scale(g, sum, 1.0f / (float)n, 0) : sum;
    return normalize(g, &d, queries);
}
