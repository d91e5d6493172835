// MAVL, of which no outputs of its authors' code are at hand: a small checkpoint with the names of
// the public code, its text encoder and its two books, against a reference by this project in
// PyTorch (mavl.inc, made by mavl.py).
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "convert/convert.h"
#include "model/folder.h"
#include "model/session.h"
#include "score/classifier.h"
#include "support/check.h"
#include "support/fixed.h"

#include "model/mavl.inc"

enum { SIDE = 64, WIDTH = 16, PATCHES = 16, LABELS = sizeof scores_mavl / sizeof *scores_mavl };

// Converts with these books, given in one order or the other; an empty second one is left out. More
// is a setting of the card, NULL for none.
static enum bv_status import_set(void *const *state, const char *book, const char *aspects,
                                 bool aspects_first, const char *more, const char *out,
                                 struct bv_error *err)
{
    char checkpoint[512], encoder[512], first[512], second[512], words[512];
    (void)snprintf(checkpoint, sizeof checkpoint, "%s",
                   folder_weights(state, "checkpoint_full_46.safetensors", shapes_mavl,
                                  sizeof shapes_mavl / sizeof *shapes_mavl, VALUES_SCALED, NULL));
    (void)snprintf(encoder, sizeof encoder, "%s",
                   folder_weights(state, "text.safetensors", shapes_mavl_text,
                                  sizeof shapes_mavl_text / sizeof *shapes_mavl_text, VALUES_SCALED,
                                  NULL));
    (void)snprintf(first, sizeof first, "%s",
                   temporary_file(state, "book.json", book, strlen(book)));
    (void)snprintf(second, sizeof second, "%s",
                   temporary_file(state, "aspects.json", aspects, strlen(aspects)));
    (void)snprintf(words, sizeof words, "%s",
                   temporary_file(state, "vocab.txt", words_mavl, strlen(words_mavl)));
    const char *parts[] = {encoder, aspects_first ? second : first, aspects_first ? first : second};
    const char *set[] = {"text.heads=4", more};
    struct bv_import_options options = {.dtype = BV_F32,
                                        .vocabulary = words,
                                        .parts = parts,
                                        .n_parts = *aspects ? 3 : 2,
                                        .set = set,
                                        .n_set = more ? 2 : 1};
    struct bv_import_report report = {.n_tensors = 0};
    enum bv_status status = bv_import(checkpoint, out, &options, &report, err);
    if (status == BV_OK)
        assert_string_equal(report.system, "mavl");
    return status;
}

static enum bv_status import(void *const *state, const char *book, const char *aspects,
                             bool aspects_first, const char *out, struct bv_error *err)
{
    return import_set(state, book, aspects, aspects_first, NULL, out, err);
}

// A member of the decoder that is none is refused, and not passed over.
static void test_decoder_members(void **state)
{
    static const char *const cases[][2] = {
        {"decoder.heads=x", "decoder.heads is no whole number"},
        {"decoder.slots=-1", "decoder.slots is not 0 to 512"},
        {"decoder.slots=513", "decoder.slots is not 0 to 512"},
        {"decoder.map=first", "neither last nor mean"},
        {"decoder.map=[0]", "decoder.map is no name"},
        {"decoder.image=3", "decoder.image is no name"},
        {"decoder.words=3", "decoder.words is no name"},
        {"decoder.head={}", "decoder.head is no list"},
        {"decoder.self_attention=0", "neither true nor false"},
        {"decoder.norm_inputs=3", "neither true nor false"},
    };
    const char *out = temporary_path(state, "out.bin");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        if (import_set(state, book_mavl, aspects_mavl, false, cases[i][0], out, &err) !=
                BV_ERR_MODEL ||
            !strstr(err.text, cases[i][1]))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i][0], err.text, cases[i][1]);
    }
}

static void encode(struct bv_session *session, float *global, float *tokens)
{
    struct bv_error err = {0};
    float *pixels = malloc(sizeof *pixels * SIDE * SIDE * 3);
    const struct bv_wanted wanted[] = {{"global", global, WIDTH},
                                       {"tokens", tokens, PATCHES * WIDTH}};
    assert_non_null(pixels);
    fixed_values("pixels", 0, 1.5f, (int64_t)SIDE * SIDE * 3, pixels);
    const struct bv_pixel_batch batch = {pixels, NULL, 1, SIDE, SIDE, 3};
    assert_ok(bv_session_encode_pixels(session, &batch, wanted, 2, &err), err);
    free(pixels);
}

static void check_scores(const char *path)
{
    struct bv_error err = {0};
    struct bv_session_options cpu = {"cpu", "f32", NULL};
    struct bv_model *model = NULL;
    struct bv_session *session = NULL;
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    static const char names[] = "effusion\nheart\nair\nnormal\n";
    float global[WIDTH], tokens[PATCHES * WIDTH];
    double scores[LABELS], largest = 0;
    assert_ok(bv_model_load(&model, path, &err), err);
    assert_ok(bv_session_open(&session, model, &cpu, &err), err);
    encode(session, global, tokens);
    assert_ok(bv_labels_parse(&labels, names, strlen(names), "labels",
                              json_object_get(model->card, "prompts"), &err),
              err);
    assert_int_equal(labels.n, LABELS);
    assert_ok(bv_classifier_create(&classifier, session, &labels, &err), err);
    assert_true(bv_classifier_asks_together(classifier));
    assert_ok(
        bv_classifier_score_image(classifier, global, tokens, PATCHES, scores, NULL, NULL, &err),
        err);
    for (int i = 0; i < LABELS; i++)
        largest = fmax(largest, fabs(scores[i] - scores_mavl[i]));
    (void)printf("largest difference %.2g\n", largest);
    assert_true(largest <= 1e-6); // measured: 9.4e-8
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
    bv_session_close(&session);
    bv_model_unload(&model);
}

static void test_scores(void **state)
{
    struct bv_error err = {0};
    const char *out = temporary_path(state, "out.bin");
    for (int first = 0; first < 2; first++) {
        assert_ok(import(state, book_mavl, aspects_mavl, first != 0, out, &err), err);
        check_scores(out);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *book, *aspects, *says;
    } cases[] = {
        {book_mavl, "", "missing after the first one: the book of eight visual aspects"},
        {book_mavl, "{\"effusion\":[\"a\",\"b\"]}", "\"effusion\" has 2 texts, not 8"},
        {book_mavl, "{\"heart\":[\"a\",\"b\"]}", "no entry \"effusion\""},
        {"{\"a\":\"b\"}", "{\"a\":[\"\",\"b\",\"b\",\"b\",\"b\",\"b\",\"b\",\"b\"]}", "is no text"},
        {"{\"a\":\"b\"}", "{\"a\":[1,2,3,4,5,6,7,8]}", "is no text"},
        {book_mavl, book_mavl, "has no such part"},
        {aspects_mavl, aspects_mavl, "has no such part"},
    };
    const char *out = temporary_path(state, "out.bin");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        assert_int_not_equal(import(state, cases[i].book, cases[i].aspects, false, out, &err),
                             BV_OK);
        if (!strstr(err.text, cases[i].says))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.text, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scores, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_refused, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_decoder_members, temporary_folder,
                                        temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
