// Runs the cases of every op on one backend: run BACKEND [OP]. BIOVL_OP_TEST_VERBOSE=1 prints the
// worst error of each op, from which the limits in its file are chosen.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "op/backends.h"
#include "op/case.h"
#include "op/fill.h"
#include "op/kernel.h"
#include "support/check.h"

#define BV_OP(name, inputs) extern const struct op_table op_table_##name;
#include "graph/oplist.h"
#undef BV_OP

static const struct op_table *const tables[BV_OP_COUNT] = {
#define BV_OP(name, inputs) [BV_OP_##name] = &op_table_##name,
#include "graph/oplist.h"
#undef BV_OP
};

static const struct op_backend *backend_under_test;

// One case with its data; item ≥ 0 takes that item of the batched inputs only.
struct instance {
    enum bv_op op;
    const struct op_case *c;
    int item;
    struct op_input shape[BV_MAX_INPUTS];
    char *memory[BV_MAX_INPUTS]; // owned
    char *data[BV_MAX_INPUTS];
    int64_t n_out;
    bool between; // other nodes make its inputs and take its result
};

static void round_to_half(char *data, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, data + 4 * i, sizeof x);
        x = bv_f16_to_f32(bv_f32_to_f16(x));
        memcpy(data + 4 * i, &x, sizeof x);
    }
}

static void make_instance(struct instance *in, enum bv_op op, const struct op_case *c, int item)
{
    *in = (struct instance){.op = op, .c = c, .item = item};
    for (unsigned i = 0; i < BV_MAX_INPUTS; i++) {
        struct op_input *shape = &in->shape[i];
        *shape = c->in[i];
        if (shape->rank == 0)
            continue;
        size_t bytes = (size_t)op_input_elements(shape) * bv_dtype_size(shape->dtype);
        in->memory[i] = malloc(bytes + 64);
        assert_non_null(in->memory[i]);
        in->data[i] = in->memory[i] + (shape->weight ? 2 : 0); // files align nothing
        op_fill(shape, 1000 * (uint64_t)op + 7 * i + 1, in->data[i]);
        if (backend_under_test->half && shape->dtype == BV_F32)
            round_to_half(in->data[i], op_input_elements(shape));
        if (item >= 0 && (c->batch >> i & 1)) {
            in->data[i] += (size_t)item * bytes / (size_t)shape->dim[0];
            shape->dim[0] = 1;
        }
    }
}

static void free_instance(struct instance *in)
{
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        free(in->memory[i]);
}

static struct bv_graph *build(struct instance *in, struct bv_weights *weights)
{
    static const char *const names[] = {"in0", "in1", "in2", "in3", "in4", "in5", "in6", "in7"};
    struct bv_error err = {0};
    struct bv_graph *g = NULL;
    struct bv_tensor *t[BV_MAX_INPUTS] = {0};
    for (int i = 0; i < BV_MAX_INPUTS; i++) {
        const struct op_input *shape = &in->shape[i];
        struct bv_weight w = {names[i], shape->dtype, shape->rank, {0}, in->data[i]};
        memcpy(w.dim, shape->dim, sizeof w.dim);
        if (shape->rank && shape->weight)
            assert_ok(bv_weights_add(weights, &w, &err), err);
    }
    assert_ok(bv_graph_create(&g, weights, &err), err);
    for (int i = 0; i < BV_MAX_INPUTS; i++) {
        const struct op_input *shape = &in->shape[i];
        if (shape->rank == 0)
            continue;
        t[i] = shape->weight ? bv_weight(g, "%s", names[i])
                             : bv_graph_input(g, names[i], shape->dtype, shape->rank, shape->dim);
        if (in->between && !shape->weight && shape->dtype == BV_F32)
            t[i] = bv_activate(g, t[i], BV_ACT_NONE);
    }
    struct bv_tensor *out = bv_graph_append(g, in->op, &in->c->params, BV_MAX_INPUTS, t);
    if (in->between)
        out = bv_scale(g, out, 1, 0);
    (void)bv_graph_output(g, out, "out");
    assert_ok(bv_graph_status(g, &err), err);
    in->n_out = bv_elements(out);
    return g;
}

