#include "text/rebuild.h"

#include <stdlib.h>

#include "support/check.h"

struct bv_tokenizer *rebuild(const struct bv_tokenizer *tokenizer)
{
    struct bv_tokenizer *again = NULL;
    struct bv_error err = {0};
    json_t *description = NULL;
    char *vocabulary = NULL;
    size_t n = 0;
    assert_ok(bv_tokenizer_describe(tokenizer, &description, &err), err);
    assert_ok(bv_tokenizer_vocabulary(tokenizer, &vocabulary, &n, &err), err);
    assert_ok(bv_tokenizer_create(&again, description, vocabulary, n, NULL, 0, &err), err);
    json_decref(description);
    free(vocabulary);
    return again;
}
