// conformance.<system>: systems whose labels are the queries of a decoder over image patches.
//
//     test_conformance_decoder SYSTEM [DEVICE [PRECISION]]        (default: cpu f32)
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/case.h"
#include "convert/convert.h"
#include "explain/probe.h"
#include "model/card.h"
#include "model/graphs.h"
#include "score/classifier.h"
#include "support/check.h"
#include "support/reference.h"

// What a reduced checkpoint has of its own: heads, and the side of its images.
struct settings {
    char heads[64], image_heads[64], recipe[512];
    const char *items[4];
    size_t n;
};

static void set_heads(struct settings *s, const struct bench *b)
{
    (void)snprintf(s->heads, sizeof s->heads, "text.heads=%d",
                   bench_integer(b, "bert_config.num_attention_heads"));
    s->items[s->n++] = s->heads;
}

// A label of its own for each text of a list, as its prompt.
static void parse_texts(struct bench *b, const json_t *texts, struct bv_labels *labels)
{
    struct bv_error err = {0};
    char names[4096];
    size_t i, used = 0;
    const json_t *text;
    json_t *classes = json_object();
    json_array_foreach((json_t *)(uintptr_t)texts, i, text)
    {
        char name[32];
        (void)snprintf(name, sizeof name, "text %zu", i);
        (void)json_object_set_new(classes, name, json_pack("[O]", text));
        used += (size_t)snprintf(names + used, sizeof names - used, "%s\n", name);
    }
    assert_true(used < sizeof names);
    json_t *set = json_pack("{s:[s], s:o}", "positive", "{}", "classes", classes);
    assert_ok(bv_labels_parse(labels, names, used, b->system, set, &err), err);
    json_decref(set);
}

// The image's rows that the decoder reads.
static float *image_rows(struct bench *b, const char *image, struct bv_output_shape *shape)
{
    const char *output = bv_json_string(bv_model_decoder_card(b->model), "image", "tokens");
    return bench_image(b, image, output, shape);
}

// Scores of labels for every image against an array [images,labels].
static void check_scores(struct bench *b, const char *const *images, size_t n,
                         const struct bv_labels *labels, const char *array)
{
    struct bv_error err = {0};
    struct bv_classifier *classifier = NULL;
    const struct npy *golden = bench_array(b, "%s", array);
    assert_int_equal(golden->n, n * labels->n);
    assert_ok(bv_classifier_create(&classifier, b->session, labels, &err), err);
    double *scores = calloc(labels->n, sizeof *scores);
    assert_non_null(scores);
    for (size_t i = 0; i < n; i++) {
        struct bv_output_shape shape = {0}, pooled = {0};
        float *rows = image_rows(b, images[i], &shape);
        float *image = bench_image(b, images[i], bv_classifier_output(classifier), &pooled);
        assert_ok(bv_classifier_score_image(classifier, image, rows, (size_t)shape.dim[0], scores,
                                            NULL, NULL, &err),
                  err);
        bench_compare_scores(b, array, scores, npy_f32(golden) + i * labels->n, labels->n);
        free(rows);
        free(image);
    }
    free(scores);
    bv_classifier_destroy(&classifier);
}

// The same as heat maps: all queries are labels, in their order backwards.
static void check_method(struct bench *b, const char *image, const struct npy *queries,
                         const char *what, const float *theirs, size_t P)
{
    struct bv_error err = {0};
    const size_t Q = queries->shape[0];
    struct bv_pixels pixels = bench_pixels(b, image);
    struct bv_maps maps = {0};
    size_t *row = malloc(Q * sizeof *row);
    assert_non_null(row);
    for (size_t i = 0; i < Q; i++)
        row[i] = Q - 1 - i;
    const struct bv_decoder_queries labels = {npy_f32(queries), row, Q, 1, queries->shape[1], 1, 2};
    const struct bv_goal goal = {
        .output = bv_json_string(bv_model_decoder_card(b->model), "image", "tokens"),
        .n = Q,
        .D = queries->shape[1],
        .queries = &labels};
    const struct bv_probe_request request = {
        .method = bv_method_find("attention"), .pixels = &pixels, .goal = &goal};
    assert_ok(bv_probe_check(b->model, request.method, 0, goal.output, &err), err);
    assert_ok(bv_probe_maps(b->session, &request, &maps, &err), err);
    assert_int_equal(maps.h * maps.w, P);
    for (size_t i = 0; i < Q; i++)
        bench_compare(b, MAP, what, maps.values + i * P, theirs + row[i] * P, P);
    free(row);
    bv_maps_free(&maps);
    bv_pixels_free(&pixels);
}

