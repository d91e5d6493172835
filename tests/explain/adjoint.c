// The adjoint of each op against central differences of its reference kernel.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/adjoint/adjoint.h"
#include "op/kernel.h"
#include "support/check.h"
#include "support/fixed.h"

#define STEP 0x1p-7f
// Relative to the largest derivative: kernels give f32, of which a quotient keeps about 1e-5.
// Measured: 4e-5 at most.
#define LIMIT 2e-4

struct input {
    int rank;
    int64_t dim[BV_MAX_RANK];
    bool constant; // a weight: no derivative with respect to it
};

struct op_case {
    const char *name;
    enum bv_op op;
    union bv_params params;
    struct input in[5];
};

struct bench {
    struct bv_tensor tensor[BV_MAX_INPUTS], out;
    struct bv_node node;
    float *data[BV_MAX_INPUTS];
    float *result, *weight; // the number that is differentiated is their product
};

static void open_bench(struct bench *b, const struct op_case *c)
{
    struct bv_error err = {0};
    *b = (struct bench){.node = {.op = c->op, .params = c->params, .out = &b->out}};
    for (int i = 0; i < 5; i++) {
        struct bv_tensor *t = &b->tensor[i];
        char name[64];
        if (c->in[i].rank == 0)
            continue;
        (void)snprintf(name, sizeof name, "%s.%d", c->name, i);
        *t = (struct bv_tensor){.name = "x", .dtype = BV_F32, .rank = c->in[i].rank, .id = i};
        t->role = c->in[i].constant ? BV_ROLE_WEIGHT : BV_ROLE_INTERMEDIATE;
        memcpy(t->dim, c->in[i].dim, sizeof t->dim);
        b->node.in[i] = t;
        b->data[i] = calloc((size_t)bv_elements(t), sizeof(float));
        assert_non_null(b->data[i]);
        // A variance must be positive.
        fixed_values(name, c->op == BV_OP_batch_norm && i == 2 ? 1.5f : 0.1f, 1, bv_elements(t),
                     b->data[i]);
    }
    assert_ok(bv_infer_shape(&b->node, &b->out, &err), err);
    b->result = calloc((size_t)bv_elements(&b->out), sizeof(float));
    b->weight = calloc((size_t)bv_elements(&b->out), sizeof(float));
    assert_non_null(b->result);
    assert_non_null(b->weight);
    fixed_values("weight", 0.2f, 1, bv_elements(&b->out), b->weight);
}

static void close_bench(struct bench *b)
{
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        free(b->data[i]);
    free(b->result);
    free(b->weight);
}

static double number(struct bench *b)
{
    struct bv_kernel_args a = {.node = &b->node, .out = b->result};
    double sum = 0;
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        a.in[i] = b->data[i];
    bv_reference(b->node.op)(&a);
    for (int64_t k = 0; k < bv_elements(&b->out); k++)
        sum += (double)b->weight[k] * b->result[k];
    return sum;
}

static double slope(struct bench *b, int i, int64_t k)
{
    const float x = b->data[i][k];
    b->data[i][k] = x + STEP;
    const double above = number(b);
    b->data[i][k] = x - STEP;
    const double below = number(b);
    b->data[i][k] = x;
    return (above - below) / (2.0 * STEP);
}

// Two numbers at a time: the second is minus half the first.
static void check_input(struct bench *b, const struct op_case *c, int i)
{
    struct bv_error err = {0};
    const int64_t n = bv_elements(&b->tensor[i]), m = bv_elements(&b->out);
    float *gradient = calloc((size_t)(2 * m), sizeof *gradient);
    float *to = calloc((size_t)(2 * n), sizeof *to);
    struct bv_adjoint a = {.node = &b->node, .n = 2, .gradient = gradient};
    double worst = 0, largest = 0;
    assert_non_null(gradient);
    assert_non_null(to);
    for (int64_t k = 0; k < m; k++) {
        gradient[k] = b->weight[k];
        gradient[m + k] = -0.5f * b->weight[k];
    }
    for (int k = 0; k < BV_MAX_INPUTS; k++)
        a.in[k] = c->in[k < 5 ? k : 4].constant || bv_adjoint_reads(c->op, k) ? b->data[k] : NULL;
    a.to[i] = to;
    assert_non_null(bv_adjoint_of(c->op));
    assert_ok(bv_adjoint_of(c->op)(&a, &err), err);
    for (int64_t k = 0; k < n; k++) {
        const double theirs = slope(b, i, k);
        largest = fmax(largest, fabs(theirs));
        worst = fmax(worst, fabs(to[k] - theirs));
        worst = fmax(worst, fabs(-2.0 * to[n + k] - theirs));
    }
    (void)printf("%-20s input %d: %.1e of %.3g\n", c->name, i, worst / largest, largest);
    if (!(worst <= LIMIT * largest))
        fail_msg("%s: the derivative differs by %.2e of the largest", c->name, worst / largest);
    free(gradient);
    free(to);
}

#define T(...)                                                                                     \
    {                                                                                              \
        .rank = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), .dim = { __VA_ARGS__ }         \
    }
#define W(...)                                                                                     \
    {                                                                                              \
        .rank = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), .dim = {__VA_ARGS__},          \
        .constant = true                                                                           \
    }
