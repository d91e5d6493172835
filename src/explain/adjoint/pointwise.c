// activation, add, mul, scale.
#include <math.h>

#include "explain/adjoint/adjoint.h"
#include "op/kernel.h"

#define SQRT_HALF 0.70710678118654752440
#define INV_SQRT_2PI 0.39894228040143267794
#define SQRT_2_OVER_PI 0.79788456080286535588

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double gelu_tanh_slope(double x)
{
    const double t = tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SQRT_2_OVER_PI * (1 + 3 * 0.044715 * x * x);
}

static double gated_slope(double x, double steepness)
{
    const double s = sigmoid(steepness * x);
    return s + steepness * x * s * (1 - s);
}

double bv_activation_slope(enum bv_activation act, double x)
{
    switch (act) {
    case BV_ACT_RELU:
        return x > 0 ? 1 : 0;
    case BV_ACT_GELU:
        return 0.5 * (1 + erf(x * SQRT_HALF)) + x * INV_SQRT_2PI * exp(-0.5 * x * x);
    case BV_ACT_GELU_TANH:
        return gelu_tanh_slope(x);
    case BV_ACT_QUICK_GELU:
        return gated_slope(x, 1.702);
    case BV_ACT_TANH:
        return 1 - tanh(x) * tanh(x);
    case BV_ACT_SIGMOID:
        return sigmoid(x) * (1 - sigmoid(x));
    case BV_ACT_SILU:
        return gated_slope(x, 1);
    case BV_ACT_ELU:
        return x > 0 ? 1 : exp(x);
    case BV_ACT_LEAKY_RELU:
        return x > 0 ? 1 : 0.2;
    case BV_ACT_EXP:
        return exp(x);
    case BV_ACT_RELU6:
        return x > 0 && x < 6 ? 1 : 0;
    case BV_ACT_NONE:
    case BV_ACT_COUNT:
        break;
    }
    return 1;
}

enum bv_status bv_adjoint_activation(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    const int64_t each = bv_elements(a->node->out);
    for (int64_t k = 0; a->to[0] && k < each; k++) {
        const double slope =
            bv_activation_slope(a->node->params.activation.activation, a->in[0][k]);
        for (int64_t i = 0; i < a->n; i++)
            a->to[0][i * each + k] += (float)(a->gradient[i * each + k] * slope);
    }
    return BV_OK;
}

enum bv_status bv_adjoint_add(const struct bv_adjoint *a, struct bv_error *err)
{
    const struct bv_node *node = a->node;
    const int64_t each = bv_elements(node->out), other = bv_elements(node->in[1]);
    if (node->params.add.activation != BV_ACT_NONE)
        return bv_fail(err, BV_ERR_INTERNAL, "an activation within another op has no derivative");
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = 0; k < each; k++) {
            const float g = a->gradient[i * each + k];
            if (a->to[0])
                a->to[0][i * each + k] += g;
            if (a->to[1])
                a->to[1][i * other + bv_broadcast_offset(node->in[0], node->in[1], k)] += g;
        }
    return BV_OK;
}

enum bv_status bv_adjoint_mul(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    const struct bv_node *node = a->node;
    const int64_t each = bv_elements(node->out), other = bv_elements(node->in[1]);
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = 0; k < each; k++) {
            const int64_t at = bv_broadcast_offset(node->in[0], node->in[1], k);
            const float g = a->gradient[i * each + k];
            if (a->to[0])
                a->to[0][i * each + k] += g * a->in[1][at];
            if (a->to[1])
                a->to[1][i * other + at] += g * a->in[0][k];
        }
    return BV_OK;
}

enum bv_status bv_adjoint_scale(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    const int64_t all = a->n * bv_elements(a->node->out);
    for (int64_t k = 0; a->to[0] && k < all; k++)
        a->to[0][k] += a->node->params.scale.factor * a->gradient[k];
    return BV_OK;
}
