// scheduler.h: how noise is taken out of latents, step by step. Timesteps, coefficients and the
// order of arithmetic are those of diffusers, in f32.
//
//   ddim   Song et al. 2021, eta 0
//   pndm   Liu et al. 2022, linear multistep without Runge-Kutta steps (skip_prk_steps); one call
//          of the network more than steps
//   dpm++  Lu et al. 2022, DPM-Solver++ of second order, multistep, midpoint
//   euler  Karras et al. 2022 (algorithm 2 without churn)
#ifndef BV_DIFFUSION_SCHEDULER_H
#define BV_DIFFUSION_SCHEDULER_H

#include "base/json.h"

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

// Products of alphas over the training timesteps, for tests.
const float *bv_scheduler_alphas(const struct bv_scheduler *s, int *n);

#endif
