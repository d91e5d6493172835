// activation: out = act(x), element by element.
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_activation(const struct bv_node *node, struct bv_tensor *out,
                                   struct bv_error *err)
{
    BV_TRY(bv_expect_floats(node, 1, err));
    return bv_shape_same(node->in[0], out);
}

double bv_activation_value(enum bv_activation activation, double x)
{
    switch (activation) {
    case BV_ACT_RELU:
        return x > 0 ? x : isnan(x) ? x : 0;
    case BV_ACT_GELU:
        return 0.5 * x * erfc(-x * 0.70710678118654752440);
    case BV_ACT_GELU_TANH:
        return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case BV_ACT_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case BV_ACT_TANH:
        return tanh(x);
    case BV_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case BV_ACT_SILU:
        return x / (1 + exp(-x));
    case BV_ACT_ELU:
        return x > 0 ? x : expm1(x);
    case BV_ACT_LEAKY_RELU:
        return x > 0 ? x : 0.2 * x;
    case BV_ACT_EXP:
        return exp(x);
    case BV_ACT_RELU6:
        return x > 6 ? 6 : x > 0 ? x : isnan(x) ? x : 0;
    case BV_ACT_NONE:
    case BV_ACT_COUNT:
        break;
    }
    return x;
}

void bv_reference_activation(const struct bv_kernel_args *a)
{
    const float *x = a->in[0];
    float *out = a->out;
    for (int64_t i = 0; i < bv_elements(a->node->out); i++)
        out[i] = (float)bv_activation_value(a->node->params.activation.activation, x[i]);
}
