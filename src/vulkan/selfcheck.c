// selfcheck.c: no matrix shape is trusted before it has multiplied right on this very device.
// Drivers have listed shapes that their hardware lacks, and computed wrong ones.
#include <stdlib.h>
#include <string.h>

#include "vulkan/kernel.h"

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

static bool wanted(const struct bv_vk *vk, struct bv_vk_matrix_shape s)
{
    struct bv_vk_matrix_shape only = vk->instance.switches.fragment;
    return s.m && s.n && s.k && (!only.m || (only.m == s.m && only.n == s.n && only.k == s.k));
}

// Checks every tile that the device would use with the present shape, and drops those that are
// wrong; *right says whether the tile for products of any size is left.
static enum bv_status check_tiles(struct bv_vk *vk, struct check *c, bool *right,
                                  struct bv_error *err)
{
    *right = false;
    if (!bv_vk_find_matrix_tiles(vk))
        return BV_OK;
    const struct bv_vk_matrix_tile *tiles[BV_VK_TILE_SIZES];
    memcpy(tiles, vk->matrix_tile, sizeof tiles);
    for (int size = 0; size < BV_VK_TILE_SIZES; size++) {
        struct bv_error why = {0};
        bool exact = false;
        if (!tiles[size])
            continue;
        for (int i = 0; i < BV_VK_TILE_SIZES; i++) // a product of any size takes it
            vk->matrix_tile[i] = tiles[size];
        enum bv_status status = run(vk, c, &exact, &why);
        if (status == BV_ERR_DEVICE_LOST || status == BV_ERR_NOMEM || status == BV_ERR_OOM_DEVICE) {
            if (err)
                *err = why;
            return status;
        }
        if (!exact) // also where compiling failed: it speaks against this tile only
            tiles[size] = NULL;
    }
    memcpy(vk->matrix_tile, tiles, sizeof tiles);
    *right = tiles[BV_VK_TILE_MEDIUM] != NULL;
    return BV_OK;
}

// Sorted by the work of one instruction, the largest first; else in the driver's order.
static void sort_shapes(struct bv_vk_matrix_shape *list, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && list[k].m * list[k].n * list[k].k >
                                     list[k - 1].m * list[k - 1].n * list[k - 1].k;
             k--) {
            struct bv_vk_matrix_shape swap = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
}

// The shapes to try, in this order; their number.
static int shapes_of(const struct bv_vk *vk, struct bv_vk_matrix_shape shapes[BV_VK_MAX_SHAPES])
{
    static const struct bv_vk_matrix_shape emulated[] = {{16, 16, 16}, {8, 16, 16}};
    bool emulates = vk->path == BV_VK_PATH_EMU;
    const struct bv_vk_matrix_shape *all = emulates ? emulated : vk->info.shapes;
    int n = 0;
    for (int i = 0; i < (emulates ? 2 : vk->info.n_shapes); i++)
        if (wanted(vk, all[i]))
            shapes[n++] = all[i];
    sort_shapes(shapes, n);
    return n;
}

static void multiply_without(struct bv_vk *vk)
{
    vk->path = BV_VK_PATH_SCALAR;
    vk->fragment = (struct bv_vk_matrix_shape){0};
    memset(vk->matrix_tile, 0, sizeof vk->matrix_tile);
}

enum bv_status bv_vk_selfcheck(struct bv_vk *vk, struct bv_error *err)
{
    struct bv_vk_matrix_shape shapes[BV_VK_MAX_SHAPES];
    if (vk->path == BV_VK_PATH_SCALAR)
        return BV_OK;
    struct check *c = malloc(sizeof *c);
    if (!c)
        return bv_fail_nomem(err, "the self-check of matrix shapes");
    prepare(c);
    enum bv_status status = BV_OK;
    bool right = false;
    int n = shapes_of(vk, shapes);
    for (int i = 0; i < n && !right && status == BV_OK; i++) {
        vk->fragment = shapes[i];
        status = check_tiles(vk, c, &right, err);
    }
    if (!right)
        multiply_without(vk);
    free(c);
    return status;
}

void bv_vk_trust_shapes(struct bv_vk *vk)
{
    struct bv_vk_matrix_shape shapes[BV_VK_MAX_SHAPES];
    int n = vk->path == BV_VK_PATH_SCALAR ? 0 : shapes_of(vk, shapes);
    for (int i = 0; i < n; i++) {
        vk->fragment = shapes[i];
        if (bv_vk_find_matrix_tiles(vk))
            return;
    }
    multiply_without(vk);
}
