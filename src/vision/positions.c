#include "vision/positions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/resize.h"

// One row of a table is a place of the grid, its channels are planes.
static enum bv_status resample(const float *table, struct bv_size from, float *out,
                               struct bv_size to, int64_t C, struct bv_error *err)
{
    size_t n_in = (size_t)from.width * (size_t)from.height;
    size_t n_out = (size_t)to.width * (size_t)to.height;
    const struct bv_torch_resize how = {.filter = BV_FILTER_BICUBIC, .antialias = true};
    float *plane = malloc((n_in + n_out) * sizeof *plane);
    if (!plane)
        return bv_fail_nomem(err, "a position table");
    enum bv_status status = BV_OK;
    for (int64_t c = 0; c < C && status == BV_OK; c++) {
        for (size_t i = 0; i < n_in; i++)
            plane[i] = table[(int64_t)i * C + c];
        status = bv_resize_torch(plane, from, 1, plane + n_in, to, how, err);
        for (size_t i = 0; i < n_out; i++)
            out[(int64_t)i * C + c] = plane[n_in + i];
    }
    free(plane);
    return status;
}

struct made {
    const float *rows;
    size_t bytes;
};

static void copy_rows(void *arg, void *memory)
{
    const struct made *made = arg;
    memcpy(memory, made->rows, made->bytes);
}

// The resampled table, made once for each size and kept with the weights.
static enum bv_status derive(struct bv_graph *g, struct bv_tensor *table, const char *key,
                             int64_t lead, struct bv_size from, struct bv_size to,
                             const void **data, struct bv_error *err)
{
    *data = bv_weights_derived(g->weights, key);
    if (*data)
        return BV_OK;
    int64_t C = bv_last_dim(table), rows = lead + (int64_t)to.width * to.height;
    const float *values = NULL;
    BV_TRY(bv_weights_f32(g->weights, table, &values, err));
    struct made made = {.bytes = (size_t)rows * (size_t)C * sizeof(float)};
    float *out = malloc(made.bytes);
    if (!out)
        return bv_fail_nomem(err, "a position table");
    memcpy(out, values, (size_t)(lead * C) * sizeof *out);
    enum bv_status status = resample(values + lead * C, from, out + lead * C, to, C, err);
    made.rows = out;
    if (status == BV_OK)
        status = bv_weights_derive(g->weights, key, made.bytes, copy_rows, &made, data, err);
    free(out);
    return status;
}

static struct bv_tensor *antialiased(struct bv_graph *g, struct bv_tensor *table, int64_t lead,
                                     int side, int h, int w)
{
    char key[640];
    const void *data = NULL;
    struct bv_error err = {0};
    int64_t dim[] = {1, lead + (int64_t)h * w, bv_last_dim(table)};
    (void)snprintf(key, sizeof key, "positions %d×%d:%.500s", h, w, table->name);
    if (table->data && // else shapes only: a definition that is checked, not run
        derive(g, table, key, lead, (struct bv_size){side, side}, (struct bv_size){w, h}, &data,
               &err) != BV_OK)
        return bv_graph_fail(g, err.status, "%s", err.text);
    return bv_graph_derived(g, key, data, 3, dim);
}

struct bv_tensor *bv_vision_positions(struct bv_graph *g, struct bv_tensor *table, int64_t lead,
                                      int64_t h, int64_t w, bool antialias)
{
    if (!table || h < 1 || w < 1)
        return NULL;
    int64_t C = bv_last_dim(table), rows = bv_rows(table) - lead;
    int64_t side = rows > 0 ? (int64_t)lround(sqrt((double)rows)) : 0;
    if (rows == h * w &&
        (h == w || rows != side * side)) // a table that is no square is the grid's own
        return table;
    if (rows < 1 || rows != side * side)
        return bv_graph_fail(g, BV_ERR_MODEL, "a position table of %lld rows is no square grid",
                             (long long)bv_rows(table));
    if (antialias)
        return antialiased(g, table, lead, (int)side, (int)h, (int)w);
    table = bv_reshape(g, table, 3, (int64_t[]){1, -1, C});
    struct bv_tensor *x = bv_slice(g, table, 1, lead, side * side);
    x = bv_reshape(g, x, 4, (int64_t[]){1, side, side, C});
    x = bv_interpolate(g, x, (int)h, (int)w, BV_INTERPOLATE_BICUBIC, false);
    x = bv_reshape(g, x, 3, (int64_t[]){1, h * w, C});
    return lead ? bv_concat(g, 2, (struct bv_tensor *[]){bv_slice(g, table, 1, 0, lead), x}, 1) : x;
}

struct grid_angles {
    int64_t h, w, D;
    double theta, reference;
};

static void fill_angles(void *arg, void *memory)
{
    const struct grid_angles *a = arg;
    float *out = memory;
    int64_t bands = a->D / 4;
    for (int64_t i = 0; i < a->h * a->w; i++)
        for (int64_t pair = 0; pair < 2 * bands; pair++) {
            int64_t j = pair % bands;
            double at = pair < bands ? (double)(i / a->w) / (double)a->h
                                     : (double)(i % a->w) / (double)a->w;
            double angle = at * a->reference * pow(a->theta, -(double)j / (double)bands);
            *out++ = (float)cos(angle);
            *out++ = (float)sin(angle);
        }
}

struct bv_tensor *bv_vision_rope(struct bv_graph *g, int64_t h, int64_t w, int64_t D, double theta,
                                 double reference)
{
    char key[160];
    const void *data = NULL;
    struct bv_error err = {0};
    struct grid_angles a = {h, w, D, theta, reference};
    int64_t dim[] = {h * w, D};
    if (h < 1 || w < 1)
        return NULL;
    if (D < 4 || D % 4 != 0)
        return bv_graph_fail(g, BV_ERR_MODEL, "rotary positions of heads of %lld channels",
                             (long long)D);
    if (!(theta >= 1 && theta <= 1e9) || !(reference > 0 && reference <= 1e6))
        return bv_graph_fail(g, BV_ERR_MODEL, "rotary positions of theta %g on a side of %g", theta,
                             reference);
    (void)snprintf(key, sizeof key, "rope %lld×%lld×%lld %g %g", (long long)h, (long long)w,
                   (long long)D, theta, reference);
    if (bv_weights_derive(g->weights, key, (size_t)(h * w * D) * sizeof(float), fill_angles, &a,
                          &data, &err) != BV_OK)
        return bv_graph_fail(g, err.status, "%s", err.text);
    return bv_graph_derived(g, key, data, 2, dim);
}
