// The public calls that look at a finished evaluation group by group, and that bound its misses.
#include <assert.h>

#include "api/context.h"
#include "biovl/eval.h"
#include "eval/tasks/conformal_run.h"
#include "eval/tasks/subgroups.h"

enum { DEFAULT_REPLICATES = 1000 };

enum bv_status bv_eval_subgroups(struct bv_context *context,
                                 const struct bv_eval_subgroups_options *options, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    struct bv_eval_subgroups_options o;
    json_t *result = NULL;
    BV_TRY(bv_options_read(&o, sizeof o, options, "bv_eval_subgroups_options", err));
    if (!o.run || !o.by)
        return bv_fail(err, BV_ERR_ARG, "groups need a run and columns");
    if (o.bootstrap < -1 || (o.bootstrap > 0 && o.bootstrap < 40) || o.bootstrap > 1000000)
        return bv_fail(err, BV_ERR_ARG, "a bootstrap has 40 to 1000000 replicates");
    const struct bv_subgroups_options subgroups = {.run = o.run,
                                                   .folder = o.folder ? o.folder : o.run,
                                                   .data_path = o.data,
                                                   .by = o.by,
                                                   .n_by = o.n_by,
                                                   .n_bootstrap = o.bootstrap < 0 ? 0
                                                                  : o.bootstrap == 0
                                                                      ? DEFAULT_REPLICATES
                                                                      : (size_t)o.bootstrap,
                                                   .pool = context->pool};
    BV_TRY(bv_subgroups(&subgroups, &result, err));
    return bv_json_text(result, json, err);
}

enum bv_status bv_eval_conformal(struct bv_context *context,
                                 const struct bv_eval_conformal_options *options, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    struct bv_eval_conformal_options o;
    json_t *result = NULL;
    BV_TRY(bv_options_read(&o, sizeof o, options, "bv_eval_conformal_options", err));
    if (!o.calibration || !o.test || !o.folder || !o.alpha)
        return bv_fail(err, BV_ERR_ARG, "conformal thresholds need two runs, alpha and a folder");
    const struct bv_conformal_options conformal = {.calibration = o.calibration,
                                                   .test = o.test,
                                                   .calibration_data = o.calibration_data,
                                                   .test_data = o.test_data,
                                                   .alpha = o.alpha,
                                                   .folder = o.folder};
    BV_TRY(bv_conformal_run(&conformal, &result, err));
    return bv_json_text(result, json, err);
}
