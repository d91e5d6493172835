// The public call that compares finished evaluations.
#include <assert.h>
#include <math.h>

#include "api/context.h"
#include "biovl/eval.h"
#include "eval/tasks/compare.h"

enum { DEFAULT_REPLICATES = 1000 };

enum bv_status bv_eval_compare(struct bv_context *context,
                               const struct bv_eval_compare_options *options, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    struct bv_eval_compare_options o;
    json_t *result = NULL;
    BV_TRY(bv_options_read(&o, sizeof o, options, "bv_eval_compare_options", err));
    if (!o.runs || !o.folder)
        return bv_fail(err, BV_ERR_ARG, "a comparison needs runs and a folder");
    if (o.bootstrap < -1 || (o.bootstrap > 0 && o.bootstrap < 40) || o.bootstrap > 1000000)
        return bv_fail(err, BV_ERR_ARG, "a bootstrap has 40 to 1000000 replicates");
    const struct bv_compare_options compare = {.runs = o.runs,
                                               .n_runs = o.n_runs,
                                               .folder = o.folder,
                                               .data_path = o.data,
                                               .margin = o.margin == 0 ? NAN : o.margin,
                                               .n_bootstrap = o.bootstrap < 0 ? 0
                                                              : o.bootstrap == 0
                                                                  ? DEFAULT_REPLICATES
                                                                  : (size_t)o.bootstrap,
                                               .pool = context->pool};
    BV_TRY(bv_compare(&compare, &result, err));
    return bv_json_text(result, json, err);
}
