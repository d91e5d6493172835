// The public calls of evaluation.
#include "biovl/eval.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/eval.h"
#include "eval/run/evaluation.h"
#include "eval/run/scorers.h"
#include "model/card.h"

enum { DEFAULT_BATCH = 16, MAX_BATCH = 4096, MAX_WORKERS = 256, DEFAULT_REPLICATES = 1000 };

// What the results say of the model.
static json_t *describe(const struct bv_engine *engine, const struct bv_labels *labels,
                        const char *score_kind)
{
    const struct bv_model *m = bv_session_model(engine->session);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s*}", "name", m->name,
                     "sha256", m->digest, "preset", bv_recipe_intensity(m->recipe), "device",
                     bv_engine_device(engine), "precision", bv_engine_precision(engine), "prompts",
                     "set", labels->set, "sha256", labels->digest, "score_kind", score_kind,
                     "version", BIOVL_VERSION, "notice", bv_json_string(m->card, "notice", NULL));
}

void bv_eval_counts_write(struct bv_eval_counts *to, const struct bv_evaluation_counts *c)
{
    const struct bv_eval_counts mine = {.rows = c->rows,
                                        .done = c->done,
                                        .failed = c->failed,
                                        .resumed = c->resumed,
                                        .warned = c->warned,
                                        .labels = c->labels};
    bv_counts_write(to, &mine, sizeof mine);
}

// On a CPU the encoder needs the processors itself; beside a GPU they are free for decoding.
static int default_workers(const struct bv_engine *engine)
{
    int n = bv_processor_count();
    bool on_cpu = strncmp(bv_engine_device(engine), "vulkan", 6) != 0;
    return on_cpu ? (n + 1) / 2 : n < 16 ? n : 16;
}

static enum bv_status read_options(const struct bv_eval_options *o, const struct bv_engine *engine,
                                   struct bv_evaluation_run *run, struct bv_error *err)
{
    if (!o->data || !o->folder)
        return bv_fail(err, BV_ERR_ARG, "an evaluation needs data and a folder");
    if (o->batch > MAX_BATCH || o->workers < 0 || o->workers > MAX_WORKERS)
        return bv_fail(err, BV_ERR_ARG, "batches of 1 to %d images and 1 to %d workers", MAX_BATCH,
                       MAX_WORKERS);
    if (o->n_shards > 4096 || (o->n_shards && o->shard >= o->n_shards))
        return bv_fail(err, BV_ERR_ARG, "shard %llu of %llu: at most 4096 shards",
                       (unsigned long long)o->shard, (unsigned long long)o->n_shards);
    if (o->frame < -1)
        return bv_fail(err, BV_ERR_ARG, "frame %d: frames are counted from 1", o->frame);
    BV_TRY(bv_uncertain_parse(o->uncertain ? o->uncertain : "ignore", &run->data.uncertain, err));
    run->data.path = o->data;
    run->data.root = o->root;
    run->data.path_column = o->path_column;
    run->data.patient_column = o->patient_column;
    run->data.study_column = o->study_column;
    run->data.stratum_column = o->stratum_column;
    run->data.list_column = o->list_column;
    run->data.where = o->where;
    run->data.n_where = o->n_where;
    run->data.blank_is_zero = o->blank_is_zero != 0;
    run->data.frame = o->frame;
    run->folder = o->folder;
    run->shard = o->shard;
    run->n_shards = o->n_shards ? o->n_shards : 1;
    run->resume = o->resume != 0;
    run->block = o->batch ? o->batch : DEFAULT_BATCH;
    run->n_workers = o->workers ? o->workers : default_workers(engine);
    return BV_OK;
}

// Runs an evaluation with any scorer. Takes the description of the model.
static enum bv_status run_scorer(struct bv_engine *engine, const struct bv_labels *labels,
                                 json_t *description, const struct bv_scorer *scorer,
                                 const struct bv_eval_options *theirs,
                                 struct bv_eval_counts *counts, struct bv_error *err)
{
    struct bv_eval_options options;
    struct bv_evaluation_run run = {.data.n_labels = labels->n};
    struct bv_evaluation_counts made = {0};
    const char **names = calloc(labels->n, sizeof *names);
    enum bv_status status =
        bv_options_read(&options, sizeof options, theirs, "bv_eval_options", err);
    if (status == BV_OK)
        status = bv_counts_check(counts, "bv_eval_counts", err);
    if (status == BV_OK)
        status = read_options(&options, engine, &run, err);
    if (status == BV_OK && (!description || !names))
        status = bv_fail_nomem(err, "an evaluation");
    for (size_t i = 0; names && i < labels->n; i++)
        names[i] = labels->items[i].name;
    run.data.labels = names;
    run.model = description;
    run.observer = &engine->context->observer;
    if (status == BV_OK)
        status = bv_evaluation_run(&run, scorer, &made, err);
    json_decref(description);
    free(names);
    if (status == BV_OK)
        bv_eval_counts_write(counts, &made);
    return status;
}

