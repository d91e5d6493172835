// conformance.<system>: dual encoders in the folders of Hugging Face's transformers and of
// open_clip, read by their configuration, against the outputs of these libraries.
//
//     test_conformance_folder SYSTEM [DEVICE [PRECISION]]        (default: cpu f32)
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/case.h"
#include "model/card.h"
#include "score/classifier.h"
#include "support/check.h"

// The folder that the golden file names, with some fields of its card set.
static bool open_set(struct bench *b, const char *const *set, size_t n)
{
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s", bench_string(b, "checkpoint"));
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    return bench_model(b, folder, NULL, NULL, set, n);
}

static bool open_folder(struct bench *b)
{
    return open_set(b, NULL, 0);
}

// ---- scores ----

// The sentences as labels that are their own prompts.
static void parse_sentences(struct bench *b, struct bv_labels *labels)
{
    struct bv_error err = {0};
    char text[8192];
    size_t used = 0, i;
    const json_t *sentence;
    json_array_foreach((json_t *)(uintptr_t)bench_member(b, "sentences"), i, sentence) used +=
        (size_t)snprintf(text + used, sizeof text - used, "%zu = %s\n", i,
                         json_string_value(sentence));
    assert_true(used < sizeof text);
    assert_ok(bv_labels_parse(labels, text, used, b->system, NULL, &err), err);
}

// The rule's scores of every image and sentence against an array [images, sentences].
static void check_scores(struct bench *b, const char *const *images, int n, const char *rule,
                         const char *array)
{
    struct bv_error err = {0};
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    if (rule)
        assert_ok(bv_card_set(b->model->card, "scoring.rule", rule, &err), err);
    parse_sentences(b, &labels);
    assert_ok(bv_classifier_create(&classifier, b->session, &labels, &err), err);
    double *scores = calloc((size_t)n * labels.n, sizeof *scores);
    assert_non_null(scores);
    for (int i = 0; i < n; i++) {
        struct bv_output_shape shape = {0};
        float *x = bench_image(b, images[i], bv_classifier_output(classifier), &shape);
        assert_ok(bv_classifier_score_image(classifier, x, NULL, 0, scores + (size_t)i * labels.n,
                                            NULL, NULL, &err),
                  err);
        free(x);
    }
    bench_compare_scores(b, array, scores, npy_f32(bench_array(b, "%s", array)),
                         (size_t)n * labels.n);
    free(scores);
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
}

// ---- what all have ----

static void check_dual(struct bench *b, const char *ids)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, n, "global", "image_features_raw", false);
    bench_check_texts(b, bench_member(b, "sentences"), "global", ids, "text_features_raw", false);
    check_scores(b, images, n, NULL, "probs");
}

// ---- SigLIP ----

static void check_siglip(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    struct bv_output_shape shape = {0};
    check_dual(b, "input_ids_unpadded");
    check_scores(b, images, n, "softmax", "probs_softmax");
    const struct npy *tokens = bench_array(b, "vision/tokens_img0");
    float *x = bench_image(b, images[0], "local", &shape);
    assert_int_equal(bv_shape_elements(&shape), tokens->n);
    bench_compare(b, MAP, "vision/tokens_img0", x, npy_f32(tokens), tokens->n);
    free(x);
}

// Another size of image: the positions are interpolated.
static void check_siglip_sizes(struct bench *b)
{
    check_siglip(b);
    const struct npy *golden = bench_array(b, "interpolated/pixel_values");
    size_t H = golden->shape[1], W = golden->shape[2];
    struct bv_pixels pixels = {
        .width = (int)W, .height = (int)H, .channels = 3, .sample = BV_SAMPLE_F32};
    float *data = pixels.data = malloc(3 * H * W * sizeof *data);
    assert_non_null(data);
    for (size_t i = 0; i < 3 * H * W; i++)
        data[i] = npy_f32(golden)[i / 3];
    struct bv_output_shape shape = {0};
    float *x = bench_image_of(b, &pixels, "global", &shape);
    bench_compare(b, EMBEDDING, "interpolated", x,
                  npy_f32(bench_array(b, "interpolated/image_features_raw")), (size_t)shape.dim[0]);
    free(x);
    free(data);
}

// MedSigLIP's three official ways to prepare an image: recipes of those names.
static bool open_processor(struct bench *b)
{
    const char *set[] = {"preprocess=medsiglip-processor"};
    return open_set(b, set, 1);
}

