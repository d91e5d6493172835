// rebuild.h: a tokenizer as a model file keeps it.
#ifndef BV_TESTS_TEXT_REBUILD_H
#define BV_TESTS_TEXT_REBUILD_H

#include "text/tokenizer.h"

// The tokenizer that the description and vocabulary of another one make; fails the test where they
// make none.
struct bv_tokenizer *rebuild(const struct bv_tokenizer *tokenizer);

#endif
