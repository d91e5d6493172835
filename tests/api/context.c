// Contexts: opening, messages, observers, versions.
#include "api/fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_version(void **state)
{
    (void)state;
    char text[32], *json = NULL;
    (void)snprintf(text, sizeof text, "%d.%d.%d", BV_VERSION_MAJOR, BV_VERSION_MINOR,
                   BV_VERSION_PATCH);
    assert_string_equal(bv_version(), text);
    assert_int_equal(bv_abi_version(), BV_ABI_VERSION);
    must(NULL, bv_build_info(&json));
    assert_non_null(strstr(json, text));
    bv_free(json);
}

#ifndef NDEBUG
static void open_nothing(const struct fixture *f)
{
    struct bv_image *image = NULL;
    (void)bv_image_open(f->context, NULL, NULL, &image);
}

static void open_nowhere(const struct fixture *f)
{
    (void)bv_engine_open(f->context, f->model, NULL, NULL);
}

static void describe_nothing(const struct fixture *f)
{
    char *json = NULL;
    (void)bv_model_describe(f->context, NULL, &json);
}
#endif

// What a header forbids ends a program that is being developed, with the line.
static void test_null(void **state)
{
#ifdef NDEBUG
    (void)state;
    skip();
#else
    static void (*const calls[])(const struct fixture *) = {open_nothing, open_nowhere,
                                                            describe_nothing};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(STDERR_FILENO);
            calls[i](*state);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
#endif
}

// What a context that could not be opened cannot say itself.
static void test_failed_open(void **state)
{
    (void)state;
    struct bv_context *context = NULL;
    assert_int_equal(bv_context_open(&context, -1), BV_ERR_ARG);
    assert_null(context);
    assert_string_not_equal(bv_last_error(NULL), "");
    bv_context_close(&context);
}

static void test_text(void **state)
{
    struct fixture *f = *state;
    char path[4096], *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s", fixture_path("text"));
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fputs("\xef\xbb\xbfone\r\ntwo", file);
    assert_int_equal(fclose(file), 0);
    must(f->context, bv_read_text(f->context, path, &text, &size));
    assert_string_equal(text, "one\ntwo");
    assert_int_equal(size, 7);
    bv_free(text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(bv_read_text(f->context, path, &text, &size), BV_ERR_IO);
}

static void test_message(void **state)
{
    struct fixture *f = *state;
    struct bv_image *image = NULL;
    assert_int_equal(bv_image_open(f->context, "/no/such/file", NULL, &image), BV_ERR_IO);
    assert_null(image);
    assert_non_null(strstr(bv_last_error(f->context), "/no/such/file"));
    assert_string_equal(bv_status_name(BV_ERR_CANCELLED), "cancelled");
}

struct seen {
    size_t calls, failures, stop_at;
    size_t done, total;
};

static int progress(void *arg, size_t done, size_t total)
{
    struct seen *seen = arg;
    seen->done = done;
    seen->total = total;
    return ++seen->calls >= seen->stop_at;
}

static void failed(void *arg, const char *name, enum bv_status status, const char *text)
{
    struct seen *seen = arg;
    seen->failures++;
    assert_true(name[0] && text[0] && status != BV_OK);
}

static void test_observer(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.stop_at = SIZE_MAX};
    struct bv_observer observer = {.arg = &seen, .progress = progress, .failed = failed};
    const size_t dim = bv_engine_text_dim(f->engine);
    const char *texts[600];
    float *out = malloc(600 * dim * sizeof *out);
    enum bv_status statuses[600];
    assert_non_null(out);
    for (size_t i = 0; i < 600; i++)
        texts[i] = i == 300 ? "\xff\xfe" : "pleural effusion"; // one is not UTF-8
    // The size is not set.
    assert_int_equal(bv_context_observe(f->context, &observer), BV_ERR_ARG);
    observer.size = sizeof observer;
    must(f->context, bv_context_observe(f->context, &observer));
    must(f->context,
         bv_engine_embed_texts(f->engine, texts, 600, 0, out, 600 * dim, NULL, statuses));
    assert_true(seen.calls >= 3 && seen.done == 600 && seen.total == 600);
    size_t n_failed = 0;
    for (size_t i = 0; i < 600; i++)
        n_failed += statuses[i] != BV_OK;
    assert_int_equal(seen.failures, n_failed);
    // Stopped at once, and between blocks.
    for (size_t at = 1; at <= 3; at++) {
        seen = (struct seen){.stop_at = at};
        assert_int_equal(
            bv_engine_embed_texts(f->engine, texts, 600, 0, out, 600 * dim, NULL, statuses),
            BV_ERR_CANCELLED);
        assert_int_equal(seen.calls, at);
    }
    must(f->context, bv_context_observe(f->context, NULL));
    must(f->context, bv_engine_embed_texts(f->engine, texts, 10, 0, out, 10 * dim, NULL, NULL));
    free(out);
}

// Options of a caller that knows less, and of one that knows more than this library.
static void test_sizes(void **state)
{
    struct fixture *f = *state;
    struct {
        struct bv_image_options known;
        uint64_t later;
    } newer = {.known = {.size = sizeof newer}};
    struct bv_image *image = NULL;
    must(f->context, bv_image_open(f->context, SAMPLE, &newer.known, &image));
    bv_image_close(&image);
    newer.later = 1;
    assert_int_equal(bv_image_open(f->context, SAMPLE, &newer.known, &image), BV_ERR_UNSUPPORTED);
    struct bv_image_options older = {.size = offsetof(struct bv_image_options, frame), .frame = 99};
    must(f->context, bv_image_open(f->context, SAMPLE, &older, &image));
    bv_image_close(&image);
    older.size = 0;
    assert_int_equal(bv_image_open(f->context, SAMPLE, &older, &image), BV_ERR_ARG);
    older.size = SIZE_MAX;
    assert_int_equal(bv_image_open(f->context, SAMPLE, &older, &image), BV_ERR_ARG);
    // A struct to be filled keeps its size, and nothing is written beyond it.
    struct bv_image_facts facts = {.size = offsetof(struct bv_image_facts, width), .width = -7};
    must(f->context, bv_image_describe(f->image, &facts));
    assert_int_equal(facts.width, -7);
    assert_int_equal(facts.size, offsetof(struct bv_image_facts, width));
    facts.size = 0;
    assert_int_equal(bv_image_describe(f->image, &facts), BV_ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version), cmocka_unit_test(test_text),
        cmocka_unit_test(test_null),    cmocka_unit_test(test_failed_open),
        cmocka_unit_test(test_message), cmocka_unit_test(test_observer),
        cmocka_unit_test(test_sizes),
    };
    bv_remove_unfinished(); // nothing is
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
