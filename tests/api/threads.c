// Threads, each with a context of its own, that share a model and images.
#include "api/fixture.h"

#include <pthread.h>

enum { THREADS = 3, ROUNDS = 2, LABELS = 2 };

static const struct bv_zero_shot_options labels = {
    .size = sizeof labels,
    .labels = "Edema\nPleural effusion\n",
};

struct worker {
    const struct fixture *shared;
    struct bv_image
        *image; // a reference of its own to close: an image with the shared one as prior
    double scores[LABELS];
    float embedding[2048];
    enum bv_status status;
    char message[256];
};

// What a thread does must not call cmocka: it notes the first failure.
static enum bv_status work(struct worker *w, struct bv_context *context)
{
    const struct bv_engine_options cpu = {.size = sizeof cpu, .device = "cpu", .precision = "f32"};
    const struct bv_image *image = w->shared->image;
    struct bv_engine *engine = NULL;
    struct bv_zero_shot *z = NULL;
    struct bv_result *r = NULL;
    enum bv_status status = bv_engine_open(context, w->shared->model, &cpu, &engine);
    for (int round = 0; round < ROUNDS && status == BV_OK; round++) {
        status = bv_zero_shot_open(engine, &labels, &z);
        if (status == BV_OK)
            status = bv_zero_shot_classify(z, image, &r);
        if (status == BV_OK)
            status = bv_result_scores(r, w->scores, LABELS);
        if (status == BV_OK)
            status = bv_engine_embed_images(engine, &image, 1, 0, w->embedding, 2048, NULL);
        bv_result_free(&r);
        bv_zero_shot_close(&z);
    }
    bv_engine_close(&engine);
    return status;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct bv_context *context = NULL, *none = NULL;
    w->status = bv_context_open(&context, 1);
    if (w->status == BV_OK)
        w->status = work(w, context);
    (void)snprintf(w->message, sizeof w->message, "%s", bv_last_error(context));
    bv_image_close(&w->image); // the last reference to it, and one of many to its prior
    bv_context_close(&context);
    if (bv_context_open(&none, -1) == BV_OK || !bv_last_error(NULL)[0]) // of this thread
        w->status = BV_ERR_INTERNAL;
    return NULL;
}

static void test_shared(void **state)
{
    const struct fixture *f = *state;
    static struct worker workers[THREADS];
    pthread_t threads[THREADS];
    const struct bv_image_options with_prior = {.size = sizeof with_prior, .prior = f->image};
    for (int i = 0; i < THREADS; i++) {
        workers[i].shared = f;
        must(f->context, bv_image_open(f->context, SAMPLE, &with_prior, &workers[i].image));
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        if (workers[i].status != BV_OK)
            fail_msg("thread %d: %s", i, workers[i].message);
        assert_memory_equal(workers[i].scores, workers[0].scores, sizeof workers[0].scores);
        assert_memory_equal(workers[i].embedding, workers[0].embedding,
                            sizeof workers[0].embedding);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared)};
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
