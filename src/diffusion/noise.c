// How torch's CPU generator makes normal numbers (aten/src/ATen/native/cpu/DistributionTemplates.h
// describes it): 24-bit uniforms for all elements first; then, in each block of 16, the eight
// uniforms before the middle give radii and the eight behind it angles. Where n is not a multiple
// of 16, the last 16 elements are drawn a second time and written over.
#include "diffusion/sampler.h"

#include <math.h>

#include "base/mt19937.h"

void bv_noise_seed(struct bv_noise *noise, uint64_t seed)
{
    bv_mt19937_seed(&noise->generator, (uint32_t)seed);
    noise->has_spare = false;
}

static const double two_pi = 6.283185307179586476925286766559;

static float uniform24(struct bv_noise *noise)
{
    return (float)(bv_mt19937_next(&noise->generator) & 0xffffffu) * 0x1p-24f;
}

static double uniform53(struct bv_noise *noise)
{
    uint64_t high = bv_mt19937_next(&noise->generator);
    uint64_t bits = high << 32 | bv_mt19937_next(&noise->generator);
    return (double)(bits & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

static void turn_block(float x[16])
{
    for (int j = 0; j < 8; j++) {
        float u1 = 1 - x[j], u2 = x[j + 8];
        float radius = sqrtf(-2 * logf(u1)), angle = (float)two_pi * u2;
        x[j] = radius * cosf(angle);
        x[j + 8] = radius * sinf(angle);
    }
}

static double one_normal(struct bv_noise *noise)
{
    if (noise->has_spare) {
        noise->has_spare = false;
        return noise->spare;
    }
    double u1 = uniform53(noise), u2 = uniform53(noise);
    double radius = sqrt(-2 * log1p(-u2)), angle = two_pi * u1;
    noise->spare = radius * sin(angle);
    noise->has_spare = true;
    return radius * cos(angle);
}

void bv_noise_normal(struct bv_noise *noise, float *out, size_t n)
{
    if (n < 16) {
        for (size_t i = 0; i < n; i++)
            out[i] = (float)one_normal(noise);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = uniform24(noise);
    for (size_t i = 0; i + 16 <= n; i += 16)
        turn_block(out + i);
    if (n % 16 == 0)
        return;
    for (size_t i = n - 16; i < n; i++)
        out[i] = uniform24(noise);
    turn_block(out + n - 16);
}
