// compare_write.h: a comparison as files: compare.json, compare.csv, compare.html.
#ifndef BV_EVAL_TASKS_COMPARE_WRITE_H
#define BV_EVAL_TASKS_COMPARE_WRITE_H

#include "eval/tasks/compare_rows.h"

// *result is what compare.json holds; the caller owns it.
enum bv_status bv_compare_write(const struct bv_comparison *comparison,
                                const struct bv_compare_options *options,
                                const struct bv_compare_rows *rows, json_t **result,
                                struct bv_error *err);

#endif
