// math.h: exponentials and what is made of them, on vectors. The coefficients are minimax fits of
// our own; errors beside them are of the fit, before f32 rounding.
#ifndef BV_CPU_SIMD_MATH_H
#define BV_CPU_SIMD_MATH_H

#include <math.h>

#include "cpu/simd/vector.h"
#include "graph/params.h"

// x = n ln 2 + r with |r| ≤ ln 2 / 2; returns e^r - 1 to 3e-9.
INLINE vf reduced_expm1(vf x, vf *n)
{
    *n = round_even(x * splat(0x1.715476p0f));
    vf r = madd(*n, splat(-0x1.62e4p-1f), x); // ln 2 in two parts: n · the first is exact
    r = madd(*n, splat(-0x1.7f7d1cp-20f), r);
    vf q = splat(0x1.6db41p-10f);
    q = madd(q, r, splat(0x1.123b46p-7f));
    q = madd(q, r, splat(0x1.55545ep-5f));
    q = madd(q, r, splat(0x1.55548ep-3f));
    q = madd(q, r, splat(0x1p-1f));
    return madd(q * r, r, r);
}

// e^x for x ≤ 88; below -87.3 (subnormal results) it gives 0. NaN stays NaN.
INLINE vf exp_bounded(vf x)
{
    const vf least = splat(-87.3f);
    vf n, y = reduced_expm1(vmax(least, x), &n) + splat(1);
    return select_greater(least, x, splat(0), scale_by_power(y, n));
}

// e^x for every x.
INLINE vf exp_full(vf x)
{
    const vf most = splat(88.72283f);
    vf n, y = reduced_expm1(vmin(most, vmax(splat(-87.3f), x)), &n) + splat(1);
    y = scale_by_power(y + y, n - splat(1)); // n may be 128
    y = select_greater(x, most, splat(INFINITY), y);
    return select_greater(splat(-87.3f), x, splat(0), y);
}

// e^x - 1 for x ≤ 88.
INLINE vf expm1_bounded(vf x)
{
    vf n, y = reduced_expm1(vmax(splat(-87.3f), x), &n);
    return madd(scale_by_power(splat(1), n), y, scale_by_power(splat(1), n) - splat(1));
}

INLINE vf tanh_vector(vf x)
{
    vf a = vabs(x), z = x * x;
    vf p = splat(-0x1.76abf6p-8f); // tanh(x) = x + x³ p(x²) to 4e-9 for |x| ≤ 0.625
    p = madd(p, z, splat(0x1.5256cep-6f));
    p = madd(p, z, splat(-0x1.b84448p-5f));
    p = madd(p, z, splat(0x1.110768p-3f));
    p = madd(p, z, splat(-0x1.555534p-2f));
    vf small = madd(p * z, x, x);
    vf e = exp_bounded(vmin(splat(40), a + a));
    vf large = copy_sign(splat(1) - splat(2) / (e + splat(1)), x);
    return select_greater(splat(0.625f), a, small, large);
}

// x Φ(x), with Φ(-a) = exp(-a²/2) q(1 / (1 + 0.35 a)), relative error 3e-7.
INLINE vf gelu(vf x)
{
    vf a = vabs(x), t = splat(1) / madd(splat(0.35f), a, splat(1));
    vf q = splat(0x1.90eff8p-5f);
    q = madd(q, t, splat(-0x1.9df0ecp-3f));
    q = madd(q, t, splat(0x1.ecd568p-3f));
    q = madd(q, t, splat(-0x1.16eb6ap-6f));
    q = madd(q, t, splat(0x1.3f68d6p-3f));
    q = madd(q, t, splat(0x1.111c76p-3f));
    q = madd(q, t, splat(0x1.1f461p-3f));
    q = madd(q, t, splat(-0x1.ca46d8p-16f));
    vf tail = exp_bounded(splat(-0.5f) * a * a) * q;
    return x * select_greater(x, splat(0), splat(1) - tail, tail);
}

INLINE vf activation_vector(const enum bv_activation activation, vf x)
{
    switch (activation) {
    case BV_ACT_RELU:
        return vmax(splat(0), x);
    case BV_ACT_GELU:
        return gelu(x);
    case BV_ACT_GELU_TANH: // 1 + tanh(u) = 2 / (1 + exp(-2u))
        return x / (splat(1) + exp_full(splat(-1.5957691f) * madd(splat(0.044715f) * x * x, x, x)));
    case BV_ACT_QUICK_GELU:
        return x / (splat(1) + exp_full(splat(-1.702f) * x));
    case BV_ACT_TANH:
        return tanh_vector(x);
    case BV_ACT_SIGMOID:
        return splat(1) / (splat(1) + exp_full(splat(0) - x));
    case BV_ACT_SILU:
        return x / (splat(1) + exp_full(splat(0) - x));
    case BV_ACT_ELU:
        return select_greater(x, splat(0), x, expm1_bounded(vmin(splat(1), x)));
    case BV_ACT_LEAKY_RELU:
        return select_greater(x, splat(0), x, splat(0.2f) * x);
    case BV_ACT_EXP:
        return exp_full(x);
    case BV_ACT_RELU6:
        return vmin(splat(6), vmax(splat(0), x));
    case BV_ACT_NONE:
    case BV_ACT_COUNT:
        break;
    }
    return x;
}

// Runs statement(s) with `act` a constant, for each activation.
#define WITH_ACTIVATION(activation, statement)                                                     \
    do {                                                                                           \
        switch (activation) {                                                                      \
            ACTIVATION_CASE(BV_ACT_RELU, statement)                                                \
            ACTIVATION_CASE(BV_ACT_GELU, statement)                                                \
            ACTIVATION_CASE(BV_ACT_GELU_TANH, statement)                                           \
            ACTIVATION_CASE(BV_ACT_QUICK_GELU, statement)                                          \
            ACTIVATION_CASE(BV_ACT_TANH, statement)                                                \
            ACTIVATION_CASE(BV_ACT_SIGMOID, statement)                                             \
            ACTIVATION_CASE(BV_ACT_SILU, statement)                                                \
            ACTIVATION_CASE(BV_ACT_ELU, statement)                                                 \
            ACTIVATION_CASE(BV_ACT_LEAKY_RELU, statement)                                          \
            ACTIVATION_CASE(BV_ACT_EXP, statement)                                                 \
            ACTIVATION_CASE(BV_ACT_RELU6, statement)                                               \
        case BV_ACT_NONE:                                                                          \
        case BV_ACT_COUNT:                                                                         \
        default: {                                                                                 \
            const enum bv_activation act = BV_ACT_NONE;                                            \
            statement;                                                                             \
        } break;                                                                                   \
        }                                                                                          \
    } while (0)
#define ACTIVATION_CASE(kind, statement)                                                           \
    case kind: {                                                                                   \
        const enum bv_activation act = kind;                                                       \
        statement;                                                                                 \
    } break;

#endif
