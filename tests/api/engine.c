// Engines: embeddings in batches, other outputs, pixels, tokens.
#include "api/fixture.h"

#include <math.h>
#include <unistd.h>

enum { N = 37 }; // more than a block of images

// Pictures of different sizes; image `bad` has a prior, which the shipped model does not take.
static void open_many(const struct fixture *f, struct bv_image *images[N], size_t bad)
{
    static uint8_t data[200 * 200];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i / 77);
    for (size_t i = 0; i < N; i++) {
        const struct bv_pixel_buffer pixels = {.size = sizeof pixels,
                                               .data = data + i,
                                               .width = 60 + (int)(i % 5) * 20,
                                               .height = 90 + (int)(i % 3),
                                               .channels = 1};
        const struct bv_image_options options = {.size = sizeof options,
                                                 .prior = i == bad ? f->image : NULL};
        must(f->context, bv_image_open_pixels(f->context, &pixels, &options, &images[i]));
    }
}

static void close_many(struct bv_image *images[N])
{
    for (size_t i = 0; i < N; i++)
        bv_image_close(&images[i]);
}

static void test_image_batch(void **state)
{
    struct fixture *f = *state;
    const size_t dim = bv_engine_image_dim(f->engine), bad = 5;
    struct bv_image *images[N];
    enum bv_status statuses[N];
    float *batch = malloc(N * dim * sizeof *batch), *one = malloc(dim * sizeof *one);
    assert_true(batch && one && dim > 0);
    open_many(f, images, bad);
    const struct bv_image *const *list = (const struct bv_image *const *)images;
    must(f->context, bv_engine_embed_images(f->engine, list, N, 0, batch, N * dim, statuses));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(statuses[i], i == bad ? BV_ERR_ARG : BV_OK);
        if (i == bad) {
            assert_true(isnan(batch[i * dim]) && isnan(batch[i * dim + dim - 1]));
            continue;
        }
        must(f->context, bv_engine_embed_images(f->engine, list + i, 1, 0, one, dim, NULL));
        assert_memory_equal(one, batch + i * dim, dim * sizeof *one);
    }
    // Without statuses the first failure ends the call; too little room ends it at once; no images
    // are no work.
    assert_int_equal(bv_engine_embed_images(f->engine, list, N, 0, batch, N * dim, NULL),
                     BV_ERR_ARG);
    assert_int_equal(bv_engine_embed_images(f->engine, list, 2, 0, batch, 2 * dim - 1, statuses),
                     BV_ERR_ARG);
    must(f->context, bv_engine_embed_images(f->engine, NULL, 0, 0, NULL, 0, NULL));
    // A flag of a later version is not passed over.
    assert_int_equal(bv_engine_embed_images(f->engine, list, 1, 4, batch, N * dim, NULL),
                     BV_ERR_UNSUPPORTED);
    close_many(images);
    free(batch);
    free(one);
}

static void test_text_batch(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"pleural effusion", "no",
                                        ("there is a large left pleural "
                                         "effusion with compressive atelectasis"),
                                        ""};
    const size_t dim = bv_engine_text_dim(f->engine);
    float batch[4 * 2048], one[2048], raw[2048];
    unsigned char truncated[4];
    enum bv_status statuses[4];
    must(f->context,
         bv_engine_embed_texts(f->engine, texts, 4, 0, batch, 4 * dim, truncated, statuses));
    for (size_t i = 0; i < 4; i++) {
        must(f->context, bv_engine_embed_texts(f->engine, texts + i, 1, 0, one, dim, NULL, NULL));
        assert_memory_equal(one, batch + i * dim, dim * sizeof *one);
        assert_int_equal(truncated[i], 0);
        assert_int_equal(statuses[i], BV_OK);
        double square = 0;
        for (size_t d = 0; d < dim; d++)
            square += (double)one[d] * (double)one[d];
        assert_true(fabs(square - 1) < 1e-5);
    }
    must(f->context,
         bv_engine_embed_texts(f->engine, texts, 1, BV_EMBED_RAW, raw, dim, NULL, NULL));
    assert_memory_not_equal(raw, batch, dim * sizeof *raw);
}

