// made_run.h: finished evaluations whose scores a function gives: no model, no images.
#ifndef BV_TESTS_EVAL_MADE_RUN_H
#define BV_TESTS_EVAL_MADE_RUN_H

#include "base/json.h"
#include "eval/run/evaluation.h"

struct made_run {
    struct bv_labelled_options data;
    const char *folder;
    const char *model; // its name; NULL: "made"
    // The score of an image, as named in the data; NaN: it cannot be read.
    double (*score)(void *arg, const char *image, size_t label);
    void *arg;
    size_t n_bootstrap;
    const char *thresholds; // to apply, or NULL
};

// Runs and finishes; fails the test where that fails.
void make_run(const struct made_run *made);
void make_journal(const struct made_run *made); // runs only

// A number in [0, 1) from an image's name and a salt.
double made_number(const char *image, unsigned salt);

json_t *load_result(const char *folder, const char *name); // the caller owns it

#endif
