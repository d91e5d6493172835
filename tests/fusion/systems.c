// Systems without published weights (PixelBERT, Wang et al. 2021, BERTHop): small checkpoints in
// the layout of their cards convert, run, and keep the promises of a fusion encoder.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fusion/files.h"
#include "score/fusion_scores.h"
#include "support/check.h"

enum { WIDTH = 32, VOCABULARY = 40, DEEP = 8, MAX_TENSORS = 256 };

// A checkpoint under construction.
struct layout {
    struct bv_safetensors_spec specs[MAX_TENSORS];
    char names[MAX_TENSORS][160];
    size_t n;
    uint32_t state;
};

static void tensor(struct layout *l, const char *name, int rank, int64_t a, int64_t b, int64_t c,
                   int64_t d)
{
    struct bv_safetensors_spec *s = &l->specs[l->n];
    int64_t shape[] = {a, b, c, d};
    size_t count = 1;
    assert_true(l->n < MAX_TENSORS);
    (void)snprintf(l->names[l->n], sizeof l->names[0], "%s", name);
    *s = (struct bv_safetensors_spec){.name = l->names[l->n], .dtype = BV_F32, .n_dims = rank};
    for (int i = 0; i < rank; i++) {
        s->shape[i] = shape[i];
        count *= (size_t)shape[i];
    }
    float *x = malloc(count * sizeof *x);
    assert_non_null(x);
    bool positive = strstr(name, "var") || strstr(name, "Norm.weight") || strstr(name, "bn");
    for (size_t i = 0; i < count; i++) {
        l->state = l->state * 1664525u + 1013904223u;
        float u = (float)(l->state >> 8) / 16777216.0f - 0.5f;
        x[i] = positive ? 1 + 0.4f * u : 0.5f * u;
    }
    s->data = x;
    l->n++;
}

static void linear(struct layout *l, const char *name, int64_t out, int64_t in)
{
    char full[160];
    (void)snprintf(full, sizeof full, "%s.weight", name);
    tensor(l, full, 2, out, in, 0, 0);
    (void)snprintf(full, sizeof full, "%s.bias", name);
    tensor(l, full, 1, out, 0, 0, 0);
}

static void norm(struct layout *l, const char *name, int64_t width)
{
    char full[160];
    (void)snprintf(full, sizeof full, "%s.weight", name);
    tensor(l, full, 1, width, 0, 0, 0);
    (void)snprintf(full, sizeof full, "%s.bias", name);
    tensor(l, full, 1, width, 0, 0, 0);
}

static const char *join(const char *prefix, const char *name)
{
    static char text[8][160];
    static int next;
    char joined[sizeof text[0]]; // prefix may be one of text
    (void)snprintf(joined, sizeof joined, "%s%s", prefix, name);
    return memcpy(text[next++ % 8], joined, sizeof joined);
}

static void bert(struct layout *l, const char *prefix, int layers)
{
    tensor(l, join(prefix, "embeddings.word_embeddings.weight"), 2, VOCABULARY, WIDTH, 0, 0);
    tensor(l, join(prefix, "embeddings.position_embeddings.weight"), 2, 64, WIDTH, 0, 0);
    tensor(l, join(prefix, "embeddings.token_type_embeddings.weight"), 2, 2, WIDTH, 0, 0);
    norm(l, join(prefix, "embeddings.LayerNorm"), WIDTH);
    for (int i = 0; i < layers; i++) {
        static const char *const square[] = {"attention.self.query", "attention.self.key",
                                             "attention.self.value", "attention.output.dense"};
        char p[128];
        (void)snprintf(p, sizeof p, "%sencoder.layer.%d.", prefix, i);
        for (size_t k = 0; k < 4; k++)
            linear(l, join(p, square[k]), WIDTH, WIDTH);
        norm(l, join(p, "attention.output.LayerNorm"), WIDTH);
        linear(l, join(p, "intermediate.dense"), 2 * WIDTH, WIDTH);
        linear(l, join(p, "output.dense"), WIDTH, 2 * WIDTH);
        norm(l, join(p, "output.LayerNorm"), WIDTH);
    }
    linear(l, join(prefix, "pooler.dense"), WIDTH, WIDTH);
}

static void batch_norm(struct layout *l, const char *name, int64_t width)
{
    static const char *const parts[] = {".weight", ".bias", ".running_mean", ".running_var"};
    for (size_t i = 0; i < 4; i++)
        tensor(l, join(name, parts[i]), 1, width, 0, 0, 0);
}

static void resnet(struct layout *l, const char *prefix)
{
    tensor(l, join(prefix, "conv1.weight"), 4, DEEP, 3, 7, 7);
    batch_norm(l, join(prefix, "bn1"), DEEP);
    tensor(l, join(prefix, "layer1.0.conv1.weight"), 4, DEEP, DEEP, 3, 3);
    batch_norm(l, join(prefix, "layer1.0.bn1"), DEEP);
    tensor(l, join(prefix, "layer1.0.conv2.weight"), 4, DEEP, DEEP, 3, 3);
    batch_norm(l, join(prefix, "layer1.0.bn2"), DEEP);
}

