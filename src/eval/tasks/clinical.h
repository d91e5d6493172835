// clinical.h: how like one report is to another, by what it says: findings, a labeler's vector,
// words.
#ifndef BV_EVAL_TASKS_CLINICAL_H
#define BV_EVAL_TASKS_CLINICAL_H

#include "base/json.h"
#include "score/text_head.h"

// SembScore: the cosine of the labeler's [CLS] vectors; 0 where one of them is zero.
double bv_semb_score(const float *a, const float *b, size_t D);

// BLEU-2: counts over one pair of reports or, added up, over several.
struct bv_bleu2 {
    uint64_t match[2], total[2];   // clipped and all n-grams of the candidates, n = 1 and 2
    uint64_t reference, candidate; // words
};

// Adds a pair. Words are what single spaces part, in lower case, full stops apart from what they
// follow. BV_ERR_FORMAT: no UTF-8.
enum bv_status bv_bleu2_add(struct bv_bleu2 *counts, const char *reference, const char *candidate,
                            struct bv_error *err);

// Of one pair smoothed as NLTK's method 1 does (no match of two words counts as a tenth of one),
// as CXR-Report-Metric does; of several as it is. 0 without a common word.
double bv_bleu2_score(const struct bv_bleu2 *counts, bool smooth);

// What a report retrieval is judged by. The labeler's head has CheXbert's findings and classes
// (bv_clinical_check).
struct bv_clinical {
    const struct bv_text_head *head;
    struct bv_session *session;
};
enum bv_status bv_clinical_check(const struct bv_clinical *clinical, struct bv_error *err);

// Findings [n,14] (places in "blank, positive, negative, uncertain") and [CLS] vectors [n,D] of n
// reports; the caller frees both.
struct bv_clinical_reports {
    int32_t *findings;
    float *vectors;
    size_t n, D;
};
enum bv_status bv_clinical_read(const struct bv_clinical *clinical, const char *const *texts,
                                size_t n, struct bv_clinical_reports *reports,
                                struct bv_error *err);
void bv_clinical_free(struct bv_clinical_reports *reports);

#endif