#define ACTIVATION(name, act)                                                                      \
    {                                                                                              \
        name, BV_OP_activation, {.activation = {act}},                                             \
        {                                                                                          \
            T(1, 5, 7)                                                                             \
        }                                                                                          \
    }

static const struct op_case cases[] = {
    {"linear", BV_OP_linear, {.linear = {0}}, {T(1, 4, 5), W(3, 5), W(3), T(1, 4, 3)}},
    {"conv2d",
     BV_OP_conv2d,
     {.conv2d = {2, 1, 1, 1, 1, 1, 1, BV_ACT_NONE, 0, 0}},
     {T(1, 6, 5, 3), W(4, 3, 3, 3), W(4)}},
    {"conv2d groups",
     BV_OP_conv2d,
     {.conv2d = {1, 1, 1, 1, 1, 1, 2, BV_ACT_NONE, 0, 1}},
     {T(1, 4, 5, 4), W(6, 3, 2, 2), W(6)}},
    {"layer_norm", BV_OP_layer_norm, {.layer_norm = {1e-5f}}, {T(1, 3, 6), W(6), W(6), T(1, 3, 6)}},
    {"batch_norm",
     BV_OP_batch_norm,
     {.batch_norm = {1e-5f, BV_ACT_NONE}},
     {T(1, 2, 3, 4), W(4), W(4), W(4), W(4)}},
    {"l2_normalize", BV_OP_l2_normalize, {.l2_normalize = {1e-12f}}, {T(1, 3, 5)}},
    ACTIVATION("gelu", BV_ACT_GELU),
    ACTIVATION("gelu_tanh", BV_ACT_GELU_TANH),
    ACTIVATION("quick_gelu", BV_ACT_QUICK_GELU),
    ACTIVATION("tanh", BV_ACT_TANH),
    ACTIVATION("sigmoid", BV_ACT_SIGMOID),
    ACTIVATION("silu", BV_ACT_SILU),
    ACTIVATION("exp", BV_ACT_EXP),
    {"add", BV_OP_add, {.add = {BV_ACT_NONE}}, {T(1, 3, 4), T(3, 1)}},
    {"mul", BV_OP_mul, {.mul = {0}}, {T(1, 3, 4), T(4)}},
    {"scale", BV_OP_scale, {.scale = {-1.5f, 2}}, {T(1, 3, 4)}},
    {"mean pool", BV_OP_pool2d, {.pool2d = {BV_POOL_MEAN, 2, 2, 2, 2, 0, 0}}, {T(1, 4, 6, 2)}},
    {"max pool", BV_OP_pool2d, {.pool2d = {BV_POOL_MAX, 3, 3, 2, 2, 1, 1}}, {T(1, 5, 6, 2)}},
    {"mean", BV_OP_reduce, {.reduce = {BV_REDUCE_MEAN}}, {T(1, 5, 3)}},
    {"sum", BV_OP_reduce, {.reduce = {BV_REDUCE_SUM}}, {T(1, 5, 3)}},
    {"max", BV_OP_reduce, {.reduce = {BV_REDUCE_MAX}}, {T(1, 5, 3)}},
    {"concat", BV_OP_concat, {.concat = {1}}, {T(1, 2, 3), T(1, 4, 3)}},
    {"slice", BV_OP_slice, {.slice = {1, 1, 2, 2}}, {T(1, 5, 3)}},
    {"permute", BV_OP_permute, {.permute = {{0, 3, 1, 2}}}, {T(1, 2, 3, 4)}},
    {"expand", BV_OP_expand, {.expand = {{1, 4, 3}}}, {T(1, 1, 3)}},
    {"patch_merge", BV_OP_patch_merge, {.patch_merge = {0}}, {T(1, 4, 6, 3)}},
    {"attention",
     BV_OP_attention,
     {.attention = {.heads = 2, .head_dim = 3, .scale = 0.7f}},
     {T(1, 4, 6), T(1, 5, 6), T(1, 5, 6), W(2, 4, 5)}},
    {"attention causal",
     BV_OP_attention,
     {.attention = {.heads = 2, .head_dim = 2, .scale = 0.7f, .causal = true, .q_offset = 1}},
     {T(1, 4, 5), T(1, 4, 4), T(1, 4, 4)}},
};

static void test_derivatives(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct bench b;
        open_bench(&b, &cases[k]);
        for (int i = 0; i < 5; i++)
            if (cases[k].in[i].rank > 0 && !cases[k].in[i].constant)
                check_input(&b, &cases[k], i);
        close_bench(&b);
    }
}

// Where a kink is, the derivative of one side.
static void test_kinks(void **state)
{
    (void)state;
    static const struct {
        enum bv_activation act;
        double x, slope;
    } points[] = {{BV_ACT_RELU, -1, 0}, {BV_ACT_RELU, 2, 1},      {BV_ACT_RELU6, 3, 1},
                  {BV_ACT_RELU6, 7, 0}, {BV_ACT_RELU6, -1, 0},    {BV_ACT_LEAKY_RELU, -3, 0.2},
                  {BV_ACT_ELU, 4, 1},   {BV_ACT_LEAKY_RELU, 2, 1}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        assert_true(bv_activation_slope(points[i].act, points[i].x) == points[i].slope);
    assert_true(fabs(bv_activation_slope(BV_ACT_ELU, -1) - exp(-1)) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_derivatives),
                                       cmocka_unit_test(test_kinks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
