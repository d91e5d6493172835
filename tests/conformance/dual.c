// conformance.<system>: every published dual encoder against the outputs of its authors' code.
//
//     test_conformance_dual SYSTEM [DEVICE [PRECISION]]        (default: cpu f32)
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/case.h"
#include "convert/convert.h"
#include "model/card.h"
#include "score/classifier.h"
#include "score/heatmap.h"
#include "score/rules.h"
#include "support/check.h"
#include "support/reference.h"

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

static bool open_system(struct bench *b, const struct overrides *o, const char *checkpoint,
                        const char *vocab)
{
    return bench_model(b, checkpoint, vocab, NULL, o->items, o->n);
}

// Labels with the prompts of a JSON object {class: [prompt, …]}, or, for a JSON array of names, the
// model's own.
static void parse_labels(struct bench *b, const json_t *source, struct bv_labels *labels)
{
    struct bv_error err = {0};
    char text[8192];
    size_t i, used = 0;
    const char *name;
    const json_t *value;
    json_t *set = json_incref(json_object_get(b->model->card, "prompts"));
    if (json_is_array(source)) {
        json_array_foreach(source, i, value) used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s\n", json_string_value(value));
    } else {
        json_decref(set);
        set = json_pack("{s:[s], s:O}", "positive", "{}", "classes", source);
        json_object_foreach((json_t *)(uintptr_t)source, name, value) used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s\n", name);
    }
    assert_true(used < sizeof text);
    assert_ok(bv_labels_parse(labels, text, used, b->system, set, &err), err);
    json_decref(set);
}

// A label of its own for each sentence.
static json_t *label_each(const json_t *sentences)
{
    size_t k;
    const json_t *sentence;
    json_t *each = json_object();
    json_array_foreach((json_t *)(uintptr_t)sentences, k, sentence)
    {
        char name[32];
        (void)snprintf(name, sizeof name, "sentence %zu", k);
        (void)json_object_set_new(each, name, json_pack("[O]", sentence));
    }
    return each;
}

// Scores one image with what the classifier wants of it.
static void score_image(struct bench *b, const struct bv_classifier *classifier, const char *image,
                        double *scores)
{
    struct bv_error err = {0};
    struct bv_output_shape shape = {0}, grid = {0};
    const char *region_output = bv_classifier_region_output(classifier);
    float *x = bench_image(b, image, bv_classifier_output(classifier), &shape), *regions = NULL;
    size_t R = 0;
    if (region_output) {
        regions = bench_image(b, image, region_output, &grid);
        R = (size_t)(grid.dim[0] * (grid.rank == 3 ? grid.dim[1] : 1));
    }
    assert_ok(bv_classifier_score_image(classifier, x, regions, R, scores, NULL, NULL, &err), err);
    free(x);
    free(regions);
}

// Scores every image against labels and compares with rows of an array [images, labels]. When
// standardized is not NULL it names the array of the scores standardised over the images.
static void check_scores(struct bench *b, const char *const *images, int n,
                         const json_t *label_source, const char *array, const char *standardized)
{
    struct bv_error err = {0};
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    parse_labels(b, label_source, &labels);
    assert_ok(bv_classifier_create(&classifier, b->session, &labels, &err), err);
    const float *golden = npy_f32(bench_array(b, "%s", array));
    double *scores = calloc((size_t)n * labels.n, sizeof *scores);
    assert_non_null(golden);
    assert_non_null(scores);
    for (int i = 0; i < n; i++)
        score_image(b, classifier, images[i], scores + (size_t)i * labels.n);
    bench_compare_scores(b, array, scores, golden, (size_t)n * labels.n);
    if (standardized) {
        bv_standardize_scores(scores, (size_t)n, labels.n);
        bench_compare_scores(b, standardized, scores, npy_f32(bench_array(b, "%s", standardized)),
                             (size_t)n * labels.n);
    }
    free(scores);
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
}

