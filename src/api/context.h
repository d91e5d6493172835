// context.h: the insides of the public handles, and how option structs and batches cross the
// boundary.
#ifndef BV_API_CONTEXT_H
#define BV_API_CONTEXT_H

#include <stddef.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/observer.h"
#include "base/status.h"
#include "base/thread.h"
#include "biovl/biovl.h"
#include "model/session.h"
#include "score/classifier.h"
#include "vulkan/vulkan.h"

// options.c: structs that cross the boundary of the library. Each begins with a size_t that holds
// its size where the caller was compiled, so that a later version can add members at its end.

// Copies what a caller gave into the library's own struct of `size` bytes; members that the caller
// does not know become zero. BV_ERR_ARG when the size is not set, BV_ERR_UNSUPPORTED when members
// beyond ours are not zero. name: of the struct, for the message. from may be NULL: all zero.
enum bv_status bv_options_read(void *to, size_t size, const void *from, const char *name,
                               struct bv_error *err);

// Whether the size of a struct to be filled is set; before any work is done.
enum bv_status bv_counts_check(const void *to, const char *name, struct bv_error *err);

// Fills a caller's struct from the library's own of `size` bytes, as far as the caller knows it;
// its size stays. to may be NULL.
void bv_counts_write(void *to, const void *from, size_t size);

// context.c: the insides of the public handles.

struct bv_context {
    struct bv_pool *pool;
    struct bv_error error;
    struct bv_observer observer; // zeros: nobody
};

struct bv_engine {
    struct bv_context *context;
    struct bv_session *session;
    float *neutral; // embeddings of bv_neutral_texts, of unit length, once they were wanted
};

struct bv_zero_shot {
    struct bv_engine *engine;
    struct bv_labels labels;
    json_t *prompt_set;
    struct bv_classifier *classifier;
    char warning[256];
};

// Prepares the context for a call: no stale sentence survives it.
struct bv_error *bv_begin(struct bv_context *context);

// The further members of an ensemble: [{"name", "sha256"}, …].
json_t *bv_members_json(const struct bv_classifier *classifier);

// Turns value into text and releases it. what is named when memory is out.
enum bv_status bv_json_text(json_t *value, char **text, struct bv_error *err);

// Preprocesses one image, and its prior unless that is NULL, and computes outputs of the image
// tower, raw.
enum bv_status bv_engine_run_image(struct bv_engine *engine, const struct bv_image *image,
                                   const struct bv_image *prior, const struct bv_wanted *wanted,
                                   int n_wanted, struct bv_error *err);

// Whether a tower ("image", "text") yields embeddings at all: fusion encoders need image and text
// together, and BV_ERR_MODEL says what else the model can do. what: "images", for the message.
enum bv_status bv_check_embeds(const struct bv_model *model, const char *tower, const char *what,
                               struct bv_error *err);

// Reads the labels that a caller gives, with their defaults.
enum bv_status bv_read_labels(struct bv_zero_shot_options *to,
                              const struct bv_zero_shot_options *theirs, struct bv_error *err);

// The map of a text's embedding (of unit length) over an image, out [height,width]. BV_ERR_MODEL
// where the model has none; whether it does.
enum bv_status bv_map_text(struct bv_engine *engine, const struct bv_image *image,
                           const float *text, float *out, struct bv_error *err);
bool bv_can_map(const struct bv_engine *engine);

// Calls on several items, some of which may fail.

struct bv_batch {
    enum bv_status *statuses; // the caller's, one per item; NULL: the first failure ends the call
    const struct bv_observer *observer;
};

// Notes how item i ended; why->status says it. What it returns ends the call: a failure that is not
// noted, a lack of memory, or a device that is gone.
enum bv_status bv_item_done(const struct bv_batch *batch, size_t i, const char *name,
                            const struct bv_error *why, struct bv_error *err);

// Whether n items of `each` elements fit; BV_ERR_ARG. what: "floats", for the message.
enum bv_status bv_check_room(size_t capacity, size_t n, size_t each, const char *what,
                             struct bv_error *err);

#endif
