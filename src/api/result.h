// result.h: the insides of public images and results, and results as DICOM objects.
#ifndef BV_API_RESULT_H
#define BV_API_RESULT_H

#include "api/context.h"
#include "base/status.h"
#include "biovl/biovl.h"
#include "image/image.h"
#include "image/pixels.h"

// result.c: the inside of a result.

struct bv_result {
    const struct bv_zero_shot *zero_shot;
    struct bv_image *image;      // a reference
    struct bv_warnings warnings; // of image and model; texts are in the image or in
    struct bv_arena arena;
    double *scores, *positive, *negative; // one block, which begins with scores
};

// dicom_result.c: results as DICOM objects in memory.

// What bv_result_write_sr() writes, for a source in memory; name stands for it in messages. The
// caller frees *bytes.
enum bv_status bv_result_report(const struct bv_result *result, const uint8_t *source,
                                size_t source_size, const char *name, uint8_t **bytes, size_t *size,
                                struct bv_error *err);

// What bv_result_write_capture() writes, likewise.
enum bv_status bv_result_capture(const struct bv_result *result, const uint8_t *source,
                                 size_t source_size, const char *name, uint8_t **bytes,
                                 size_t *size, struct bv_error *err);

// The picture of it, U8 in three channels: radiograph, heat map, scores.
enum bv_status bv_result_draw(const struct bv_result *result, struct bv_pixels *rgb,
                              struct bv_error *err);

#endif