// On another device than the CPU: scores as classify gives them, against the CPU's. For systems
// whose golden files hold no scores but similarities.
static void check_like_cpu(struct bench *b)
{
    struct bv_error err = {0};
    struct bv_session *sessions[2] = {b->session, NULL};
    struct bv_session_options cpu = {"cpu", "f32", b->pool};
    struct bv_labels labels = {0};
    double scores[2][64];
    float golden[64];
    if (strcmp(b->device, "cpu") == 0)
        return;
    json_t *each = label_each(bench_member(b, "sentences"));
    parse_labels(b, each, &labels);
    json_decref(each);
    assert_in_range(labels.n, 2, 64);
    assert_ok(bv_session_open(&sessions[1], b->model, &cpu, &err), err);
    for (int i = 0; i < 2; i++) {
        struct bv_classifier *classifier = NULL;
        b->session = sessions[i];
        assert_ok(bv_classifier_create(&classifier, b->session, &labels, &err), err);
        score_image(b, classifier, "cxr_512_gray.png", scores[i]);
        bv_classifier_destroy(&classifier);
    }
    b->session = sessions[0];
    bv_session_close(&sessions[1]);
    for (size_t i = 0; i < labels.n; i++)
        golden[i] = (float)scores[1][i];
    bench_compare_scores(b, "the CPU's scores", scores[0], golden, labels.n);
    bv_labels_free(&labels);
}

// scale × cosine of every image with every sentence against an array [images, sentences].
static void check_similarities(struct bench *b, const char *const *images, int n,
                               const json_t *sentences, float scale, const char *array)
{
    const struct npy *golden = bench_array(b, "%s", array);
    size_t m = json_array_size(sentences);
    assert_int_equal(golden->n, (size_t)n * m);
    b->scale = scale;
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

// How many heads a reduced ViT has, no file tells; the goldens were made with as many as the text
// encoder beside it has. One of the published width has width / 64.
static int vit_heads(const struct bench *b, size_t width)
{
    return width >= 384 ? (int)(width / 64) : bench_integer(b, "bert_config.num_attention_heads");
}

static float logit_scale(struct bench *b)
{
    struct bv_error err = {0};
    float scale = 1;
    assert_ok(bv_model_logit_scale(b->model, &scale, &err), err);
    return scale;
}

// ---- CheXzero ----

static bool open_chexzero(struct bench *b)
{
    struct overrides o = {.n = 0};
    char path[512];
    override(&o, "image.heads", bench_integer(b, "params.vision_width") / 64);
    override(&o, "text.heads", bench_integer(b, "params.transformer_heads"));
    (void)snprintf(path, sizeof path, "chexzero/%s", bench_string(b, "checkpoint"));
    return open_system(b, &o, path, "tokenizers/clip-merges.txt");
}

static void check_chexzero(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, n, "global", "image_features", false);
    bench_check_texts(b, bench_member(b, "sentences"), "global", "sentence_tokens",
                      "sentence_features", false);
    check_similarities(b, images, n, bench_member(b, "sentences"), logit_scale(b),
                       "logits_per_image");
    check_scores(b, images, n, bench_member(b, "labels"), "zero_shot_prob", NULL);
}

// ---- MedCLIP ----

static bool open_medclip(struct bench *b)
{
    struct overrides o = {.n = 0};
    override(&o, "text.heads", bench_integer(b, "bert_config.num_attention_heads"));
    return open_system(b, &o, bench_string(b, "checkpoint"), bench_string(b, "vocab"));
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
    check_scores(b, images, n, bench_member(b, "class_prompts"), "prompt_logits_mean", NULL);
    assert_ok(bv_card_set(b->model->card, "scoring.combine", "max_score", &err), err);
    check_scores(b, images, n, bench_member(b, "class_prompts"), "prompt_logits_max", NULL);
}

// ---- BioViL ----

static bool open_biovil(struct bench *b)
{
    struct overrides o = {.n = 0};
    override(&o, "text.heads", bench_integer(b, "bert_config.num_attention_heads"));
    return open_system(b, &o, bench_string(b, "text_checkpoint"), bench_string(b, "vocab"));
}

// The 8-bit pixels before the division by 255.
static void check_biovil_pixels(struct bench *b, const char *const *images, int n)
{
    for (int i = 0; i < n; i++) {
        const struct npy *golden = bench_array(b, "pixel_values_u8/%s", images[i]);
        struct bv_pixels pixels = bench_pixels(b, images[i]);
        const float *ours = pixels.data;
        float *theirs = malloc(golden->n * sizeof *theirs),
              *plane = malloc(golden->n * sizeof *plane);
        assert_non_null(theirs);
        assert_non_null(plane);
        assert_int_equal(golden->n, (size_t)pixels.width * (size_t)pixels.height);
        for (size_t k = 0; k < golden->n; k++) {
            theirs[k] = npy_u8(golden)[k] / 255.0f;
            plane[k] = ours[k * (size_t)pixels.channels];
        }
        bench_compare(b, PIXELS, images[i], plane, theirs, golden->n);
        free(theirs);
        free(plane);
        bv_pixels_free(&pixels);
    }
}

