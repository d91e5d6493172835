// Zero-shot classification: one image, batches, results.
#include "api/fixture.h"

#include <math.h>
#include <unistd.h>

static const struct bv_zero_shot_options labels = {
    .size = sizeof labels,
    .labels = "Cardiomegaly\nEdema\nPleural effusion\n",
};

static void test_one(void **state)
{
    struct fixture *f = *state;
    struct bv_zero_shot *z = NULL;
    struct bv_result *r = NULL;
    must(f->context, bv_zero_shot_open(f->engine, &labels, &z));
    assert_int_equal(bv_zero_shot_count(z), 3);
    assert_int_equal(bv_zero_shot_truncated(z), 0);
    assert_null(bv_zero_shot_warning(z));
    must(f->context, bv_zero_shot_classify(z, f->image, &r));
    assert_int_equal(bv_result_count(r), 3);
    assert_string_equal(bv_result_kind(r), bv_score_rule_name(bv_result_rule(r)));
    assert_int_equal(bv_result_rule(r), BV_SCORE_PAIR_SOFTMAX);
    double scores[3];
    must(f->context, bv_result_scores(r, scores, 3));
    assert_int_equal(bv_result_scores(r, scores, 2), BV_ERR_ARG);
    for (size_t i = 0; i < 3; i++) {
        assert_true(scores[i] == bv_result_score(r, i) && scores[i] > 0 && scores[i] < 1);
        assert_string_equal(bv_result_label(r, i), bv_zero_shot_label(z, i));
        assert_true(fabs(bv_result_positive(r, i)) <= 1 && fabs(bv_result_negative(r, i)) <= 1);
    }
    // Classifying again adds no warning to an image that is shared.
    size_t n = bv_result_warning_count(r), of_image = bv_image_warning_count(f->image);
    for (size_t i = 0; i < n; i++) {
        assert_string_not_equal(bv_result_warning_text(r, i), "");
        assert_string_not_equal(bv_reason_name(bv_result_warning_reason(r, i)), "unknown");
    }
    assert_true(n >= of_image);
    char *json = NULL;
    must(f->context, bv_result_json(r, &json));
    assert_non_null(strstr(json, "Pleural effusion"));
    bv_free(json);
    uint8_t *rgb = NULL;
    int width = 0, height = 0;
    must(f->context, bv_result_picture(r, &rgb, &width, &height));
    assert_true(rgb && width > 100 && height > 100);
    bv_free(rgb);
    struct bv_image_facts facts = {.size = sizeof facts};
    must(f->context, bv_image_describe(f->image, &facts));
    size_t pixels = (size_t)facts.width * (size_t)facts.height;
    float *map = malloc(pixels * sizeof *map);
    assert_non_null(map);
    assert_int_equal(bv_result_heat_map(r, 0, map, pixels), BV_ERR_MODEL); // it has none
    free(map);
    bv_result_free(&r);
    bv_result_free(&r);
    bv_zero_shot_close(&z);
}

static void test_prompts(void **state)
{
    struct fixture *f = *state;
    const struct bv_zero_shot_options options = {
        .size = sizeof options, .labels = "Edema = edema | fluid overload ! clear lungs\nMass\n"};
    struct bv_zero_shot *z = NULL;
    must(f->context, bv_zero_shot_open(f->engine, &options, &z));
    assert_int_equal(bv_zero_shot_prompt_count(z, 0, 0), 2);
    assert_string_equal(bv_zero_shot_prompt(z, 0, 0, 1), "fluid overload");
    assert_int_equal(bv_zero_shot_prompt_count(z, 0, 1), 1);
    assert_string_equal(bv_zero_shot_prompt(z, 0, 1, 0), "clear lungs");
    assert_true(bv_zero_shot_prompt_count(z, 1, 0) > 0);
    bv_zero_shot_close(&z);
}

