// biovl/label.h: text classifiers: findings of radiology reports (CheXbert), or whatever else a
// trained head over a text encoder answers, of a text, of two texts, or of each token.
//
//     struct bv_labeler *labeler = NULL;
//     bv_labeler_open(engine, &labeler);
//     size_t n_labels = bv_labeler_count(labeler); // 14
//     bv_labeler_run(labeler, reports, NULL, n, classes, n * n_labels, NULL, 0, NULL, NULL);
//     … bv_labeler_class(labeler, 4, (size_t)classes[4]) … // "positive" edema in the first report
//     bv_labeler_close(&labeler);
//
// A labeler belongs to the thread of its engine's context and is closed before its engine.
#ifndef BIOVL_LABEL_H
#define BIOVL_LABEL_H

#include "biovl/biovl.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_labeler;

enum bv_labeler_kind {
    BV_LABELS_TEXTS = 0,  // one answer for a text
    BV_LABELS_TOKENS = 1, // one for each token of a text
    BV_LABELS_PAIRS = 2,  // one for two texts together
};

// BV_ERR_MODEL when the model has no trained head over its text encoder.
BV_API enum bv_status bv_labeler_open(struct bv_engine *engine, struct bv_labeler **labeler);
BV_API void bv_labeler_close(struct bv_labeler **labeler);

BV_API enum bv_labeler_kind bv_labeler_kind(const struct bv_labeler *labeler);
// The labels, in the order of the head, and the classes of each. Strings live as long as the model.
BV_API size_t bv_labeler_count(const struct bv_labeler *labeler);
BV_API const char *bv_labeler_name(const struct bv_labeler *labeler, size_t label);
BV_API size_t bv_labeler_class_count(const struct bv_labeler *labeler, size_t label);
BV_API const char *bv_labeler_class(const struct bv_labeler *labeler, size_t label, size_t i);
// What a table says for a class: CheXbert's "", "1", "0" and "-1".
BV_API const char *bv_labeler_value(const struct bv_labeler *labeler, size_t label, size_t i);

// Classifies n texts (UTF-8), or the n pairs that they make with seconds, which is NULL otherwise.
// classes [n,labels] has room for n_classes and receives places in a label's classes, -1 where a
// text fails. probabilities (may be NULL) [n,classes of all labels, label after label] has room for
// n_probabilities and receives the probability of every class, NaN where a text fails. truncated
// (may be NULL) [n] receives which texts were cut to the model's maximum. With statuses [n] a text
// that fails has its status there, its message goes to the observer's failed(), and the others are
// classified; without (NULL) the first failure ends the call. When the call itself fails or is
// stopped, everything is -1, NaN and the call's status. BV_ERR_ARG for another kind of labeler, or
// too little room.
BV_API enum bv_status bv_labeler_run(struct bv_labeler *labeler, const char *const *texts,
                                     const char *const *seconds, size_t n, int32_t *classes,
                                     size_t n_classes, double *probabilities,
                                     size_t n_probabilities, unsigned char *truncated,
                                     enum bv_status *statuses);

// The tokens of one text: [{"token", "word", "labels": {name: {"class", "value",
// "probabilities"}}}], special tokens included. *json is freed with bv_free(). BV_ERR_ARG for
// another kind of labeler.
BV_API enum bv_status bv_labeler_tokens(struct bv_labeler *labeler, const char *text, char **json);

// Zero or NULL is the default of every field but size, output, and one of inputs and texts.
struct bv_label_options {
    size_t size; // sizeof (struct bv_label_options)
    // Either one table (.csv, .tsv; "-" is a CSV table on standard input), or text files, a report
    // each, and folders, of which every .txt file below is read, sorted by name.
    const char *const *inputs;
    size_t n_inputs;
    const char *const *texts; // or n_texts reports
    size_t n_texts;
    const char *text_column;   // of a table; default: that of the model's authors ("Report
                               // Impression"), then report, text, impression, findings …
    const char *second_column; // of a table of pairs
    const char *const *keep;   // n_keep columns of a table that the output has too
    size_t n_keep;
    const char *output; // a file, "-": standard output
    int json;           // JSON lines in place of a table
    int no_text;        // the table leaves out the reports
};

struct bv_label_counts {
    size_t size; // sizeof (struct bv_label_counts)
    uint64_t reports;
    uint64_t failed;    // of them
    uint64_t truncated; // cut to the model's maximum
};

// Labels reports into a table in the form of CheXbert's program: the report, and a column for each
// label with the value of its class; "path" before it where reports are files. A table of tokens
// has a line for each. A report that fails is told to the observer's failed() and has NA in every
// label; the others are labelled. With json a line of docs/schema/label.schema.json for each report
// that did not fail. The output is written completely or not at all, with little memory however
// many reports there are. BV_ERR_ARG for inputs that do not go together, an output among them, and
// columns that are not there; the message lists those that are. counts may be NULL.
BV_API enum bv_status bv_label_reports(struct bv_labeler *labeler,
                                       const struct bv_label_options *options,
                                       struct bv_label_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
