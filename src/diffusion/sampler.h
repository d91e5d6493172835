// sampler.h: from a prompt to a picture.
#ifndef BV_DIFFUSION_SAMPLER_H
#define BV_DIFFUSION_SAMPLER_H

#include "base/observer.h"
#include "base/thread.h"
#include "diffusion/diffusion_model.h"
#include "diffusion/scheduler.h"
#include "graph/backend.h"

// A model at work on one device: its programs, kept for the size of the last picture. Belongs to
// one thread.
struct bv_sampler;

struct bv_sampler_options {
    const char *device, *precision; // NULL: "auto"
    struct bv_pool *pool;           // borrowed, may be NULL
};

enum { BV_PICTURE_SIDE = 4096 }; // pixels, at most

struct bv_prompt {
    const char *text, *negative; // UTF-8; negative NULL: "" (nothing in particular)
    int width, height;           // pixels, multiples of 8
    int steps;
    double guidance; // 1 or less: no second pass without the text
    uint64_t seed;
    enum bv_scheduler_kind scheduler;
    const float *image; // to start from, RGB [height,width,3] in -1 … 1, or NULL
    double strength;    // 0 … 1: how much of that image is noised away
};

// What a step is shown to: latents [height/8,width/8,4] after it. May be NULL.
typedef void bv_step_seen(void *arg, int call, const float *latents);

enum bv_status bv_sampler_open(struct bv_sampler **sampler, const struct bv_diffusion_model *model,
                               const struct bv_sampler_options *options, struct bv_error *err);
void bv_sampler_close(struct bv_sampler **sampler); // accepts NULL

const char *bv_sampler_device(const struct bv_sampler *sampler);
const char *bv_sampler_precision(const struct bv_sampler *sampler);
const char *bv_sampler_fallback(const struct bv_sampler *sampler); // why not the GPU, or NULL

// The scheduler that the model's folder names; DDIM where it names one that is not implemented.
enum bv_scheduler_kind bv_sampler_scheduler(const struct bv_diffusion_model *model);

// Makes one picture: image [height,width,3] in -1 … 1, not clamped. truncated (may be NULL): the
// prompt, or the negative one, was longer than 77 tokens. BV_ERR_ARG for what a prompt may not be,
// BV_ERR_CANCELLED by the observer, BV_ERR_LIMIT with the step where values stopped being numbers.
enum bv_status bv_sample(struct bv_sampler *sampler, const struct bv_prompt *prompt,
                         const struct bv_observer *observer, bv_step_seen *seen, void *arg,
                         float *image, bool *truncated, struct bv_error *err);

// The pieces, for tests. states [B,77,C] of B prompts' ids; *width: C.
enum bv_status bv_sampler_states(struct bv_sampler *s, const int32_t *ids, int64_t B,
                                 float **states, int64_t *width, struct bv_error *err);
enum bv_status bv_sampler_predict(struct bv_sampler *s, int64_t N, int64_t H, int64_t W,
                                  const float *latents, float timestep, const float *states,
                                  float *out, struct bv_error *err);
enum bv_status bv_sampler_decode(struct bv_sampler *s, int64_t H, int64_t W, const float *latents,
                                 float *image, struct bv_error *err);

// 8-bit values as diffusers rounds them: x/2 + 1/2 to 0 … 1, times 255, half to even.
void bv_image_to_bytes(const float *image, uint8_t *out, size_t n);

#endif
