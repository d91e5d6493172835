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
#include <string.h>

#include "graph/transformer.h"
#include "vision/vision.h"

static struct bv_tensor *embed_patches(struct bv_graph *g, float eps, struct bv_tensor *pixels,
                                       const char *prefix)
{
    struct bv_tensor *w = bv_weight(g, "%spatch_embed.proj.weight", prefix);
    int64_t N = bv_dim(pixels, 0), C = bv_dim(w, 0);
    struct bv_tensor *x = bv_conv2d(g, pixels, (int)bv_dim(w, 1), 0, "%spatch_embed.proj", prefix);
    x = bv_reshape(g, x, 3, (int64_t[]){N, -1, C});
    struct bv_tensor *cls = bv_weight(g, "%scls_token", prefix);
    cls = bv_expand(g, bv_reshape(g, cls, 3, (int64_t[]){1, 1, C}), (int64_t[]){N, 1, C});
    x = bv_concat(g, 2, (struct bv_tensor *[]){cls, x}, 1);
    x = bv_add(g, x, bv_weight(g, "%spos_embed", prefix));
    if (bv_weight_optional(g, "%snorm_pre.weight", prefix))
        x = bv_layer_norm(g, x, eps, "%snorm_pre", prefix);
    return x;
}

void bv_vision_vit(struct bv_graph *g, const json_t *config, const char *prefix,
                   struct bv_tensor *pixels, struct bv_features *features)
{
    int64_t C = bv_dim(bv_weight(g, "%spatch_embed.proj.weight", prefix), 0);
    struct bv_transformer c = {
        .heads = (int)bv_json_integer(config, "heads", C >= 64 ? C / 64 : 1),
        .eps = (float)bv_json_number(config, "eps", 1e-6),
        .activation = strcmp(bv_json_string(config, "activation", "gelu"), "quick_gelu") == 0
                          ? BV_ACT_QUICK_GELU
                          : BV_ACT_GELU,
    };
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