// The heat map of image 1 and sentence 1.
static void check_heatmap(struct bench *b, const char *image)
{
    struct bv_error err = {0};
    struct bv_output_shape shape = {0}, dim = {0};
    const json_t *spec = json_object_get(b->model->card, "heatmap");
    const char *sentence = json_string_value(json_array_get(bench_member(b, "sentences"), 1));
    float *patches = bench_image(b, image, "local", &shape);
    float *text = bench_text(b, sentence, "global", &dim);
    size_t h = (size_t)shape.dim[0], w = (size_t)shape.dim[1], D = (size_t)shape.dim[2];
    bench_normalize(text, D);
    float *grid = malloc(h * w * sizeof *grid);
    assert_non_null(grid);
    assert_ok(bv_heatmap_grid(patches, text, h, w, D, bv_json_number(spec, "sigma", 0), grid, &err),
              err);
    bench_compare(b, MAP, "heatmap_grid", grid, npy_f32(bench_array(b, "heatmap_grid_img1_sent1")),
                  h * w);
    struct bv_heatmap_crop crop = {(int)bv_json_integer(spec, "resize_shorter", 0),
                                   b->model->image_height};
    static const char *const names[] = {"heatmap_img1_sent1_nearest",
                                        "heatmap_img1_sent1_bilinear"};
    for (int smooth = 0; smooth < 2; smooth++) {
        const struct npy *golden = bench_array(b, "%s", names[smooth]);
        float *map = malloc(golden->n * sizeof *map), *theirs = malloc(golden->n * sizeof *theirs);
        assert_non_null(map);
        assert_non_null(theirs);
        bv_heatmap_spread(grid, h, w, &crop, (int)golden->shape[0], (int)golden->shape[1],
                          smooth == 1, map);
        for (size_t i = 0; i < golden->n; i++) { // outside the crop both are NaN
            assert_int_equal(map[i] != map[i], npy_f32(golden)[i] != npy_f32(golden)[i]);
            theirs[i] = map[i] != map[i] ? 0 : npy_f32(golden)[i];
            map[i] = map[i] != map[i] ? 0 : map[i];
        }
        bench_compare(b, MAP, names[smooth], map, theirs, golden->n);
        free(map);
        free(theirs);
    }
    free(grid);
    free(text);
    free(patches);
}

static void compare_global(struct bench *b, const char *name, float *x, size_t n, bool normalize)
{
    if (normalize)
        bench_normalize(x, n);
    bench_compare(b, EMBEDDING, name, x, npy_f32(bench_array(b, "%s", name)), n);
}

static void check_biovil(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values_u8", images);
    check_biovil_pixels(b, images, n);
    for (int i = 0; i < n; i++) {
        struct bv_output_shape shape = {0};
        char name[256];
        float *x = bench_image(b, images[i], "global", &shape);
        if (i == 0)
            compare_global(b, "img0/projected_global_raw", x, (size_t)shape.dim[0], false);
        (void)snprintf(name, sizeof name, "global_emb/%s", images[i]);
        compare_global(b, name, x, (size_t)shape.dim[0], true);
        free(x);
        x = bench_image(b, images[i], "local", &shape);
        const struct npy *patches = bench_array(b, "patch_emb_normalised/%s", images[i]);
        bench_compare(b, MAP, "patch_emb_normalised", x, npy_f32(patches), patches->n);
        free(x);
    }
    bench_check_images(b, images, 1, "pooled", "img0/img_embedding_pooled", false);
    const json_t *sentences = bench_member(b, "sentences");
    bench_check_texts(b, sentences, "global", "input_ids", "text/cls_projected_raw", false);
    bench_check_texts(b, sentences, "global", NULL, "text_emb_norm", true);
    const struct npy *mask = bench_array(b, "mask_ids");
    bench_compare_ids(b, bench_string(b, "mask_prompt"), npy_i64(mask), mask->n);
    check_similarities(b, images, n, sentences, 1, "similarity");
    check_like_cpu(b);
    check_heatmap(b, images[1]);
}

