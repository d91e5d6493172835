#include "op/fill.h"

#include <stdlib.h>
#include <string.h>

int64_t op_input_elements(const struct op_input *in)
{
    int64_t n = 1;
    for (int i = 0; i < in->rank; i++)
        n *= in->dim[i];
    return n;
}

// splitmix64 (Steele et al. 2014)
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double uniform(uint64_t *state)
{
    return (double)(next(state) >> 11) * 0x1p-53;
}

// The sum of twelve uniforms: near enough to normal, and the same on every machine.
static double normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += uniform(state);
    return sum;
}

static double value(const struct op_input *in, int64_t i, uint64_t *state)
{
    if (in->values)
        return (double)in->values[i];
    switch (in->fill) {
    case FILL_CONSTANT:
        return 0.75;
    case FILL_ALTERNATING:
        return i % 2 ? -1000 : 1000;
    case FILL_LARGE_MEAN:
        return 1000 + 0.01 * normal(state);
    case FILL_POSITIVE:
        return 0.25 + 3.75 * uniform(state);
    case FILL_SMALL:
        return 0.05 * normal(state);
    case FILL_WIDE:
        return 30 * normal(state);
    case FILL_ZERO:
        return 0;
    case FILL_MASK:
        return next(state) % 3 ? 0 : (double)-INFINITY;
    case FILL_MASK_ALL:
        return (double)-INFINITY;
    case FILL_NORMAL:
    case FILL_RANGE:
        break;
    }
    return normal(state);
}

static int32_t integer(const struct op_input *in, int64_t i, int64_t n, uint64_t *state)
{
    if (i == n - 1) // both ends of the range are taken
        return in->high;
    if (i == n - 2)
        return in->low;
    return in->low + (int32_t)(next(state) % (uint64_t)(in->high - in->low + 1));
}

void op_fill(const struct op_input *in, uint64_t seed, void *memory)
{
    int64_t n = op_input_elements(in);
    size_t bytes = bv_dtype_size(in->dtype);
    for (int64_t i = 0; i < n; i++) {
        char element[4];
        float x = 0;
        if (in->dtype == BV_I32) {
            int32_t integral = integer(in, i, n, &seed);
            memcpy(element, &integral, sizeof integral);
        } else {
            x = (float)value(in, i, &seed);
            bv_dtype_from_f32(in->dtype, &x, element, 1);
        }
        memcpy((char *)memory + (size_t)i * bytes, element, bytes);
    }
}
