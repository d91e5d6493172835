// noise.h: the normal numbers that torch.randn draws on the CPU, so that a seed means the same
// picture here as in the authors' code. A CUDA generator is another stream and is not reproduced.
#ifndef BV_DIFFUSION_NOISE_H
#define BV_DIFFUSION_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mt19937.h"

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

#endif
