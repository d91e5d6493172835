// Element by element: activations, sums, products, scale and shift.
#include "cpu/simd/bf16.h"
#include "cpu/simd/math.h"
#include "cpu/simd/simd.h"

// for (whole vectors) out = value(load) … and the rest with the first lanes only.
#define EACH_VECTOR(n, value, value_n)                                                             \
    do {                                                                                           \
        int64_t i = 0;                                                                             \
        for (; i + LANES <= (n); i += LANES)                                                       \
            store(out + i, value);                                                                 \
        int64_t rest = (n)-i;                                                                      \
        if (rest > 0)                                                                              \
            store_n(out + i, value_n, rest);                                                       \
    } while (0)

void ISA(activate)(enum bv_activation activation, const float *x, float *out, int64_t n)
{
    WITH_ACTIVATION(activation, EACH_VECTOR(n, activation_vector(act, load(x + i)),
                                            activation_vector(act, load_n(x + i, rest))));
}

INLINE void activate_rows(const enum bv_activation act, const float *rows, int n_rows, int columns,
                          void *out, bool bf16, int64_t ldo)
{
    for (int i = 0; i < n_rows; i++)
        for (int j = 0; j < columns; j += LANES) {
            int lanes = columns - j < LANES ? columns - j : LANES;
            vf x = load_as(rows, false, i * NR + j, lanes);
            store_as(out, bf16, i * ldo + j, activation_vector(act, x), lanes);
        }
}

void ISA(activate_tile)(enum bv_activation activation, const float *rows, int n_rows, int columns,
                        void *out, bool bf16, int64_t ldo)
{
    WITH_ACTIVATION(activation, activate_rows(act, rows, n_rows, columns, out, bf16, ldo));
}

void ISA(add)(enum bv_activation activation, const float *x, const float *y, bool one, float *out,
              int64_t n)
{
    if (one) {
        vf c = splat(y[0]);
        WITH_ACTIVATION(activation, EACH_VECTOR(n, activation_vector(act, load(x + i) + c),
                                                activation_vector(act, load_n(x + i, rest) + c)));
    } else {
        WITH_ACTIVATION(
            activation,
            EACH_VECTOR(n, activation_vector(act, load(x + i) + load(y + i)),
                        activation_vector(act, load_n(x + i, rest) + load_n(y + i, rest))));
    }
}

void ISA(mul)(const float *x, const float *y, bool one, float *out, int64_t n)
{
    if (one) {
        vf c = splat(y[0]);
        EACH_VECTOR(n, load(x + i) * c, load_n(x + i, rest) * c);
    } else {
        EACH_VECTOR(n, load(x + i) * load(y + i), load_n(x + i, rest) * load_n(y + i, rest));
    }
}

void ISA(affine)(enum bv_activation activation, const float *x, const float *shift,
                 const float *factor, const float *offset, bool one, float *out, int64_t n)
{
    if (one) {
        vf s = splat(shift[0]), f = splat(factor[0]), o = splat(offset[0]);
        WITH_ACTIVATION(activation,
                        EACH_VECTOR(n, activation_vector(act, madd(load(x + i) - s, f, o)),
                                    activation_vector(act, madd(load_n(x + i, rest) - s, f, o))));
    } else {
        WITH_ACTIVATION(
            activation,
            EACH_VECTOR(
                n,
                activation_vector(
                    act, madd(load(x + i) - load(shift + i), load(factor + i), load(offset + i))),
                activation_vector(act, madd(load_n(x + i, rest) - load_n(shift + i, rest),
                                            load_n(factor + i, rest), load_n(offset + i, rest)))));
    }
}

void ISA(max)(const float *x, const float *y, float *out, int64_t n)
{
    EACH_VECTOR(n, vmax(load(x + i), load(y + i)), vmax(load_n(x + i, rest), load_n(y + i, rest)));
}

void ISA(pool)(bool max, const void *const *rows, int n_rows, bool rows_bf16, float factor,
               void *out, bool out_bf16, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) {
        int64_t lanes = n - i < LANES ? n - i : LANES;
        vf all = splat(max ? -__builtin_inff() : 0);
        for (int k = 0; k < n_rows; k++) {
            vf x = load_as(rows[k], rows_bf16, i, lanes);
            if (max)
                all = vmax(x, all);
            else
                all += x;
        }
        if (!max)
            all *= splat(factor);
        store_as(out, out_bf16, i, all, lanes);
    }
}
