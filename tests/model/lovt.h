// lovt.h: a small model of both towers for tests: LoVT's architecture with drawn weights.
#ifndef BV_TESTS_MODEL_LOVT_H
#define BV_TESTS_MODEL_LOVT_H

#include "base/status.h"

// Converts it to the model file out in the test's temporary folder, with a further setting of the
// card ("image.size=64") unless set is NULL.
enum bv_status lovt_convert(void *const *state, const char *set, const char *out,
                            struct bv_error *err);

#endif
