#include "pacs/http.h"

#include "base/json.h"

// A parsed value takes some hundred times the two bytes that an empty one is written in.
enum { MAX_VALUES = 500000 };

enum bv_status bv_answer_json(const struct bv_http_answer *answer, json_t **json,
                              struct bv_error *err)
{
    size_t n_values = 0;
    for (size_t i = 0; i < answer->size; i++) {
        uint8_t c = answer->body[i];
        n_values += c == ',' || c == '{' || c == '[';
    }
    if (n_values > MAX_VALUES)
        return bv_fail(err, BV_ERR_LIMIT, "the archive's answer has too many values");
    return bv_json_parse(json, (const char *)answer->body, answer->size, "the archive's answer",
                         err);
}
