// http.h: HTTP: requests, and what servers answer: JSON, multipart bodies, Orthanc's own.
#ifndef BV_PACS_HTTP_H
#define BV_PACS_HTTP_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "pacs/archive.h"

// http.c: requests with limits and patience, through libcurl.

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

// answer_json.c: an archive's answer in JSON, whose memory is bounded before it is parsed.

// The caller owns one reference of *json. BV_ERR_LIMIT for more values than any page of an archive
// has, BV_ERR_FORMAT for what is no JSON.
enum bv_status bv_answer_json(const struct bv_http_answer *answer, json_t **json,
                              struct bv_error *err);

// multipart.c: multipart/related bodies (RFC 2387), as DICOMweb sends objects.

// The first part of a body; *part points into it. content_type is that of the whole answer; an
// answer that is no multipart is its own part. A body without a complete part is BV_ERR_FORMAT.
enum bv_status bv_multipart_first(const uint8_t *body, size_t size, const char *content_type,
                                  const uint8_t **part, size_t *part_size, struct bv_error *err);

// orthanc.c: Orthanc's change feed (its REST interface, /changes), beside its DICOMweb root.

// As bv_archive_changes(). root is the URL of the REST interface without a slash at its end.
enum bv_status bv_orthanc_changes(struct bv_http *http, const char *root, uint64_t since,
                                  enum bv_status (*visit)(void *arg,
                                                          const struct bv_archive_instance *one,
                                                          struct bv_error *err),
                                  void *arg, uint64_t *next, bool *done, struct bv_error *err);

#endif
