// Fusion encoders: the shipped model's matching head. Other heads: cli.fusion, conformance.fusion.
#include "api/fixture.h"

#include <biovl/fusion.h>
#include <math.h>

static void test_match(void **state)
{
    struct fixture *f = *state;
    struct bv_fused_image *image = NULL;
    enum { N = 4, BAD = 2 };
    static const char *const texts[N] = {"pleural effusion", "no pleural effusion", "\xff\xfe",
                                         "the heart is enlarged"};
    double scores[N], one;
    enum bv_status statuses[N];
    unsigned char truncated[N];
    assert_true(bv_model_can(f->model, "match"));
    assert_false(bv_model_can(f->model, "segment"));
    must(f->context, bv_fused_image_open(f->engine, f->image, &image));
    assert_int_equal(bv_fused_image_count(image, "match"), 2);
    assert_string_equal(bv_fused_image_kind(image, "match"), "match_softmax");
    must(f->context, bv_fused_image_match(image, texts, N, scores, N, truncated, statuses));
    for (int i = 0; i < N; i++) {
        assert_true((statuses[i] == BV_OK) == (i != BAD));
        if (i == BAD) {
            assert_true(isnan(scores[i]));
            continue;
        }
        assert_int_equal(truncated[i], 0);
        assert_true(scores[i] > 0 && scores[i] < 1);
        must(f->context, bv_fused_image_match(image, texts + i, 1, &one, 1, NULL, NULL));
        assert_true(one == scores[i]);
    }
    assert_int_not_equal(bv_fused_image_match(image, texts, N, scores, N, NULL, NULL), BV_OK);
    assert_int_equal(bv_fused_image_match(image, texts, N, scores, N - 1, NULL, statuses),
                     BV_ERR_ARG);
    must(f->context, bv_fused_image_match(image, texts, 0, NULL, 0, NULL, NULL));
    char *json = NULL;
    must(f->context, bv_fused_image_describe(image, &json));
    assert_non_null(strstr(json, SAMPLE));
    bv_free(json);
    bv_fused_image_close(&image);
    bv_fused_image_close(&image);
}

static void test_stopped(void **state)
{
    struct fixture *f = *state;
    struct bv_fused_image *image = NULL;
    enum { N = 70 };
    const char *texts[N];
    double scores[N];
    enum bv_status statuses[N];
    for (size_t i = 0; i < N; i++)
        texts[i] = "no";
    must(f->context, bv_fused_image_open(f->engine, f->image, &image));
    for (size_t at = 1; at <= 3; at++) {
        struct stop stop = {.at = at};
        const struct bv_observer observer = {
            .size = sizeof observer, .arg = &stop, .progress = fixture_stop};
        must(f->context, bv_context_observe(f->context, &observer));
        enum bv_status status = bv_fused_image_match(image, texts, N, scores, N, NULL, statuses);
        must(f->context, bv_context_observe(f->context, NULL));
        assert_int_equal(status, at < 3 ? BV_ERR_CANCELLED : BV_OK);
        assert_int_equal(stop.looks, at);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(statuses[i], status);
            assert_true(isnan(scores[i]) == (at < 3));
        }
    }
    // The first bad text of a later block is named by its number.
    texts[68] = "\xff\xfe";
    assert_int_not_equal(bv_fused_image_match(image, texts, N, scores, N, NULL, NULL), BV_OK);
    assert_non_null(strstr(bv_last_error(f->context), "text 69"));
    bv_fused_image_close(&image);
}

// What the model does not have is said, and nothing is written.
static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct bv_fused_image *image = NULL;
    const float features[4] = {0};
    const struct bv_regions regions = {
        .size = sizeof regions, .features = features, .n = 1, .width = 4};
    assert_int_equal(bv_fused_image_open_regions(f->engine, &regions, &image), BV_ERR_ARG);
    const struct bv_regions absurd = {
        .size = sizeof absurd, .features = features, .n = SIZE_MAX / 2, .width = 4};
    assert_int_equal(bv_fused_image_open_regions(f->engine, &absurd, &image), BV_ERR_ARG);
    assert_null(image);
    must(f->context, bv_fused_image_open(f->engine, f->image, &image));
    int width = -1, height = -1;
    float mask[4] = {7, 7, 7, 7};
    const struct bv_text_features text = {
        .size = sizeof text, .features = features, .n = 1, .width = 4};
    assert_int_equal(bv_fused_image_mask_size(image, &width, &height), BV_ERR_MODEL);
    assert_int_equal(bv_fused_image_segment(image, &text, mask, 4), BV_ERR_MODEL);
    assert_int_equal(bv_fused_image_write_mask(image, mask, 4, fixture_path("mask.png"), NULL),
                     BV_ERR_MODEL);
    assert_true(width == -1 && height == -1 && mask[0] == 7);
    double score;
    assert_int_equal(bv_fused_image_count(image, "answer"), 0);
    assert_int_equal(bv_fused_image_scores(image, "answer", "Is it?", &score, 1, NULL),
                     BV_ERR_MODEL);
    assert_null(bv_fused_image_name(image, "answer", 0));
    bv_fused_image_close(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_match), cmocka_unit_test(test_stopped),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
