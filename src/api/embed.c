// The public calls that compute outputs of encoders: batches of embeddings, and one output of one
// image.
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "model/encode.h"
#include "score/rules.h"

enum { IMAGES_AT_ONCE = 32, TEXTS_AT_ONCE = 256 }; // between looks at the observer

enum bv_status bv_check_room(size_t capacity, size_t n, size_t each, const char *what,
                             struct bv_error *err)
{
    size_t total;
    if (bv_mul_size(n, each, &total) && total <= capacity)
        return BV_OK;
    return bv_fail(err, BV_ERR_ARG, "%zu times %zu %s do not fit into %zu", n, each, what,
                   capacity);
}

enum bv_status bv_item_done(const struct bv_batch *batch, size_t i, const char *name,
                            const struct bv_error *why, struct bv_error *err)
{
    if (batch->statuses)
        batch->statuses[i] = why->status;
    if (why->status == BV_OK)
        return BV_OK;
    if (!batch->statuses || why->status == BV_ERR_NOMEM || why->status == BV_ERR_DEVICE_LOST)
        return bv_fail(err, why->status, "%s", why->text);
    bv_observe_failed(batch->observer, name, why->status, why->text);
    return BV_OK;
}

// The items of one call, some at a time.
struct embedding {
    struct bv_engine *engine;
    const struct bv_image *const *images; // or
    const char *const *texts;
    unsigned char *truncated;
    float *out; // [n,dim]
    size_t dim;
    struct bv_batch batch;
};

static enum bv_status encode_images(const struct embedding *e, size_t first, size_t n,
                                    const struct bv_wanted *wanted, struct bv_error *errors,
                                    struct bv_error *err)
{
    const struct bv_image *priors[IMAGES_AT_ONCE];
    for (size_t i = 0; i < n; i++)
        priors[i] = e->images[first + i]->prior;
    return bv_encode_images(e->engine->session, e->images + first, priors, n, wanted, 1, errors,
                            err);
}

static enum bv_status encode_texts(const struct embedding *e, size_t first, size_t n,
                                   const struct bv_wanted *wanted, struct bv_error *errors,
                                   struct bv_error *err)
{
    return bv_encode_texts(e->engine->session, e->texts + first, n, wanted,
                           e->truncated ? e->truncated + first : NULL, errors, err);
}

// Notes failures: rows that are not there are NaN.
static enum bv_status note_failures(const struct embedding *e, size_t first, size_t n,
                                    const struct bv_error *errors, struct bv_error *err)
{
    char name[32];
    for (size_t i = first; i < first + n; i++) {
        const struct bv_error *why = &errors[i - first];
        (void)snprintf(name, sizeof name, "text %zu", i + 1);
        for (size_t d = 0; d < e->dim && why->status != BV_OK; d++)
            e->out[i * e->dim + d] = NAN;
        BV_TRY(bv_item_done(&e->batch, i, e->images ? e->images[i]->name : name, why, err));
    }
    return BV_OK;
}

static enum bv_status embed(const struct embedding *e, size_t n, struct bv_error *err)
{
    size_t most = e->images ? IMAGES_AT_ONCE : TEXTS_AT_ONCE;
    struct bv_error *errors = calloc(most, sizeof *errors);
    enum bv_status status = errors ? BV_OK : bv_fail_nomem(err, "a batch");
    for (size_t first = 0, count; first < n && status == BV_OK; first += count) {
        count = n - first < most ? n - first : most;
        const struct bv_wanted wanted = {"global", e->out + first * e->dim, count * e->dim};
        memset(errors, 0, count * sizeof *errors);
        status = bv_observe_progress(e->batch.observer, first, n, err);
        if (status == BV_OK)
            status = e->images ? encode_images(e, first, count, &wanted, errors, err)
                               : encode_texts(e, first, count, &wanted, errors, err);
        if (status == BV_OK)
            status = note_failures(e, first, count, errors, err);
    }
    if (status == BV_OK && n > 0)
        (void)bv_observe_progress(e->batch.observer, n, n, NULL);
    free(errors);
    return status;
}

// After a failure of the call, or when it was stopped: no item counts, whichever were done.
static enum bv_status withdraw(const struct embedding *e, size_t n, enum bv_status status)
{
    for (size_t i = 0; i < n * e->dim; i++)
        e->out[i] = NAN;
    for (size_t i = 0; i < n && e->batch.statuses; i++)
        e->batch.statuses[i] = status;
    return status;
}