// A batch that is stopped, at whichever look, leaves nothing that could be taken for an embedding;
// after its last item it is done.
static void test_stopped(void **state)
{
    struct fixture *f = *state;
    enum { IMAGES = 33, TEXTS = 257 }; // two blocks each
    const size_t dim = bv_engine_text_dim(f->engine);
    const struct bv_image *images[IMAGES];
    const char *texts[TEXTS];
    static enum bv_status statuses[TEXTS];
    float *out = malloc(TEXTS * dim * sizeof *out);
    assert_non_null(out);
    assert_int_equal(dim, bv_engine_image_dim(f->engine));
    for (size_t i = 0; i < IMAGES; i++)
        images[i] = f->image;
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = "no";
    for (size_t at = 1; at <= 3; at++)
        for (int image = 0; image < 2; image++) {
            size_t n = image ? IMAGES : TEXTS;
            struct stop stop = {.at = at};
            const struct bv_observer observer = {
                .size = sizeof observer, .arg = &stop, .progress = fixture_stop};
            must(f->context, bv_context_observe(f->context, &observer));
            enum bv_status status =
                image ? bv_engine_embed_images(f->engine, images, n, 0, out, n * dim, statuses)
                      : bv_engine_embed_texts(f->engine, texts, n, 0, out, n * dim, NULL, statuses);
            must(f->context, bv_context_observe(f->context, NULL));
            assert_int_equal(status, at < 3 ? BV_ERR_CANCELLED : BV_OK);
            assert_int_equal(stop.looks, at);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(statuses[i], status);
                assert_true(isnan(out[i * dim]) == (at < 3));
            }
        }
    free(out);
}

static void test_outputs(void **state)
{
    struct fixture *f = *state;
    size_t n_outputs = 0;
    while (bv_model_image_output(f->model, n_outputs))
        n_outputs++;
    assert_true(n_outputs >= 2); // "global", and the regions of the shipped model
    for (size_t i = 0; i < n_outputs; i++) {
        const char *name = bv_model_image_output(f->model, i);
        struct bv_shape shape = {0};
        must(f->context, bv_engine_image_output_shape(f->engine, f->image, name, &shape));
        size_t n = 1;
        for (int d = 0; d < shape.rank; d++)
            n *= (size_t)shape.dim[d];
        float *out = malloc((n + 1) * sizeof *out);
        assert_non_null(out);
        out[n] = 1234;
        must(f->context, bv_engine_image_output(f->engine, f->image, name, out, n));
        assert_true(isfinite(out[0]) && isfinite(out[n - 1]) && out[n] == 1234);
        assert_int_equal(bv_engine_image_output(f->engine, f->image, name, out, n - 1), BV_ERR_ARG);
        free(out);
    }
    struct bv_shape none = {0};
    assert_int_equal(bv_engine_image_output_shape(f->engine, f->image, "no such", &none),
                     BV_ERR_ARG);
    float map[1];
    struct bv_image_facts facts = {.size = sizeof facts};
    must(f->context, bv_image_describe(f->image, &facts));
    assert_int_equal(bv_engine_heat_map(f->engine, f->image, "edema", map, 1), BV_ERR_ARG);
    size_t n = (size_t)facts.width * (size_t)facts.height;
    float *whole = malloc(n * sizeof *whole);
    assert_non_null(whole);
    assert_int_equal(bv_engine_heat_map(f->engine, f->image, "edema", whole, n), BV_ERR_MODEL);
    free(whole);
}

static void test_pixels_and_tokens(void **state)
{
    struct fixture *f = *state;
    float *pixels = NULL;
    int64_t shape[3];
    int32_t *ids = NULL;
    size_t n = 0;
    int truncated = -1;
    must(f->context, bv_preprocess(f->context, f->model, f->image, &pixels, shape));
    struct bv_model_info facts = {.size = sizeof facts};
    must(f->context, bv_model_facts(f->model, &facts));
    assert_true(shape[0] == facts.image_height && shape[1] == facts.image_width && shape[2] >= 1);
    const char *path = fixture_path("pixels.npy");
    must(f->context, bv_write_npy(f->context, path, pixels, 3, shape));
    (void)unlink(path);
    bv_free(pixels);
    must(f->context, bv_tokenize(f->context, f->model, "edema", 5, &ids, &n, &truncated));
    assert_true(n >= 3 && truncated == 0);
    bv_free(ids);
}

static void test_device(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(bv_engine_device(f->engine), "cpu");
    assert_string_equal(bv_engine_precision(f->engine), "f32");
    assert_int_equal(bv_engine_device_type(f->engine), BV_DEVICE_CPU);
    assert_int_equal(bv_engine_precision_type(f->engine), BV_PRECISION_F32);
    assert_null(bv_engine_fallback(f->engine));
    bv_engine_trim(f->engine);
    struct bv_engine *none = NULL;
    const struct bv_engine_options options = {.size = sizeof options, .device = "abacus"};
    assert_int_not_equal(bv_engine_open(f->context, f->model, &options, &none), BV_OK);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device),     cmocka_unit_test(test_image_batch),
        cmocka_unit_test(test_text_batch), cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_outputs),    cmocka_unit_test(test_pixels_and_tokens),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
