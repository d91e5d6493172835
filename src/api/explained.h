// explained.h: the maps of one image, behind bv_explain_texts() and bv_explain_labels().
#ifndef BV_API_EXPLAINED_H
#define BV_API_EXPLAINED_H

#include "api/context.h"
#include "biovl/explain.h"
#include "explain/explanation.h"

struct bv_explained {
    struct bv_context *context;
    struct bv_image *image; // a reference
    struct bv_arena arena;  // names
    const char *model, *digest, *device, *precision;
    const char *quantity; // that the score is
    const char **texts;
    unsigned char *truncated; // [texts]
    uint64_t seed;
    struct bv_explanation *explanation;
};

#endif