static void test_batch(void **state)
{
    struct fixture *f = *state;
    struct bv_zero_shot *z = NULL;
    enum { N = 35, BAD = 33 };
    struct bv_image *images[N];
    struct bv_result *results[N], *one = NULL;
    enum bv_status statuses[N];
    static uint8_t data[300 * 200];
    must(f->context, bv_zero_shot_open(f->engine, &labels, &z));
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i / 100 + i % 7);
    for (size_t i = 0; i < N; i++) {
        const struct bv_pixel_buffer pixels = {.size = sizeof pixels,
                                               .data = data + 11 * i,
                                               .width = 150 + (int)(i % 4),
                                               .height = 170,
                                               .channels = 1};
        const struct bv_image_options options = {.size = sizeof options,
                                                 .prior = i == BAD ? f->image : NULL};
        must(f->context, bv_image_open_pixels(f->context, &pixels, &options, &images[i]));
    }
    const struct bv_image *const *list = (const struct bv_image *const *)images;
    must(f->context, bv_zero_shot_classify_batch(z, list, N, results, statuses));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(statuses[i], i == BAD ? BV_ERR_ARG : BV_OK);
        if (i == BAD) {
            assert_null(results[i]);
            continue;
        }
        must(f->context, bv_zero_shot_classify(z, images[i], &one));
        for (size_t k = 0; k < 3; k++)
            assert_true(bv_result_score(one, k) == bv_result_score(results[i], k));
        bv_result_free(&one);
    }
    for (size_t i = 0; i < N; i++)
        bv_result_free(&results[i]);
    // Stopped at any look: no result is left.
    for (size_t at = 1; at <= 2; at++) {
        struct stop stop = {.at = at};
        const struct bv_observer observer = {
            .size = sizeof observer, .arg = &stop, .progress = fixture_stop};
        must(f->context, bv_context_observe(f->context, &observer));
        assert_int_equal(bv_zero_shot_classify_batch(z, list, N, results, statuses),
                         BV_ERR_CANCELLED);
        must(f->context, bv_context_observe(f->context, NULL));
        for (size_t i = 0; i < N; i++) {
            assert_null(results[i]);
            assert_int_equal(statuses[i], BV_ERR_CANCELLED);
        }
    }
    // A failure that is not wanted as a status leaves no result.
    assert_int_equal(bv_zero_shot_classify_batch(z, list, N, results, NULL), BV_ERR_ARG);
    for (size_t i = 0; i < N; i++) {
        assert_null(results[i]);
        bv_image_close(&images[i]);
    }
    must(f->context, bv_zero_shot_classify_batch(z, NULL, 0, NULL, NULL));
    bv_zero_shot_close(&z);
}

static void test_ensemble(void **state)
{
    struct fixture *f = *state;
    struct bv_zero_shot *a = NULL, *b = NULL;
    struct bv_result *alone = NULL, *together = NULL;
    must(f->context, bv_zero_shot_open(f->engine, &labels, &a));
    must(f->context, bv_zero_shot_open(f->engine, &labels, &b));
    must(f->context, bv_zero_shot_classify(a, f->image, &alone));
    must(f->context, bv_zero_shot_join(a, b));
    must(f->context, bv_zero_shot_classify(a, f->image, &together));
    for (size_t i = 0; i < 3; i++) // the same model twice
        assert_true(fabs(bv_result_score(alone, i) - bv_result_score(together, i)) < 1e-12);
    assert_int_equal(bv_zero_shot_join(a, a), BV_ERR_ARG);
    bv_result_free(&alone);
    bv_result_free(&together);
    bv_zero_shot_close(&a);
    bv_zero_shot_close(&b);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct bv_zero_shot *z = NULL;
    struct bv_zero_shot_options o = {.size = sizeof o};
    assert_int_equal(bv_zero_shot_open(f->engine, &o, &z), BV_ERR_ARG); // no labels
    o.labels = "# nothing\n";
    assert_int_not_equal(bv_zero_shot_open(f->engine, &o, &z), BV_OK);
    o.labels = "Edema\n";
    o.templates = "{";
    assert_int_not_equal(bv_zero_shot_open(f->engine, &o, &z), BV_OK);
    assert_null(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),     cmocka_unit_test(test_batch),
        cmocka_unit_test(test_prompts), cmocka_unit_test(test_ensemble),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
