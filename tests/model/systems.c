// Systems that no authors' outputs exist of (UMRL, LoVT, Müller et al. 2022, BFSPR; torchvision's
// DenseNet-121 under its published names): small checkpoints with the names of the public code,
// converted without flags, against references by this project in PyTorch (systems.inc, made by
// systems.py).
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "convert/convert.h"
#include "image/image.h"
#include "image/recipe.h"
#include "model/folder.h"
#include "model/session.h"
#include "score/classifier.h"
#include "support/check.h"
#include "support/fixed.h"

#include "model/systems.inc"

// measured: 1.7e-6 over all embeddings and scores
static const double limit = 1e-4;
static double largest;

enum { SIDE = 64 };

// An expected array.
struct golden {
    const double *values;
    size_t n;
};
#define GOLDEN(name)                                                                               \
    {                                                                                              \
        name, sizeof name / sizeof *name                                                           \
    }

struct system_case {
    const char *name, *card; // card: NULL where the tensors tell
    const struct shape *shapes;
    size_t n_shapes;
    const char *vocabulary_file, *vocabulary;
    const char *set;
    const char *text, *label; // NULL: no text encoder
    struct golden image, local, logits, embedding, score;
};

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsmall\nleft\neffusion\nno\n##s\n";

#define SHAPES(case) shapes_##case, sizeof shapes_##case / sizeof *shapes_##case
#define LOVT                                                                                       \
    .vocabulary_file = "vocab.txt", .vocabulary = words, .set = "text.heads=4",                    \
    .text = "left effusions", .label = "left effusions", .image = GOLDEN(image_lovt),              \
    .local = GOLDEN(local_lovt), .embedding = GOLDEN(text_lovt), .score = GOLDEN(score_lovt)

static const struct system_case systems[] = {
    {"densenet121", NULL, SHAPES(densenet121), .image = GOLDEN(image_densenet121),
     .logits = GOLDEN(logits_densenet121)},
    {"umrl", NULL, SHAPES(umrl), .vocabulary_file = "vocab.txt",
     .vocabulary = "[UNK]\neffusion\nleft\nno\nsmall\nright\n", .text = "left effusion",
     .label = "left effusion", .image = GOLDEN(image_umrl), .embedding = GOLDEN(text_umrl),
     .score = GOLDEN(score_umrl)},
    {"lovt", NULL, SHAPES(lovt), LOVT},
    {"mueller2022", "mueller2022", SHAPES(lovt), LOVT},
    {"bfspr", NULL, SHAPES(bfspr), .vocabulary_file = "merges.txt",
     .vocabulary = "#version: 0.2\nc d</w>\nx y\na b</w>\n", .text = "ab cd", .label = "ab cd",
     .set = "preprocess={\"intensity\":\"stored\",\"channels\":3,"
            "\"steps\":[{\"op\":\"center_crop\",\"size\":64}]}",
     .image = GOLDEN(image_bfspr), .embedding = GOLDEN(text_bfspr), .score = GOLDEN(score_bfspr)},
};

static void compare(const char *system, const char *what, const float *ours, struct golden golden)
{
    for (size_t i = 0; i < golden.n; i++) {
        double difference = fabs(ours[i] - golden.values[i]);
        largest = fmax(largest, difference);
        if (!(difference <= limit))
            fail_msg("%s, %s: element %zu is %g, expected %g", system, what, i, (double)ours[i],
                     golden.values[i]);
    }
}

static void check_image(struct bv_session *session, const struct system_case *c, float *global)
{
    struct bv_error err = {0};
    float *pixels = malloc(sizeof *pixels * SIDE * SIDE * 3), *local = NULL;
    struct bv_wanted wanted[2] = {{"global", global, c->image.n}};
    struct golden second = c->local.n ? c->local : c->logits;
    if (second.n) {
        local = malloc(second.n * sizeof *local);
        wanted[1] = (struct bv_wanted){c->local.n ? "local" : "logits", local, second.n};
    }
    assert_non_null(pixels);
    fixed_values("pixels", 0, 1.5f, (int64_t)SIDE * SIDE * 3, pixels);
    const struct bv_pixel_batch batch = {pixels, NULL, 1, SIDE, SIDE, 3};
    assert_ok(bv_session_encode_pixels(session, &batch, wanted, second.n ? 2 : 1, &err), err);
    compare(c->name, "image", global, c->image);
    compare(c->name, "second output", local, second);
    free(pixels);
    free(local);
}

static void check_text(struct bv_session *session, const struct bv_model *model,
                       const struct system_case *c)
{
    struct bv_error err = {0};
    struct bv_tokens tokens = {0};
    const struct bv_tokens *one = &tokens;
    float out[64];
    const struct bv_wanted wanted = {"global", out, c->embedding.n};
    assert_true(c->embedding.n <= 64);
    assert_ok(bv_tokenizer_encode(model->tokenizer, c->text, strlen(c->text), &tokens, &err), err);
    assert_ok(bv_session_encode_tokens(session, &one, 1, &wanted, &err), err);
    compare(c->name, "text", out, c->embedding);
    bv_tokens_free(&tokens);
}

