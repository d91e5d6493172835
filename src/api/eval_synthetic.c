// The public call that judges generated images.
#include <assert.h>
#include <stdlib.h>

#include "api/context.h"
#include "biovl/generate.h"
#include "eval/run/scorers.h"
#include "eval/tasks/synthetic.h"

enum { DEFAULT_BATCH = 16, MAX_BATCH = 4096, MAX_WORKERS = 256 };

static enum bv_status judge(struct bv_zero_shot *z, const struct bv_eval_synthetic_options *o,
                            const char *const *names, json_t **result, struct bv_error *err)
{
    struct bv_session *session = z->engine->session;
    struct bv_model_scorer classify = {
        .session = session, .classifier = z->classifier, .dim = bv_classifier_dim(z->classifier)};
    struct bv_model_scorer embed = {.session = session, .dim = bv_engine_image_dim(z->engine)};
    struct bv_scorer scores, embeddings;
    bv_model_scorer_init(&classify, &scores);
    bv_model_scorer_init(&embed, &embeddings);
    const struct bv_synthetic_options options = {.folder = o->folder,
                                                 .real = o->real,
                                                 .labels = names,
                                                 .n_labels = z->labels.n,
                                                 .block = o->batch ? o->batch : DEFAULT_BATCH,
                                                 .n_workers = o->workers ? o->workers : 1};
    BV_TRY(bv_synthetic_table(&options, &scores, &embeddings, result, err));
    const struct bv_model *m = bv_session_model(session);
    (void)json_object_set_new(*result, "model",
                              json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", m->name, "sha256",
                                        m->digest, "device", bv_engine_device(z->engine),
                                        "precision", bv_engine_precision(z->engine), "version",
                                        BIOVL_VERSION));
    return BV_OK;
}

enum bv_status bv_eval_synthetic(struct bv_zero_shot *z,
                                 const struct bv_eval_synthetic_options *theirs, char **json)
{
    assert(z && json);
    struct bv_error *err = bv_begin(z->engine->context);
    struct bv_eval_synthetic_options o;
    json_t *result = NULL;
    BV_TRY(bv_options_read(&o, sizeof o, theirs, "bv_eval_synthetic_options", err));
    if (!o.folder || o.batch > MAX_BATCH || o.workers < 0 || o.workers > MAX_WORKERS)
        return bv_fail(err, BV_ERR_ARG, "a folder, batches of 1 to %d images, 1 to %d workers",
                       MAX_BATCH, MAX_WORKERS);
    const char **names = calloc(z->labels.n + 1, sizeof *names);
    if (!names)
        return bv_fail_nomem(err, "the labels");
    for (size_t i = 0; i < z->labels.n; i++)
        names[i] = z->labels.items[i].name;
    enum bv_status status = judge(z, &o, names, &result, err);
    free(names);
    return status == BV_OK ? bv_json_text(result, json, err) : status;
}
