// label.h: the inside of a labeler, for the calls that are given one.
#ifndef BV_API_LABEL_H
#define BV_API_LABEL_H

#include "api/context.h"
#include "biovl/label.h"
#include "model/head.h"

struct bv_labeler {
    struct bv_engine *engine;
    struct bv_text_head head;
};

#endif