static enum bv_status embed_all(struct embedding *e, size_t n, unsigned flags, size_t capacity,
                                struct bv_error *err)
{
    if (e->dim == 0)
        return err->status;
    if (flags & ~(unsigned)BV_EMBED_RAW)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a flag that this version does not have");
    BV_TRY(bv_check_room(capacity, n, e->dim, "floats", err));
    enum bv_status status = embed(e, n, err);
    if (status != BV_OK)
        return withdraw(e, n, status);
    for (size_t i = 0; i < n && !(flags & BV_EMBED_RAW); i++)
        if (!e->batch.statuses || e->batch.statuses[i] == BV_OK)
            bv_normalize_rows(e->out + i * e->dim, 1, e->dim);
    return BV_OK;
}

enum bv_status bv_engine_embed_images(struct bv_engine *engine,
                                      const struct bv_image *const *images, size_t n,
                                      unsigned flags, float *out, size_t capacity,
                                      enum bv_status *statuses)
{
    assert(((images && out) || n == 0) && engine);
    struct embedding e = {.engine = engine,
                          .images = images,
                          .out = out,
                          .dim = bv_engine_image_dim(engine),
                          .batch = {statuses, &engine->context->observer}};
    return embed_all(&e, n, flags, capacity, &engine->context->error);
}

enum bv_status bv_engine_embed_texts(struct bv_engine *engine, const char *const *texts, size_t n,
                                     unsigned flags, float *out, size_t capacity,
                                     unsigned char *truncated, enum bv_status *statuses)
{
    assert(((texts && out) || n == 0) && engine);
    struct embedding e = {.engine = engine,
                          .texts = texts,
                          .truncated = truncated,
                          .out = out,
                          .dim = bv_engine_text_dim(engine),
                          .batch = {statuses, &engine->context->observer}};
    return embed_all(&e, n, flags, capacity, &engine->context->error);
}

const char *bv_model_image_output(const struct bv_model *model, size_t i)
{
    assert(model);
    const json_t *outputs = json_object_get(json_object_get(model->card, "image"), "outputs");
    const char *name;
    json_t *output;
    json_object_foreach((json_t *)(uintptr_t)outputs, name, output)
    {
        if (i-- == 0)
            return name;
    }
    return NULL;
}

// The shape for an image of this size once it is preprocessed.
static enum bv_status output_shape(struct bv_engine *engine, const struct bv_image *image,
                                   const char *output, struct bv_output_shape *shape,
                                   struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(engine->session);
    int height = m->image_height, width = m->image_width;
    struct bv_encoder_input input = {.pixels = {0}};
    if (!bv_model_has_image(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no image encoder", m->name);
    if (m->size_varies) {
        BV_TRY(bv_encoder_input_make(m, image, NULL, &input, err));
        height = input.pixels.height;
        width = input.pixels.width;
        bv_encoder_input_free(&input);
    }
    return bv_model_image_shape(m, output, height, width, shape, err);
}

enum bv_status bv_engine_image_output_shape(struct bv_engine *engine, const struct bv_image *image,
                                            const char *output, struct bv_shape *shape)
{
    assert(image && output && shape && engine);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_output_shape inferred = {0};
    BV_TRY(output_shape(engine, image, output, &inferred, err));
    struct bv_shape made = {.rank = inferred.rank};
    for (int d = 0; d < inferred.rank; d++)
        made.dim[d] = inferred.dim[d];
    *shape = made;
    return BV_OK;
}

enum bv_status bv_engine_image_output(struct bv_engine *engine, const struct bv_image *image,
                                      const char *output, float *out, size_t capacity)
{
    assert(image && output && out && engine);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_output_shape shape = {0};
    BV_TRY(output_shape(engine, image, output, &shape, err));
    size_t n = 1;
    for (int d = 0; d < shape.rank; d++)
        n *= (size_t)shape.dim[d];
    BV_TRY(bv_check_room(capacity, 1, n, "floats", err));
    struct bv_wanted wanted = {output, out, capacity};
    return bv_engine_run_image(engine, image, image->prior, &wanted, 1, err);
}

enum bv_status bv_preprocess(struct bv_context *context, const struct bv_model *model,
                             const struct bv_image *image, float **pixels, int64_t shape[3])
{
    assert(model && image && pixels && shape);
    struct bv_error *err = bv_begin(context);
    struct bv_encoder_input input = {.pixels = {0}};
    BV_TRY(bv_encoder_input_make(model, image, NULL, &input, err));
    *pixels = input.pixels.data;
    shape[0] = input.pixels.height;
    shape[1] = input.pixels.width;
    shape[2] = input.pixels.channels;
    return BV_OK;
}
