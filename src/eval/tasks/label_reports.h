// label_reports.h: reports through a model's trained head into a table, or JSON lines, of labels.
#ifndef BV_EVAL_TASKS_LABEL_REPORTS_H
#define BV_EVAL_TASKS_LABEL_REPORTS_H

#include "base/observer.h"
#include "eval/tasks/report_source.h"
#include "score/text_head.h"

struct bv_label_reports {
    struct bv_report_inputs inputs; // usual_column is the head's
    const char *output;             // a path, "-" standard output
    bool json;                      // JSON lines, not CSV
    bool no_text;                   // the table leaves the reports out
    const struct bv_observer *observer;
};

struct bv_labelled_reports {
    uint64_t n, failed, truncated;
};

// CSV: "path" where reports are files, the columns kept, the report, and a column for each label
// with the value of its class; of a head that classifies tokens a line for each token, with "row",
// "token" and "word" in place of the report. A report that fails has NA in every label.
// JSON: a line for each report that does not fail (docs/schema/label.schema.json).
// Failures are told to the observer; the output is written completely or not at all.
enum bv_status bv_reports_label(const struct bv_text_head *head, struct bv_session *session,
                                const struct bv_label_reports *options,
                                struct bv_labelled_reports *counts, struct bv_error *err);

// {name: {"class", "value", "probabilities": {class: p}}} of a row of logits; NULL where memory is
// out.
json_t *bv_label_object(const struct bv_text_head *head, const float *logits);

// [{"token", "word", "labels": such an object}] of a text's tokens and their logits.
enum bv_status bv_label_token_list(const struct bv_text_head *head,
                                   const struct bv_tokenizer *tokenizer,
                                   const struct bv_tokens *tokens, const float *logits,
                                   json_t **list, struct bv_error *err);

#endif
