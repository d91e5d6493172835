#include "measure/measure.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text/encoder.h"
#include "vision/vision.h"

struct maker {
    struct bv_weights *weights;
    struct bv_error *err;
    enum bv_status status; // the first failure
    bool values;
    uint32_t random;
};

struct filling {
    float mean, spread;
    int64_t n;
    uint32_t *random;
};

static void fill(void *arg, void *memory)
{
    const struct filling *f = arg;
    for (int64_t i = 0; i < f->n; i++) {
        *f->random = *f->random * 1664525u + 1013904223u;
        float unit = (float)(*f->random >> 8) * 0x1p-23f - 1;
        ((float *)memory)[i] = f->mean + f->spread * 1.7320508f * unit;
    }
}

// A weight of uniform numbers around `mean`, of deviation `spread`.
static void add(struct maker *m, float mean, float spread, int rank, const int64_t *dim,
                const char *format, ...) __attribute__((format(printf, 6, 7)));
static void add(struct maker *m, float mean, float spread, int rank, const int64_t *dim,
                const char *format, ...)
{
    if (m->status != BV_OK)
        return;
    char name[128];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(name, sizeof name, format, args);
    va_end(args);
    struct bv_weight w = {.name = name, .dtype = BV_F32, .rank = rank};
    struct filling f = {mean, spread, 1, &m->random};
    for (int i = 0; i < rank; i++)
        f.n *= w.dim[i] = dim[i];
    char key[160];
    (void)snprintf(key, sizeof key, "random:%s", name);
    if (m->values)
        m->status = bv_weights_derive(m->weights, key, (size_t)f.n * sizeof(float), fill, &f,
                                      &w.data, m->err);
    if (m->status == BV_OK)
        m->status = bv_weights_add(m->weights, &w, m->err);
}

#define DIM(...)                                                                                   \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void linear(struct maker *m, int64_t out, int64_t in, const char *name)
{
    add(m, 0, 0.02f, DIM(out, in), "%s.weight", name);
    add(m, 0, 0.02f, DIM(out), "%s.bias", name);
}

static void norm(struct maker *m, int64_t C, const char *name)
{
    add(m, 1, 0.1f, DIM(C), "%s.weight", name);
    add(m, 0, 0.1f, DIM(C), "%s.bias", name);
}

static void conv_norm(struct maker *m, int64_t out, int64_t k, int64_t in, const char *block,
                      const char *conv, const char *bn)
{
    char name[128];

    float spread = sqrtf(2 / (float)(k * k * in)); // He et al. 2015
    add(m, 0, spread, DIM(out, k, k, in), "%s%s.weight", block, conv);
    (void)snprintf(name, sizeof name, "%s%s", block, bn);
    norm(m, out, name);
    add(m, 0, 0.1f, DIM(out), "%s.running_mean", name);
    add(m, 1, 0.1f, DIM(out), "%s.running_var", name);
}

static void resnet50(struct maker *m)
{
    static const int depth[] = {3, 4, 6, 3};
    conv_norm(m, 64, 7, 3, "", "conv1", "bn1");
    int64_t in = 64;
    for (int layer = 0; layer < 4; layer++)
        for (int i = 0; i < depth[layer]; i++) {
            int64_t C = 64 << layer;
            char b[64];
            (void)snprintf(b, sizeof b, "layer%d.%d.", layer + 1, i);
            conv_norm(m, C, 1, in, b, "conv1", "bn1");
            conv_norm(m, C, 3, C, b, "conv2", "bn2");
            conv_norm(m, 4 * C, 1, C, b, "conv3", "bn3");
            if (i == 0)
                conv_norm(m, 4 * C, 1, in, b, "downsample.0", "downsample.1");
            in = 4 * C;
        }
}

static void vit(struct maker *m, int64_t patch)
{
    const int64_t C = 768, T = (224 / patch) * (224 / patch) + 1;
    add(m, 0, 0.02f, DIM(C, patch, patch, 3), "patch_embed.proj.weight");
    add(m, 0, 0.02f, DIM(C), "patch_embed.proj.bias");
    add(m, 0, 0.02f, DIM(1, 1, C), "cls_token");
    add(m, 0, 0.02f, DIM(1, T, C), "pos_embed");
    static const char *const layers[] = {"attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"};
    static const int64_t out[] = {3 * 768, 768, 3072, 768}, in[] = {768, 768, 768, 3072};
    char name[64];
    for (int i = 0; i < 12; i++) {
        for (int k = 0; k < 4; k++) {
            (void)snprintf(name, sizeof name, "blocks.%d.%s", i, layers[k]);
            linear(m, out[k], in[k], name);
        }
        (void)snprintf(name, sizeof name, "blocks.%d.norm1", i);
        norm(m, C, name);
        (void)snprintf(name, sizeof name, "blocks.%d.norm2", i);
        norm(m, C, name);
    }
    norm(m, C, "norm");
}

