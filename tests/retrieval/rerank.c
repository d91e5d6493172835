// Reranking: the scores are bv_fusion_match()'s, an image is read once however many texts it meets,
// and what is kept is bounded.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "retrieval/query.h"
#include "score/fusion_scores.h"
#include "support/check.h"

#define SAMPLE "assets/sample/cxr.dcm" // tests run in the source folder

static struct bv_model *model;
static struct bv_session *session;

static int open_default_model(void **state)
{
    struct bv_error err = {0};
    struct bv_session_options options = {.device = "cpu"};
    if (temporary_folder(state) != 0)
        return -1;
    assert_ok(bv_model_load(&model, "assets/models/biovl-cxr-small.safetensors", &err), err);
    assert_ok(bv_session_open(&session, model, &options, &err), err);
    return 0;
}

static int close_default_model(void **state)
{
    bv_session_close(&session);
    bv_model_unload(&model);
    return temporary_folder_remove(state);
}

static const struct bv_entry sample = {
    .id = "s", .kind = BV_KIND_IMAGE, .metadata = "{\"path\":\"" SAMPLE "\"}", .report = ""};

static struct bv_hit report(const char *text)
{
    return (struct bv_hit){
        .entry = {.id = "r", .kind = BV_KIND_REPORT, .metadata = "{}", .report = text}};
}

static void test_reads_an_image_once(void **state)
{
    (void)state;
    struct bv_error err = {0};
    const char *texts[] = {"no acute disease", "left pleural effusion", "pneumothorax"};
    struct bv_hit hits[3];
    float scores[3];
    double expected;
    struct bv_rerank_images images = {.session = session};
    struct bv_rerank_query q = {.images = &images, .entry = &sample, .index = "i"};
    struct bv_fusion_image image = {0};
    for (int i = 0; i < 3; i++)
        hits[i] = report(texts[i]);
    for (int round = 0; round < 2; round++)
        assert_ok(bv_rerank_hits(&q, hits, 3, scores, &err), err);
    assert_int_equal(images.n_encoded, 1);
    struct bv_image *decoded = NULL;
    assert_ok(bv_image_load(SAMPLE, NULL, &decoded, &err), err);
    assert_ok(bv_fusion_image_make(session, decoded, NULL, &image, &err), err);
    for (int i = 0; i < 3; i++) {
        assert_ok(bv_fusion_match(session, &image, &texts[i], 1, &expected, NULL, &err), err);
        assert_true(scores[i] == (float)expected); // a text alone: the same bits
    }
    bv_image_free(&decoded);
    bv_fusion_image_free(&image);
    bv_rerank_images_free(&images);
}

static void test_keeps_the_latest_images(void **state)
{
    struct bv_error err = {0};
    enum { N = BV_RERANK_IMAGES + 2 };
    char metadata[N][600], here[400];
    struct bv_hit hits[N] = {{0}};
    float scores[N];
    struct bv_rerank_images images = {.session = session};
    struct bv_rerank_query q = {.images = &images, .text = "pleural effusion", .index = "i"};
    assert_non_null(getcwd(here, sizeof here));
    for (int i = 0; i < N; i++) {
        char name[16], target[512];
        (void)snprintf(name, sizeof name, "%d.dcm", i);
        (void)snprintf(target, sizeof target, "%s/" SAMPLE, here);
        const char *path = temporary_path(state, name);
        assert_int_equal(symlink(target, path), 0);
        (void)snprintf(metadata[i], sizeof metadata[0], "{\"path\":\"%s\"}", path);
        hits[i].entry = (struct bv_entry){
            .id = "i", .kind = BV_KIND_IMAGE, .metadata = metadata[i], .report = ""};
    }
    assert_ok(bv_rerank_hits(&q, hits, N, scores, &err), err);
    assert_int_equal(images.n_encoded, N);
    assert_int_equal(images.n, BV_RERANK_IMAGES);
    for (int i = 1; i < N; i++)
        assert_true(scores[i] == scores[0]);
    // 0 and 1 were forgotten for 64 and 65; 2 is the oldest that is left.
    q.text = "no effusion";
    assert_ok(bv_rerank_hits(&q, hits + 2, N - 2, scores, &err), err);
    assert_int_equal(images.n_encoded, N);
    assert_ok(bv_rerank_hits(&q, hits, 1, scores, &err), err);
    assert_int_equal(images.n_encoded, N + 1);
    bv_rerank_images_free(&images);
}

