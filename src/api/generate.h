// generate.h: the insides of a generator.
#ifndef BV_API_GENERATE_H
#define BV_API_GENERATE_H

#include "biovl/generate.h"
#include "diffusion/sampler.h"

struct bv_generator {
    struct bv_context *context;
    struct bv_diffusion_model *model;
    struct bv_sampler *sampler;
};

// What a caller gave, or the defaults for NULL.
enum bv_status bv_generate_options_read(struct bv_generate_options *to,
                                        const struct bv_generate_options *theirs,
                                        struct bv_error *err);

// The scheduler that a caller names, or else the model's own; BV_ERR_UNSUPPORTED where that is not
// one that is here.
enum bv_status bv_generate_scheduler(const struct bv_generator *generator,
                                     const struct bv_generate_options *options,
                                     enum bv_scheduler_kind *kind, struct bv_error *err);

#endif