enum bv_status bv_eval_run(struct bv_zero_shot *z, const struct bv_eval_options *options,
                           struct bv_eval_counts *counts)
{
    assert(z);
    struct bv_error *err = bv_begin(z->engine->context);
    struct bv_model_scorer model = {.session = z->engine->session,
                                    .classifier = z->classifier,
                                    .dim = bv_classifier_dim(z->classifier)};
    struct bv_scorer scorer;
    bv_model_scorer_init(&model, &scorer);
    json_t *description = describe(z->engine, &z->labels,
                                   bv_score_rule_name(bv_classifier_scoring(z->classifier)->rule));
    if (description && bv_classifier_member_count(z->classifier) > 1)
        (void)json_object_set_new(description, "ensemble", bv_members_json(z->classifier));
    return run_scorer(z->engine, &z->labels, description, &scorer, options, counts, err);
}

enum bv_status bv_eval_run_match(struct bv_engine *engine,
                                 const struct bv_zero_shot_options *theirs,
                                 const struct bv_eval_options *options,
                                 struct bv_eval_counts *counts)
{
    assert(engine);
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *model = bv_session_model(engine->session);
    struct bv_zero_shot_options o;
    struct bv_labels labels = {0};
    BV_TRY(bv_read_labels(&o, theirs, err));
    struct bv_match_scorer *match = NULL;
    struct bv_scorer scorer;
    json_t *prompts = json_incref(json_object_get(model->card, "prompts"));
    enum bv_status status = BV_OK;
    if (o.templates) {
        json_decref(prompts);
        prompts = NULL;
        status = bv_prompts_load(&prompts, o.templates, err);
    }
    if (status == BV_OK)
        status = bv_labels_parse(&labels, o.labels, o.n_label_bytes, o.name, prompts, err);
    if (status == BV_OK)
        status = bv_match_scorer_create(&match, engine->session, &labels, &scorer, err);
    if (status == BV_OK)
        status = run_scorer(engine, &labels, describe(engine, &labels, BV_MATCH_SCORE_KIND),
                            &scorer, options, counts, err);
    bv_match_scorer_destroy(&match);
    bv_labels_free(&labels);
    json_decref(prompts);
    return status;
}

enum bv_status bv_eval_finish(struct bv_context *context, const struct bv_eval_options *theirs,
                              struct bv_eval_counts *counts)
{
    assert(context);
    struct bv_error *err = bv_begin(context);
    struct bv_eval_options options;
    const struct bv_eval_options *o = &options;
    BV_TRY(bv_options_read(&options, sizeof options, theirs, "bv_eval_options", err));
    BV_TRY(bv_counts_check(counts, "bv_eval_counts", err));
    struct bv_evaluation_counts made = {0};
    if (!o->folder || o->bootstrap < -1 || (o->bootstrap > 0 && o->bootstrap < 40) ||
        o->bootstrap > 1000000)
        return bv_fail(err, BV_ERR_ARG,
                       "an evaluation is finished in its folder, with 40 to 1000000 replicates");
    if (o->prevalence != 0 && !(o->prevalence > 0 && o->prevalence < 1))
        return bv_fail(err, BV_ERR_ARG, "a prevalence of %g: above 0 and below 1", o->prevalence);
    struct bv_evaluation_finish finish = {.folder = o->folder,
                                          .data_path = o->data,
                                          .n_bootstrap = o->bootstrap < 0    ? 0
                                                         : o->bootstrap == 0 ? DEFAULT_REPLICATES
                                                                             : (size_t)o->bootstrap,
                                          .figures = true,
                                          .mean = o->mean != 0,
                                          .rule = o->rule,
                                          .thresholds = o->thresholds,
                                          .calibration = o->calibration,
                                          .same_data = o->same_data != 0,
                                          .prevalence = o->prevalence,
                                          .pool = context->pool};
    BV_TRY(bv_evaluation_finish(&finish, &made, err));
    bv_eval_counts_write(counts, &made);
    return BV_OK;
}

enum bv_status bv_eval_calibrate(struct bv_context *context, const char *folder, const char *data,
                                 const char *method_name, const char *path)
{
    assert(context && folder && method_name && path);
    struct bv_error *err = bv_begin(context);
    enum bv_calibration_method method = BV_CALIBRATION_PLATT;
    BV_TRY(bv_calibration_method_parse(method_name, &method, err));
    return bv_evaluation_calibrate(folder, data, method, path, err);
}
