// sampler.h: from noise to an image: the noise, the scheduler's steps, the loop over them.
#ifndef BV_DIFFUSION_SAMPLER_H
#define BV_DIFFUSION_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mt19937.h"
#include "base/observer.h"
#include "base/thread.h"
#include "diffusion/diffusion_model.h"
#include "graph/backend.h"

// noise.c: the normal numbers that torch.randn draws on the CPU, so that a seed means the same
// picture here as in the authors' code. A CUDA generator is another stream and is not reproduced.

// torch.Generator of the CPU: MT19937 of the seed's lower 32 bits. bv_noise_seed() initialises it.
struct bv_noise {
    struct bv_mt19937 generator;
    bool has_spare;
    double spare; // the second of the last pair
};

void bv_noise_seed(struct bv_noise *noise, uint64_t seed);

// n numbers of mean 0 and deviation 1 as one call of torch.randn gives them: Box and Muller's, in
// f32 and in blocks of 16 from n = 16 on, in double below. Equal to torch to 5e-7: its vectorised
// logarithm and cosine differ from libm by one unit, and from processor to processor.
void bv_noise_normal(struct bv_noise *noise, float *out, size_t n);

// scheduler.c: how noise is taken out of latents, step by step. Timesteps, coefficients and the
// order of arithmetic are those of diffusers, in f32.
//
//   ddim   Song et al. 2021, eta 0
//   pndm   Liu et al. 2022, linear multistep without Runge-Kutta steps (skip_prk_steps); one call
//          of the network more than steps
//   dpm++  Lu et al. 2022, DPM-Solver++ of second order, multistep, midpoint
//   euler  Karras et al. 2022 (algorithm 2 without churn)

enum bv_scheduler_kind {
    BV_SCHEDULER_DDIM,
    BV_SCHEDULER_PNDM,
    BV_SCHEDULER_DPM,
    BV_SCHEDULER_EULER,
};

#define BV_DIFFUSION_MAX_STEPS 1000 // num_train_timesteps of all published models

struct bv_scheduler;

// "ddim", "pndm", "dpm++", "euler"; also diffusers' class names. False: none of these.
bool bv_scheduler_find(const char *name, enum bv_scheduler_kind *kind);
const char *bv_scheduler_name(enum bv_scheduler_kind kind);

// config: the members of scheduler_config.json. For latents of n elements. BV_ERR_ARG for steps
// outside 1 … num_train_timesteps, BV_ERR_UNSUPPORTED for a schedule, spacing or prediction type
// that is not implemented, by name.
enum bv_status bv_scheduler_create(struct bv_scheduler **scheduler, const json_t *config,
                                   enum bv_scheduler_kind kind, int steps, size_t n,
                                   struct bv_error *err);
void bv_scheduler_destroy(struct bv_scheduler **scheduler); // accepts NULL

// Calls of the network, and the timestep of call i (Euler's are fractions).
int bv_scheduler_calls(const struct bv_scheduler *s);
float bv_scheduler_timestep(const struct bv_scheduler *s, int i);

// Makes latents of noise the ones before call `first`: pure noise is scaled (first = 0, x NULL), or
// noise of that strength is laid over the latents x of a picture.
void bv_scheduler_begin(struct bv_scheduler *s, int first, const float *x, const float *noise,
                        float *latents);

// What the network is given for call i: latents, scaled where the method asks for it.
void bv_scheduler_scale(const struct bv_scheduler *s, int i, const float *latents, float *input);

// Call i's prediction takes latents one step on, in place. Calls go from `first` upwards.
void bv_scheduler_step(struct bv_scheduler *s, int i, const float *prediction, float *latents);

// sampler.c: from a prompt to a picture.

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

// The scheduler that the model's folder names. False: it names none, or one that is not here.
bool bv_sampler_scheduler(const struct bv_diffusion_model *model, enum bv_scheduler_kind *kind);

// Makes one picture: image [height,width,3] in -1 … 1, not clamped. truncated (may be NULL): the
// prompt, or the negative one, was longer than 77 tokens. BV_ERR_ARG for what a prompt may not be,
// BV_ERR_CANCELLED by the observer, BV_ERR_LIMIT with the step where values stopped being numbers.
enum bv_status bv_sample(struct bv_sampler *sampler, const struct bv_prompt *prompt,
                         const struct bv_observer *observer, bv_step_seen *seen, void *arg,
                         float *image, bool *truncated, struct bv_error *err);

// The pieces, for tests. states [B,77,C] of B prompts' ids; *width: C.
enum bv_status bv_sampler_states(struct bv_sampler *s, const int32_t *ids, int64_t B,
                                 float **states, int64_t *width, struct bv_error *err);
// What the U-Net says of the noise in N latents, out [N,4,H,W].
struct bv_noisy {
    int64_t N, H, W;
    const float *latents, *states; // [N,4,H,W], [N,77,C]
    float timestep;
};
enum bv_status bv_sampler_predict(struct bv_sampler *s, const struct bv_noisy *noisy, float *out,
                                  struct bv_error *err);
enum bv_status bv_sampler_decode(struct bv_sampler *s, int64_t H, int64_t W, const float *latents,
                                 float *image, struct bv_error *err);

// 8-bit values as diffusers rounds them: x/2 + 1/2 to 0 … 1, times 255, half to even.
void bv_image_to_bytes(const float *image, uint8_t *out, size_t n);

#endif
