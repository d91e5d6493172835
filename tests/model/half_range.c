// Activations that f16 cannot hold are an error that says what to do, never a result.
#include <math.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "convert/convert.h"
#include "model/folder.h"
#include "model/session.h"
#include "support/check.h"
#include "support/silent.h"

#include "model/families.inc"

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsmall\nleft\neffusion\nno\n##s\n";

// Encodes a text with a hidden unit of the given bias; BV_ERR_DEVICE without a device.
static enum bv_status encode(void *const *state, float bias, const char *precision, float out[64],
                             struct bv_error *err)
{
    struct fault fault = {.poison = "encoder.layer.0.intermediate.dense.bias", .value = bias};
    const char *folder = folder_write(state, shapes_bert, sizeof shapes_bert / sizeof *shapes_bert,
                                      config_bert, words, NULL, &fault);
    const char *path = temporary_path(state, "out.safetensors");
    struct bv_import_options import = {.dtype = BV_F32};
    struct bv_model *model = NULL;
    struct bv_session *session = NULL;
    struct bv_session_options options = {"vulkan", precision, NULL};
    struct bv_tokens tokens = {0};
    const struct bv_tokens *one = &tokens;
    const struct bv_wanted wanted = {"global", out, sizeof mean_bert / sizeof *mean_bert};
    assert_ok(bv_import(folder, path, &import, NULL, err), *err);
    assert_ok(bv_model_load(&model, path, err), *err);
    assert_ok(bv_tokenizer_encode(model->tokenizer, "no effusions", 12, &tokens, err), *err);
    enum bv_status status = bv_session_open(&session, model, &options, err);
    if (status == BV_OK)
        status = bv_session_encode_tokens(session, &one, 1, &wanted, err);
    if (session)
        assert_silent(bv_session_backend(session));
    bv_tokens_free(&tokens);
    bv_session_close(&session);
    bv_model_unload(&model);
    return status;
}

static void test_beyond_half(void **state)
{
    struct bv_error err = {0};
    float out[64];
    enum bv_status status = encode(state, 1, "f16", out, &err);
    if (status == BV_ERR_DEVICE)
        skip();
    assert_ok(status, err);
    assert_int_equal(encode(state, 1e6F, "f16", out, &err), BV_ERR_LIMIT);
    assert_non_null(strstr(err.text, "use --precision f32"));
    assert_ok(encode(state, 1e6F, "f32", out, &err), err);
    for (size_t i = 0; i < sizeof mean_bert / sizeof *mean_bert; i++)
        assert_true(isfinite(out[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        test_beyond_half, temporary_folder, temporary_folder_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