static void check_biovil_t(struct bench *b)
{
    check_biovil(b);
    const char *images[32];
    struct bv_error err = {0};
    (void)bench_images(b, "pixel_values_u8", images);
    struct bv_pixels current = bench_pixels(b, images[0]), prior = bench_pixels(b, images[1]);
    const struct npy *raw = bench_array(b, "pair01/projected_global_raw");
    const struct npy *pooled = bench_array(b, "pair01/img_embedding_pooled");
    float *a = malloc(raw->n * sizeof *a), *c = malloc(pooled->n * sizeof *c);
    assert_non_null(a);
    assert_non_null(c);
    struct bv_wanted wanted[] = {{"global", a, raw->n}, {"pooled", c, pooled->n}};
    const struct bv_pixel_batch batch = {current.data,   prior.data,    1,
                                         current.height, current.width, current.channels};
    assert_ok(bv_session_encode_pixels(b->session, &batch, wanted, 2, &err), err);
    bench_compare(b, EMBEDDING, raw->name, a, npy_f32(raw), raw->n);
    bench_compare(b, EMBEDDING, pooled->name, c, npy_f32(pooled), pooled->n);
    free(a);
    free(c);
    bv_pixels_free(&current);
    bv_pixels_free(&prior);
}

// ---- GLoRIA ----

// ours [positions,C] against an array [C,positions] at theirs.
static void compare_planes(struct bench *b, const char *what, const float *ours,
                           const float *theirs, size_t positions, size_t C)
{
    float *turned = malloc(positions * C * sizeof *turned);
    assert_non_null(turned);
    for (size_t c = 0; c < C; c++)
        for (size_t i = 0; i < positions; i++)
            turned[c * positions + i] = ours[i * C + c];
    bench_compare(b, MAP, what, turned, theirs, positions * C);
    free(turned);
}

// n word slots of sentence k from slot `first` on; slot 0 is the opening special token.
static struct bv_words words_of(struct bench *b, size_t k, size_t first, size_t n)
{
    struct bv_error err = {0};
    struct bv_tokens tokens = {0};
    struct bv_words words = {0};
    struct bv_output_shape shape = {0};
    const char *text = json_string_value(json_array_get(bench_member(b, "sentences"), k));
    float *rows = bench_text(b, text, "tokens", &shape);
    size_t D = (size_t)shape.dim[1];
    assert_ok(bv_tokenizer_encode(b->model->tokenizer, text, strlen(text), &tokens, &err), err);
    assert_ok(bv_words_create(&words, &tokens, rows, D, n, &err), err);
    if (first == 0) {
        memmove(words.rows + D, words.rows, (n - 1) * D * sizeof *rows);
        memcpy(words.rows, rows, D * sizeof *rows);
    }
    bv_tokens_free(&tokens);
    free(rows);
    return words;
}

// The attention of sentence k's words over the regions of image k. The training code, from which
// the golden maps are, begins with the opening special token.
static void check_attention(struct bench *b, const char *image, size_t k, size_t n_words)
{
    struct bv_error err = {0};
    struct bv_local_params params = {0};
    struct bv_output_shape shape = {0};
    bv_local_parse(&params, b->model->card);
    const struct npy *map = bench_array(b, "attn_map_pair%zu", k);
    struct bv_words words = words_of(b, k, 0, n_words);
    float *regions = bench_image(b, image, "local", &shape);
    size_t n = n_words * (size_t)(shape.dim[0] * shape.dim[1]);
    double *weight = malloc(n * sizeof *weight);
    float *ours = malloc(n * sizeof *ours);
    assert_non_null(weight);
    assert_non_null(ours);
    assert_int_equal(map->n, n);
    assert_ok(bv_word_attention(&words, regions, n / n_words, &params, weight, &err), err);
    for (size_t i = 0; i < n; i++)
        ours[i] = (float)weight[i];
    bench_compare(b, MAP, map->name, ours, npy_f32(map), n);
    free(weight);
    free(ours);
    free(regions);
    bv_words_free(&words);
}

