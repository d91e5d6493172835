// answer_json.h: an archive's answer in JSON, whose memory is bounded before it is parsed.
#ifndef BV_PACS_ANSWER_JSON_H
#define BV_PACS_ANSWER_JSON_H

#include <jansson.h>

#include "base/status.h"
#include "pacs/http.h"

// The caller owns one reference of *json. BV_ERR_LIMIT for more values than any page of an archive
// has, BV_ERR_FORMAT for what is no JSON.
enum bv_status bv_answer_json(const struct bv_http_answer *answer, json_t **json,
                              struct bv_error *err);

#endif
