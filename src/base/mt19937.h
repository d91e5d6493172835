// mt19937.h: the Mersenne Twister of Matsumoto and Nishimura (1998), seeded and drawn from as
// NumPy's RandomState(seed).randint does it, so that resamples are the same as in Python.
#ifndef BV_BASE_MT19937_H
#define BV_BASE_MT19937_H

#include <stddef.h>
#include <stdint.h>

struct bv_mt19937 {
    uint32_t state[624];
    int at;
};

void bv_mt19937_seed(struct bv_mt19937 *mt, uint32_t seed);
uint32_t bv_mt19937_next(struct bv_mt19937 *mt);

// A number in [0, n), n from 1 to 2^32 - 1: 32-bit draws under the smallest mask 2^k - 1 that
// covers n - 1, those above n - 1 rejected. n = 1 draws nothing.
uint32_t bv_mt19937_below(struct bv_mt19937 *mt, uint32_t n);

#endif
