// Running out of memory at any allocation of an evaluation ends it with an error, and what was done
// resumes to the same results: the n-th allocation fails, for many n.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/temporary.h"
#include "eval/run/evaluation.h"
#include "support/check.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static atomic_long until_failure = -1; // allocations left; negative: never

static bool fails(void)
{
    return atomic_load(&until_failure) >= 0 && atomic_fetch_sub(&until_failure, 1) == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

static enum bv_status preprocess(void *arg, const char *path, struct bv_preprocessed *image,
                                 struct bv_error *err)
{
    (void)arg;
    struct bv_pixels pixels = {0};
    BV_TRY(bv_pixels_create(&pixels, 1, 1, 1, BV_SAMPLE_F32, err));
    *(float *)pixels.data = (float)path[strlen(path) - 1] / 256;
    return bv_classifier_input_of(&pixels, &image->input, err);
}

static enum bv_status score(void *arg, const struct bv_classifier_input *const *images, size_t n,
                            double *scores, struct bv_error *err)
{
    (void)arg;
    (void)err;
    for (size_t i = 0; i < n; i++)
        scores[i] = (double)*(const float *)images[i]->parts[0].pixels.data;
    return BV_OK;
}

static enum bv_status evaluate(const char *data, const char *folder, struct bv_error *err)
{
    static const char *const labels[] = {"Edema"};
    static const struct bv_scorer scorer = {
        .n_labels = 1, .preprocess = preprocess, .score = score};
    struct bv_evaluation_counts counts;
    json_t *model = json_pack("{s:s, s:s}", "name", "fake", "score_kind", "pair_softmax");
    struct bv_evaluation_run run = {.data = {.path = data, .labels = labels, .n_labels = 1},
                                    .folder = folder,
                                    .model = model,
                                    .n_shards = 1,
                                    .resume = true,
                                    .block = 2,
                                    .n_workers = 2};
    struct bv_evaluation_finish finish = {.folder = folder, .n_bootstrap = 40};
    enum bv_status status = bv_evaluation_run(&run, &scorer, &counts, err);
    if (status == BV_OK)
        status = bv_evaluation_finish(&finish, &counts, err);
    json_decref(model);
    return status;
}

static void equal_files(void **state, const char *a, const char *b)
{
    char *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    struct bv_error err = {0};
    assert_ok(bv_read_all(temporary_path(state, a), 1 << 24, &x, &n, &err), err);
    assert_ok(bv_read_all(temporary_path(state, b), 1 << 24, &y, &m, &err), err);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);
}

static void test_every_allocation(void **state)
{
    static const char csv[] = "path,patient,Edema\na1,p1,1\na2,p1,0\na3,p2,1\na4,p3,0\na5,p4,0\n";
    char data[512], whole[512], folder[512];
    struct bv_error err = {0};
    (void)snprintf(data, sizeof data, "%s", temporary_file(state, "data.csv", csv, sizeof csv - 1));
    (void)snprintf(whole, sizeof whole, "%s", temporary_path(state, "whole"));
    (void)snprintf(folder, sizeof folder, "%s", temporary_path(state, "failing"));
    assert_int_equal(evaluate(data, whole, &err), BV_OK);
    long n = 0;
    for (bool failed = true; failed; n += n < 300 ? 1 : 61) {
        (void)remove(temporary_path(state, "failing/journal.tsv"));
        atomic_store(&until_failure, n);
        enum bv_status status = evaluate(data, folder, &err);
        failed = atomic_load(&until_failure) < 0;
        atomic_store(&until_failure, -1);
        if (status != (failed ? BV_ERR_NOMEM : BV_OK))
            fail_msg("allocation %ld: %s: %s", n, bv_status_name(status), err.text);
        assert_ok(evaluate(data, folder, &err), err);
        equal_files(state, "whole/metrics.json", "failing/metrics.json");
        equal_files(state, "whole/predictions.csv", "failing/predictions.csv");
    }
    assert_true(n > 100);
    (void)printf("%ld allocations\n", n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_allocation, temporary_folder,
                                        temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
