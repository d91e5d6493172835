// session.h: a model instantiated on one device. Belongs to one thread.
#ifndef BV_MODEL_SESSION_H
#define BV_MODEL_SESSION_H

#include "base/thread.h"
#include "graph/backend.h"
#include "model/model.h"

struct bv_session;

struct bv_session_options {
    const char *device;    // "auto" (NULL), "cpu", "reference", "vulkan[:index or name]"
    const char *precision; // "auto" (NULL), "f32", …
    struct bv_pool *pool;  // borrowed; NULL: one thread
};

enum bv_status bv_session_open(struct bv_session **session, const struct bv_model *model,
                               const struct bv_session_options *options, struct bv_error *err);
void bv_session_close(struct bv_session **session); // accepts NULL

// Gives back the memory of the compiled programs and of the weights packed for them; the next call
// recreates what it needs on demand. Packed weights that other sessions of the model may use stay.
void bv_session_rest(struct bv_session *session);

struct bv_pool *bv_session_pool(const struct bv_session *session); // NULL: one thread
const struct bv_model *bv_session_model(const struct bv_session *session);
const char *bv_session_device(const struct bv_session *session);    // "cpu", "vulkan:…"
const char *bv_session_precision(const struct bv_session *session); // "f32", …
const struct bv_backend *bv_session_backend(const struct bv_session *session); // the present one
// Why the work moved to the CPU under device "auto"; NULL when it did not.
const char *bv_session_fallback(const struct bv_session *session);

// Where an output goes. BV_ERR_MODEL where the output is not n_floats: nothing is computed then.
struct bv_wanted {
    const char *output; // "global", "local", …
    float *out;
    size_t n_floats; // at out
};

// Pixel arrays of one size, [N,H,W,C] f32 as the recipe makes them.
struct bv_pixel_batch {
    const float *pixels;
    const float *prior; // of an earlier image for each, or NULL
    int64_t N, H, W, C;
};

// Runs the image tower. Each wanted output (by name) receives [N, its shape]; raw, not normalised.
// BV_ERR_ARG for prior images where the model takes none. Images come through model/encode.h.
enum bv_status bv_session_encode_pixels(struct bv_session *session,
                                        const struct bv_pixel_batch *batch,
                                        const struct bv_wanted *wanted, int n_wanted,
                                        struct bv_error *err);

// Runs the text tower over n token sequences of any lengths; wanted, a pooled output, receives
// [n,D], raw, in the order given. A text's result does not depend on its
// neighbours.
enum bv_status bv_session_encode_tokens(struct bv_session *session,
                                        const struct bv_tokens *const *texts, size_t n,
                                        const struct bv_wanted *wanted, struct bv_error *err);

// The same with several pooled outputs of one run.
enum bv_status bv_session_encode_outputs(struct bv_session *session,
                                         const struct bv_tokens *const *texts, size_t n,
                                         const struct bv_wanted *wanted, int n_wanted,
                                         struct bv_error *err);

// The same for one batch as its authors run it: every text is padded with zeros to the longest, so
// that outputs that pool over padding ("padded" steps) are theirs.
enum bv_status bv_session_encode_padded(struct bv_session *session,
                                        const struct bv_tokens *const *texts, size_t n,
                                        const struct bv_wanted *wanted, struct bv_error *err);

// One sequence, several outputs, token-wise ones too ([T,…] with T = the sequence's length).
enum bv_status bv_session_encode_sequence(struct bv_session *session, const struct bv_tokens *text,
                                          const struct bv_wanted *wanted, int n_wanted,
                                          struct bv_error *err);

// device.c: from a device's name to a backend.

// "cpu", "reference", "vulkan", "vulkan:1", "vulkan:NAME", or "auto": the best GPU where the kernel
// shows one, else the CPU. *precision: "auto", "f32", "f16", …; receives the one that is used (a
// constant string). fallback receives why "auto" did not take a GPU that seems to be there (empty
// otherwise). BV_ERR_ARG for an unknown name, BV_ERR_DEVICE when there is no such device,
// BV_ERR_UNSUPPORTED when it does not offer the precision.
enum bv_status bv_device_open(struct bv_backend **backend, struct bv_weights *weights,
                              const char *device, const char **precision, struct bv_pool *pool,
                              struct bv_error *fallback, struct bv_error *err);

// Whether a folder like /dev has nodes of GPUs, of any number: asking the Vulkan loader instead
// costs some 100 ms.
bool bv_device_gpu_nodes(const char *dev);

#endif