static void swin_t(struct maker *m)
{
    static const int depth[] = {2, 2, 6, 2};
    static const char *const layers[] = {"attn.query", "attn.key", "attn.value",
                                         "attn.proj",  "mlp.fc1",  "mlp.fc2"};
    add(m, 0, 0.1f, DIM(96, 4, 4, 3), "patch_embed.proj.weight");
    add(m, 0, 0.02f, DIM(96), "patch_embed.proj.bias");
    norm(m, 96, "patch_embed.norm");
    char name[96];
    for (int s = 0; s < 4; s++) {
        int64_t C = 96 << s;
        for (int i = 0; i < depth[s]; i++) {
            for (int k = 0; k < 6; k++) {
                (void)snprintf(name, sizeof name, "layers.%d.blocks.%d.%s", s, i, layers[k]);
                linear(m, k == 4 ? 4 * C : C, k == 5 ? 4 * C : C, name);
            }
            add(m, 0, 0.02f, DIM(169, C / 32),
                "layers.%d.blocks.%d.attn.relative_position_bias_table", s, i);
            (void)snprintf(name, sizeof name, "layers.%d.blocks.%d.norm1", s, i);
            norm(m, C, name);
            (void)snprintf(name, sizeof name, "layers.%d.blocks.%d.norm2", s, i);
            norm(m, C, name);
        }
        if (s == 3)
            continue;
        (void)snprintf(name, sizeof name, "layers.%d.downsample.norm", s);
        norm(m, 4 * C, name);
        add(m, 0, 0.02f, DIM(2 * C, 4 * C), "layers.%d.downsample.reduction.weight", s);
    }
    norm(m, 768, "norm");
}

static void bert_base(struct maker *m)
{
    const int64_t C = 768;
    static const char *const layers[] = {"attention.self.query", "attention.self.key",
                                         "attention.self.value", "attention.output.dense",
                                         "intermediate.dense",   "output.dense"};
    add(m, 0, 0.02f, DIM(28996, C), "embeddings.word_embeddings.weight");
    add(m, 0, 0.02f, DIM(512, C), "embeddings.position_embeddings.weight");
    add(m, 0, 0.02f, DIM(2, C), "embeddings.token_type_embeddings.weight");
    norm(m, C, "embeddings.LayerNorm");
    char name[96];
    for (int i = 0; i < 12; i++) {
        for (int k = 0; k < 6; k++) {
            (void)snprintf(name, sizeof name, "encoder.layer.%d.%s", i, layers[k]);
            linear(m, k == 4 ? 4 * C : C, k == 5 ? 4 * C : C, name);
        }
        (void)snprintf(name, sizeof name, "encoder.layer.%d.attention.output.LayerNorm", i);
        norm(m, C, name);
        (void)snprintf(name, sizeof name, "encoder.layer.%d.output.LayerNorm", i);
        norm(m, C, name);
    }
}

static enum bv_status add_weights(const char *name, struct maker *m)
{
    if (strcmp(name, "resnet50") == 0)
        resnet50(m);
    else if (strcmp(name, "vit-b16") == 0)
        vit(m, 16);
    else if (strcmp(name, "vit-b32") == 0)
        vit(m, 32);
    else if (strcmp(name, "swin-t") == 0)
        swin_t(m);
    else if (strcmp(name, "bert-base") == 0)
        bert_base(m);
    else
        return bv_fail(m->err, BV_ERR_ARG, "unknown architecture \"%s\"", name);
    return m->status;
}

enum bv_status bv_arch_weights(const char *name, struct bv_weights *weights, struct bv_error *err)
{
    return add_weights(name, &(struct maker){weights, err, BV_OK, true, 1});
}

enum bv_status bv_arch_shapes(const char *name, struct bv_weights *weights, struct bv_error *err)
{
    return add_weights(name, &(struct maker){weights, err, BV_OK, false, 1});
}

void bv_arch_build(const char *name, struct bv_graph *g, int64_t batch, int tokens)
{
    struct bv_features features = {.n = 0};
    struct bv_tensor *y = NULL;
    if (strcmp(name, "bert-base") == 0) {
        json_t *config = json_pack("{s:s}", "arch", "bert");
        struct bv_text_inputs in = {0};
        in.ids = bv_graph_input(g, "ids", BV_I32, DIM(batch, tokens));
        in.lengths = bv_graph_input(g, "lengths", BV_I32, DIM(batch));
        in.last = bv_graph_input(g, "last", BV_I32, DIM(batch, 1));
        bv_text_build(g, config, "", &in, &features);
        y = bv_features_find(&features, "cls");
        json_decref(config);
    } else {
        json_t *config = json_pack("{s:s}", "arch",
                                   name[0] == 'r'   ? "resnet"
                                   : name[0] == 's' ? "swin"
                                                    : "vit");
        struct bv_tensor *pixels = bv_graph_input(g, "pixels", BV_F32, DIM(batch, 224, 224, 3));
        bv_vision_build(g, config, "", pixels, &features);
        y = name[0] == 'v' ? bv_features_find(&features, "cls")
                           : bv_reduce(g, bv_features_find(&features, "map"), NULL, BV_REDUCE_MEAN);
        json_decref(config);
    }
    (void)bv_graph_output(g, y, "y");
}
