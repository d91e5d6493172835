// result_number.h: a number in a result: "NA" where there is none.
#ifndef BV_EVAL_DATA_RESULT_NUMBER_H
#define BV_EVAL_DATA_RESULT_NUMBER_H

#include <jansson.h>
#include <math.h>

static inline json_t *bv_result_number(double value)
{
    return isfinite(value) ? json_real(value) : json_string("NA");
}

#endif
