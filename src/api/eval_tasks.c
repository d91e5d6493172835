// The public calls of the evaluation tasks beside classification.
#include "api/context.h"
#include "biovl/eval.h"
#include "eval/grounding_table.h"
#include "eval/model_scorer.h"
#include "eval/retrieval_table.h"
#include "eval/vqa_table.h"

enum { DEFAULT_BATCH = 16, MAX_BATCH = 4096, MAX_WORKERS = 256 };

static enum bv_status encode_texts(void *arg, const char *const *texts, size_t n, float *out,
                                   struct bv_error *err)
{
    struct bv_engine *engine = arg;
    (void)err; // the context's own
    return bv_engine_embed_texts(engine, texts, n, BV_EMBED_NORMALIZED, out, NULL);
}

enum bv_status bv_eval_retrieval(struct bv_engine *engine,
                                 const struct bv_eval_retrieval_options *o, char **json)
{
    struct bv_model_scorer scorer = {.session = engine->session,
                                     .dim = bv_engine_image_dim(engine)};
    struct bv_scorer images;
    json_t *result = NULL;
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *m = bv_session_model(engine->session);
    if (!bv_model_has_image(m) || !bv_model_has_text(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" is not a dual encoder", m->name);
    if (o->batch > MAX_BATCH || o->workers < 0 || o->workers > MAX_WORKERS)
        return bv_fail(err, BV_ERR_ARG, "batches of 1 to %d images and 1 to %d workers", MAX_BATCH,
                       MAX_WORKERS);
    const struct bv_retrieval_options options = {.path = o->data,
                                                 .root = o->root,
                                                 .path_column = o->path_column,
                                                 .text_column = o->text_column,
                                                 .class_column = o->class_column,
                                                 .block = o->batch ? o->batch : DEFAULT_BATCH,
                                                 .n_workers = o->workers ? o->workers : 1};
    const struct bv_text_encoder texts = {engine, encode_texts};
    bv_model_scorer_init(&scorer, &images);
    enum bv_status status = bv_retrieval_table(&options, &images, &texts, &result, err);
    bv_model_scorer_free(&scorer);
    BV_TRY(status);
    (void)json_object_set_new(result, "model",
                              json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", m->name, "sha256",
                                        m->digest, "device", bv_engine_device(engine), "precision",
                                        bv_engine_precision(engine), "version", BIOVL_VERSION));
    return bv_json_text(result, json, err);
}

enum bv_status bv_eval_grounding(struct bv_context *context, const char *data, const char *root,
                                 char **json)
{
    struct bv_error *err = bv_begin(context);
    json_t *result = NULL;
    BV_TRY(bv_grounding_table(data, root, &result, err));
    return bv_json_text(result, json, err);
}

enum bv_status bv_eval_vqa(struct bv_context *context, const char *data, char **json)
{
    struct bv_error *err = bv_begin(context);
    json_t *result = NULL;
    BV_TRY(bv_vqa_table(data, &result, err));
    return bv_json_text(result, json, err);
}
