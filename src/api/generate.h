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

#endif
