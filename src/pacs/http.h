// http.h: requests with limits and patience, through libcurl.
#ifndef BV_PACS_HTTP_H
#define BV_PACS_HTTP_H

#include "pacs/archive.h"

struct bv_http;

// options as bv_archive_open() completes them; borrowed.
enum bv_status bv_http_open(struct bv_http **http, const struct bv_archive_options *options,
                            struct bv_error *err);
void bv_http_close(struct bv_http **http); // accepts NULL

struct bv_http_request {
    const char *url;
    const char *accept;       // of the answer; NULL: anything
    const char *content_type; // of body
    const void *body;         // NULL: GET; else POST
    size_t body_size;
    size_t max_answer; // a longer answer is BV_ERR_LIMIT
};

struct bv_http_answer {
    long code;     // 200 to 299, or 404, 406, 409: the caller's to judge; others are failures
    uint8_t *body; // malloc'd, with a terminating zero that is not counted; may be NULL when empty
    size_t size;
    char content_type[256];
};

// Redirects stay on the host and never leave TLS. What may pass (no connection, a break, silence
// for timeout_s, 408, 429, 500, 502, 503, 504) is tried again, after Retry-After where the server
// says so; then it is BV_ERR_IO. 401 and 403 are BV_ERR_REFUSED. Messages name the host only. The
// caller frees answer->body.
enum bv_status bv_http_run(struct bv_http *http, const struct bv_http_request *request,
                           struct bv_http_answer *answer, struct bv_error *err);

size_t bv_http_retries(const struct bv_http *http);

#endif
