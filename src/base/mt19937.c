#include "base/mt19937.h"

enum { N = 624, M = 397 };

void bv_mt19937_seed(struct bv_mt19937 *mt, uint32_t seed)
{
    mt->state[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        mt->state[i] = 1812433253u * (mt->state[i - 1] ^ (mt->state[i - 1] >> 30)) + i;
    mt->at = N;
}

static void refill(struct bv_mt19937 *mt)
{
    for (int i = 0; i < N; i++) {
        uint32_t y = (mt->state[i] & 0x80000000u) | (mt->state[(i + 1) % N] & 0x7fffffffu);
        mt->state[i] = mt->state[(i + M) % N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    mt->at = 0;
}

uint32_t bv_mt19937_next(struct bv_mt19937 *mt)
{
    if (mt->at == N)
        refill(mt);
    uint32_t y = mt->state[mt->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t bv_mt19937_below(struct bv_mt19937 *mt, uint32_t n)
{
    uint32_t mask = n - 1, value;
    if (!mask)
        return 0;
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    do
        value = bv_mt19937_next(mt) & mask;
    while (value > n - 1);
    return value;
}
