// The public calls of the evaluation tasks beside classification.
#include <assert.h>

#include "api/context.h"
#include "api/eval.h"
#include "api/label.h"
#include "eval/run/scorers.h"
#include "eval/tasks/finding_tables.h"
#include "eval/tasks/grounding.h"
#include "eval/tasks/localization.h"
#include "eval/tasks/retrieval_table.h"
#include "eval/tasks/vqa.h"
#include "table/csv.h"

enum { DEFAULT_BATCH = 16, MAX_BATCH = 4096, MAX_WORKERS = 256 };

static enum bv_status encode_texts(void *arg, const char *const *texts, size_t n, float *out,
                                   struct bv_error *err)
{
    struct bv_engine *engine = arg;
    (void)err; // the context's own
    return bv_engine_embed_texts(engine, texts, n, BV_EMBED_NORMALIZED, out,
                                 n * bv_engine_text_dim(engine), NULL, NULL);
}

// What the results say of the model.
static json_t *describe(const struct bv_engine *engine)
{
    const struct bv_model *m = bv_session_model(engine->session);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", m->name, "sha256", m->digest,
                     "preset", bv_recipe_intensity(m->recipe), "device", bv_engine_device(engine),
                     "precision", bv_engine_precision(engine), "version", BIOVL_VERSION);
}

enum bv_status bv_eval_retrieval(struct bv_engine *engine,
                                 const struct bv_eval_retrieval_options *theirs, char **json)
{
    assert(engine && json);
    struct bv_eval_retrieval_options given;
    const struct bv_eval_retrieval_options *o = &given;
    struct bv_model_scorer scorer = {.session = engine->session,
                                     .dim = bv_engine_image_dim(engine)};
    struct bv_scorer images;
    json_t *result = NULL;
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *m = bv_session_model(engine->session);
    BV_TRY(bv_options_read(&given, sizeof given, theirs, "bv_eval_retrieval_options", err));
    if (!o->data)
        return bv_fail(err, BV_ERR_ARG, "an evaluation needs data");
    if (!bv_model_has_image(m) || !bv_model_has_text(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" is not a dual encoder", m->name);
    if (o->batch > MAX_BATCH || o->workers < 0 || o->workers > MAX_WORKERS)
        return bv_fail(err, BV_ERR_ARG, "batches of 1 to %d images and 1 to %d workers", MAX_BATCH,
                       MAX_WORKERS);
    if (o->folder && !o->labeler)
        return bv_fail(err, BV_ERR_ARG, "a folder for the reports found needs a labeler");
    struct bv_clinical clinical = {.head = NULL};
    if (o->labeler)
        clinical = (struct bv_clinical){&o->labeler->head, o->labeler->engine->session};
    const struct bv_retrieval_options options = {.path = o->data,
                                                 .root = o->root,
                                                 .path_column = o->path_column,
                                                 .text_column = o->text_column,
                                                 .class_column = o->class_column,
                                                 .block = o->batch ? o->batch : DEFAULT_BATCH,
                                                 .n_workers = o->workers ? o->workers : 1,
                                                 .clinical = clinical,
                                                 .patient_column = o->patient_column,
                                                 .folder = o->folder};
    const struct bv_text_encoder texts = {engine, encode_texts};
    bv_model_scorer_init(&scorer, &images);
    BV_TRY(bv_retrieval_table(&options, &images, &texts, &result, err));
    (void)json_object_set_new(result, "model", describe(engine));
    if (bv_engine_fallback(engine))
        (void)json_object_set_new(result, "fallback", json_string(bv_engine_fallback(engine)));
    return bv_json_text(result, json, err);
}

enum bv_status bv_eval_grounding(struct bv_context *context, const char *data, const char *root,
                                 char **json)
{
    assert(context && json && data);
    struct bv_error *err = bv_begin(context);
    json_t *result = NULL;
    BV_TRY(bv_grounding_table(data, root, &result, err));
    return bv_json_text(result, json, err);
}

enum bv_status bv_eval_vqa(struct bv_context *context, const char *data, const char *by,
                           char **json)
{
    assert(context && json && data);
    struct bv_error *err = bv_begin(context);
    json_t *result = NULL;
    BV_TRY(bv_vqa_table(data, by, &result, err));
    return bv_json_text(result, json, err);
}

enum bv_status bv_eval_has_column(struct bv_context *context, const char *data, const char *column,
                                  int *has)
{
    assert(context && data && column && has);
    struct bv_error *err = bv_begin(context);
    struct bv_csv_reader *csv = NULL;
    int found = -1;
    BV_TRY(bv_csv_open(&csv, data, bv_csv_separator(data), err));
    enum bv_status status = bv_csv_find(csv, column, &found, err);
    bv_csv_close(&csv);
    BV_TRY(status);
    *has = found >= 0;
    return BV_OK;
}

enum bv_status bv_eval_labels(struct bv_context *context, const char *reference,
                              const char *predicted, char **json)
{
    assert(reference && predicted && json);
    struct bv_error *err = bv_begin(context);
    json_t *result = NULL;
    if (!reference || !predicted)
        return bv_fail(err, BV_ERR_ARG, "labels need two files");
    BV_TRY(bv_finding_tables(reference, predicted, &result, err));
    return bv_json_text(result, json, err);
}

static enum bv_status read_options(struct bv_eval_task_options *o,
                                   const struct bv_eval_task_options *theirs,
                                   const struct bv_eval_counts *counts,
                                   const struct bv_engine *engine, struct bv_task_options *task,
                                   struct bv_error *err)
{
    BV_TRY(bv_options_read(o, sizeof *o, theirs, "bv_eval_task_options", err));
    BV_TRY(bv_counts_check(counts, "bv_eval_counts", err));
    const struct bv_model *m = bv_session_model(engine->session);
    if (!o->data || !o->folder)
        return bv_fail(err, BV_ERR_ARG, "an evaluation needs data and a folder");
    if (!bv_model_has_image(m) || !m->recipe)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" reads no images", m->name);
    *task = (struct bv_task_options){
        .data = {.path = o->data, .root = o->root, .path_column = o->path_column, .repeats = true},
        .folder = o->folder,
        .observer = &engine->context->observer,
        .model = describe(engine)};
    return task->model ? BV_OK : bv_fail_nomem(err, "an evaluation");
}