// Words, and their attention over the image of the same number.
static void check_gloria_words(struct bench *b, const char *const *images, int n)
{
    struct bv_local_params params = {0};
    bv_local_parse(&params, b->model->card);
    const struct npy *lengths = bench_array(b, "cap_lens_words_plus1");
    const struct npy *characters = bench_array(b, "cap_lens_chars");
    const struct npy *rows = bench_array(b, "text_emb_local"); // [sentences, D, slots]
    size_t D = rows->shape[1], slots = rows->shape[2];
    for (size_t k = 0; k < rows->shape[0]; k++) {
        size_t n_words = (size_t)npy_i64(lengths)[k];
        const char *text = json_string_value(json_array_get(bench_member(b, "sentences"), k));
        assert_int_equal(bv_word_slots(text, &params), npy_i64(characters)[k]);
        struct bv_words words = words_of(b, k, 1, n_words);
        assert_int_equal(words.n, n_words);
        float *theirs = malloc(n_words * D * sizeof *theirs);
        assert_non_null(theirs);
        for (size_t w = 0; w < n_words; w++)
            for (size_t d = 0; d < D; d++)
                theirs[w * D + d] = npy_f32(rows)[(k * D + d) * slots + w + 1];
        bench_compare(b, MAP, "text_emb_local", words.rows, theirs, n_words * D);
        free(theirs);
        bv_words_free(&words);
        if (k < (size_t)n)
            check_attention(b, images[k], k, n_words);
    }
}

static void check_gloria(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "resized256_u8", images);
    const json_t *sentences = bench_member(b, "sentences");
    bench_check_images(b, images, n, "global", "img_emb_global", false);
    bench_check_images(b, images, n, "pooled", "img_feat_global", false);
    bench_check_texts(b, sentences, "global", "caption_ids", "text_emb_global", false);
    check_similarities(b, images, n, sentences, 1, "global_similarities");
    for (int i = 0; i < n; i++) {
        struct bv_output_shape shape = {0};
        const struct npy *local = bench_array(b, "img_emb_local");
        float *x = bench_image(b, images[i], "local", &shape);
        size_t positions = (size_t)(shape.dim[0] * shape.dim[1]), C = (size_t)shape.dim[2];
        compare_planes(b, "img_emb_local", x, npy_f32(local) + (size_t)i * positions * C, positions,
                       C);
        free(x);
    }
    check_gloria_words(b, images, n);
    json_t *each = label_each(sentences);
    check_scores(b, images, n, each, "similarity_both", NULL);
    json_decref(each);
    check_scores(b, images, n, bench_member(b, "class_prompts"), "zero_shot_raw",
                 "zero_shot_normalised");
}

// ---- MGCA ----

static bool open_mgca(struct bench *b)
{
    struct overrides o = {.n = 0};
    override(&o, "text.heads", bench_integer(b, "bert_config.num_attention_heads"));
    if (strcmp(b->system, "mgca.vit") == 0)
        override(&o, "image.heads", vit_heads(b, bench_array(b, "img_feat")->shape[1]));
    return open_system(b, &o, bench_string(b, "checkpoint"), bench_string(b, "vocab"));
}

static void check_mgca(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values_ch0", images);
    const json_t *sentences = bench_member(b, "sentences");
    bench_check_images(b, images, n, "pooled", "img_feat", false);
    bench_check_images(b, images, n, "global", "img_global_embed", false);
    bench_check_images(b, images, n, "global", "img_emb", true);
    bench_check_texts(b, sentences, "pooled", "input_ids", "report_feat", false);
    bench_check_texts(b, sentences, "global", NULL, "text_global_embed", false);
    bench_check_texts(b, sentences, "global", NULL, "report_emb", true);
    struct bv_output_shape shape = {0};
    const struct npy *patches = bench_array(b, "patch_emb_img0");
    float *x = bench_image(b, images[0], "local", &shape);
    bench_compare(b, MAP, "patch_emb_img0", x, npy_f32(patches), patches->n);
    free(x);
    float scale = (float)bv_json_number(json_object_get(b->model->card, "scoring"), "scale", 1);
    check_similarities(b, images, n, sentences, scale, "scores_over_temperature");
    check_like_cpu(b);
}

// ---- ConVIRT ----

