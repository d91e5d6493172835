// Vision Transformer (Dosovitskiy et al. 2021), as timm and as OpenAI's CLIP write it.
//
//   patch_embed.proj: P×P convolution with stride P (CLIP: without bias), rows of the grid in order
//   tokens = [cls_token; patches] + pos_embed;  CLIP: norm_pre
//   blocks.i:  x += attn.proj(attention(attn.qkv(norm1(x))));  x += mlp.fc2(act(mlp.fc1(norm2(x))))
//   norm (CLIP: ln_post)
//
// Configuration: "heads" (width / 64), "activation" ("gelu"; CLIP "quick_gelu"), "eps" (timm 1e-6,
// CLIP 1e-5), "skip_blocks" (0: how many of the last blocks are left out).
// Features: "tokens" [N,1+P,C] after the last norm, "cls" [N,C] and "patches" [N,P,C] of it;
// "block.i" before it.
#include <math.h>

#include "graph/transformer.h"
#include "vision/vision.h"

// The position table for a grid of h×w patches. A square table of another size is resampled as the
// authors' code does when it loads a checkpoint (bicubic, the class token's row kept).
static struct bv_tensor *positions(struct bv_graph *g, int64_t h, int64_t w, const char *prefix)
{
    struct bv_tensor *table = bv_weight(g, "%spos_embed", prefix);
    if (!table || bv_rows(table) == 1 + h * w)
        return table;
    int64_t C = bv_last_dim(table), side = (int64_t)lround(sqrt((double)(bv_rows(table) - 1)));
    if (bv_rows(table) != 1 + side * side)
        return bv_graph_fail(g, BV_ERR_MODEL, "a position table of %lld rows is no square grid",
                             (long long)bv_rows(table));
    table = bv_reshape(g, table, 3, (int64_t[]){1, -1, C});
    struct bv_tensor *x = bv_slice(g, table, 1, 1, side * side);
    x = bv_reshape(g, x, 4, (int64_t[]){1, side, side, C});
    x = bv_interpolate(g, x, (int)h, (int)w, BV_INTERPOLATE_BICUBIC, false);
    x = bv_reshape(g, x, 3, (int64_t[]){1, h * w, C});
    return bv_concat(g, 2, (struct bv_tensor *[]){bv_slice(g, table, 1, 0, 1), x}, 1);
}

static struct bv_tensor *embed_patches(struct bv_graph *g, float eps, struct bv_tensor *pixels,
                                       const char *prefix)
{
    struct bv_tensor *w = bv_weight(g, "%spatch_embed.proj.weight", prefix);
    int64_t N = bv_dim(pixels, 0), C = bv_dim(w, 0);
    struct bv_tensor *x = bv_conv2d(g, pixels, (int)bv_dim(w, 1), 0, "%spatch_embed.proj", prefix);
    struct bv_tensor *grid = x;
    x = bv_reshape(g, x, 3, (int64_t[]){N, -1, C});
    struct bv_tensor *cls = bv_weight(g, "%scls_token", prefix);
    cls = bv_expand(g, bv_reshape(g, cls, 3, (int64_t[]){1, 1, C}), (int64_t[]){N, 1, C});
    x = bv_concat(g, 2, (struct bv_tensor *[]){cls, x}, 1);
    x = bv_add(g, x, positions(g, bv_dim(grid, 1), bv_dim(grid, 2), prefix));
    if (bv_weight_optional(g, "%snorm_pre.weight", prefix))
        x = bv_layer_norm(g, x, eps, "%snorm_pre", prefix);
    return x;
}

void bv_vision_vit(struct bv_graph *g, const json_t *config, const char *prefix,
                   struct bv_tensor *pixels, struct bv_features *features)
{
    int64_t C = bv_dim(bv_weight(g, "%spatch_embed.proj.weight", prefix), 0);
    struct bv_transformer c = bv_transformer_config(config, C, 1e-6);
    if (!bv_transformer_fits(g, &c, C))
        return;
    struct bv_tensor *x = embed_patches(g, c.eps, pixels, prefix);
    int n_blocks = 0;
    while (bv_weight_optional(g, "%sblocks.%d.norm1.weight", prefix, n_blocks))
        n_blocks++;
    if (n_blocks == 0)
        (void)bv_weight(g, "%sblocks.0.norm1.weight", prefix);
    n_blocks -= (int)bv_json_integer(config, "skip_blocks", 0);
    for (int i = 0; i < n_blocks; i++) {
        const char *p = bv_arena_printf(&g->arena, "%sblocks.%d.", prefix, i);
        x = p ? bv_transformer_block(g, &c, x, p) : NULL;
        bv_features_add(g, features, x, "block.%d", i);
    }
    x = bv_layer_norm(g, x, c.eps, "%snorm", prefix);
    int64_t N = bv_dim(x, 0), T = bv_dim(x, 1);
    bv_features_add(g, features, x, "tokens");
    struct bv_tensor *cls = T > 1 ? bv_slice(g, x, 1, 0, 1) : NULL;
    bv_features_add(g, features, bv_reshape(g, cls, 2, (int64_t[]){N, C}), "cls");
    bv_features_add(g, features, T > 1 ? bv_slice(g, x, 1, 1, T - 1) : NULL, "patches");
}