// With shared memory lowered below what Vulkan promises, what does not fit is refused by that name.
static bool refused_for_memory(enum bv_status status, const struct bv_error *err)
{
    return status == BV_ERR_LIMIT && getenv("BIOVL_VK_SHARED") &&
           strstr(err->text, "shared memory");
}

// Runs an instance on a backend with n threads. The result, freed by the caller, was NaN before;
// NULL where the device is pretended to be too small for it.
static float *run(struct instance *in, const struct op_backend *which, int n_threads)
{
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    struct bv_pool *pool = NULL;
    assert_ok(bv_weights_create(&weights, &err), err);
    assert_ok(bv_pool_create(&pool, n_threads, &err), err);
    assert_ok(which->create(&backend, weights, pool, &err), err);
    struct bv_graph *g = build(in, weights);
    enum bv_status status = bv_program_compile(backend, &g, &program, &err);
    if (refused_for_memory(status, &err)) {
        bv_backend_destroy(&backend);
        bv_pool_destroy(&pool);
        bv_weights_destroy(&weights);
        return NULL;
    }
    assert_ok(status, err);
    const void *inputs[BV_MAX_INPUTS];
    int n_inputs = 0;
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        if (in->shape[i].rank && !in->shape[i].weight)
            inputs[n_inputs++] = in->data[i];
    float *out = malloc((size_t)in->n_out * sizeof *out);
    assert_non_null(out);
    // Twice: the second run finds the arena and the scratch memory used.
    for (int repeat = 0; repeat < 2; repeat++) {
        memset(out, 0xff, (size_t)in->n_out * sizeof *out);
        assert_ok(bv_program_run(program, inputs, (float *const[]){out}, &err), err);
    }
    bv_program_destroy(&program);
    const char *complaint = which->complaint ? which->complaint(backend) : NULL;
    if (complaint)
        fail_msg("%s: %s", in->c->name, complaint);
    bv_backend_destroy(&backend);
    bv_pool_destroy(&pool);
    bv_weights_destroy(&weights);
    return out;
}

struct errors {
    double nmse, max;
};

static struct errors compare(const char *name, const float *expected, const float *got, int64_t n)
{
    double difference = 0, energy = 0, largest = 0, peak = 1;
    for (int64_t i = 0; i < n; i++) {
        double r = (double)expected[i], x = (double)got[i];
        if (!isfinite(r) || !isfinite(x)) {
            if (!(isnan(r) && isnan(x)) && r != x)
                fail_msg("%s: element %lld is %g, expected %g", name, (long long)i, x, r);
            continue;
        }
        difference += (x - r) * (x - r);
        energy += r * r;
        largest = fmax(largest, fabs(x - r));
        peak = fmax(peak, fabs(r));
    }
    return (struct errors){difference > 0 ? difference / fmax(energy, 1e-30) : 0, largest / peak};
}

static void check(const char *name, struct errors e, struct op_limits limit)
{
    if (!(e.nmse <= limit.nmse) || !(e.max <= limit.max))
        fail_msg("%s: nmse %.2g (limit %.2g), largest %.2g (limit %.2g)", name, e.nmse, limit.nmse,
                 e.max, limit.max);
}

// One rounding to f16 is at most 2⁻¹¹ = 4.9e-4 of a value. Measured on lavapipe: 1.5e-7, 4.4e-4.
static const struct op_limits half_limits = {3e-7, 6e-4};

static bool fits_half(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (fabsf(x[i]) > 65504.0F)
            return false;
    return true;
}