// The golden images have no names: their pixels are taken from the golden file.
static void check_convirt(struct bench *b)
{
    const struct npy *pixels = bench_array(b, "pixel_values"), *theirs = NULL; // [N,3,H,W]
    size_t N = pixels->shape[0], C = pixels->shape[1], P = pixels->shape[2] * pixels->shape[3];
    static const char *const arrays[][2] = {{"pooled", "image_h"}, {"global", "image_proj"}};
    float *turned = malloc(C * P * sizeof *turned);
    assert_non_null(turned);
    for (size_t i = 0; i < N; i++) {
        struct bv_pixels one = {.width = (int)pixels->shape[3],
                                .height = (int)pixels->shape[2],
                                .channels = (int)C,
                                .sample = BV_SAMPLE_F32,
                                .data = turned};
        for (size_t c = 0; c < C; c++)
            for (size_t k = 0; k < P; k++)
                turned[k * C + c] = npy_f32(pixels)[(i * C + c) * P + k];
        for (int a = 0; a < 2; a++) {
            struct bv_output_shape shape = {0};
            float *x = bench_image_of(b, &one, arrays[a][0], &shape);
            theirs = bench_array(b, "%s", arrays[a][1]);
            bench_compare(b, EMBEDDING, arrays[a][1], x, npy_f32(theirs) + i * (size_t)shape.dim[0],
                          (size_t)shape.dim[0]);
            free(x);
        }
    }
    free(turned);
    const json_t *sentences = bench_member(b, "sentences");
    bench_check_texts(b, sentences, "pooled", "input_ids", "text_mean_pooled", false);
    bench_check_texts(b, sentences, "global", NULL, "text_proj", false);
    check_like_cpu(b);
}

// ---- BiomedCLIP ----

static bool open_biomedclip(struct bench *b)
{
    struct overrides o = {.n = 0};
    override(&o, "text.heads", bench_integer(b, "bert_config.num_attention_heads"));
    override(&o, "image.heads", vit_heads(b, bench_array(b, "vision/trunk_out")->shape[1]));
    return open_system(b, &o, bench_string(b, "checkpoint"), bench_string(b, "vocab"));
}

static void check_biomedclip(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    const json_t *sentences = bench_member(b, "sentences");
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, n, "pooled", "vision/trunk_out", false);
    bench_check_images(b, images, n, "global", "image_features_raw", false);
    bench_check_images(b, images, n, "global", "image_features", true);
    struct bv_labels labels = {0}; // the sentences in the model's template
    json_t *prompts = json_array();
    parse_labels(b, sentences, &labels);
    for (size_t i = 0; i < labels.n; i++)
        (void)json_array_append_new(prompts, json_string(labels.items[i].positive[0]));
    bv_labels_free(&labels);
    bench_check_texts(b, prompts, "pooled", "input_ids", "text/last_hidden_cls", false);
    bench_check_texts(b, prompts, "global", NULL, "text_features", true);
    check_similarities(b, images, n, prompts, logit_scale(b), "logits_per_image");
    json_decref(prompts);
    check_scores(b, images, n, sentences, "probs", NULL);
}

// ---- MultiInfo ----

static bool open_multiinfo(struct bench *b)
{
    struct overrides o = {.n = 0};
    override(&o, "text.heads", bench_integer(b, "bert_config.num_attention_heads"));
    return open_system(b, &o, bench_string(b, "checkpoint"), bench_string(b, "vocab"));
}

static void check_multiinfo(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    const json_t *sentences = bench_member(b, "sentences");
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, n, "global", "embedding_img", false);
    bench_check_images(b, images, n, "logits", "logits_img", false);
    bench_check_texts(b, sentences, "global", "input_ids", "embedding_txt", false);
    bench_check_texts(b, sentences, "logits", NULL, "logits_txt", false);
    json_t *each = label_each(sentences);
    check_scores(b, images, n, each, "mi_logit_all_pairs", NULL);
    json_decref(each);
}

// ---- torchxrayvision ----

static bool open_densenet(struct bench *b)
{
    struct overrides o = {.n = 0};
    char *labels = json_dumps(bench_member(b, "pathologies"), JSON_COMPACT);
    char *thresholds = json_dumps(bench_member(b, "op_threshs"), JSON_COMPACT);
    char text[2][2048];
    (void)snprintf(text[0], sizeof text[0], "scoring.labels=%s", labels);
    (void)snprintf(text[1], sizeof text[1], "scoring.thresholds=%s", thresholds);
    free(labels);
    free(thresholds);
    o.items[0] = text[0];
    o.items[1] = text[1];
    o.n = 2;
    return open_system(b, &o, bench_string(b, "checkpoint"), NULL);
}

