// finding_tables.h: findings of reports against those of reference reports, both in the columns
// that CheXbert writes: F1-CheXbert.
#ifndef BV_EVAL_TASKS_FINDING_TABLES_H
#define BV_EVAL_TASKS_FINDING_TABLES_H

#include "base/json.h"

// Both files have a column for each of the 14 findings (case and _ for a blank make no difference)
// with 1, 0, -1 (uncertain) or nothing (not mentioned), and the same reports in the same order; a
// column study or study_id that both have must agree. BV_ERR_ARG or BV_ERR_FORMAT otherwise, with
// the line.
//
// {"n", "rrg", "r2gen"}: precision, recall and F1 of every finding, micro, macro and weighted, of
// all 14 and of the five of CheXpert's competition. "rrg" (RadEval, f1chexbert) counts uncertain as
// positive, "r2gen" (R2Gen) as negative; not mentioned is negative in both. 0/0 is 0. The caller
// owns *result.
enum bv_status bv_finding_tables(const char *reference, const char *predicted, json_t **result,
                                 struct bv_error *err);

// ---- The same from findings in memory ----

enum { BV_FINDINGS = 14 };

// CheXbert's names, in its order.
const char *bv_finding_name(size_t i);

struct bv_finding_counts {
    uint64_t tp, fp, fn;
};
enum { BV_CONVENTION_RRG, BV_CONVENTION_R2GEN, BV_CONVENTIONS };
struct bv_finding_totals { // zero-initialise
    struct bv_finding_counts each[BV_CONVENTIONS][BV_FINDINGS];
    uint64_t n, exact_five[BV_CONVENTIONS];
};

// Counts one report: 0 blank, 1 positive, 2 negative, 3 uncertain.
void bv_findings_add(struct bv_finding_totals *totals, const int32_t reference[BV_FINDINGS],
                     const int32_t predicted[BV_FINDINGS]);

// The result above; NULL where memory is out.
json_t *bv_findings_json(const struct bv_finding_totals *totals);

#endif
