// selfcheck.c: no matrix shape is trusted before it has multiplied right on this very device.
// Drivers have listed shapes that their hardware lacks, and computed wrong ones.
#include <stdlib.h>
#include <string.h>

#include "vulkan/device.h"

// Ragged sizes, so that edges are tested too; small integers, so that every sum is exact.
enum { ROWS = 83, IN = 40, OUT = 72, SIDE = 11, CHANNELS = 16, FILTERS = 24 };

struct check {
    float x[ROWS * IN], w[OUT * IN], bias[OUT], y[ROWS * OUT], expected[ROWS * OUT];
    float image[SIDE * SIDE * CHANNELS], filter[FILTERS * 9 * CHANNELS];
    float map[SIDE * SIDE * FILTERS], expected_map[SIDE * SIDE * FILTERS];
};

static void fill(float *x, int n, int seed)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)((i * 7 + i / 13 * 5 + seed) % 9 - 4);
}

static float filtered(const struct check *c, int y, int x, int o)
{
    float sum = 0;
    for (int tap = 0; tap < 9; tap++) {
        int row = y + tap / 3 - 1, column = x + tap % 3 - 1;
        if (row < 0 || row >= SIDE || column < 0 || column >= SIDE)
            continue;
        for (int k = 0; k < CHANNELS; k++)
            sum += c->image[(row * SIDE + column) * CHANNELS + k] *
                   c->filter[(o * 9 + tap) * CHANNELS + k];
    }
    return sum;
}

static void prepare(struct check *c)
{
    fill(c->x, ROWS * IN, 1);
    fill(c->w, OUT * IN, 2);
    fill(c->bias, OUT, 3);
    fill(c->image, SIDE * SIDE * CHANNELS, 4);
    fill(c->filter, FILTERS * 9 * CHANNELS, 5);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < OUT; j++) {
            float sum = c->bias[j];
            for (int k = 0; k < IN; k++)
                sum += c->x[i * IN + k] * c->w[j * IN + k];
            c->expected[i * OUT + j] = sum;
        }
    for (int at = 0; at < SIDE * SIDE; at++)
        for (int o = 0; o < FILTERS; o++)
            c->expected_map[at * FILTERS + o] = filtered(c, at / SIDE, at % SIDE, o);
}

static enum bv_status build(const struct check *c, struct bv_weights *weights,
                            struct bv_graph **graph, struct bv_error *err)
{
    const struct bv_weight all[] = {
        {"linear.weight", BV_F32, 2, {OUT, IN}, c->w},
        {"linear.bias", BV_F32, 1, {OUT}, c->bias},
        {"conv.weight", BV_F32, 4, {FILTERS, 3, 3, CHANNELS}, c->filter},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        BV_TRY(bv_weights_add(weights, &all[i], err));
    BV_TRY(bv_graph_create(graph, weights, err));
    struct bv_graph *g = *graph;
    // An activation that does nothing makes the f16 tensor that matrix units take.
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, 2, (int64_t[]){ROWS, IN});
    (void)bv_graph_output(g, bv_linear(g, bv_activate(g, x, BV_ACT_NONE), "linear"), "y");
    struct bv_tensor *image =
        bv_graph_input(g, "image", BV_F32, 4, (int64_t[]){1, SIDE, SIDE, CHANNELS});
    image = bv_activate(g, image, BV_ACT_NONE);
    (void)bv_graph_output(g, bv_conv2d(g, image, 1, 1, "conv"), "map");
    return bv_graph_status(g, err);
}

static bool equal(const float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return false;
    return true;
}

// Runs the check with the present shape; *right says whether every element is exact.
static enum bv_status run(struct bv_vk *vk, struct check *c, bool *right, struct bv_error *err)
{
    struct bv_weights *weights = NULL;
    struct bv_graph *g = NULL;
    struct bv_program *program = NULL;
    enum bv_status status = bv_weights_create(&weights, err);
    if (status == BV_OK)
        status = build(c, weights, &g, err);
    if (status == BV_OK)
        status = bv_program_compile(&vk->base, &g, &program, err);
    const void *inputs[] = {c->x, c->image};
    if (status == BV_OK)
        status = bv_program_run(program, inputs, (float *const[]){c->y, c->map}, err);
    if (status == BV_OK)
        *right = equal(c->y, c->expected, sizeof c->y / sizeof *c->y) &&
                 equal(c->map, c->expected_map, sizeof c->map / sizeof *c->map);
    bv_program_destroy(&program);
    bv_graph_destroy(&g);
    if (!vk->lost)
        bv_vk_weights_free(vk); // its addresses may come again with other weights
    bv_weights_destroy(&weights);
    return status;
}

// Whether the tiles of matrix.c can be made of a shape.
static bool fits_tiles(const struct bv_vk *vk, struct bv_vk_matrix_shape s)
{
    struct bv_vk_matrix_shape only = vk->instance.switches.fragment;
    bool wanted = !only.m || (only.m == s.m && only.n == s.n && only.k == s.k);
    return wanted && s.m && s.n && s.k && 32 % s.m == 0 && 32 % s.n == 0 && 32 % s.k == 0 &&
           s.m * s.n % vk->subgroup == 0;
}

enum bv_status bv_vk_selfcheck(struct bv_vk *vk, struct bv_error *err)
{
    struct bv_vk_matrix_shape emulated[] = {{16, 16, 16}, {8, 16, 16}};
    const struct bv_vk_matrix_shape *shapes = vk->info.shapes;
    int n = vk->info.n_shapes;
    if (vk->path == BV_VK_PATH_SCALAR)
        return BV_OK;
    if (vk->path == BV_VK_PATH_EMU) {
        shapes = emulated;
        n = 2;
    }
    struct check *c = malloc(sizeof *c);
    if (!c)
        return bv_fail_nomem(err, "the self-check of matrix shapes");
    prepare(c);
    enum bv_status status = BV_OK;
    bool right = false;
    for (int i = 0; i < n && !right; i++) {
        struct bv_error why = {0};
        if (!fits_tiles(vk, shapes[i]))
            continue;
        vk->fragment = shapes[i];
        status = run(vk, c, &right, &why);
        if (status == BV_ERR_DEVICE_LOST || status == BV_ERR_NOMEM || status == BV_ERR_OOM_DEVICE) {
            if (err)
                *err = why;
            break;
        }
        status = BV_OK; // another failure speaks against this shape only
    }
    if (!right) {
        vk->path = BV_VK_PATH_SCALAR;
        vk->fragment = (struct bv_vk_matrix_shape){0};
    }
    free(c);
    return status;
}
