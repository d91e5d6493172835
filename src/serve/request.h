// request.h: what a body says, and the images that it carries or names.
#ifndef BV_SERVE_REQUEST_H
#define BV_SERVE_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "biovl/biovl.h"
#include "serve/call.h"

// A file part of a multipart body; bytes point into the body.
struct bv_part {
    const char *bytes;
    size_t size;
    char name[200]; // of the file, as the client gave it
};

struct bv_parts {
    struct bv_part files[BV_MAX_IMAGES];
    size_t n;
    const char *document; // the part "request"; NULL without one
    size_t document_size;
};

// Splits multipart/form-data (RFC 7578). BV_ERR_FORMAT for what is cut off or has no name.
enum bv_status bv_parts_read(const char *body, size_t size, const char *type,
                             struct bv_parts *parts, struct bv_error *err);

// Reads the body into call->document, an object; parts is for bv_request_images(). What JSON would
// take far more memory than its text is refused before it is parsed.
enum bv_status bv_request_read(struct bv_call *call, struct bv_parts *parts, struct bv_error *err);

// Opens the image that spec describes: {"base64": …} or its text alone, {"path": …} below the root,
// {"id": …} of a kept image, {"part": i}, each with "name", "frame" and "prior" (an earlier image)
// beside it.
enum bv_status bv_request_open(struct bv_call *call, const struct bv_parts *parts,
                               const json_t *spec, struct bv_image **image, struct bv_error *err);

// How many images a request has: "image", each of "images", or else the file parts.
size_t bv_request_image_count(const struct bv_call *call, const struct bv_parts *parts);

// Opens the i-th of them.
enum bv_status bv_request_image(struct bv_call *call, const struct bv_parts *parts, size_t i,
                                struct bv_image **image, struct bv_error *err);

// The same, with the bytes that it was read of, which are not there of a kept image: that
// is refused. kept->owned is malloc'd or NULL; kept may be NULL.
enum bv_status bv_request_source(struct bv_call *call, const struct bv_parts *parts, size_t i,
                                 struct bv_image **image, struct bv_sent *kept,
                                 struct bv_error *err);

// A list of texts: an array of strings, or one string. NULL in *list where the key is absent.
enum bv_status bv_request_texts(const struct bv_call *call, const char *key, size_t most,
                                json_t **list, struct bv_error *err);

// Whether a value is a text that a model may read: without zero bytes, less than 64 kB.
bool bv_request_is_text(const json_t *value);

// The model that "model" names; the first one without it. NULL after refusing.
struct bv_served *bv_request_model(struct bv_call *call);

// A model by its name; the first one for an empty name; NULL when there is none of that name.
struct bv_served *bv_server_model(struct bv_service *server, const char *name);

#endif
