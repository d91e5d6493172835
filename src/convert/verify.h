// verify.h: vectors that travel in a model file and must come out again.
//
// {"image": {OUTPUT: [floats]}, "text": {"sentences": [...], OUTPUT: [[floats], ...]},
// "fusion": {OUTPUT: [floats]}}: the raw
// pooled outputs for a synthetic pixel array (bv_golden_pixels) and for fixed sentences, computed
// in f32 on the CPU when the file was written.
#ifndef BV_CONVERT_VERIFY_H
#define BV_CONVERT_VERIFY_H

#include "model/session.h"

// Fills H×W×C pixels with a fixed pattern: smooth waves and a seeded noise within about ±2, the
// range of normalised pixels.
void bv_golden_pixels(float *pixels, int64_t H, int64_t W, int64_t C);

// Computes the golden vectors of a session's model. The caller owns the reference.
enum bv_status bv_golden_make(struct bv_session *session, json_t **golden, struct bv_error *err);

// How a session's outputs compare with stored ones.
struct bv_golden_report {
    double worst_cosine;       // over all vectors
    double largest_difference; // over all elements
    int n_vectors;
};
enum bv_status bv_golden_compare(struct bv_session *session, const json_t *golden,
                                 struct bv_golden_report *report, struct bv_error *err);

#endif
