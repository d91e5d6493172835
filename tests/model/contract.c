// A card that is wrong by itself, or does not fit its weights: conversion refuses it with a
// sentence, and so does opening a model file that an older build wrote.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/temporary.h"
#include "model/card.h"
#include "model/lovt.h"
#include "model/session.h"
#include "support/check.h"

// A setting that breaks LoVT's card, and parts of the sentence about it.
struct breach {
    const char *set, *first, *second;
};

#define MEAN "{\"from\":\"map\",\"steps\":[[\"mean\"]]}"
#define MAP "{\"from\":\"map\"}"
#define TOKENS "{\"from\":\"last\"}"
#define HEAD(labels)                                                                               \
    "scoring={\"rule\":\"operating_point\",\"logits\":\"global\",\"labels\":" labels "}"

static const struct breach breaches[] = {
    {"image.outputs.global=" MEAN, "projection", "for a text"},
    {"image.outputs.global=" MAP, "\"global\" of the image encoder", "one vector"},
    {"text.outputs.global=" TOKENS, "\"global\" of the text encoder", "one vector"},
    {"image.outputs={\"local\":" MAP "}", "image encoder", "\"global\""},
    {"text.outputs={\"tokens\":" TOKENS "}", "text encoder", "\"global\""},
    {"logit_scale={\"tensor\":\"image.conv1.weight\"}", "logit_scale", "one number"},
    {"logit_scale={\"tensor\":\"none\"}", "logit_scale", "\"none\""},
    {"logit_bias={\"tensor\":\"image.conv1.weight\"}", "logit_bias", "one number"},
    {"logit_bias=high", "logit_bias", "no number"},
    {"image.size=32", "image.size is 32", "224×224"},
    {"image.size=-1", "image.size", "1 to 8192"},
    {"image.size=\"224\"", "image.size", "1 to 8192"},
    {"scoring={\"rule\":\"global_local\"}", "scoring.local.tokens", "\"tokens\""},
    {"scoring={\"rule\":\"global_local\",\"local\":{\"tokens\":\"global\"}}", "\"global\"",
     "does not fit"},
    {"scoring={\"rule\":\"global_local\",\"local\":{\"regions\":\"none\"}}",
     "scoring.local.regions", "\"none\""},
    {"scoring={\"rule\":\"global_local\",\"local\":{\"regions\":\"global\"}}",
     "scoring.local.tokens", "\"tokens\""},
    {"scoring.padded_output=none", "scoring.padded_output", "\"none\""},
    {"heatmap={\"output\":\"global\"}", "\"global\"", "does not fit"},
    {"heatmap={\"output\":\"none\"}", "heatmap.output", "\"none\""},
    {HEAD("[\"effusion\"]"), "names 1 labels", "\"global\""},
    {HEAD("[1,2]"), "scoring.labels[0]", "string"},
    {"scoring={\"rule\":\"operating_point\",\"labels\":[\"effusion\"]}", "scoring.logits",
     "\"logits\""},
};

static void expect(const struct breach *b, enum bv_status status, const struct bv_error *err)
{
    if (status != BV_ERR_MODEL)
        fail_msg("%s: %s: %s", b->set, bv_status_name(status), err->text);
    if (!strstr(err->text, b->first) || !strstr(err->text, b->second))
        fail_msg("%s: \"%s\" does not say \"%s\" and \"%s\"", b->set, err->text, b->first,
                 b->second);
}

static void test_convert(void **state)
{
    for (size_t i = 0; i < sizeof breaches / sizeof *breaches; i++) {
        struct bv_error err = {0};
        const char *out = temporary_path(state, "out.safetensors");
        expect(&breaches[i], lovt_convert(state, breaches[i].set, out, &err), &err);
        assert_int_not_equal(access(out, F_OK), 0);
    }
}

// The model file at from with one setting of its card changed.
static void rewrite(const char *from, const char *to, const char *set)
{
    struct bv_error err = {0};
    struct bv_safetensors file = {0};
    assert_ok(bv_safetensors_open(&file, from, &err), err);
    struct bv_safetensors_spec *specs = calloc(file.n_tensors, sizeof *specs);
    assert_non_null(specs);
    for (size_t i = 0; i < file.n_tensors; i++) {
        const struct bv_safetensors_tensor *t = &file.tensors[i];
        specs[i] = (struct bv_safetensors_spec){
            .name = t->name, .dtype = t->dtype, .n_dims = t->n_dims, .data = t->data};
        memcpy(specs[i].shape, t->shape, (size_t)t->n_dims * sizeof *t->shape);
    }
    static const char *const kept[] = {BV_META_FORMAT, BV_META_VOCAB, BV_META_GOLDEN,
                                       BV_META_DIGEST};
    json_t *metadata = json_object(), *card = NULL;
    size_t size = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *text = bv_safetensors_metadata(&file, kept[i], &size);
        assert_int_equal(json_object_set_new(metadata, kept[i], json_stringn(text, size)), 0);
    }
    const char *text = bv_safetensors_metadata(&file, BV_META_CARD, &size);
    assert_ok(bv_json_parse(&card, text, size, "card", &err), err);
    char key[64];
    size_t n = strcspn(set, "=");
    (void)snprintf(key, sizeof key, "%.*s", (int)n, set);
    assert_ok(bv_card_set(card, key, set + n + 1, &err), err);
    char *dumped = json_dumps(card, JSON_COMPACT);
    assert_int_equal(json_object_set_new(metadata, BV_META_CARD, json_string(dumped)), 0);
    assert_ok(bv_safetensors_write(to, specs, file.n_tensors, metadata, NULL, NULL, &err), err);
    free(dumped);
    json_decref(card);
    json_decref(metadata);
    free(specs);
    bv_safetensors_close(&file);
}

