// retrieval_clinical.h: for each image the nearest report of another patient, judged against the
// image's own by what both say.
#ifndef BV_EVAL_TASKS_RETRIEVAL_CLINICAL_H
#define BV_EVAL_TASKS_RETRIEVAL_CLINICAL_H

#include "eval/tasks/clinical.h"

// Pairs of an image and its report; embeddings [n,D] of unit length.
struct bv_retrieved {
    size_t n, D;
    const float *images, *texts;
    const char *const *text_of;
    const char *const *patient_of; // NULL: not known; an entry NULL: a patient of its own
    const uint64_t *line_of;       // of the data
};

// The largest similarity over the reports of all other patients (rows, where patients are not
// known) counts, of equal ones the first row's. {"n", "left_out", "note", "without_candidate",
// "f1_chexbert" (as bv_finding_tables), "semb_score", "bleu_2": {"mean", "corpus"}, "labeler"};
// "NA" where no image has a report of another.
// With folder, retrieved.csv there has a line for each image, with the report found, marked as
// another patient's. The caller owns *result.
enum bv_status bv_retrieval_clinical(const struct bv_retrieved *pairs,
                                     const struct bv_clinical *clinical, const char *folder,
                                     json_t **result, struct bv_error *err);

#endif
