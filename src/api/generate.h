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

#endif