static bool open_serving(struct bench *b)
{
    const char *set[] = {"preprocess=medsiglip-serving"};
    return open_set(b, set, 1);
}

// The embeddings are of all images, of which one has its pixels in the golden file too.
static void check_preparation(struct bench *b, const char *pixels, const char *features)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    bench_check_pixels(b, pixels);
    bench_check_images(b, images, n, "global", features, false);
}

static void check_notebook(struct bench *b)
{
    check_preparation(b, "pixel_values_tf", "image_features_tf_raw");
}

static void check_serving(struct bench *b)
{
    check_preparation(b, "pixel_values_serving", "image_features_serving_raw");
}

// ---- CLIP of transformers ----

static void check_hf_clip(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    check_dual(b, "input_ids");
    bench_check_images(b, images, n, "pooled", "vision/pooler_output", false);
    bench_check_texts(b, bench_member(b, "sentences"), "pooled", NULL, "text/pooler_output", false);
}

// The same weights as torch.save() writes them.
static bool open_bin(struct bench *b)
{
    return bench_model(b, bench_string(b, "checkpoint_bin"), NULL, NULL, NULL, 0);
}

// The vocabulary as the slow tokenizer's files.
static bool open_vocab(struct bench *b)
{
    return bench_model(b, bench_string(b, "checkpoint"), bench_string(b, "vocab"), NULL, NULL, 0);
}

static void check_pubmedclip(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, n, "global", "image_features", false);
    bench_check_texts(b, bench_member(b, "sentences"), "global", "sentence_tokens",
                      "sentence_features", false);
    check_scores(b, images, n, NULL, "probs");
}

// ---- open_clip ----

static void check_open_clip(struct bench *b)
{
    check_dual(b, "input_ids");
}

// What timm and BERT have besides width / 64 heads, no file of a reduced folder tells.
static bool open_timm(struct bench *b)
{
    const char *set[] = {"image.heads=3"};
    return open_set(b, set, 1);
}

static bool open_bert(struct bench *b)
{
    const char *set[] = {"text.heads=3"};
    return open_set(b, set, 1);
}

static bool open_unimed(struct bench *b)
{
    const char *set[] = {"image.heads=3", "text.heads=3"};
    return bench_model(b, bench_string(b, "checkpoint_unimed"), NULL, NULL, set, 2);
}

static void check_timm(struct bench *b)
{
    const char *images[32];
    struct bv_output_shape shape = {0};
    (void)bench_images(b, "pixel_values", images);
    check_dual(b, "input_ids_unpadded");
    const struct npy *tokens = bench_array(b, "vision/tokens_img0");
    float *x = bench_image(b, images[0], "local", &shape);
    assert_int_equal(bv_shape_elements(&shape), tokens->n);
    bench_compare(b, MAP, "vision/tokens_img0", x, npy_f32(tokens), tokens->n);
    free(x);
}

static const struct conformance_case cases[] = {
    {"hf_clip", "hf_clip/golden_small", open_folder, check_hf_clip},
    {"hf_clip.bin", "hf_clip/golden_small", open_bin, check_hf_clip},
    {"hf_clip.vocab", "hf_clip/golden_small", open_vocab, check_hf_clip},
    {"pubmedclip_openai", "pubmedclip_openai/golden_small", open_vocab, check_pubmedclip},
    {"open_clip.clip", "open_clip/golden_small_clip", open_folder, check_open_clip},
    {"open_clip.custom", "open_clip/golden_small_custom", open_folder, check_open_clip},
    {"open_clip.siglip", "open_clip/golden_small_siglip", open_timm, check_timm},
    {"open_clip.unimed", "open_clip/golden_small_unimed", open_bert, check_open_clip},
    {"open_clip.unimed.pt", "open_clip/golden_small_unimed", open_unimed, check_open_clip},
    {"siglip.medsiglip", "siglip/golden_small_medsiglip", open_processor, check_siglip},
    {"siglip.medsiglip.notebook", "siglip/golden_small_medsiglip", open_folder, check_notebook},
    {"siglip.medsiglip.serving", "siglip/golden_small_medsiglip", open_serving, check_serving},
    {"siglip", "siglip/golden_small_siglip", open_folder, check_siglip_sizes},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