// Hands out what a run made.
static enum bv_status deliver(enum bv_status status, const struct bv_evaluation_counts *made,
                              json_t *result, struct bv_eval_counts *counts, char **json,
                              struct bv_error *err)
{
    BV_TRY(status);
    BV_TRY(bv_json_text(result, json, err));
    bv_eval_counts_write(counts, made);
    return BV_OK;
}

enum bv_status bv_eval_ask(struct bv_engine *engine, const struct bv_eval_task_options *theirs,
                           struct bv_eval_counts *counts, char **json)
{
    assert(engine && json);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_eval_task_options o;
    struct bv_vqa_options vqa = {0};
    struct bv_evaluation_counts made = {0};
    json_t *result = NULL;
    BV_TRY(read_options(&o, theirs, counts, engine, &vqa.task, err));
    vqa.by = o.by;
    vqa.answers = o.answers;
    vqa.n_answers = o.n_answers;
    enum bv_status status = bv_vqa_run(&vqa, engine->session, &made, &result, err);
    json_decref((json_t *)(uintptr_t)vqa.task.model);
    return deliver(status, &made, result, counts, json, err);
}

enum bv_status bv_eval_ground(struct bv_engine *engine, const struct bv_eval_task_options *theirs,
                              struct bv_eval_counts *counts, char **json)
{
    assert(engine && json);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_eval_task_options o;
    struct bv_grounding_options grounding = {0};
    struct bv_evaluation_counts made = {0};
    json_t *result = NULL;
    const struct bv_text_encoder texts = {engine, encode_texts};
    BV_TRY(read_options(&o, theirs, counts, engine, &grounding.task, err));
    grounding.maps =
        (struct bv_phrase_map_options){o.smooth != 0, o.method, o.layers, o.faithfulness != 0};
    enum bv_status status =
        bv_grounding_run(&grounding, engine->session, &texts, &made, &result, err);
    json_decref((json_t *)(uintptr_t)grounding.task.model);
    return deliver(status, &made, result, counts, json, err);
}

static enum bv_status localize_with(struct bv_engine *engine,
                                    const struct bv_eval_localize_options *o,
                                    const struct bv_localize_options *own,
                                    struct bv_eval_counts *counts, char **json,
                                    struct bv_error *err)
{
    const struct bv_eval_task_options task = {.size = sizeof task,
                                              .data = o->data,
                                              .folder = o->folder,
                                              .root = o->root,
                                              .path_column = o->path_column};
    const struct bv_phrase_map_options maps = {o->smooth != 0, o->method, o->layers, false};
    const struct bv_text_encoder texts = {engine, encode_texts};
    struct bv_eval_task_options unused;
    struct bv_task_options read = {.folder = NULL};
    struct bv_evaluation_counts made = {0};
    json_t *result = NULL;
    BV_TRY(read_options(&unused, &task, counts, engine, &read, err));
    enum bv_status status =
        bv_localize_run(own, &read, &maps, engine->session, &texts, &made, &result, err);
    json_decref((json_t *)(uintptr_t)read.model);
    return deliver(status, &made, result, counts, json, err);
}

enum bv_status bv_eval_localize(struct bv_context *context, struct bv_engine *engine,
                                const struct bv_eval_localize_options *theirs,
                                struct bv_eval_counts *counts, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    struct bv_eval_localize_options o;
    json_t *result = NULL;
    BV_TRY(bv_options_read(&o, sizeof o, theirs, "bv_eval_localize_options", err));
    if (!o.data || !o.truth)
        return bv_fail(err, BV_ERR_ARG, "a comparison needs data and true masks");
    const struct bv_localize_options own = {o.truth, o.thresholds, o.tune != 0, o.folder};
    if (engine)
        return localize_with(engine, &o, &own, counts, json, err);
    BV_TRY(bv_localize_table(&own, o.data, o.root, &result, err));
    return bv_json_text(result, json, err);
}
