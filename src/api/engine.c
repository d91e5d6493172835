// The public calls that run encoders.
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "checkpoint/npy.h"
#include "model/encode.h"
#include "score/pair.h"

enum bv_status bv_engine_open(struct bv_context *context, const struct bv_model *model,
                              const char *device, const char *precision, struct bv_engine **out)
{
    struct bv_error *err = bv_begin(context);
    struct bv_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return bv_fail_nomem(err, "an engine");
    engine->context = context;
    struct bv_session_options options = {device, precision, context->pool};
    enum bv_status status = bv_session_open(&engine->session, model, &options, err);
    if (status != BV_OK)
        bv_engine_close(&engine);
    else
        *out = engine;
    return status;
}

void bv_engine_close(struct bv_engine **engine)
{
    if (!*engine)
        return;
    bv_session_close(&(*engine)->session);
    free(*engine);
    *engine = NULL;
}

void bv_engine_rest(struct bv_engine *engine)
{
    bv_session_rest(engine->session);
}

const char *bv_engine_device(const struct bv_engine *engine)
{
    return bv_session_device(engine->session);
}

const char *bv_engine_precision(const struct bv_engine *engine)
{
    return bv_session_precision(engine->session);
}

const char *bv_engine_fallback(const struct bv_engine *engine)
{
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
                   m->name, what, bv_pair_abilities(m, text));
}

size_t bv_engine_image_dim(struct bv_engine *engine)
{
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

static enum bv_status embed_image(struct bv_engine *engine, const struct bv_image *image,
                                  const struct bv_image *prior, unsigned flags, float *out,
                                  struct bv_error *err)
{
    size_t dim = bv_engine_image_dim(engine);
    struct bv_wanted wanted = {"global", out, dim};
    if (dim == 0)
        return err->status;
    BV_TRY(bv_engine_run_image(engine, image, prior, &wanted, 1, err));
    if (!(flags & BV_EMBED_RAW))
        bv_normalize_rows(out, 1, dim);
    return BV_OK;
}

enum bv_status bv_engine_embed_image(struct bv_engine *engine, const char *path, unsigned flags,
                                     float *out)
{
    return bv_engine_embed_image_pair(engine, path, NULL, flags, out);
}

enum bv_status bv_engine_embed_image_pair(struct bv_engine *engine, const char *path,
                                          const char *prior, unsigned flags, float *out)
{
    struct bv_error *err = bv_begin(engine->context);
    struct bv_image *image = NULL, *before = NULL;
    enum bv_status status = bv_image_open(path, NULL, &image, err);
    if (status == BV_OK && prior)
        status = bv_image_open(prior, NULL, &before, err);
    if (status == BV_OK)
        status = embed_image(engine, image, before, flags, out, err);
    bv_image_free(&image);
    bv_image_free(&before);
    return status;
}

enum bv_status bv_engine_embed_image_bytes(struct bv_engine *engine, const void *bytes, size_t size,
                                           const char *name, unsigned flags, float *out)
{
    struct bv_error *err = bv_begin(engine->context);
    struct bv_image *image = NULL;
    BV_TRY(bv_image_read(bytes, size, name, NULL, &image, err));
    enum bv_status status = embed_image(engine, image, NULL, flags, out, err);
    bv_image_free(&image);
    return status;
}

enum bv_status bv_engine_embed_texts(struct bv_engine *engine, const char *const *texts, size_t n,
                                     unsigned flags, float *out, unsigned char *truncated)
{
    size_t dim = bv_engine_text_dim(engine);
    struct bv_error *err = &engine->context->error;
    if (dim == 0)
        return err->status;
    const struct bv_wanted wanted = {"global", out, n * dim};
    BV_TRY(bv_encode_texts(engine->session, texts, n, &wanted, truncated, NULL, err));
    if (!(flags & BV_EMBED_RAW))
        bv_normalize_rows(out, n, dim);
    return BV_OK;
}

enum bv_status bv_preprocess(struct bv_context *context, const struct bv_model *model,
                             const char *path, float **pixels, int64_t shape[3])
{
    struct bv_error *err = bv_begin(context);
    struct bv_image *image = NULL;
    struct bv_pixels result = {0};
    if (!bv_model_has_image(model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no image encoder", model->name);
    BV_TRY(bv_image_open(path, NULL, &image, err));
    enum bv_status status = bv_recipe_run(model->recipe, image, &result, err);
    bv_image_free(&image);
    if (status != BV_OK)
        return status;
    *pixels = result.data;
    shape[0] = result.height;
    shape[1] = result.width;
    shape[2] = result.channels;
    return BV_OK;
}

enum bv_status bv_write_npy(struct bv_context *context, const char *path, const float *data,
                            int rank, const int64_t *shape)
{
    return bv_npy_write(path, BV_F32, rank, shape, data, bv_begin(context));
}

enum bv_status bv_tokenize(struct bv_context *context, const struct bv_model *model,
                           const char *text, size_t n_bytes, int32_t **ids, size_t *n,
                           int *truncated)
{
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
