// retrieval_table.h: image-report retrieval of a dual encoder on pairs listed in a CSV file.
#ifndef BV_EVAL_TASKS_RETRIEVAL_TABLE_H
#define BV_EVAL_TASKS_RETRIEVAL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/run/pipeline.h"
#include "eval/tasks/clinical.h"

struct bv_retrieval_options {
    const char *path, *root;  // CSV; folder of relative image paths
    const char *path_column;  // NULL: as in bv_labelled_options
    const char *text_column;  // NULL: "text"
    const char *class_column; // NULL: no retrieval by class
    size_t block;
    int n_workers;
    // NULL head: the report found for each image is not judged by what it says
    // (retrieval_clinical.h). Reports of one patient are told by patient_column, or the usual ones
    // (patient_id, patient, subject_id).
    struct bv_clinical clinical;
    const char *patient_column;
    const char *folder; // receives retrieved.csv; NULL: nowhere
};

// How texts become embeddings [n,D], normalised.
struct bv_text_encoder {
    void *arg;
    enum bv_status (*encode)(void *arg, const char *const *texts, size_t n, float *out,
                             struct bv_error *err);
};

// images is a scorer whose n_labels "scores" are the D elements of an image's normalised embedding.
// Keeps both embeddings of every pair (8·D bytes) and the texts. Pairs whose image fails are
// counted and left out. *result: {"n", "failed", "duplicate_texts", "image_to_text",
// "text_to_image"}, each direction with "paired" (the item of the same row counts), "equal_text"
// (every item with the same text does) and, with a class column, "same_class"; K is 1, 2, 5, 10,
// 50, 100 as far as there are items; and "clinical", where that is wanted.
enum bv_status bv_retrieval_table(const struct bv_retrieval_options *options,
                                  const struct bv_scorer *images,
                                  const struct bv_text_encoder *texts, json_t **result,
                                  struct bv_error *err);

// retrieval_metrics.c: how high the right items stand in ranked lists.

#define BV_RETRIEVAL_MAX_K 16 // cut-offs in one evaluation

// Sums over queries; zero-initialise, set the cut-offs, add queries, then read the means.
struct bv_retrieval {
    size_t ks[BV_RETRIEVAL_MAX_K], n_ks;
    size_t n_queries; // with at least one relevant item; the others are counted and left out
    size_t n_without;
    double precision[BV_RETRIEVAL_MAX_K]; // P@K: relevant in the top K / K
    double hits[BV_RETRIEVAL_MAX_K];      // R@K as papers report it: any relevant item in the top K
    double recall[BV_RETRIEVAL_MAX_K];    // relevant in the top K / relevant
    double reciprocal, rank;              // of the first relevant item, counted from 1
    uint32_t *ranks;                      // of each query, for the median
    size_t room_ranks;
};

// Adds one query: scores [n] and relevant [n] (1 or 0). Larger scores stand first; equal scores
// stand in the order of the items, so that the result does not depend on a sort.
enum bv_status bv_retrieval_add(struct bv_retrieval *retrieval, const float *scores,
                                const uint8_t *relevant, size_t n, struct bv_error *err);

// Turns the sums into means, NaN without a query, and gives the median rank (of an even number of
// queries the mean of the middle two).
void bv_retrieval_finish(struct bv_retrieval *retrieval, double *median_rank);

void bv_retrieval_free(struct bv_retrieval *retrieval);

// Numbers texts so that equal ones share a number (that of the first), and counts those that repeat
// an earlier one. groups has room for n.
enum bv_status bv_text_groups(const char *const *texts, size_t n, uint32_t *groups,
                              size_t *n_duplicates, struct bv_error *err);

#endif
