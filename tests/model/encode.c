// Images and texts in batches: the bits are those of one at a time, whoever else is in the batch
// and whatever fails beside them.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "model/encode.h"
#include "model/lovt.h"
#include "support/check.h"

enum { N = 21 }; // more than are preprocessed at a time

struct bench {
    struct bv_pool *pool;
    struct bv_model *model;
    struct bv_session *session;
    size_t D;
};

static void open_bench(void *const *state, const char *set, struct bench *b)
{
    struct bv_error err = {0};
    const char *path = temporary_path(state, "lovt.safetensors");
    assert_ok(bv_pool_create(&b->pool, 2, &err), err);
    assert_ok(lovt_convert(state, set, path, &err), err);
    assert_ok(bv_model_load(&b->model, path, &err), err);
    struct bv_session_options cpu = {"cpu", "f32", b->pool};
    assert_ok(bv_session_open(&b->session, b->model, &cpu, &err), err);
    b->D = (size_t)b->model->image_dim;
    assert_int_equal(b->model->text_dim, b->D);
}

static void close_bench(struct bench *b)
{
    bv_session_close(&b->session);
    bv_model_unload(&b->model);
    bv_pool_destroy(&b->pool);
}

// N drawings of a width and height each.
struct drawings {
    uint8_t *pixels[N];
    struct bv_image images[N];
    const struct bv_image *list[N];
};

static void draw(struct drawings *d, int width, int height)
{
    for (int i = 0; i < N; i++) {
        size_t n = (size_t)width * (size_t)height;
        d->pixels[i] = malloc(n);
        assert_non_null(d->pixels[i]);
        for (size_t k = 0; k < n; k++)
            d->pixels[i][k] = (uint8_t)((k * 7 + k / (size_t)width * 13 + (size_t)i * 29) % 256);
        d->images[i] = (struct bv_image){.kind = BV_FILE_PNG,
                                         .width = width,
                                         .height = height,
                                         .channels = 1,
                                         .sample = BV_SAMPLE_U8,
                                         .bits_stored = 8,
                                         .pixels = d->pixels[i]};
        d->list[i] = &d->images[i];
    }
}

static void erase(struct drawings *d)
{
    for (int i = 0; i < N; i++)
        free(d->pixels[i]);
}

static void assert_zero(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(x[i] == 0);
}

// A recipe that stretches a 30 × 40 drawing, and fails where the drawing has other sides.
#define LONG_ONLY                                                                                  \
    "preprocess={\"intensity\":\"stored\",\"channels\":3,\"steps\":["                              \
    "{\"op\":\"resize\",\"like\":\"pillow\",\"longer\":64},"                                       \
    "{\"op\":\"center_crop\",\"size\":64},{\"op\":\"scale\",\"divide\":255}]}"

static void test_images(void **state)
{
    struct bench b = {0};
    struct bv_error err = {0}, *errors = calloc(N, sizeof *errors);
    struct drawings d;
    open_bench(state, LONG_ONLY, &b);
    draw(&d, 30, 40);
    struct bv_output_shape local = {0};
    assert_ok(bv_model_image_shape(b.model, "local", 64, 64, &local, &err), err);
    size_t D = b.D, R = bv_shape_elements(&local);
    float *global = malloc(N * D * sizeof *global), *regions = malloc(N * R * sizeof *regions);
    float *one = malloc(D * sizeof *one), *other = malloc(R * sizeof *other);
    assert_true(errors && global && regions && one && other);
    // Long and narrow images cannot be brought to 64 pixels: two in a row, and the last.
    static const int bad[] = {3, 4, N - 1};
    for (size_t i = 0; i < 3; i++)
        d.images[bad[i]].width = 1, d.images[bad[i]].height = 1200;
    struct bv_wanted all[] = {{"local", regions, N * R}, {"global", global, N * D}};
    assert_ok(bv_encode_images(b.session, d.list, NULL, N, all, 2, errors, &err), err);
    for (size_t i = 0; i < N; i++) {
        struct bv_wanted single[] = {{"global", one, D}, {"local", other, R}};
        bool fails = i == 3 || i == 4 || i == N - 1;
        enum bv_status status =
            bv_encode_images(b.session, &d.list[i], NULL, 1, single, 2, NULL, &err);
        assert_int_equal(status, fails ? BV_ERR_REFUSED : BV_OK);
        assert_int_equal(errors[i].status, status);
        if (fails) {
            assert_string_equal(errors[i].text, err.text);
            assert_zero(global + i * D, D);
            assert_zero(regions + i * R, R);
        } else {
            assert_memory_equal(global + i * D, one, D * sizeof *one);
            assert_memory_equal(regions + i * R, other, R * sizeof *other);
        }
    }
    assert_int_equal(bv_encode_images(b.session, d.list, NULL, N, all, 2, NULL, &err),
                     BV_ERR_REFUSED);
    assert_ok(bv_encode_images(b.session, d.list, NULL, 0, all, 0 + 2, NULL, &err), err);
    all[1].n_floats--;
    assert_int_equal(bv_encode_images(b.session, d.list, NULL, 3, all, 2, errors, &err),
                     BV_ERR_MODEL);
    assert_int_equal(bv_encode_images(b.session, d.list, d.list, 1, all, 2, NULL, &err),
                     BV_ERR_ARG); // LoVT takes no prior image
    assert_non_null(strstr(err.text, "prior"));
    free(errors);
    free(global);
    free(regions);
    free(one);
    free(other);
    erase(&d);
    close_bench(&b);
}

