// conformance.<system>: published image encoders that have no text encoder.
//
//     test_conformance_vision SYSTEM [DEVICE [PRECISION]]        (default: cpu f32)
#include <stdlib.h>
#include <string.h>

#include "conformance/case.h"
#include "score/classifier.h"
#include "support/check.h"
#include "support/reference.h"

// Outputs of images that a golden file keeps as pixels: PREFIX/pixel_values [C,H,W], a single
// channel standing for all three, from arrays that may be another golden file's.
static void check_resized(struct bench *b, const struct npz *from, const char *prefix,
                          const char *const (*outputs)[2], int n)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s/pixel_values", prefix);
    const struct npy *golden = npz_find(from, name);
    assert_non_null(golden);
    size_t C = golden->shape[0], P = golden->shape[1] * golden->shape[2];
    float *turned = malloc(3 * P * sizeof *turned);
    assert_non_null(turned);
    for (size_t k = 0; k < P; k++)
        for (size_t c = 0; c < 3; c++)
            turned[k * 3 + c] = npy_f32(golden)[(C == 3 ? c * P : 0) + k];
    struct bv_pixels pixels = {.width = (int)golden->shape[2],
                               .height = (int)golden->shape[1],
                               .channels = 3,
                               .sample = BV_SAMPLE_F32,
                               .data = turned};
    for (int i = 0; i < n; i++) {
        struct bv_output_shape shape = {0};
        float *x = bench_image_of(b, &pixels, outputs[i][0], &shape);
        const struct npy *theirs = bench_array(b, "%s/%s", prefix, outputs[i][1]);
        bench_compare(b, EMBEDDING, prefix, x, npy_f32(theirs), theirs->n);
        free(x);
    }
    free(turned);
}

// One output of one image against a whole array.
static void check_map(struct bench *b, const char *image, const char *output, const char *array)
{
    struct bv_output_shape shape = {0};
    const struct npy *theirs = bench_array(b, "%s", array);
    float *x = bench_image(b, image, output, &shape);
    assert_int_equal(bv_shape_elements(&shape), theirs->n);
    bench_compare(b, MAP, array, x, npy_f32(theirs), theirs->n);
    free(x);
}

// Scores of all labels of the card's head for every image, against an array [images,labels].
static void check_head_scores(struct bench *b, const char *const *images, size_t n,
                              const char *array)
{
    struct bv_error err = {0};
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    const json_t *spec = json_object_get(b->model->card, "scoring"), *name;
    char text[8192];
    size_t i, used = 0;
    json_array_foreach((json_t *)(uintptr_t)json_object_get(spec, "labels"), i, name) used +=
        (size_t)snprintf(text + used, sizeof text - used, "%s\n", json_string_value(name));
    assert_true(used < sizeof text);
    json_t *prompts = json_pack("{s:[s]}", "positive", "{}");
    assert_ok(bv_labels_parse(&labels, text, used, b->system, prompts, &err), err);
    assert_ok(bv_classifier_create(&classifier, b->session, &labels, &err), err);
    double *scores = calloc(labels.n, sizeof *scores);
    assert_non_null(scores);
    for (i = 0; i < n; i++) {
        struct bv_output_shape shape = {0};
        float *x = bench_image(b, images[i], bv_classifier_output(classifier), &shape);
        assert_ok(bv_classifier_score_image(classifier, x, NULL, 0, scores, NULL, NULL, &err), err);
        bench_compare_scores(b, array, scores, npy_f32(bench_array(b, "%s", array)) + i * labels.n,
                             labels.n);
        free(x);
    }
    free(scores);
    json_decref(prompts);
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
}

// ---- DINOv2 ----

static bool open_dino(struct bench *b)
{
    return bench_model(b, bench_string(b, "checkpoint"), NULL, NULL, NULL, 0);
}

static bool open_dino_original(struct bench *b)
{
    return bench_model(b, bench_string(b, "checkpoint_original_layout"), NULL, NULL, NULL, 0);
}

