// conformance.<system>: every published dual encoder against the outputs of its authors' code.
//
//     test_conformance_dual SYSTEM [DEVICE [PRECISION]]        (default: cpu f32)
#include <stdlib.h>
#include <string.h>

#include "conformance/bench.h"
#include "model/card.h"
#include "score/classifier.h"
#include "support/check.h"
#include "support/reference.h"

// One case of the table at the end.
struct system_case {
    const char *name, *golden;
    void (*open)(struct bench *b, bool *available);
    void (*check)(struct bench *b);
};

// Overrides for what a reduced checkpoint's tensors do not tell.
struct overrides {
    char text[8][64];
    const char *items[8];
    size_t n;
};

static void override(struct overrides *o, const char *key, int value)
{
    (void)snprintf(o->text[o->n], sizeof o->text[0], "%s=%d", key, value);
    o->items[o->n] = o->text[o->n];
    o->n++;
}

static void open_system(struct bench *b, const struct overrides *o, const char *checkpoint,
                        const char *vocab, bool *available)
{
    *available = bench_model(b, checkpoint, vocab, NULL, o->items, o->n);
}

// A labels file whose labels have the prompts of a JSON object {class: [prompt, …]}, or, for a JSON
// array of names, the model's own.
static void parse_labels(struct bench *b, const json_t *source, struct bv_labels *labels)
{
    struct bv_error err = {0};
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t i, k, used = 0, room = 1 << 20;
    const char *name;
    const json_t *value, *prompt;
    if (json_is_array(source)) {
        json_array_foreach(source, i, value) used +=
            (size_t)snprintf(text + used, room - used, "%s\n", json_string_value(value));
    } else {
        json_object_foreach((json_t *)(uintptr_t)source, name, value)
        {
            used += (size_t)snprintf(text + used, room - used, "%s = ", name);
            json_array_foreach((json_t *)(uintptr_t)value, k, prompt) used += (size_t)snprintf(
                text + used, room - used, "%s%s", k ? "|" : "", json_string_value(prompt));
            used += (size_t)snprintf(text + used, room - used, "\n");
        }
    }
    const json_t *set = json_object_get(b->model->card, "prompts");
    assert_ok(bv_labels_parse(labels, text, used, b->system, set, &err), err);
    free(text);
}

// Scores every image against labels and compares with rows of an array [images, labels].
static void check_scores(struct bench *b, const char *const *images, int n,
                         const json_t *label_source, const char *array)
{
    struct bv_error err = {0};
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    parse_labels(b, label_source, &labels);
    assert_ok(bv_classifier_create(&classifier, b->session, &labels, &err), err);
    const float *golden = npy_f32(bench_array(b, "%s", array));
    double *scores = calloc(labels.n, sizeof *scores);
    assert_non_null(golden);
    assert_non_null(scores);
    for (int i = 0; i < n; i++) {
        struct bv_output_shape shape = {0};
        float *x = bench_image(b, images[i], "global", &shape);
        assert_ok(bv_classifier_score(classifier, x, 1, scores, NULL, NULL, &err), err);
        bench_compare_scores(b, array, scores, golden + (size_t)i * labels.n, labels.n);
        free(x);
    }
    free(scores);
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
}

// scale × cosine of every image with every sentence against an array [images, sentences].
static void check_similarities(struct bench *b, const char *const *images, int n, float scale,
                               const char *array)
{
    const struct npy *golden = bench_array(b, "%s", array);
    const json_t *sentences = bench_member(b, "sentences");
    size_t m = json_array_size(sentences);
    assert_int_equal(golden->n, (size_t)n * m);
    for (int i = 0; i < n; i++) {
        struct bv_output_shape shape = {0};
        float *image = bench_image(b, images[i], "global", &shape);
        size_t D = (size_t)shape.dim[0];
        bench_normalize(image, D);
        for (size_t k = 0; k < m; k++) {
            float *text =
                bench_text(b, json_string_value(json_array_get(sentences, k)), "global", &shape);
            bench_normalize(text, D);
            double dot = 0;
            for (size_t d = 0; d < D; d++)
                dot += (double)image[d] * text[d];
            float score = (float)(scale * dot);
            bench_compare(b, SCORE, array, &score, npy_f32(golden) + (size_t)i * m + k, 1);
            free(text);
        }
        free(image);
    }
}

