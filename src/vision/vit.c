// Vision Transformer (Dosovitskiy et al. 2021), as timm, OpenAI's CLIP and DINOv2 write it.
//
//   patch_embed.proj: P×P convolution with stride P (CLIP: without bias), rows of the grid in order
//   tokens = [cls_token; patches] + pos_embed;  CLIP: norm_pre
//   blocks.i:  x += attn.proj(attention(attn.qkv(norm1(x))));  x += mlp.fc2(act(mlp.fc1(norm2(x))))
//     attention, gated layers and LayerScale as graph/transformer.h reads them off the weights
//   norm (CLIP: ln_post)
// register_tokens (DINOv2 with registers): R tokens between class token and patches, put there
// after the positions are added.
//
// Without a cls_token (SigLIP) the patches are all tokens. With weights "pool." they are pooled by
// attention (vision/probe_pool.c).
//
// Configuration: "heads" (width / 64), "activation" ("gelu"; CLIP "quick_gelu", SigLIP
// "gelu_tanh"), "eps" (timm 1e-6, CLIP 1e-5), "skip_blocks" (0: how many of the last blocks are
// left out), "antialias_positions" (false: how the table is resampled to other sizes,
// vision/positions.h), "rope" (an object: rotary positions of the patches with "theta" 10000 and
// "grid" 14, as EVA-02 has them), "final_norm" (true; false: the features are those of the last
// block). Features: "tokens" [N,1+R+P,C] after the last norm, "cls" [N,C], "registers" [N,R,C] and
// "patches" [N,P,C] of it; "grid" [N,h,w,C] are the patches in their places; "block.i" before the
// norm; "pool" and "pool_attention" [N,C] of the attention pooling.
#include "graph/transformer.h"
#include "vision/positions.h"
#include "vision/vision.h"

// The tokens that precede the patches after the class token; NULL: none.
static struct bv_tensor *register_tokens(struct bv_graph *g, const char *prefix)
{
    return bv_weight_optional(g, "%sregister_tokens", prefix);
}

// rows [1,R,C] for every image of x [N,T,C].
static struct bv_tensor *repeat(struct bv_graph *g, struct bv_tensor *rows, struct bv_tensor *x)
{
    int64_t N = bv_dim(x, 0), C = bv_dim(x, 2), R = rows && C ? bv_elements(rows) / C : 0;
    return bv_expand(g, bv_reshape(g, rows, 3, (int64_t[]){1, R, C}), (int64_t[]){N, R, C});
}

// x is the grid of patches [N,h,w,C].
static struct bv_tensor *embed_patches(struct bv_graph *g, const json_t *config, float eps,
                                       struct bv_tensor *grid, const char *prefix)
{
    bool antialias = bv_json_boolean(config, "antialias_positions", false);
    int64_t N = bv_dim(grid, 0), C = bv_dim(grid, 3);
    struct bv_tensor *x = bv_reshape(g, grid, 3, (int64_t[]){N, -1, C});
    struct bv_tensor *cls = bv_weight_optional(g, "%scls_token", prefix);
    if (cls)
        x = bv_concat(g, 2, (struct bv_tensor *[]){repeat(g, cls, x), x}, 1);
    struct bv_tensor *table = bv_weight(g, "%spos_embed", prefix);
    x = bv_add(
        g, x,
        bv_vision_positions(g, table, cls != NULL, bv_dim(grid, 1), bv_dim(grid, 2), antialias));
    struct bv_tensor *registers = register_tokens(g, prefix);
    if (registers && cls) {
        struct bv_tensor *parts[] = {bv_slice(g, x, 1, 0, 1), repeat(g, registers, x),
                                     bv_slice(g, x, 1, 1, bv_dim(x, 1) - 1)};
        x = bv_concat(g, 3, parts, 1);
    }
    if (bv_weight_optional(g, "%snorm_pre.weight", prefix))
        x = bv_layer_norm(g, x, eps, "%snorm_pre", prefix);
    return x;
}

