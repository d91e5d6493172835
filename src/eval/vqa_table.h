// vqa_table.h: accuracy of answers in a CSV file.
#ifndef BV_EVAL_VQA_TABLE_H
#define BV_EVAL_VQA_TABLE_H

#include "base/json.h"

// Columns "prediction", "answer", and "type" (or "answer_type"): closed or open, case ignored; also
// 0 and 1 as M3AE writes them. Without that column yes and no answers are closed. A row that cannot
// be read is BV_ERR_FORMAT. *result: {"closed", "open", "overall", "n_closed", "n_open"}.
enum bv_status bv_vqa_table(const char *path, json_t **result, struct bv_error *err);

#endif