// Where the recipe leaves the size to the image: pooled outputs of any mixture, others of one size.
static void test_sizes(void **state)
{
    struct bench b = {0};
    struct bv_error err = {0};
    struct drawings d;
    open_bench(state,
               "preprocess={\"intensity\":\"stored\",\"channels\":3,\"steps\":["
               "{\"op\":\"scale\",\"divide\":255}]}",
               &b);
    assert_true(b.model->size_varies);
    draw(&d, 64, 96);
    d.images[1].height = d.images[2].height = 64; // 64 × 96, two of 64 × 64, 64 × 96
    float *global = malloc(4 * b.D * sizeof *global), *one = malloc(b.D * sizeof *one);
    assert_true(global && one);
    struct bv_wanted all = {"global", global, 4 * b.D}, single = {"global", one, b.D};
    assert_ok(bv_encode_images(b.session, d.list, NULL, 4, &all, 1, NULL, &err), err);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(bv_encode_images(b.session, &d.list[i], NULL, 1, &single, 1, NULL, &err), err);
        assert_memory_equal(global + i * b.D, one, b.D * sizeof *one);
    }
    struct bv_output_shape local = {0};
    assert_ok(bv_model_image_shape(b.model, "local", 96, 64, &local, &err), err);
    size_t R = bv_shape_elements(&local);
    float *regions = malloc(4 * R * sizeof *regions);
    assert_non_null(regions);
    all = (struct bv_wanted){"local", regions, 4 * R};
    assert_int_equal(bv_encode_images(b.session, d.list, NULL, 4, &all, 1, NULL, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "one size"));
    free(global);
    free(one);
    free(regions);
    erase(&d);
    close_bench(&b);
}

static void test_texts(void **state)
{
    struct bench b = {0};
    struct bv_error err = {0}, errors[5];
    unsigned char truncated[5];
    open_bench(state, "tokenizer.max_length=8", &b);
    const char *texts[] = {"left effusions", "no \xff effusion", "small",
                           "small left effusion no small left effusion no", "\xfe"};
    float *out = malloc(5 * b.D * sizeof *out), *one = malloc(b.D * sizeof *one);
    assert_true(out && one);
    struct bv_wanted all = {"global", out, 5 * b.D}, single = {"global", one, b.D};
    assert_ok(bv_encode_texts(b.session, texts, 5, &all, truncated, errors, &err), err);
    for (size_t i = 0; i < 5; i++) {
        bool fails = i == 1 || i == 4;
        enum bv_status status = bv_encode_texts(b.session, &texts[i], 1, &single, NULL, NULL, &err);
        assert_int_equal(truncated[i], i == 3);
        assert_int_equal(errors[i].status, status);
        assert_int_equal(status != BV_OK, fails);
        if (fails)
            assert_zero(out + i * b.D, b.D);
        else
            assert_memory_equal(out + i * b.D, one, b.D * sizeof *one);
    }
    assert_int_not_equal(bv_encode_texts(b.session, texts, 5, &all, NULL, NULL, &err), BV_OK);
    assert_non_null(strstr(err.text, "text 2"));
    assert_ok(bv_encode_texts(b.session, texts, 0, &all, NULL, NULL, &err), err);
    all.n_floats--;
    assert_int_equal(bv_encode_texts(b.session, texts, 1, &all, NULL, NULL, &err), BV_ERR_MODEL);
    free(out);
    free(one);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_images, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_sizes, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_texts, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
