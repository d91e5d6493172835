#include "fusion/blocks.h"

#include <string.h>

static struct bv_tensor *text_norm(struct bv_graph *g, const struct bv_transformer *c,
                                   struct bv_tensor *x, const char *prefix)
{
    return bv_layer_norm(g, x, c->eps, "%sembeddings.LayerNorm", prefix);
}

static struct bv_tensor *row(struct bv_graph *g, const char *prefix, const char *table, int64_t i)
{
    return bv_weight_rows(g, bv_weight(g, "%s%s.weight", prefix, table), i, 1);
}

static struct bv_tensor *visualbert(struct bv_graph *g, const json_t *config,
                                    const struct bv_transformer *c,
                                    const struct bv_fusion_inputs *in, const char *prefix)
{
    struct bv_tensor *x = bv_linear(g, in->image, "%sregions.dense", prefix);
    x = bv_add(g, x, row(g, prefix, "regions.position_embeddings", 0));
    int64_t type = bv_json_integer(config, "image_type", 0);
    x = bv_add(g, x, row(g, prefix, "regions.token_type_embeddings", type));
    return text_norm(g, c, x, prefix);
}

static struct bv_tensor *boxed(struct bv_graph *g, const struct bv_transformer *c,
                               const struct bv_fusion_inputs *in, const char *prefix)
{
    struct bv_tensor *f = bv_linear(g, in->image, "%sregions.dense", prefix);
    struct bv_tensor *b = bv_linear(g, in->boxes, "%sregions.box", prefix);
    f = bv_layer_norm(g, f, c->eps, "%sregions.dense_norm", prefix);
    b = bv_layer_norm(g, b, c->eps, "%sregions.box_norm", prefix);
    return bv_add(g, f, b);
}

static struct bv_tensor *at_positions(struct bv_graph *g, const struct bv_transformer *c,
                                      const struct bv_fusion_inputs *in, const char *prefix)
{
    struct bv_tensor *x = bv_gather_rows(g, in->image, in->positions);
    x = bv_linear(g, x, "%sregions.dense", prefix);
    x = bv_add(g, x, bv_embed(g, in->positions, "%sembeddings.position_embeddings.weight", prefix));
    x = bv_add(g, x, row(g, prefix, "embeddings.token_type_embeddings", 0));
    return text_norm(g, c, x, prefix);
}

static struct bv_tensor *pixels(struct bv_graph *g, const struct bv_transformer *c,
                                const struct bv_fusion_inputs *in, const char *prefix)
{
    struct bv_tensor *x = in->positions ? bv_gather_rows(g, in->image, in->positions) : in->image;
    x = bv_linear(g, x, "%sregions.dense", prefix);
    x = bv_add(g, x, row(g, prefix, "regions.semantic_embedding", 0));
    return text_norm(g, c, x, prefix);
}

struct bv_tensor *bv_region_embeddings(struct bv_graph *g, const json_t *config,
                                       const struct bv_transformer *c,
                                       const struct bv_fusion_inputs *in, const char *prefix)
{
    const char *kind = bv_json_string(config, "regions", "");
    if (strcmp(kind, "visualbert") == 0)
        return visualbert(g, config, c, in, prefix);
    if (strcmp(kind, "positions") == 0)
        return at_positions(g, c, in, prefix);
    if (strcmp(kind, "pixels") == 0)
        return pixels(g, c, in, prefix);
    if (strcmp(kind, "lxmert") == 0)
        return bv_scale(g, boxed(g, c, in, prefix), 0.5f, 0);
    if (strcmp(kind, "uniter") == 0) {
        struct bv_tensor *x = boxed(g, c, in, prefix);
        x = bv_add(g, x, row(g, prefix, "embeddings.token_type_embeddings", 1));
        return bv_layer_norm(g, x, c->eps, "%sregions.norm", prefix);
    }
    return bv_graph_fail(g, BV_ERR_MODEL, "unknown kind of regions \"%s\"", kind);
}