static void check_batch(enum bv_op op, const struct op_case *c, const float *whole, int64_t n,
                        bool between)
{
    unsigned first = 0;
    while (!(c->batch >> first & 1))
        first++;
    int64_t items = c->in[first].dim[0];
    for (int item = 0; item < items; item++) {
        struct instance in;
        make_instance(&in, op, c, item);
        in.between = between;
        float *out = run(&in, backend_under_test, 1);
        assert_int_equal(in.n_out * items, n);
        if (memcmp(out, whole + item * in.n_out, (size_t)in.n_out * sizeof *out) != 0)
            fail_msg("%s: item %d alone differs from item %d in the batch", c->name, item, item);
        free(out);
        free_instance(&in);
    }
}

static struct errors check_case(enum bv_op op, const struct op_case *c, struct op_limits limit)
{
    struct instance in;
    make_instance(&in, op, c, -1);
    float *expected = run(&in, op_backend_find("reference"), 1);
    if (backend_under_test->half) {
        in.between = fits_half(expected, in.n_out);
        limit = half_limits;
    }
    in.between |= backend_under_test->between;
    float *got = run(&in, backend_under_test, 1);
    if (!got) {
        free(expected);
        free_instance(&in);
        return (struct errors){0, 0};
    }
    struct errors e = compare(c->name, expected, got, in.n_out);
    check(c->name, e, limit);
    struct op_limits digits = {1e-13, 3e-7}; // of f32; measured 2.4e-15, 6.0e-8
    if (c->expected && !backend_under_test->half)
        check(c->name, compare(c->name, c->expected, got, in.n_out),
              limit.max > digits.max ? limit : digits);
    if (backend_under_test->deterministic) {
        float *threaded = run(&in, backend_under_test, 3);
        if (memcmp(got, threaded, (size_t)in.n_out * sizeof *got) != 0)
            fail_msg("%s: three threads give other bits than one", c->name);
        free(threaded);
        if (c->batch)
            check_batch(op, c, got, in.n_out, in.between);
    }
    free(expected);
    free(got);
    free_instance(&in);
    return e;
}

static void test_op(void **state)
{
    enum bv_op op = *(const enum bv_op *)*state;
    const struct op_table *table = tables[op];
    const struct op_limits *limits = &table->f32;
    if (backend_under_test->limits)
        limits = backend_under_test->limits(table);
    struct errors worst = {0, 0};
    for (int i = 0; i < table->n_cases; i++) {
        struct errors e = check_case(op, &table->cases[i], *limits);
        worst.nmse = fmax(worst.nmse, e.nmse);
        worst.max = fmax(worst.max, e.max);
    }
    if (getenv("BIOVL_OP_TEST_VERBOSE"))
        print_message("%s: nmse %.2g, largest %.2g\n", bv_op_name(op), worst.nmse, worst.max);
}

// 77 with a message when the backend has no device here.
static int probe(void)
{
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    struct bv_backend *backend = NULL;
    enum bv_status status = bv_weights_create(&weights, &err);
    if (status == BV_OK)
        status = backend_under_test->create(&backend, weights, NULL, &err);
    bv_backend_destroy(&backend);
    bv_weights_destroy(&weights);
    if (status == BV_OK)
        return 0;
    (void)fprintf(stderr, "%s: %s\n", backend_under_test->name, err.text);
    return status == BV_ERR_DEVICE ? 77 : 1;
}

int main(int argc, char **argv)
{
    backend_under_test = argc > 1 ? op_backend_find(argv[1]) : NULL;
    if (!backend_under_test) {
        (void)fprintf(stderr, "usage: %s BACKEND [OP]\n", argv[0]);
        return 2;
    }
    int status = probe();
    if (status != 0)
        return status;
    static enum bv_op ids[BV_OP_COUNT];
    struct CMUnitTest tests[BV_OP_COUNT];
    size_t n = 0;
    for (int op = 0; op < BV_OP_COUNT; op++) {
        ids[op] = (enum bv_op)op;
        if (argc < 3 || strcmp(argv[2], bv_op_name(ids[op])) == 0)
            tests[n++] = (struct CMUnitTest){bv_op_name(ids[op]), test_op, NULL, NULL, &ids[op]};
    }
    return _cmocka_run_group_tests(backend_under_test->name, tests, n, NULL, NULL);
}
