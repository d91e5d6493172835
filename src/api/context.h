// context.h: the insides of the public handles.
#ifndef BV_API_CONTEXT_H
#define BV_API_CONTEXT_H

#include "api/options.h"
#include "base/json.h"
#include "base/observer.h"
#include "base/thread.h"
#include "biovl/biovl.h"
#include "model/session.h"
#include "score/classifier.h"
#include "vulkan/vulkan.h"

struct bv_context {
    struct bv_pool *pool;
    struct bv_error error;
    struct bv_observer observer; // zeros: nobody
};

struct bv_engine {
    struct bv_context *context;
    struct bv_session *session;
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

#endif