static float logit_scale(struct bench *b)
{
    struct bv_error err = {0};
    float scale = 1;
    assert_ok(bv_model_logit_scale(b->model, &scale, &err), err);
    return scale;
}

// ---- CheXzero ----

static void open_chexzero(struct bench *b, bool *available)
{
    struct overrides o = {.n = 0};
    char path[512];
    override(&o, "image.heads", bench_integer(b, "params.vision_width") / 64);
    override(&o, "text.heads", bench_integer(b, "params.transformer_heads"));
    (void)snprintf(path, sizeof path, "chexzero/%s", bench_string(b, "checkpoint"));
    open_system(b, &o, path, "tokenizers/clip-merges.txt", available);
}

static void check_chexzero(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, n, "global", "image_features", false);
    bench_check_texts(b, bench_member(b, "sentences"), "global", "sentence_tokens",
                      "sentence_features", false);
    check_similarities(b, images, n, logit_scale(b), "logits_per_image");
    check_scores(b, images, n, bench_member(b, "labels"), "zero_shot_prob");
}

// ---- MedCLIP ----

static void open_medclip(struct bench *b, bool *available)
{
    struct overrides o = {.n = 0};
    override(&o, "text.heads", bench_integer(b, "bert_config.num_attention_heads"));
    open_system(b, &o, bench_string(b, "checkpoint"), bench_string(b, "vocab"), available);
}

static void check_medclip(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, n, "global", "vision_raw", false);
    bench_check_images(b, images, n, "global", "img_embeds", true);
    bench_check_texts(b, bench_member(b, "sentences"), "global", "input_ids",
                      "text_embeds_unpadded", true);
    const char *name;
    const json_t *prompts, *prompt;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)bench_member(b, "class_prompts"), name, prompts)
    {
        const struct npy *ids = bench_array(b, "prompt_ids/%s", name);
        json_array_foreach((json_t *)(uintptr_t)prompts, i, prompt) bench_compare_ids(
            b, json_string_value(prompt), npy_i64(ids) + i * ids->shape[1], ids->shape[1]);
    }
    struct bv_error err = {0};
    check_scores(b, images, n, bench_member(b, "class_prompts"), "prompt_logits_mean");
    assert_ok(bv_card_set(b->model->card, "scoring.combine", "max_score", &err), err);
    check_scores(b, images, n, bench_member(b, "class_prompts"), "prompt_logits_max");
}

// ---- The table ----

static const struct system_case cases[] = {
    {"chexzero", "chexzero/golden_small", open_chexzero, check_chexzero},
    {"medclip.resnet", "medclip/golden_small_resnet", open_medclip, check_medclip},
    {"medclip.vit", "medclip/golden_small_vit", open_medclip, check_medclip},
};

static const char *root, *device = "cpu", *precision = "f32";
static const struct system_case *the_case;
static bool skipped;

static void test_system(void **state)
{
    (void)state;
    struct bench b = {.device = device, .precision = precision};
    bool available = false;
    bench_open(&b, root, the_case->name, the_case->golden);
    the_case->open(&b, &available);
    skipped = !available;
    if (available)
        the_case->check(&b);
    int failures = available ? bench_summary(&b) : 0;
    bench_close(&b);
    if (failures)
        fail_msg("%s: %d comparisons beyond their limits", the_case->name, failures);
}

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "";
    if (argc > 2)
        device = argv[2];
    if (argc > 3)
        precision = argv[3];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(cases[i].name, wanted) == 0)
            the_case = &cases[i];
    if (!the_case) {
        (void)fprintf(stderr, "usage: %s SYSTEM [DEVICE [PRECISION]]\n", argv[0]);
        return 2;
    }
    root = conformance_dir();
    if (!root)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_system)};
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    return skipped && result == 0 ? TEST_SKIPPED : result;
}
