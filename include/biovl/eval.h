// biovl/eval.h: batch zero-shot evaluation of a labelled CSV file (docs/evaluation.md).
//
//     struct bv_eval_options options = {
//         .size = sizeof options, .data = "test.csv", .folder = "out"};
//     struct bv_eval_counts counts = {.size = sizeof counts};
//     bv_eval_run(zero_shot, &options, &counts);      // out/journal.tsv; may be killed and resumed
//     bv_eval_finish(context, &options, &counts);     // out/metrics.json, report.html, …
#ifndef BIOVL_EVAL_H
#define BIOVL_EVAL_H

#include "biovl/biovl.h"
#include "biovl/label.h"

#ifdef __cplusplus
extern "C" {
#endif

// Filled by the calls below as far as its size says; may be NULL.
struct bv_eval_counts {
    size_t size;      // sizeof (struct bv_eval_counts)
    uint64_t rows;    // to do in all (of this shard, while it runs)
    uint64_t done;    // of them
    uint64_t failed;  // of those done
    uint64_t resumed; // of those done, by an earlier process
    uint64_t warned;  // images evaluated that have warnings
    uint64_t labels;  // with positive and negative images; bv_eval_finish() alone says it
};

// Zero or NULL is the default of every field but data (for bv_eval_run) and folder.
struct bv_eval_options {
    size_t size;        // sizeof (struct bv_eval_options)
    const char *data;   // CSV, or TSV by its name
    const char *folder; // receives everything; made when absent
    const char *root;   // of relative image paths; default: the CSV's folder, then the current one
    // Columns; by default "path", "patient_id", "study_id" and their usual variants.
    const char *path_column, *patient_column, *study_column;
    const char *stratum_column; // metrics are also given for each of its values (a view, a site)
    const char
        *list_column; // "edema|effusion" in one column, or a;b, a, b, or Python and JSON lists
    const char *const *where; // n_where conditions "column=value" that rows must fulfil
    size_t n_where;
    const char *uncertain;    // labels of -1: "ignore", "zero", "one", "policy"
    int blank_is_zero;        // an empty label is negative; otherwise it is left out
    uint64_t shard, n_shards; // rows whose number leaves the remainder shard; 0 shards: all
    int resume;               // go on with the journal in folder
    size_t batch;             // images per run of the encoder
    int workers;              // decoding threads

    // For bv_eval_finish():
    long bootstrap;          // replicates; 0: 1000; -1: none
    int mean;                // studies and patients by the mean of their images, not the largest
    const char *rule;        // how thresholds.json is fitted: "youden", "mcc", "f1", …
    const char *thresholds;  // a thresholds.json of other data, to apply
    const char *calibration; // a file of bv_eval_calibrate(), to apply
    int same_data;           // those two may come from this very data

    // For bv_eval_run(): the frame of multi-frame files, from 1; -1: each frame is a row of its own
    // with the row's labels, named "FILE#N"; 0: a row names its frame so, or its file has only one.
    int frame;

    // For bv_eval_finish(): PPV and NPV are given at this prevalence too, above 0 and below 1; 0:
    // at none but the usual ones.
    double prevalence;
};

// Scores the images. The context's observer is told of labels that have no column, or no positive
// or no negative row, and of how a list column lists. BV_ERR_ARG for options that do not fit the
// file, a folder with an evaluation in it (without resume), or one of other settings (with resume);
// images that fail are counted, told to the observer's failed() as "row N", and do not end the run.
// Its progress() counts rows after each batch. A run that was stopped or killed has lost no row
// that it had finished.
BV_API enum bv_status bv_eval_run(struct bv_zero_shot *zero_shot,
                                  const struct bv_eval_options *options,
                                  struct bv_eval_counts *counts);

// The same with a fusion encoder: a label's score is the probability that its prompts match the
// image. labels as of bv_zero_shot_open(). BV_ERR_ARG when the model has no matching head or reads
// detector regions.
BV_API enum bv_status bv_eval_run_match(struct bv_engine *engine,
                                        const struct bv_zero_shot_options *labels,
                                        const struct bv_eval_options *options,
                                        struct bv_eval_counts *counts);

// Joins the journals of all shards in folder and writes predictions.csv, errors.csv, warnings.csv,
// metrics.json, metrics.csv, thresholds.json and report.html. BV_ERR_ARG when a shard or row is
// missing, or data (default: the file evaluated) has changed.
BV_API enum bv_status bv_eval_finish(struct bv_context *context,
                                     const struct bv_eval_options *options,
                                     struct bv_eval_counts *counts);

// Fits "temperature", "platt" or "isotonic" to the images of a finished run and writes it to path.
// data: where the CSV is now, or NULL.
BV_API enum bv_status bv_eval_calibrate(struct bv_context *context, const char *folder,
                                        const char *data, const char *method, const char *path);

// ---- Comparing finished evaluations ----

struct bv_eval_compare_options {
    size_t size;             // sizeof (struct bv_eval_compare_options)
    const char *const *runs; // n_runs (2 to 16) folders of bv_eval_finish()
    size_t n_runs;
    const char *folder; // receives compare.json, compare.csv, compare.html; made when absent
    const char *data;   // where the CSV is now; NULL: where it was
    double margin;      // of non-inferiority of the AUROC, between 0 and 1; 0: not tested
    long bootstrap;     // replicates; 0: 1000; -1: none
};

// Judges the first run against each of the others on the rows that all of them evaluated: paired
// tests of the AUROC (DeLong, and Obuchowski with patients as clusters) with Holm's and Benjamini
// and Hochberg's adjustment over all labels, paired bootstrap of whole patients for every metric,
// McNemar's tests at the thresholds that each run used. Differences are the first less the other.
// BV_ERR_ARG when the runs are not of the same rows and labels; the message says what differs.
// *json, which compare.json holds too, is freed with bv_free().
BV_API enum bv_status bv_eval_compare(struct bv_context *context,
                                      const struct bv_eval_compare_options *options, char **json);

// ---- Groups of a finished evaluation, and a bound on what it misses ----

struct bv_eval_subgroups_options {
    size_t size;           // sizeof (struct bv_eval_subgroups_options)
    const char *run;       // folder of bv_eval_finish()
    const char *folder;    // receives subgroups.json, .csv and .html; NULL: run
    const char *data;      // where the CSV is now; NULL: where it was
    const char *const *by; // n_by (1 to 8) columns: "sex"; "age:40/60/80" with edges of bands
    size_t n_by;
    long bootstrap; // replicates; 0: 1000; -1: none
};

// Rates, AUROC and calibration of the images of each value of a column, and of each pair of values
// of two columns, at the thresholds that the run's results used for all of them; and the gaps, the
// largest less the smallest value, with intervals of resampled patients. Groups with fewer than ten
// positives or negatives are marked. BV_ERR_ARG for a column that is not there or has more than 64
// values. *json, which subgroups.json holds too, is freed with bv_free().
BV_API enum bv_status bv_eval_subgroups(struct bv_context *context,
                                        const struct bv_eval_subgroups_options *options,
                                        char **json);

struct bv_eval_conformal_options {
    size_t size;                              // sizeof (struct bv_eval_conformal_options)
    const char *calibration, *test;           // folders of bv_eval_finish()
    const char *calibration_data, *test_data; // where the CSVs are now; NULL: where they were
    const char *alpha;  // a decimal between 0 and 1, at most six places: "0.1"
    const char *folder; // receives conformal.json, .csv and .html; made when absent
};

// For each label the threshold that misses at most an expected share alpha of the positives (split
// conformal prediction), fitted to one run and judged on another: rates with intervals, labels
// called per image. BV_ERR_ARG when both runs are of the same file, or of other models, prompts or
// labels. *json, which conformal.json holds too, is freed with bv_free().
BV_API enum bv_status bv_eval_conformal(struct bv_context *context,
                                        const struct bv_eval_conformal_options *options,
                                        char **json);

// ---- Named protocols: benchmarks as data ----

struct bv_eval_protocol;

// Opens a protocol of bv_eval_protocols() or a file (its name ends in .json) and, data not NULL,
// finds its columns there. BV_ERR_ARG lists the protocols, or the columns that are missing and
// those that are there; BV_ERR_FORMAT for a file of another form.
BV_API enum bv_status bv_eval_protocol_open(struct bv_context *context, const char *name,
                                            const char *data, struct bv_eval_protocol **protocol);
BV_API void bv_eval_protocol_close(struct bv_eval_protocol **protocol);

// The text of its labels file, for bv_zero_shot_open(); NULL where the protocol leaves them open.
BV_API const char *bv_eval_protocol_labels(const struct bv_eval_protocol *protocol);
// "classification", "retrieval" or "vqa": of which call the results are.
BV_API const char *bv_eval_protocol_task(const struct bv_eval_protocol *protocol);

// The name that the data's column of a role ("path", "text", "patient", "study", "list") has; NULL
// where the protocol was opened without data, or names no such column.
BV_API const char *bv_eval_protocol_column(const struct bv_eval_protocol *protocol,
                                           const char *role);

// Sets columns and the meaning of labels, as far as options leave them open; blank_is_zero, which
// cannot be left open, where the protocol says zero. The strings belong to the protocol.
BV_API void bv_eval_protocol_set(const struct bv_eval_protocol *protocol,
                                 struct bv_eval_options *options);

// The protocol's number of a finished run in folder (metrics NULL), or of a task's JSON, beside the
// published ones, with the digests of data, list of images, prompts, model and protocol. Writes
// protocol.json and protocol.csv to folder. *json is freed with bv_free().
BV_API enum bv_status bv_eval_protocol_report(struct bv_context *context,
                                              const struct bv_eval_protocol *protocol,
                                              const char *folder, const char *metrics, char **json);

// [{"name", "title", "task"}]; *json is freed with bv_free().
BV_API enum bv_status bv_eval_protocols(struct bv_context *context, char **json);

// ---- Other tasks; *json is one object, freed with bv_free() ----

// Image-report retrieval on the pairs of a CSV file: R@K, P@K, mean and median rank in both
// directions, with the paired item, with every equal text and, with a class column, with every item
// of the class counted as right. Images that fail are counted in "failed".
struct bv_eval_retrieval_options {
    size_t size; // sizeof (struct bv_eval_retrieval_options)
    const char *data, *root;
    const char *path_column, *text_column, *class_column; // "path", "text", none
    size_t batch;
    int workers;
    // With a labeler of CheXbert's findings (same context): for each image the nearest report of
    // another patient (another row, without a column of patients), against the image's own:
    // F1-CheXbert, SembScore, BLEU-2, as "clinical".
    struct bv_labeler *labeler;
    const char *patient_column; // patient_id, patient or subject_id
    const char *folder;         // receives retrieved.csv, with the reports found; NULL: nowhere
};
BV_API enum bv_status bv_eval_retrieval(struct bv_engine *engine,
                                        const struct bv_eval_retrieval_options *options,
                                        char **json);

// Heat maps (.npy, [H,W] float32 in image pixels) against boxes: columns map, x, y, w, h, category.
// Contrast (CNR, signed and absolute), mean IoU, pointing game.
BV_API enum bv_status bv_eval_grounding(struct bv_context *context, const char *data,
                                        const char *root, char **json);

// Answers to questions: columns prediction, answer, type (closed or open). by: a column whose
// values are also reported apart, or NULL.
BV_API enum bv_status bv_eval_vqa(struct bv_context *context, const char *data, const char *by,
                                  char **json);

// F1-CheXbert: findings of reports against those of reference reports, in the columns that CheXbert
// writes (14 findings; 1, 0, -1, nothing), row by row. Precision, recall and F1 of each, micro,
// macro and weighted, of all and of CheXpert's five, in the conventions "rrg" (uncertain is
// positive) and "r2gen" (uncertain is negative). BV_ERR_ARG or BV_ERR_FORMAT when the files do not
// belong together; the message says where.
BV_API enum bv_status bv_eval_labels(struct bv_context *context, const char *reference,
                                     const char *predicted, char **json);

// Whether a CSV file has a column: with "prediction" or "map", the two calls above take it, without
// the two calls below do.
BV_API enum bv_status bv_eval_has_column(struct bv_context *context, const char *data,
                                         const char *column, int *has);

// The same tasks with a model. Writes predictions.csv, errors.csv, warnings.csv and metrics.json,
// which *json also holds, to folder; a row that fails is counted, is in errors.csv and in no
// metric.
struct bv_eval_task_options {
    size_t size; // sizeof (struct bv_eval_task_options)
    const char *data, *folder;
    const char *root, *path_column; // as in bv_eval_options
    const char *by;                 // bv_eval_ask: a column whose values are also reported apart
    const char *const *answers;     // bv_eval_ask: the answer vocabulary, n_answers of them in the
    size_t n_answers;               // order of the model's head; 0: as the model names them
    int smooth; // bv_eval_ground: maps become as large as images bilinearly, not by nearest cell
    const char *method; // bv_eval_ground: one of bv_explain_methods(), or "auto", for any dual
                        // encoder; NULL: the similarity maps that its card describes
    int layers;         // as in struct bv_explain_options
    int faithfulness;   // bv_eval_ground with a method: areas under the score's curve while pixels
                        // are deleted and inserted in the map's order; hundreds of runs per map
};

// Asks a fusion model: columns question, answer, type, and the image's path. BV_ERR_MODEL when it
// does not answer questions about images.
BV_API enum bv_status bv_eval_ask(struct bv_engine *engine,
                                  const struct bv_eval_task_options *options,
                                  struct bv_eval_counts *counts, char **json);

// A dual encoder's similarity maps: columns text, x, y, w, h (image pixels), category, and the
// image's path. All boxes of one image, text and category are one region. BV_ERR_MODEL when the
// model has no such map, BV_ERR_UNSUPPORTED when it cannot have the method.
BV_API enum bv_status bv_eval_ground(struct bv_engine *engine,
                                     const struct bv_eval_task_options *options,
                                     struct bv_eval_counts *counts, char **json);

// Masks of findings, or maps that become masks, against masks that radiologists drew, as
// cheXlocalize compares them: mIoU of images in which both have a pixel and of all, hit rate of the
// maps' largest pixels, means of 1000 bootstrap replicates with their 25th and 975th. Masks are in
// JSON files of {"image": {"task": {"size": [height, width], "counts": COCO's runs}}}.
struct bv_eval_localize_options {
    size_t size;       // sizeof (struct bv_eval_localize_options)
    const char *data;  // masks (.json); or a CSV file: columns id, task, map (.npy, [H,W] float32);
                       // or, with an engine, path, task, optionally text (else the task) and id
                       // (else the path's last names, joined by _)
    const char *truth; // masks
    const char *folder; // for segmentations.json, scores.csv, summary.csv, metrics.json; NULL: none
    const char *root, *path_column; // as in bv_eval_options
    const char *thresholds; // CSV, columns task and threshold, of the share of a map's range; NULL:
                            // Otsu's
    int tune;               // finds those thresholds: in the result, and in thresholds.csv
    const char *method;     // as in bv_eval_task_options
    int layers, smooth;
};

// engine NULL: data holds masks or maps, and counts may be NULL. With one, a folder is needed, rows
// that fail are in errors.csv, and warnings.csv and predictions.csv are written as well.
BV_API enum bv_status bv_eval_localize(struct bv_context *context, struct bv_engine *engine,
                                       const struct bv_eval_localize_options *options,
                                       struct bv_eval_counts *counts, char **json);

#ifdef __cplusplus
}
#endif
#endif
