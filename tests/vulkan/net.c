#include "vulkan/net.h"

#include <math.h>
#include <stdlib.h>

#include "cpu/cpu.h"
#include "support/check.h"

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static float *fill(float *at, int64_t n, float scale, uint64_t *state)
{
    for (int64_t i = 0; i < n; i++)
        at[i] = scale * ((float)(next(state) % 2001) / 1000.0F - 1);
    return at + n;
}

struct parameter {
    const char *name;
    int rank;
    int64_t dim[4];
    float scale;
};

static const struct parameter parameters[] = {
    {"stem.weight", 4, {16, 3, 3, 3}, 0.3F},
    {"stem.bias", 1, {16}, 0.3F},
    {"left.weight", 4, {16, 3, 3, 16}, 0.1F},
    {"right.weight", 4, {16, 1, 1, 16}, 0.3F},
    {"qkv.weight", 2, {48, 16}, 0.3F},
    {"qkv.bias", 1, {48}, 0.1F},
    {"norm.weight", 1, {16}, 1},
    {"norm.bias", 1, {16}, 1},
    {"head.weight", 2, {NET_OUTPUTS, 16}, 0.3F},
};

static int64_t count(const struct parameter *p)
{
    int64_t n = 1;
    for (int i = 0; i < p->rank; i++)
        n *= p->dim[i];
    return n;
}

static void add(struct net *net, const char *name, int rank, const int64_t *dim, const float *data)
{
    struct bv_error err = {0};
    struct bv_weight w = {.name = name, .dtype = BV_F32, .rank = rank, .data = data};
    for (int i = 0; i < rank; i++)
        w.dim[i] = dim[i];
    assert_ok(bv_weights_add(net->weights, &w, &err), err);
}

void net_create(struct net *net, int64_t N, int64_t table_rows)
{
    struct bv_error err = {0};
    const size_t n_parameters = sizeof parameters / sizeof *parameters;
    int64_t total = 16 * table_rows + N * 12 * 12 * 3 + N * NET_OUTPUTS;
    uint64_t state = 7;
    *net = (struct net){.N = N};
    assert_ok(bv_weights_create(&net->weights, &err), err);
    for (size_t i = 0; i < n_parameters; i++)
        total += count(&parameters[i]);
    float *at = net->memory = malloc((size_t)total * sizeof *at);
    assert_non_null(at);
    for (size_t i = 0; i < n_parameters; i++) {
        const struct parameter *p = &parameters[i];
        add(net, p->name, p->rank, p->dim, at);
        at = fill(at, count(p), p->scale, &state);
    }
    add(net, "table.weight", 2, (int64_t[]){table_rows, 16}, at);
    at = fill(at, 16 * table_rows, 1, &state);
    net->pixels = at;
    at = fill(at, N * 12 * 12 * 3, 1, &state);
    net->expected = at;
    net->ids = malloc((size_t)(4 * N) * sizeof *net->ids);
    assert_non_null(net->ids);
    for (int64_t i = 0; i < 4 * N; i++)
        net->ids[i] =
            i == 0 ? (int32_t)(table_rows - 1) : (int32_t)(next(&state) % (uint64_t)table_rows);
    struct bv_backend *reference = NULL;
    assert_ok(bv_cpu_create_reference(&reference, net->weights, &err), err);
    assert_ok(net_run(net, reference, net->expected, &err), err);
    bv_backend_destroy(&reference);
}

void net_destroy(struct net *net)
{
    bv_weights_destroy(&net->weights);
    free(net->memory);
    free(net->ids);
}

struct bv_graph *net_graph(const struct net *net)
{
    struct bv_error err = {0};
    struct bv_graph *g = NULL;
    assert_ok(bv_graph_create(&g, net->weights, &err), err);
    struct bv_tensor *x = bv_graph_input(g, "pixels", BV_F32, 4, (int64_t[]){net->N, 12, 12, 3});
    struct bv_tensor *ids = bv_graph_input(g, "ids", BV_I32, 2, (int64_t[]){net->N, 4});
    struct bv_tensor *words = bv_embed(g, ids, "table.weight");
    struct bv_tensor *stem = bv_activate(g, bv_conv2d(g, x, 1, 1, "stem"), BV_ACT_RELU);
    struct bv_tensor *left = bv_conv2d(g, stem, 2, 1, "left");
    struct bv_tensor *right = bv_conv2d(g, stem, 2, 0, "right");
    struct bv_tensor *pooled = bv_max_pool(g, bv_add(g, left, right), 2, 2, 0);
    struct bv_tensor *tokens = bv_reshape(g, pooled, 3, (int64_t[]){net->N, 9, 16});
    tokens = bv_concat(g, 2, (struct bv_tensor *[]){tokens, words}, 1);
    struct bv_tensor *qkv = bv_linear(g, tokens, "qkv");
    struct bv_attention_params p = {
        .heads = 2, .head_dim = 8, .scale = 0.35F, .k_offset = 16, .v_offset = 32};
    struct bv_tensor *mixed = bv_attention(g, qkv, qkv, qkv, NULL, NULL, &p);
    struct bv_tensor *norm = bv_layer_norm(g, bv_add(g, mixed, tokens), 1e-5F, "norm");
    struct bv_tensor *mean = bv_reduce(g, norm, NULL, BV_REDUCE_MEAN);
    (void)bv_graph_output(g, bv_linear(g, mean, "head"), "scores");
    assert_ok(bv_graph_status(g, &err), err);
    return g;
}

enum bv_status net_run(const struct net *net, struct bv_backend *backend, float *out,
                       struct bv_error *err)
{
    struct bv_graph *g = net_graph(net);
    struct bv_program *program = NULL;
    BV_TRY(bv_program_compile(backend, &g, &program, err));
    const void *inputs[] = {net->pixels, net->ids};
    enum bv_status status = bv_program_run(program, inputs, (float *const[]){out}, err);
    bv_program_destroy(&program);
    return status;
}

void net_check(const struct net *net, const float *out, double limit)
{
    double worst = 0;
    for (int64_t i = 0; i < net->N * NET_OUTPUTS; i++) {
        double d = fabs((double)out[i] - (double)net->expected[i]);
        worst = d <= worst ? worst : d; // NaN too
    }
    if (getenv("BIOVL_OP_TEST_VERBOSE"))
        print_message("differs by %.2g\n", worst);
    if (!(worst <= limit))
        fail_msg("differs from the reference by %g (limit %g)", worst, limit);
}

void net_require_device(void)
{
    struct bv_vk_device_info *devices = NULL;
    struct bv_error err = {0};
    int n = 0;
    enum bv_status status = bv_vk_list_devices(&devices, &n, &err);
    free(devices);
    if (status == BV_OK && n > 0)
        return;
    (void)fprintf(stderr, "skipped: %s\n", status == BV_OK ? "no Vulkan device" : err.text);
    exit(77);
}