static void test_open(void **state)
{
    struct bv_error err = {0};
    char good[256];
    (void)snprintf(good, sizeof good, "%s", temporary_path(state, "good.safetensors"));
    assert_ok(lovt_convert(state, NULL, good, &err), err);
    for (size_t i = 0; i < sizeof breaches / sizeof *breaches; i++) {
        struct bv_model *model = NULL;
        const char *path = temporary_path(state, "old.safetensors");
        rewrite(good, path, breaches[i].set);
        expect(&breaches[i], bv_model_load(&model, path, &err), &err);
        assert_null(model);
        assert_int_equal(unlink(path), 0);
    }
}

// An output of another size than its reader expects is refused before anything is written.
static void test_wanted(void **state)
{
    struct bv_error err = {0};
    const char *path = temporary_path(state, "good.safetensors");
    struct bv_model *model = NULL;
    struct bv_session *session = NULL;
    struct bv_session_options cpu = {"cpu", "f32", NULL};
    struct bv_output_shape image = {0}, text = {0};
    assert_ok(lovt_convert(state, NULL, path, &err), err);
    assert_ok(bv_model_load(&model, path, &err), err);
    assert_int_equal(model->image_width, 224);
    assert_int_equal(model->image_height, 224);
    assert_ok(bv_session_open(&session, model, &cpu, &err), err);
    assert_ok(bv_model_image_shape(model, "global", 64, 64, &image, &err), err);
    assert_ok(bv_model_text_shape(model, "global", 8, &text, &err), err);
    size_t D = (size_t)image.dim[0];
    assert_int_equal(text.dim[0], D);
    float *pixels = calloc(64 * 64 * 3, sizeof *pixels), *out = malloc(2 * D * sizeof *out);
    assert_non_null(pixels);
    assert_non_null(out);
    struct bv_tokens tokens = {0};
    assert_ok(bv_tokenizer_encode(model->tokenizer, "no effusions", 12, &tokens, &err), err);
    const struct bv_tokens *texts[] = {&tokens, &tokens};
    const struct bv_pixel_batch batch = {pixels, NULL, 1, 64, 64, 3};
    const size_t sizes[] = {0, D - 1, D + 1, D};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bv_wanted wanted = {"global", out, sizes[i]};
        out[0] = NAN;
        assert_int_equal(bv_session_encode_pixels(session, &batch, &wanted, 1, &err),
                         sizes[i] == D ? BV_OK : BV_ERR_MODEL);
        assert_int_equal(isnan(out[0]) != 0, sizes[i] != D);
    }
    out[0] = NAN;
    struct bv_wanted wanted = {"global", out, 2 * D - 1};
    assert_int_equal(bv_session_encode_tokens(session, texts, 2, &wanted, &err), BV_ERR_MODEL);
    assert_non_null(strstr(err.text, "\"global\""));
    assert_true(isnan(out[0]));
    wanted.n_floats = 2 * D;
    assert_ok(bv_session_encode_tokens(session, texts, 2, &wanted, &err), err);
    bv_tokens_free(&tokens);
    free(pixels);
    free(out);
    bv_session_close(&session);
    bv_model_unload(&model);
}

#define OTHER(text) text, sizeof(text) - 1

// What people give in place of a model file is named, with what to do about it.
static void test_other_files(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *first, *second;
    } others[] = {
        {OTHER(""), "empty", ""},
        {OTHER("{\"name\": \"gloria\", \"tensors\": []}"), "JSON", "system card"},
        {OTHER("[1, 2, 3]"), "JSON", ""},
        {OTHER("{}"), "JSON", ""},
        {OTHER("<!DOCTYPE html><html>"), "web page", ""},
        {OTHER("PK\3\4 an archive of PyTorch's"), "checkpoint", "biovl convert"},
        {OTHER("\x80\2}q\0."), "checkpoint", "biovl convert"},
        {OTHER("\xff\xff\xff\xff\xff\xff\xff\xff{"), "header", "limit"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct bv_error err = {0};
        struct bv_model *m = NULL;
        const char *path = temporary_file(state, "other", others[i].bytes, others[i].size);
        assert_int_not_equal(bv_model_load(&m, path, &err), BV_OK);
        assert_null(m);
        if (strncmp(err.text, path, strlen(path)) != 0 || !strstr(err.text, others[i].first) ||
            !strstr(err.text, others[i].second))
            fail_msg("file %zu: \"%s\"", i, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_convert, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_open, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_other_files, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_wanted, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
