#include "explain/layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static struct bv_node *find_layer(const struct bv_graph *g, const char *name)
{
    const size_t n = strlen(name);
    for (struct bv_node *node = g->first; node; node = node->next) {
        const char *weight = node->in[1] ? node->in[1]->name : NULL;
        if (weight && node->in[1]->role == BV_ROLE_WEIGHT && strncmp(weight, name, n) == 0 &&
            strcmp(weight + n, ".weight") == 0)
            return node;
    }
    return NULL;
}

static struct bv_node *find_named(const struct bv_encoder_layout *l, const char *format,
                                  va_list args)
{
    char name[200];
    (void)vsnprintf(name, sizeof name, format, args);
    return find_layer(l->graph, name);
}

struct bv_tensor *bv_layer_result(const struct bv_encoder_layout *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bv_node *node = find_named(l, format, args);
    va_end(args);
    return node ? node->out : NULL;
}

struct bv_tensor *bv_block_result(const struct bv_encoder_layout *l, int i)
{
    char name[24];
    (void)snprintf(name, sizeof name, "block.%d", i);
    return bv_features_find(l->features, name);
}

const struct bv_node *bv_block_attention(const struct bv_encoder_layout *l, int i)
{
    char name[64];
    (void)snprintf(name, sizeof name, "image.blocks.%d.attn.proj", i);
    const struct bv_node *proj = find_layer(l->graph, name);
    if (!proj)
        return NULL;
    const struct bv_node *attention = bv_storage_of(proj->in[0])->producer;
    return attention && attention->op == BV_OP_attention ? attention : NULL;
}

static bool grid_of_map(struct bv_encoder_layout *l)
{
    const struct bv_tensor *map = bv_features_find(l->features, "map");
    if (!map || map->rank != 4)
        return false;
    l->h = map->dim[1];
    l->w = map->dim[2];
    return true;
}

static bool grid_of_patches(struct bv_encoder_layout *l)
{
    const struct bv_tensor *patches = bv_layer_result(l, "image.patch_embed.proj");
    const struct bv_tensor *tokens = bv_features_find(l->features, "tokens");
    if (!patches || patches->rank != 4 || !tokens || tokens->rank != 3)
        return false;
    l->h = patches->dim[1];
    l->w = patches->dim[2];
    l->first = tokens->dim[1] - l->h * l->w;
    while (bv_block_attention(l, l->n_blocks))
        l->n_blocks++;
    if (!bv_features_find(l->features, "cls"))
        l->kind = BV_ENCODER_POOL;
    return l->first >= (l->kind == BV_ENCODER_CLS) && l->n_blocks > 0;
}

enum bv_status bv_layout_find(struct bv_encoder_layout *l, const struct bv_model *model,
                              struct bv_graph *g, const struct bv_features *features,
                              struct bv_error *err)
{
    const json_t *tower = json_object_get(model->card, "image");
    const char *arch = bv_json_string(tower, "arch", "");
    *l = (struct bv_encoder_layout){.graph = g, .features = features};
    l->global = json_object_get(json_object_get(tower, "outputs"), "global");
    l->kind = strcmp(arch, "swin") == 0  ? BV_ENCODER_WINDOWS
              : strcmp(arch, "vit") == 0 ? BV_ENCODER_CLS
                                         : BV_ENCODER_MAP;
    if (l->kind == BV_ENCODER_CLS ? grid_of_patches(l) : grid_of_map(l))
        return BV_OK;
    return bv_fail(err, BV_ERR_UNSUPPORTED, "the image encoder \"%s\" has no grid of positions",
                   arch);
}
