#include "biovl/bench.h"

#include <assert.h>

#include "api/context.h"
#include "measure/measure.h"

enum bv_status bv_bench(struct bv_context *context, const struct bv_bench_options *theirs,
                        char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    struct bv_bench_options given, *o = &given;
    BV_TRY(bv_options_read(o, sizeof *o, theirs, "bv_bench_options", err));
    if (!o->arch && !o->model)
        return bv_fail(err, BV_ERR_ARG, "nothing to measure: neither arch nor model");
    struct bv_measurement m = {
        .arch = o->arch,
        .model = o->arch ? NULL : o->model,
        .device = o->device,
        .precision = o->precision,
        .threads = o->threads,
        .batch = o->batch,
        .tokens = o->tokens,
        .seconds = o->seconds,
        .ops = o->ops != 0,
    };
    json_t *row = NULL;
    BV_TRY(bv_measure(&m, &row, err));
    return bv_json_text(row, json, err);
}

enum bv_status bv_survey_kernels(struct bv_context *context, const char *device, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    json_t *report = NULL;
    BV_TRY(bv_survey(device, &report, err));
    return bv_json_text(report, json, err);
}