// Logits and attention of given query embeddings [Q,D] for image i against rows of arrays
// [images,Q,…]; NULL: not compared.
static void check_decoder(struct bench *b, const char *image, size_t i, const struct npy *queries,
                          const char *logits, const char *attention)
{
    struct bv_error err = {0};
    struct bv_output_shape shape = {0};
    float *rows = image_rows(b, image, &shape);
    size_t Q = queries->shape[0], D = queries->shape[1], P = (size_t)shape.dim[0];
    const struct bv_decoder_shape sizes = {(int64_t)Q, 1, (int64_t)P, (int64_t)D, true};
    float *x = calloc(Q * 2, sizeof *x), *map = calloc(Q * P, sizeof *map);
    assert_non_null(x);
    assert_non_null(map);
    const struct bv_wanted wanted[] = {{"logits", x, Q * 2}, {"attention", map, Q * P}};
    assert_ok(bv_session_decode(b->session, &sizes, npy_f32(queries), rows, wanted, 2, &err), err);
    bench_compare(b, MAP, logits, x, npy_f32(bench_array(b, "%s", logits)) + i * Q * 2, Q * 2);
    if (attention) {
        const float *theirs = npy_f32(bench_array(b, "%s", attention)) + i * Q * P;
        bench_compare(b, MAP, attention, map, theirs, Q * P);
        check_method(b, image, queries, attention, theirs, P);
    }
    free(x);
    free(map);
    free(rows);
}

// The patches that the decoder reads, of every image, against an array [images,P,D].
static void check_patches(struct bench *b, const char *const *images, size_t n, const char *array)
{
    for (size_t i = 0; i < n; i++) {
        struct bv_output_shape shape = {0};
        float *x = image_rows(b, images[i], &shape);
        size_t each = bv_shape_elements(&shape);
        bench_compare(b, MAP, array, x, npy_f32(bench_array(b, "%s", array)) + i * each, each);
        free(x);
    }
}

// ---- KAD ----

static bool open_kad(struct bench *b)
{
    struct settings s = {.n = 0};
    set_heads(&s, b);
    (void)snprintf(s.recipe, sizeof s.recipe,
                   "preprocess={\"intensity\":\"dicom-display\",\"channels\":3,\"steps\":["
                   "{\"op\":\"rgb\"},{\"op\":\"resize\",\"filter\":\"bicubic\",\"size\":%d},"
                   "{\"op\":\"scale\",\"divide\":255},{\"op\":\"normalize\","
                   "\"mean\":[0.485,0.456,0.406],\"std\":[0.229,0.224,0.225]}]}",
                   bench_integer(b, "img_res"));
    s.items[s.n++] = s.recipe;
    return bench_model(b, bench_string(b, "checkpoint"), bench_string(b, "vocab"), NULL, s.items,
                       s.n);
}

static void check_kad(struct bench *b)
{
    const char *images[32], *name;
    size_t n = (size_t)bench_images(b, "pixel_values", images);
    json_t *names;
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, (int)n, "global", "image_pool", false);
    check_patches(b, images, n, "image_patches");
    bench_check_texts(b, bench_member(b, "sentences"), "pooled", "sentence_ids",
                      "mid/sentence_pooler", false);
    bench_check_texts(b, bench_member(b, "sentences"), "global", NULL, "sentence_features", false);
    json_object_foreach((json_t *)(uintptr_t)bench_member(b, "label_sets"), name, names)
    {
        char array[4][64];
        struct bv_labels labels = {0};
        static const char *const kinds[] = {"input_ids", "text_features", "probs", "logits"};
        for (int k = 0; k < 4; k++)
            (void)snprintf(array[k], sizeof array[k], "%s/%s", name, kinds[k]);
        bench_check_texts(b, names, "global", array[0], array[1], false);
        parse_texts(b, names, &labels);
        check_scores(b, images, n, &labels, array[2]);
        (void)snprintf(array[0], sizeof array[0], "%s/attention", name);
        for (size_t i = 0; i < n; i++)
            check_decoder(b, images[i], i, bench_array(b, "%s", array[1]), array[3], array[0]);
        bv_labels_free(&labels);
    }
}