// The score by the card alone: its prompts, its rule, its scale.
static void check_score(struct bv_session *session, const struct bv_model *model,
                        const struct system_case *c, const float *global)
{
    struct bv_error err = {0};
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    double score = NAN;
    assert_ok(bv_labels_parse(&labels, c->label, strlen(c->label), "labels",
                              json_object_get(model->card, "prompts"), &err),
              err);
    assert_ok(bv_classifier_create(&classifier, session, &labels, &err), err);
    assert_ok(bv_classifier_score_image(classifier, global, NULL, 0, &score, NULL, NULL, &err),
              err);
    float ours = (float)score;
    compare(c->name, "score", &ours, c->score);
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
}

static void test_systems(void **state)
{
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        const struct system_case *c = &systems[i];
        struct bv_error err = {0};
        struct bv_import_report report = {.n_tensors = 0};
        const char *out = temporary_path(state, "out.safetensors");
        const char *file = folder_weights(state, "weights.safetensors", c->shapes, c->n_shapes,
                                          VALUES_SCALED, NULL);
        if (c->vocabulary)
            (void)temporary_file(state, c->vocabulary_file, c->vocabulary, strlen(c->vocabulary));
        struct bv_import_options options = {
            .system = c->card, .set = &c->set, .n_set = c->set != NULL, .dtype = BV_F32};
        assert_ok(bv_import(file, out, &options, &report, &err), err);
        assert_string_equal(report.system, c->name);
        struct bv_model *model = NULL;
        struct bv_session *session = NULL;
        struct bv_session_options cpu = {"cpu", "f32", NULL};
        assert_ok(bv_model_load(&model, out, &err), err);
        assert_ok(bv_session_open(&session, model, &cpu, &err), err);
        float global[64];
        assert_true(c->image.n <= 64);
        check_image(session, c, global);
        bv_session_rest(session); // what it made is made again
        check_image(session, c, global);
        if (c->text)
            check_text(session, model, c);
        bv_session_rest(session);
        if (c->text)
            check_score(session, model, c, global);
        bv_session_close(&session);
        bv_model_unload(&model);
    }
    (void)printf("largest difference %.2g\n", largest);
}

// A session that rests leaves alone what another session of the model works with.
static void test_rest_beside_another(void **state)
{
    struct bv_error err = {0};
    const struct system_case *c = &systems[0];
    const char *out = temporary_path(state, "out.safetensors");
    const char *file =
        folder_weights(state, "weights.safetensors", c->shapes, c->n_shapes, VALUES_SCALED, NULL);
    struct bv_import_options options = {.dtype = BV_F32};
    struct bv_model *model = NULL;
    struct bv_session *sessions[2] = {NULL, NULL};
    struct bv_session_options cpu = {"cpu", "f32", NULL};
    float global[64];
    assert_ok(bv_import(file, out, &options, NULL, &err), err);
    assert_ok(bv_model_load(&model, out, &err), err);
    for (int i = 0; i < 2; i++) {
        assert_ok(bv_session_open(&sessions[i], model, &cpu, &err), err);
        check_image(sessions[i], c, global);
        check_image(sessions[i], c, global); // packed weights are kept from the second run on
    }
    size_t derived = bv_weights_derived_bytes(model->weights);
    bv_session_rest(sessions[0]);
    assert_int_equal(bv_weights_derived_bytes(model->weights), derived);
    check_image(sessions[1], c, global);
    bv_session_close(&sessions[1]);
    bv_session_rest(sessions[0]); // alone now
    assert_true(bv_weights_derived_bytes(model->weights) < derived / 2);
    check_image(sessions[0], c, global);
    assert_int_equal(bv_weights_derived_bytes(model->weights), derived);
    bv_session_close(&sessions[0]);
    bv_model_unload(&model);
}

// What the cards do with an image before the encoder, against Pillow and torchvision.
static void test_recipes(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct golden golden;
    } recipes[] = {
        {"assets/systems/recipes/lovt.json", GOLDEN(pixels_lovt)},
        {"assets/systems/recipes/imagenet.json", GOLDEN(pixels_imagenet)},
        {"assets/systems/recipes/openai-clip.json", GOLDEN(pixels_openai_clip)},
    };
    enum { WIDTH = 301, HEIGHT = 374, STEP = 373 };
    static uint8_t drawing[WIDTH * HEIGHT];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            drawing[y * WIDTH + x] = (uint8_t)((x * 7 + y * 13 + x * y / 16 + x / 20 * 31) % 256);
    struct bv_image image = {.kind = BV_FILE_PNG,
                             .width = WIDTH,
                             .height = HEIGHT,
                             .channels = 1,
                             .sample = BV_SAMPLE_U8,
                             .bits_stored = 8,
                             .pixels = drawing};
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        struct bv_error err = {0};
        json_t *json = NULL;
        struct bv_recipe *recipe = NULL;
        struct bv_pixels pixels = {0};
        assert_ok(bv_json_load(&json, recipes[i].path, 1 << 16, &err), err);
        assert_ok(bv_recipe_parse(json, &recipe, &err), err);
        assert_ok(bv_recipe_run(recipe, &image, &pixels, &err), err);
        assert_int_equal(pixels.width, 224);
        assert_int_equal(pixels.height, 224);
        const float *data = pixels.data;
        for (size_t k = 0; k < recipes[i].golden.n; k++) {
            float ours = data[k * STEP * (size_t)pixels.channels];
            compare(recipes[i].path, "pixel", &ours,
                    (struct golden){recipes[i].golden.values + k, 1});
        }
        bv_pixels_free(&pixels);
        bv_recipe_free(&recipe);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_systems, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_rest_beside_another, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test(test_recipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
