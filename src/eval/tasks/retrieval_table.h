// retrieval_table.h: image-report retrieval of a dual encoder on pairs listed in a CSV file.
#ifndef BV_EVAL_TASKS_RETRIEVAL_TABLE_H
#define BV_EVAL_TASKS_RETRIEVAL_TABLE_H

#include "eval/run/pipeline.h"

struct bv_retrieval_options {
    const char *path, *root;  // CSV; folder of relative image paths
    const char *path_column;  // NULL: as in bv_labelled_options
    const char *text_column;  // NULL: "text"
    const char *class_column; // NULL: no retrieval by class
    size_t block;
    int n_workers;
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
// 50, 100 as far as there are items.
enum bv_status bv_retrieval_table(const struct bv_retrieval_options *options,
                                  const struct bv_scorer *images,
                                  const struct bv_text_encoder *texts, json_t **result,
                                  struct bv_error *err);

#endif
