// An ensemble's scores are the mean over its members, in classification and in evaluation, whatever
// each preprocesses by.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "checkpoint/temporary.h"
#include "eval/run/scorers.h"
#include "image/png_writer.h"
#include "model/lovt.h"
#include "score/classifier.h"
#include "support/check.h"

enum { MEMBERS = 3, IMAGES = 19, LABELS = 2, SIDE = 40 };

// The scale of the scores tells the members apart; the last one preprocesses in its own way.
static const char *const settings[MEMBERS] = {
    "scoring.scale=10", "scoring.scale=3",
    ("preprocess={\"intensity\":\"stored\",\"channels\":3,\"steps\":["
     "{\"op\":\"resize\",\"like\":\"pillow\",\"size\":64},{\"op\":\"scale\",\"divide\":255}]}")};

struct ensemble {
    struct bv_pool *pool;
    struct bv_model *models[MEMBERS];
    struct bv_session *sessions[MEMBERS];
    struct bv_labels labels;
    struct bv_classifier *members[MEMBERS];
};

static void open_ensemble(void *const *state, struct ensemble *e)
{
    static const char labels[] = "left effusions\nsmall\n";
    struct bv_error err = {0};
    struct bv_session_options options = {"cpu", "f32", NULL};
    assert_ok(bv_pool_create(&e->pool, 2, &err), err);
    options.pool = e->pool;
    for (int m = 0; m < MEMBERS; m++) {
        const char *path = temporary_path(state, m == 0 ? "a" : m == 1 ? "b" : "c");
        assert_ok(lovt_convert(state, settings[m], path, &err), err);
        assert_ok(bv_model_load(&e->models[m], path, &err), err);
        assert_ok(bv_session_open(&e->sessions[m], e->models[m], &options, &err), err);
        if (m == 0)
            assert_ok(bv_labels_parse(&e->labels, labels, strlen(labels), "labels",
                                      json_object_get(e->models[m]->card, "prompts"), &err),
                      err);
        assert_ok(bv_classifier_create(&e->members[m], e->sessions[m], &e->labels, &err), err);
    }
}

static void close_ensemble(struct ensemble *e)
{
    for (int m = 0; m < MEMBERS; m++) {
        bv_classifier_destroy(&e->members[m]);
        bv_session_close(&e->sessions[m]);
        bv_model_unload(&e->models[m]);
    }
    bv_labels_free(&e->labels);
    bv_pool_destroy(&e->pool);
}

// Drawings, in memory and as a file of the same pixels.
static void draw(struct bv_image *image, uint8_t *pixels, int number)
{
    for (int k = 0; k < SIDE * SIDE; k++)
        pixels[k] = (uint8_t)((k * 7 + k / SIDE * 13 + number * 29) % 256);
    *image = (struct bv_image){.kind = BV_FILE_PNG,
                               .width = SIDE,
                               .height = SIDE,
                               .channels = 1,
                               .sample = BV_SAMPLE_U8,
                               .bits_stored = 8,
                               .pixels = pixels};
}

static void score_one(struct bv_classifier *c, const struct bv_image *image, double *scores)
{
    struct bv_error err = {0};
    double rows[2][LABELS];
    struct bv_label_scores out = {scores, rows[0], rows[1]};
    assert_ok(bv_classify_images(c, &image, NULL, 1, &out, NULL, &err), err);
}

static void test_mean(void **state)
{
    struct ensemble e = {.pool = NULL};
    struct bv_error err = {0}, *errors = calloc(IMAGES, sizeof *errors);
    static uint8_t pixels[IMAGES][SIDE * SIDE];
    struct bv_image images[IMAGES];
    const struct bv_image *list[IMAGES];
    double expected[IMAGES][LABELS] = {{0}}, scores[IMAGES][LABELS], one[LABELS];
    open_ensemble(state, &e);
    assert_non_null(errors);
    for (int i = 0; i < IMAGES; i++) {
        draw(&images[i], pixels[i], i);
        list[i] = &images[i];
        for (int m = 0; m < MEMBERS; m++) {
            score_one(e.members[m], list[i], one);
            for (int l = 0; l < LABELS; l++)
                expected[i][l] += one[l] / MEMBERS;
        }
    }
    assert_ok(bv_classifier_join(e.members[0], e.members[1], &err), err);
    assert_ok(bv_classifier_join(e.members[0], e.members[2], &err), err);
    assert_int_equal(bv_classifier_member_count(e.members[0]), MEMBERS);
    assert_int_equal(bv_classifier_recipe_count(e.members[0]), 2);
    assert_int_equal(bv_classifier_join(e.members[0], e.members[1], &err), BV_ERR_ARG);
    assert_int_equal(bv_classifier_join(e.members[0], e.members[0], &err), BV_ERR_ARG);
    images[5].width = 0; // no image at all
    struct bv_label_scores out = {scores[0], NULL, NULL};
    assert_ok(bv_classify_images(e.members[0], list, NULL, IMAGES, &out, errors, &err), err);
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(errors[i].status != BV_OK, i == 5);
        for (int l = 0; l < LABELS; l++)
            assert_true(i == 5 ? isnan(scores[i][l]) : scores[i][l] == expected[i][l]);
    }
    assert_int_not_equal(bv_classify_images(e.members[0], list, NULL, IMAGES, &out, NULL, &err),
                         BV_OK);
    close_ensemble(&e);
    free(errors);
}

// The scorer of an evaluation gives the same bits from files.
static void test_evaluation(void **state)
{
    struct ensemble e = {.pool = NULL};
    struct bv_error err = {0};
    uint8_t pixels[SIDE * SIDE], *bytes = NULL;
    struct bv_image image;
    size_t size = 0;
    open_ensemble(state, &e);
    draw(&image, pixels, 3);
    assert_ok(bv_png_encode(pixels, SIDE, SIDE, 1, &bytes, &size, &err), err);
    const char *path = temporary_file(state, "image.png", bytes, size);
    double alone[LABELS], expected[LABELS], scores[LABELS];
    score_one(e.members[0], &image, alone);
    assert_ok(bv_classifier_join(e.members[0], e.members[1], &err), err);
    assert_ok(bv_classifier_join(e.members[0], e.members[2], &err), err);
    score_one(e.members[0], &image, expected);
    struct bv_model_scorer model = {.session = e.sessions[0],
                                    .classifier = e.members[0],
                                    .dim = bv_classifier_dim(e.members[0])};
    struct bv_scorer scorer;
    struct bv_preprocessed preprocessed = {.width = 0};
    bv_model_scorer_init(&model, &scorer);
    assert_int_equal(scorer.n_labels, LABELS);
    assert_ok(scorer.preprocess(scorer.arg, path, &preprocessed, &err), err);
    const struct bv_classifier_input *input = &preprocessed.input;
    assert_ok(scorer.score(scorer.arg, &input, 1, scores, &err), err);
    for (int l = 0; l < LABELS; l++) {
        assert_true(scores[l] == expected[l]);
        assert_true(fabs(scores[l] - alone[l]) > 1e-3);
    }
    bv_classifier_input_free(&preprocessed.input);
    free(bytes);
    close_ensemble(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mean, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_evaluation, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
