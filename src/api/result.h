// result.h: the inside of a result.
#ifndef BV_API_RESULT_H
#define BV_API_RESULT_H

#include "api/context.h"

struct bv_result {
    const struct bv_zero_shot *zero_shot;
    char *path;
    struct bv_image *image; // header facts and warnings, and the pixels
    struct bv_image *prior; // NULL without one
    double *scores, *positive, *negative;
};

#endif