static void grid_system(struct layout *l, const char *name)
{
    char semantic[64];
    (void)snprintf(semantic, sizeof semantic, "%s.semantic_embedding.weight", name);
    resnet(l, "image_encoder.");
    bert(l, "bert.", 2);
    linear(l, "image_projection", WIDTH, DEEP);
    tensor(l, semantic, 2, 1, WIDTH, 0, 0);
    linear(l, "itm", 2, WIDTH);
    linear(l, "cls.predictions.transform.dense", WIDTH, WIDTH);
    norm(l, "cls.predictions.transform.LayerNorm", WIDTH);
    tensor(l, "cls.predictions.decoder.weight", 2, VOCABULARY, WIDTH, 0, 0);
    tensor(l, "cls.predictions.bias", 1, VOCABULARY, 0, 0, 0);
}

static void berthop(struct layout *l, const char *name)
{
    (void)name;
    const char *p = "encoder.model.bert.";
    bert(l, p, 2);
    tensor(l, join(p, "embeddings.token_type_embeddings_visual.weight"), 2, 2, WIDTH, 0, 0);
    tensor(l, join(p, "embeddings.position_embeddings_visual.weight"), 2, 64, WIDTH, 0, 0);
    linear(l, join(p, "embeddings.projection"), WIDTH, DEEP);
    linear(l, "logit_fc.0", 2 * WIDTH, WIDTH);
    norm(l, "logit_fc.2", 2 * WIDTH);
    linear(l, "logit_fc.3", 14, 2 * WIDTH);
}

static void make_image(struct bv_session *s, struct bv_fusion_image *image)
{
    static float values[64 * 64 * 3];
    struct bv_error err = {0};
    bool regions = bv_model_fusion_wants(bv_session_model(s)).regions;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = sinf((float)i * 0.37f);
    if (regions)
        assert_ok(bv_fusion_image_regions(s, values, 5, DEEP, NULL, 0, image, &err), err);
    else
        assert_ok(bv_fusion_image_encode(s, values, 64, 64, 3, image, &err), err);
}

// ---- Tests ----

struct system {
    const char *name, *head;
    void (*make)(struct layout *l, const char *name);
};

static const struct system systems[] = {
    {"pixelbert", "match", grid_system},
    {"wang2021", "match", grid_system},
    {"berthop", "diagnose", berthop},
};

// Texts of three lengths score the same alone and together, and differently from each other.
static void check_matching(struct bv_session *s, const struct bv_fusion_image *image)
{
    static const char *const texts[] = {"w5", "w6 w7 w8 w9 w10 w11 w12 w13 w14", "w20 w21 w22"};
    struct bv_error err = {0};
    double together[3], alone = 0;
    unsigned char truncated[3] = {0};
    assert_ok(bv_fusion_match(s, image, texts, 3, together, truncated, &err), err);
    for (int i = 0; i < 3; i++) {
        assert_ok(bv_fusion_match(s, image, &texts[i], 1, &alone, NULL, &err), err);
        assert_true(together[i] > 0 && together[i] < 1);
        assert_true(fabs(alone - together[i]) < 1e-6); // measured: 0
        assert_false(truncated[i]);
    }
    assert_true(fabs(together[0] - together[1]) > 1e-6);
}

static void check_diagnosis(struct bv_session *s, const struct bv_fusion_image *image)
{
    struct bv_error err = {0};
    size_t n = 0;
    double scores[14], other[14], sum = 0;
    bool truncated = false;
    assert_ok(bv_fusion_score_count(s, image, "diagnose", &n, &err), err);
    assert_int_equal(n, 14);
    assert_ok(bv_fusion_scores(s, image, "diagnose", "w5 w6", scores, &truncated, &err), err);
    assert_ok(bv_fusion_scores(s, image, "diagnose", "w5 w7", other, &truncated, &err), err);
    for (size_t i = 0; i < n; i++) {
        assert_true(scores[i] > 0 && scores[i] < 1);
        sum += fabs(scores[i] - other[i]);
    }
    assert_true(sum > 1e-6);
}

static void test_systems(void **state)
{
    (void)state;
    static const char *const set[] = {"fusion.heads=4"};
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        struct layout *l = calloc(1, sizeof *l);
        struct bv_error err = {0};
        struct files files;
        struct bv_model *model = NULL;
        struct bv_session *session = NULL;
        struct bv_session_options options = {.device = "cpu"};
        struct bv_fusion_image image = {0};
        assert_non_null(l);
        files_make(&files, VOCABULARY);
        systems[i].make(l, systems[i].name);
        // Recognised by its tensors.
        assert_ok(files_convert(&files, l->specs, l->n, NULL, set, 1, &err), err);
        assert_ok(bv_model_load(&model, files.model, &err), err);
        assert_string_equal(model->name, systems[i].name);
        assert_true(bv_fusion_can(model, systems[i].head));
        assert_ok(bv_session_open(&session, model, &options, &err), err);
        make_image(session, &image);
        if (strcmp(systems[i].head, "match") == 0)
            check_matching(session, &image);
        else
            check_diagnosis(session, &image);
        bv_fusion_image_free(&image);
        bv_session_close(&session);
        bv_model_unload(&model);
        // Without the last layer (its bias alone would be optional): missed by name.
        assert_int_equal(files_convert(&files, l->specs, l->n - 2, systems[i].name, set, 1, &err),
                         BV_ERR_MODEL);
        for (size_t k = 0; k < l->n; k++)
            free((void *)(uintptr_t)l->specs[k].data);
        files_remove(&files);
        free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_systems)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