static void test_says_what_is_missing(void **state)
{
    (void)state;
    struct bv_error err = {0};
    float score = 7;
    struct bv_rerank_images images = {.session = session};
    struct bv_rerank_query q = {.images = &images, .entry = &sample, .index = "i.biovl"};
    struct bv_hit hit = report("");
    assert_int_equal(bv_rerank_hits(&q, &hit, 1, &score, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "i.biovl: item r has no report"));
    q.entry = NULL;
    q.text = "x";
    assert_int_equal(bv_rerank_hits(&q, &hit, 1, &score, &err), BV_ERR_ARG);
    hit.entry.kind = BV_KIND_IMAGE;
    assert_int_equal(bv_rerank_hits(&q, &hit, 1, &score, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "does not hold the path"));
    hit.entry.metadata = "{\"path\":\"/nowhere/x.png\"}";
    assert_int_equal(bv_rerank_hits(&q, &hit, 1, &score, &err), BV_ERR_IO);
    assert_non_null(strstr(err.text, "/nowhere/x.png"));
    assert_true(score == 7);
    assert_int_equal(images.n, 0);
    bv_rerank_images_free(&images);
}

static enum bv_status read_again(void *arg, const struct bv_entry *entry, struct bv_image **image,
                                 struct bv_error *err)
{
    ++*(int *)arg;
    assert_string_equal(entry->id, "away");
    return bv_image_load(SAMPLE, NULL, image, err);
}

// What an image without a path is read from again is asked once; what is kept is used as long as it
// is whole, and goes when it is cleared.
static void test_keeps_what_is_read_again(void **state)
{
    struct bv_error err = {0};
    struct bv_fusion_image image = {0};
    const struct bv_hit hit = {
        .entry = {.id = "away", .kind = BV_KIND_IMAGE, .metadata = "{}", .report = ""}};
    const char *index = temporary_path(state, "kept.biovl");
    char folder[512], command[1200];
    float scores[4];
    int n_read = 0;
    (void)snprintf(folder, sizeof folder, "%s.rerank", index);
    for (int i = 0; i < 4; i++) {
        struct bv_rerank_images images = {.session = session};
        struct bv_rerank_query q = {.images = &images,
                                    .text = "effusion",
                                    .index = index,
                                    .again = read_again,
                                    .again_arg = &n_read};
        if (i == 2) { // a length that the file does not have
            (void)snprintf(command, sizeof command,
                           "printf '\\377' | dd of=$(echo '%s'/*) bs=1 seek=13 conv=notrunc 2>&1",
                           folder);
            assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a fixed script
        } else if (i == 3) {
            bv_rerank_cache_clear(index);
            assert_int_not_equal(access(folder, F_OK), 0);
        }
        assert_ok(bv_rerank_hits(&q, &hit, 1, &scores[i], &err), err);
        assert_ok(bv_rerank_hits(&q, &hit, 1, &scores[i], &err), err);
        assert_true(scores[i] == scores[0]);
        bv_rerank_images_free(&images);
    }
    assert_int_equal(n_read, 3); // at first, after damage, after clearing
    assert_true(bv_rerank_cache_read(index, "away", session, &image));
    bv_fusion_image_free(&image);
    assert_false(bv_rerank_cache_read(index, "other", session, &image));
    bv_rerank_cache_clear(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_an_image_once),
        cmocka_unit_test(test_keeps_the_latest_images),
        cmocka_unit_test(test_says_what_is_missing),
        cmocka_unit_test(test_keeps_what_is_read_again),
    };
    return cmocka_run_group_tests(tests, open_default_model, close_default_model);
}
