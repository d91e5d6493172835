// vqa_table.h: accuracy of answers in a CSV file.
#ifndef BV_EVAL_TASKS_VQA_TABLE_H
#define BV_EVAL_TASKS_VQA_TABLE_H

#include "base/json.h"

// Columns "prediction", "answer", and "type" (or "answer_type") as bv_vqa_is_closed() reads it. by:
// a column whose values are also reported apart, or NULL. A row that cannot be read is
// BV_ERR_FORMAT. *result as of bv_vqa_results_json().
enum bv_status bv_vqa_table(const char *path, const char *by, json_t **result,
                            struct bv_error *err);

#endif
