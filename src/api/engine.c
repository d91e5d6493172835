// The public calls that run encoders.
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "checkpoint/npy.h"
#include "model/encode.h"
#include "score/fusion_scores.h"

enum bv_status bv_engine_open(struct bv_context *context, const struct bv_model *model,
                              const struct bv_engine_options *theirs, struct bv_engine **out)
{
    assert(model && out);
    struct bv_error *err = bv_begin(context);
    struct bv_engine_options o;
    BV_TRY(bv_options_read(&o, sizeof o, theirs, "bv_engine_options", err));
    struct bv_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return bv_fail_nomem(err, "an engine");
    engine->context = context;
    const struct bv_session_options options = {o.device, o.precision, context->pool};
    enum bv_status status = bv_session_open(&engine->session, model, &options, err);
    if (status != BV_OK)
        bv_engine_close(&engine);
    else
        *out = engine;
    return status;
}

void bv_engine_close(struct bv_engine **engine)
{
    assert(engine);
    if (!*engine)
        return;
    bv_session_close(&(*engine)->session);
    free((*engine)->neutral);
    free(*engine);
    *engine = NULL;
}

void bv_engine_trim(struct bv_engine *engine)
{
    assert(engine);
    bv_session_rest(engine->session);
}

const char *bv_engine_device(const struct bv_engine *engine)
{
    assert(engine);
    return bv_session_device(engine->session);
}

const char *bv_engine_precision(const struct bv_engine *engine)
{
    assert(engine);
    return bv_session_precision(engine->session);
}

enum bv_device bv_engine_device_type(const struct bv_engine *engine)
{
    assert(engine);
    const char *name = bv_engine_device(engine);
    return strncmp(name, "vulkan", 6) == 0  ? BV_DEVICE_VULKAN
           : strcmp(name, "reference") == 0 ? BV_DEVICE_REFERENCE
                                            : BV_DEVICE_CPU;
}

enum bv_precision bv_engine_precision_type(const struct bv_engine *engine)
{
    assert(engine);
    static const char *const names[] = {"f32", "f16", "bf16", "int8"};
    int i = 0;
    while (i < 3 && strcmp(names[i], bv_engine_precision(engine)) != 0)
        i++;
    return strcmp(names[i], bv_engine_precision(engine)) == 0 ? (enum bv_precision)i
                                                              : BV_PRECISION_F32;
}

const char *bv_engine_fallback(const struct bv_engine *engine)
{
    assert(engine);
    return bv_session_fallback(engine->session);
}

enum bv_status bv_check_embeds(const struct bv_model *m, const char *tower, const char *what,
                               struct bv_error *err)
{
    char text[256];
    const json_t *outputs = json_object_get(json_object_get(m->card, tower), "outputs");
    if (!bv_model_has_fusion(m) || json_object_get(outputs, "global"))
        return BV_OK;
    return bv_fail(err, BV_ERR_MODEL,
                   "model \"%s\" is a fusion encoder and does not embed %s alone; "
                   "it can: %s",
                   m->name, what, bv_fusion_abilities(m, text));
}

size_t bv_engine_image_dim(struct bv_engine *engine)
{
    assert(engine);
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *m = bv_session_model(engine->session);
    if (bv_check_embeds(m, "image", "images", err) != BV_OK)
        return 0;
    if (m->image_dim == 0)
        (void)bv_fail(err, BV_ERR_ARG, "model \"%s\" does not embed images", m->name);
    return (size_t)m->image_dim;
}

size_t bv_engine_text_dim(struct bv_engine *engine)
{
    assert(engine);
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *m = bv_session_model(engine->session);
    if (bv_check_embeds(m, "text", "texts", err) != BV_OK)
        return 0;
    if (m->text_dim == 0)
        (void)bv_fail(err, BV_ERR_ARG, "model \"%s\" does not embed texts", m->name);
    return (size_t)m->text_dim;
}

enum bv_status bv_engine_run_image(struct bv_engine *engine, const struct bv_image *image,
                                   const struct bv_image *prior, const struct bv_wanted *wanted,
                                   int n_wanted, struct bv_error *err)
{
    return bv_encode_images(engine->session, &image, &prior, 1, wanted, n_wanted, NULL, err);
}

enum bv_status bv_write_npy(struct bv_context *context, const char *path, const float *data,
                            int rank, const int64_t *shape)
{
    assert(context && path && shape);
    return bv_npy_write(path, BV_F32, rank, shape, data, bv_begin(context));
}

enum bv_status bv_tokenize(struct bv_context *context, const struct bv_model *model,
                           const char *text, size_t n_bytes, int32_t **ids, size_t *n,
                           int *truncated)
{
    assert(context && model && (text || n_bytes == 0) && ids && n);
    struct bv_error *err = bv_begin(context);
    struct bv_tokens tokens = {0};
    if (!model->tokenizer)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no text encoder", model->name);
    BV_TRY(bv_tokenizer_encode(model->tokenizer, text, n_bytes, &tokens, err));
    int32_t *copy = malloc(tokens.n * sizeof *copy + 1);
    if (copy) {
        memcpy(copy, tokens.ids, tokens.n * sizeof *copy);
        *ids = copy;
        *n = tokens.n;
        if (truncated)
            *truncated = tokens.truncated;
    }
    bv_tokens_free(&tokens);
    return copy ? BV_OK : bv_fail_nomem(err, "token ids");
}