// The golden files of the variants keep one image's pixels, and leave the resized ones to that of
// RAD-DINO.
static void check_dino(struct bench *b)
{
    static const char *const images[] = {"cxr_1024x837_gray.png", "cxr_224_gray.png",
                                         "cxr_301x260_rgb.png"},
                             *const resized[][2] = {{"global", "cls_embedding"},
                                                    {"pooled", "patch_mean"}};
    struct npz first = {0};
    if (strcmp(b->device, "cpu") == 0) { // elsewhere the resized ones: this is seconds an image
        bench_check_pixels(b, "pixel_values");
        bench_check_images(b, images, 3, "global", "cls_embeddings", false);
        bench_check_images(b, images, 3, "pooled", "patch_mean", false);
        if (npz_find(&b->arrays, "patch_embeddings_img0"))
            check_map(b, images[0], "local", "patch_embeddings_img0");
        if (npz_find(&b->arrays, "register_embeddings"))
            bench_check_images(b, images, 3, "registers", "register_embeddings", false);
    }
    assert_int_equal(npz_open(&first, path_in(b->root, "rad_dino/golden_small_rad_dino.npz")), 0);
    check_resized(b, &first, "resized_224x224", resized, 2);
    check_resized(b, &first, "resized_322x448", resized, 2);
    npz_close(&first);
}

// ---- Ark+ ----

// The published images are of 768 pixels, the reduced checkpoint's of fewer.
static bool open_ark(struct bench *b)
{
    char recipe[512];
    const char *set[] = {recipe};
    (void)snprintf(recipe, sizeof recipe,
                   "preprocess={\"intensity\":\"dicom-display\",\"channels\":3,\"steps\":["
                   "{\"op\":\"rgb\"},{\"op\":\"resize\",\"filter\":\"bicubic\",\"size\":%d},"
                   "{\"op\":\"scale\",\"divide\":255},{\"op\":\"normalize\","
                   "\"mean\":[0.485,0.456,0.406],\"std\":[0.229,0.224,0.225]}]}",
                   bench_integer(b, "img_size"));
    return bench_model(b, bench_string(b, "checkpoint"), NULL, NULL, set, 1);
}

static void check_ark(struct bench *b)
{
    static const char *const images[] = {"cxr_1024x837_gray.png", "cxr_390x467_gray.png",
                                         "cxr_224_gray.png", "cxr_301x260_rgb.png"};
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, 4, "pooled", "features", false);
    bench_check_images(b, images, 4, "global", "image_features", false);
    bench_check_images(b, images, 4, "logits", "logits", false);
    check_head_scores(b, images, 4, "probs");
}

// ---- EVA-X ----

static bool open_evax(struct bench *b)
{
    char heads[64];
    const char *set[] = {heads};
    (void)snprintf(heads, sizeof heads, "image.heads=%d", bench_integer(b, "heads"));
    return bench_model(b, bench_string(b, "checkpoint"), NULL, NULL, set, 1);
}

// resized_320 is made of the second image's pixels, nearest neighbours.
static void check_evax_320(struct bench *b, const char *image)
{
    enum { side = 320 };
    struct bv_pixels small = bench_pixels(b, image);
    const float *from = small.data;
    float *data = malloc(sizeof *data * side * side * 3);
    assert_non_null(data);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            memcpy(data + 3 * (y * side + x),
                   from + 3 * (y * small.height / side * small.width + x * small.width / side),
                   3 * sizeof *data);
    struct bv_pixels large = {
        .width = side, .height = side, .channels = 3, .sample = BV_SAMPLE_F32, .data = data};
    struct bv_output_shape shape = {0};
    const struct npy *theirs = bench_array(b, "resized_320/image_features");
    float *x = bench_image_of(b, &large, "global", &shape);
    bench_compare(b, EMBEDDING, "resized_320", x, npy_f32(theirs), theirs->n);
    free(x);
    free(data);
    bv_pixels_free(&small);
}

static void check_evax(struct bench *b)
{
    static const char *const images[] = {"cxr_1024x837_gray.png", "cxr_390x467_gray.png",
                                         "cxr_224_gray.png", "cxr_301x260_rgb.png"};
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, 4, "global", "image_features", false);
    check_map(b, images[0], "tokens", "tokens_img0");
    check_evax_320(b, images[1]);
}

// ---- The table ----

static const struct conformance_case cases[] = {
    {"rad_dino", "rad_dino/golden_small_rad_dino", open_dino, check_dino},
    {"rad_dino.original", "rad_dino/golden_small_rad_dino", open_dino_original, check_dino},
    {"rad_dino.registers", "rad_dino/golden_small_registers", open_dino, check_dino},
    {"rad_dino.swiglu", "rad_dino/golden_small_swiglu", open_dino, check_dino},
    {"ark", "ark/golden_small", open_ark, check_ark},
    {"evax.base", "evax/golden_small_base", open_evax, check_evax},
    {"evax.small", "evax/golden_small_small", open_evax, check_evax},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