// ---- MedKLIP ----

// Without its parts, or with one of them, the system is not converted, and what is missing is told.
static void check_incomplete(const struct bench *b, const char *text_encoder)
{
    static const char *const missing[][2] = {{"text encoder", "disease book"},
                                             {"disease book", "disease book"}};
    char *source = strdup(path_in(b->root, "%s", bench_string(b, "checkpoint")));
    for (size_t n = 0; n < 2; n++) {
        struct bv_error err = {0};
        const struct bv_import_options options = {
            .dtype = BV_F32, .parts = &text_encoder, .n_parts = n};
        assert_int_equal(bv_import(source, "/nonexistent/model", &options, NULL, &err),
                         BV_ERR_MODEL);
        for (size_t i = 0; i < 2; i++)
            if (!strstr(err.text, missing[n][i]))
                fail_msg("\"%s\" does not name the %s", err.text, missing[n][i]);
    }
    free(source);
}

// The book is a file of the conformance folder; Bio_ClinicalBERT's folder has the vocabulary.
static bool open_medklip(struct bench *b)
{
    struct settings s = {.n = 0};
    char book[512];
    set_heads(&s, b);
    const char *parts[] = {NULL, book};
    char *text = strdup(path_in(b->root, "%s", bench_string(b, "text_checkpoint")));
    (void)snprintf(book, sizeof book, "%s", path_in(b->root, "medklip/small_disease_book.json"));
    parts[0] = text;
    check_incomplete(b, text);
    bool opened = bench_model_of_parts(b, bench_string(b, "checkpoint"), parts, 2,
                                       bench_string(b, "vocab"), s.items, s.n);
    free(text);
    return opened;
}

static void check_medklip(struct bench *b)
{
    const char *images[32];
    size_t n = (size_t)bench_images(b, "pixel_values", images), i;
    struct bv_error err = {0};
    struct bv_labels labels = {0};
    char text[4096];
    size_t used = 0;
    const json_t *name;
    bench_check_pixels(b, "pixel_values");
    check_patches(b, images, n, "image_patches");
    bench_check_texts(b, bench_member(b, "sentences"), "pooled", "input_ids", "disease_book",
                      false);
    bench_check_texts(b, bench_member(b, "sentences"), "global", NULL, "query_embed", false);
    json_array_foreach((json_t *)(uintptr_t)bench_member(b, "labels"), i, name) used +=
        (size_t)snprintf(text + used, sizeof text - used, "%s\n", json_string_value(name));
    assert_true(used < sizeof text);
    assert_ok(bv_labels_parse(&labels, text, used, b->system,
                              json_object_get(b->model->card, "prompts"), &err),
              err);
    check_scores(b, images, n, &labels, "probs_chestxray14");
    for (i = 0; i < n; i++)
        check_decoder(b, images[i], i, bench_array(b, "query_embed"), "logits",
                      i < 2 ? "attention_mean" : NULL);
    bv_labels_free(&labels);
}

// ---- CARZero ----

static bool open_carzero(struct bench *b)
{
    struct settings s = {.n = 0};
    set_heads(&s, b);
    (void)snprintf(s.image_heads, sizeof s.image_heads, "image.heads=%d",
                   bench_integer(b, "vit.heads"));
    s.items[s.n++] = s.image_heads;
    return bench_model(b, bench_string(b, "checkpoint"), bench_string(b, "vocab"), NULL, s.items,
                       s.n);
}

static void check_carzero(struct bench *b)
{
    const char *images[32];
    size_t n = (size_t)bench_images(b, "pixel_values_ch0", images);
    struct bv_labels labels = {0};
    bench_check_pixels(b, "pixel_values_ch0");
    bench_check_images(b, images, (int)n, "global", "img_emb_global", false);
    bench_check_texts(b, bench_member(b, "sentences"), "global", "caption_ids", "text_emb_global",
                      false);
    parse_texts(b, bench_member(b, "sentences"), &labels);
    check_scores(b, images, n, &labels, "scores");
    bv_labels_free(&labels);
}

// ---- The table ----

static const struct conformance_case cases[] = {
    {"kad.512", "kad/golden_small_512", open_kad, check_kad},
    {"kad.224", "kad/golden_small_224", open_kad, check_kad},
    {"medklip", "medklip/golden_small", open_medklip, check_medklip},
    {"carzero", "carzero/golden_small", open_carzero, check_carzero},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
