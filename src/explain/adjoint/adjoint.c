#include "explain/adjoint/adjoint.h"

static const struct {
    enum bv_op op;
    bv_adjoint_rule *rule;
    unsigned reads; // bit i: the value of input i
} rules[] = {
    {BV_OP_linear, bv_adjoint_linear, 0},
    {BV_OP_conv2d, bv_adjoint_conv2d, 0},
    {BV_OP_layer_norm, bv_adjoint_layer_norm, 9},
    {BV_OP_batch_norm, bv_adjoint_batch_norm, 0},
    {BV_OP_l2_normalize, bv_adjoint_l2_normalize, 1},
    {BV_OP_activation, bv_adjoint_activation, 1},
    {BV_OP_add, bv_adjoint_add, 0},
    {BV_OP_mul, bv_adjoint_mul, 3},
    {BV_OP_scale, bv_adjoint_scale, 0},
    {BV_OP_pool2d, bv_adjoint_pool2d, 1},
    {BV_OP_reduce, bv_adjoint_reduce, 1},
    {BV_OP_concat, bv_adjoint_concat, 0},
    {BV_OP_slice, bv_adjoint_slice, 0},
    {BV_OP_permute, bv_adjoint_permute, 0},
    {BV_OP_expand, bv_adjoint_expand, 0},
    {BV_OP_patch_merge, bv_adjoint_patch_merge, 0},
    {BV_OP_attention, bv_adjoint_attention, 7},
};

#define N_RULES (sizeof rules / sizeof *rules)

bv_adjoint_rule *bv_adjoint_of(enum bv_op op)
{
    for (size_t i = 0; i < N_RULES; i++)
        if (rules[i].op == op)
            return rules[i].rule;
    return NULL;
}

bool bv_adjoint_reads(enum bv_op op, int input)
{
    for (size_t i = 0; i < N_RULES; i++)
        if (rules[i].op == op)
            return rules[i].reads >> input & 1u;
    return false;
}
