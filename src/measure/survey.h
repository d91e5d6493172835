// survey.h: what a GPU's driver makes of the kernels, without running one.
#ifndef BV_MEASURE_SURVEY_H
#define BV_MEASURE_SURVEY_H

#include "base/json.h"

// Compiles the standard architectures at batch 1 and 64, in f16 (where the device stores it) and in
// f32. *report: {"device","driver","pipelines":[{"shader","constants","graph","subgroup","refused",
// "spills","statistics":{name: value}}],"refused","spilling"}; the constants are those of
// specialization, the graph the first that asked; the caller owns the reference.
enum bv_status bv_survey(const char *device, json_t **report, struct bv_error *err);

#endif