static struct bv_tensor *blocks(struct bv_graph *g, const json_t *config, const char *prefix,
                                const struct bv_transformer *c, struct bv_tensor *x,
                                struct bv_features *features)
{
    int n_blocks = 0;
    while (bv_weight_optional(g, "%sblocks.%d.norm1.weight", prefix, n_blocks))
        n_blocks++;
    if (n_blocks == 0)
        (void)bv_weight(g, "%sblocks.0.norm1.weight", prefix);
    int64_t skipped = bv_json_integer(config, "skip_blocks", 0);
    if (n_blocks > 0 && (skipped < 0 || skipped >= n_blocks))
        return bv_graph_fail(g, BV_ERR_MODEL, "card: skip_blocks %lld of %d blocks",
                             (long long)skipped, n_blocks);
    n_blocks -= n_blocks > 0 ? (int)skipped : 0;
    for (int i = 0; i < n_blocks; i++) {
        const char *p = bv_arena_printf(&g->arena, "%sblocks.%d.", prefix, i);
        x = p ? bv_transformer_block(g, c, x, p) : NULL;
        bv_features_add(g, features, x, "block.%d", i);
    }
    return x;
}

// The parts of x [N,K+R+P,C], the tokens after the last norm: K class tokens (0 or 1), registers,
// patches.
static void add_parts(struct bv_graph *g, struct bv_tensor *x, int64_t K, int64_t R,
                      struct bv_tensor *grid, struct bv_features *features)
{
    int64_t N = bv_dim(x, 0), T = bv_dim(x, 1), C = bv_dim(x, 2), first = K + R;
    struct bv_tensor *cls = K > 0 && T > 1 ? bv_slice(g, x, 1, 0, 1) : NULL, *patches = x;
    bv_features_add(g, features, x, "tokens");
    if (K > 0)
        bv_features_add(g, features, bv_reshape(g, cls, 2, (int64_t[]){N, C}), "cls");
    if (R > 0)
        bv_features_add(g, features, bv_slice(g, x, 1, K, R), "registers");
    if (first > 0)
        patches = T > first ? bv_slice(g, x, 1, first, T - first) : NULL;
    bv_features_add(g, features, patches, "patches");
    int64_t dim[] = {N, bv_dim(grid, 1), bv_dim(grid, 2), C};
    bv_features_add(g, features, bv_reshape(g, patches, 4, dim), "grid");
}

void bv_vision_vit(struct bv_graph *g, const json_t *config, const char *prefix,
                   struct bv_tensor *pixels, struct bv_features *features)
{
    struct bv_tensor *w = bv_weight(g, "%spatch_embed.proj.weight", prefix);
    int64_t C = bv_dim(w, 0);
    struct bv_transformer c = bv_transformer_config(config, C, 1e-6);
    if (!bv_transformer_fits(g, &c, C))
        return;
    struct bv_tensor *registers = register_tokens(g, prefix);
    struct bv_tensor *grid =
        bv_conv2d(g, pixels, (int)bv_dim(w, 1), 0, "%spatch_embed.proj", prefix);
    struct bv_tensor *x = embed_patches(g, config, c.eps, grid, prefix);
    const json_t *rope = json_object_get(config, "rope");
    if (rope && !json_is_object(rope))
        (void)bv_graph_fail(g, BV_ERR_MODEL, "card: rope is no object");
    if (rope)
        c.rope =
            bv_vision_rope(g, bv_dim(grid, 1), bv_dim(grid, 2), C / c.heads,
                           bv_json_number(rope, "theta", 10000), bv_json_number(rope, "grid", 14));
    x = blocks(g, config, prefix, &c, x, features);
    if (bv_json_boolean(config, "final_norm", true))
        x = bv_layer_norm(g, x, c.eps, "%snorm", prefix);
    bool has_cls = bv_weight_optional(g, "%scls_token", prefix) != NULL;
    int64_t R = has_cls && registers && C ? bv_elements(registers) / C : 0;
    add_parts(g, x, has_cls, R, grid, features);
    if (bv_weight_optional(g, "%spool.probe", prefix))
        bv_vision_probe_pool(g, &c, x, prefix, features);
}
