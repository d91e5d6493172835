// pipeline.h: images through decoding threads and an encoder, in the order of the rows.
//
// Worker threads take rows from the data set, decode and preprocess, and fill blocks of a fixed
// number of rows; the calling thread scores finished blocks one after the other and hands every row
// on. A ring of blocks bounds what is in memory, whatever the number of rows; blocks hold the same
// rows in every run, resumed or not.
#ifndef BV_EVAL_RUN_PIPELINE_H
#define BV_EVAL_RUN_PIPELINE_H

#include <stdint.h>

#include "base/json.h"
#include "eval/data/journal.h"
#include "eval/data/labelled.h"
#include "model/session.h"
#include "score/classifier.h"

// A decoded and preprocessed image. Zero-initialise.
struct bv_preprocessed {
    struct bv_classifier_input input; // as the encoders read it
    int width, height;                // of the image
    uint32_t warnings;                // of the image (eval/data/warnings.h)
};

// How an image becomes scores. Both calls leave the sentence of a failure in err.
struct bv_scorer {
    void *arg;
    size_t n_labels;
    // Decodes and preprocesses one file. Called by several threads at once.
    enum bv_status (*preprocess)(void *arg, const char *path, struct bv_preprocessed *image,
                                 struct bv_error *err);
    // Scores n images of one size, scores [n][n_labels]. Called by one thread. A failure ends the
    // evaluation.
    enum bv_status (*score)(void *arg, const struct bv_classifier_input *const *images, size_t n,
                            double *scores, struct bv_error *err);
    // What took over from the device that scored at first (eval/devices.h), asked after each call
    // of score; NULL: nothing did. The text lives as long as the scorer. May be NULL.
    const char *(*moved)(void *arg);
};

struct bv_pipeline {
    struct bv_labelled *dataset;
    const struct bv_scorer *scorer;
    uint64_t shard, n_shards; // rows whose index leaves this remainder are processed
    uint64_t skip;            // of those, how many are done already: a multiple of block
    size_t block;             // rows per block, at least 1
    int n_workers;            // decoding threads, at least 1
    // Receives every processed row in order, and is told where a block ends. A failure ends the
    // evaluation.
    enum bv_status (*row)(void *arg, const struct bv_journal_record *record, struct bv_error *err);
    enum bv_status (*block_end)(void *arg, struct bv_error *err);
    void *arg;
};

enum bv_status bv_pipeline_run(const struct bv_pipeline *pipeline, struct bv_error *err);

// devices.c: which device computed how many of the results: a run that loses its GPU goes on with
// the processor (device "auto"), and the results must say so.

enum { BV_MOVED_CHARS = 768 };

// What took over from the device asked for, and why: "cpu|f32|the device was lost"; NULL while
// nothing did. The result points to text.
const char *bv_device_moved(const struct bv_session *session, char text[BV_MOVED_CHARS]);

// Zero-initialise.
struct bv_devices {
    uint64_t n_own; // on the device that the results name
    json_t *moved;  // {what bv_device_moved() said: images}
};
enum bv_status bv_devices_add(struct bv_devices *devices, const char *moved, struct bv_error *err);
void bv_devices_free(struct bv_devices *devices);

// [{"device", "precision", "images"}, …], those that took over with "fallback", the reason. model:
// the results' description, with "device" and "precision".
json_t *bv_devices_json(const struct bv_devices *devices, const json_t *model);

#endif
