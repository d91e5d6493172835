// result.h: the inside of a result.
#ifndef BV_API_RESULT_H
#define BV_API_RESULT_H

#include "api/context.h"
#include "api/image.h"

struct bv_result {
    const struct bv_zero_shot *zero_shot;
    struct bv_image *image;      // a reference
    struct bv_warnings warnings; // of image and model; texts are in the image or in
    struct bv_arena arena;
    double *scores, *positive, *negative; // one block, which begins with scores
};

#endif
