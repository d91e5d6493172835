#include "text/vocab_file.h"

#include <string.h>

bool bv_hf_is_type(const json_t *part, const char *type)
{
    return strcmp(bv_json_string(part, "type", ""), type) == 0;
}

enum bv_status bv_hf_unsupported(struct bv_error *err, const char *what, const json_t *part)
{
    return bv_fail(err, BV_ERR_UNSUPPORTED, "tokenizer.json: the %s \"%.60s\" is not supported",
                   what, bv_json_string(part, "type", "?"));
}

enum bv_status bv_hf_set(json_t *description, const char *key, json_t *value, struct bv_error *err)
{
    return json_object_set_new(description, key, value) == 0 ? BV_OK
                                                             : bv_fail_nomem(err, "tokenizer.json");
}