// Files of one data set have the same tensors, and other labels: their names tell them apart.
static void check_variants(struct bench *b)
{
    static const char *const variants[][2] = {{"nih", "nih"},           {"pc", "pc"},
                                              {"chex", "chex"},         {"kaggle", "rsna"},
                                              {"mimic_nb", "mimic-nb"}, {"mimic_ch", "mimic-ch"}};
    const char *folder = getenv("TMPDIR");
    char link[640], system[64];
    char here[512] = "", source[1200];
    if (b->root[0] != '/')
        assert_non_null(getcwd(here, sizeof here));
    (void)snprintf(source, sizeof source, "%s/%s", here,
                   path_in(b->root, "%s", bench_string(b, "checkpoint")));
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        struct bv_error err = {0};
        struct bv_import_report report = {.n_tensors = 0};
        const struct bv_import_options options = {.dtype = BV_F32};
        char place[512];
        (void)snprintf(place, sizeof place, "%s/biovl-variant-XXXXXX", folder ? folder : "/tmp");
        assert_non_null(mkdtemp(place));
        (void)snprintf(link, sizeof link, "%s/%s-densenet121-best.pt", place, variants[i][0]);
        (void)snprintf(system, sizeof system, "txv-densenet121-%s", variants[i][1]);
        assert_int_equal(symlink(source, link), 0);
        assert_ok(bv_import(link, b->model_path, &options, &report, &err), err);
        assert_string_equal(report.system, system);
        (void)unlink(link);
        (void)rmdir(place);
    }
}

static void check_densenet(struct bench *b)
{
    const char *images[32];
    int n = bench_images(b, "skimage224", images);
    bench_check_images(b, images, n, "global", "features_gap", false);
    bench_check_images(b, images, n, "logits", "logits", false);
    check_scores(b, images, n, bench_member(b, "pathologies"), "op_norm_probs", NULL);
    if (strcmp(b->device, "cpu") == 0)
        check_variants(b);
}

// ---- CXR-CLIP ----

// scale 1 in the card: pairs are softmaxed raw.
static void check_cxr_clip(struct bench *b)
{
    struct bv_error err = {0};
    const char *images[32];
    int n = bench_images(b, "pixel_values", images);
    const json_t *sentences = bench_member(b, "sentences");
    bench_check_pixels(b, "pixel_values");
    bench_check_images(b, images, n, "pooled", "image_features", false);
    bench_check_images(b, images, n, "global", "image_proj", false);
    bench_check_images(b, images, n, "global", "image_embeddings", true);
    bench_check_texts(b, sentences, "pooled", "input_ids", "text_features", false);
    bench_check_texts(b, sentences, "global", NULL, "text_proj", false);
    bench_check_texts(b, sentences, "global", NULL, "text_embeddings", true);
    check_similarities(b, images, n, sentences, 1, "similarities");
    check_scores(b, images, n, bench_member(b, "labels"), "zeroshot_binary", NULL);
    if (strcmp(b->device, "cpu") != 0)
        return; // 489 prompts, of nothing that the sentences are not
    assert_ok(bv_card_set(b->model->card, "scoring.rule", "cosine", &err), err);
    check_scores(b, images, n, bench_member(b, "class_prompts"), "zeroshot_gloria_mean", NULL);
}

// ---- The table ----

static const struct conformance_case cases[] = {
    {"chexzero", "chexzero/golden_small", open_chexzero, check_chexzero},
    {"medclip.resnet", "medclip/golden_small_resnet", open_medclip, check_medclip},
    {"medclip.vit", "medclip/golden_small_vit", open_medclip, check_medclip},
    {"biovil", "biovil/golden_small_biovil", open_biovil, check_biovil},
    {"biovil-t", "biovil/golden_small_biovil_t", open_biovil, check_biovil_t},
    {"gloria", "gloria/golden_small", open_medclip, check_gloria},
    {"mgca.resnet", "mgca/golden_small_resnet", open_mgca, check_mgca},
    {"mgca.vit", "mgca/golden_small_vit", open_mgca, check_mgca},
    {"convirt", "convirt/golden_small", open_medclip, check_convirt},
    {"biomedclip", "biomedclip/golden_small", open_biomedclip, check_biomedclip},
    {"multiinfo", "multiinfo/golden_small_mutual_info", open_multiinfo, check_multiinfo},
    {"cxr-clip.resnet", "cxr-clip/golden_small_resnet", open_medclip, check_cxr_clip},
    {"cxr-clip.swin", "cxr-clip/golden_small_swin", open_medclip, check_cxr_clip},
    {"densenet121", "densenet121/golden_small", open_densenet, check_densenet},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
