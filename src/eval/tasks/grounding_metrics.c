#include "eval/tasks/grounding.h"

#include <math.h>
#include <stdlib.h>

#include "table/csv.h"

static const double thresholds[5] = {0.1, 0.2, 0.3, 0.4, 0.5};

static bool is_inside(const struct bv_box *boxes, size_t n, size_t row, size_t column)
{
    double x = (double)column + 0.5, y = (double)row + 0.5;
    for (size_t i = 0; i < n; i++)
        if (x >= boxes[i].x && x < boxes[i].x + boxes[i].width && y >= boxes[i].y &&
            y < boxes[i].y + boxes[i].height)
            return true;
    return false;
}

int bv_box_parse(char *const *fields, const int columns[4], struct bv_box *box)
{
    double values[4];
    for (int i = 0; i < 4; i++)
        if (!bv_number_parse(fields[columns[i]], &values[i]) || (i > 1 && values[i] <= 0))
            return columns[i];
    *box = (struct bv_box){values[0], values[1], values[2], values[3]};
    return -1;
}

struct moments {
    double n, mean, squares; // Welford: sums of squared distances from the mean
};

static void add(struct moments *m, double value)
{
    double before = value - m->mean;
    m->n += 1;
    m->mean += before / m->n;
    m->squares += before * (value - m->mean);
}

static double contrast(const struct moments *in, const struct moments *out)
{
    double scale = in->n > 0 && out->n > 0 ? sqrt(in->squares / in->n + out->squares / out->n) : 0;
    return scale > 0 ? (in->mean - out->mean) / scale : NAN;
}

// Whether a pixel of a box has a squared distance below 15² from (row, column).
static bool is_near(const struct bv_box *boxes, size_t n, size_t row, size_t column)
{
    const double x = (double)column, y = (double)row;
    for (size_t i = 0; i < n; i++) {
        const struct bv_box *b = &boxes[i];
        // The first and last pixels whose centres are in the box.
        const double left = ceil(b->x - 0.5), right = ceil(b->x + b->width - 0.5) - 1;
        const double top = ceil(b->y - 0.5), bottom = ceil(b->y + b->height - 0.5) - 1;
        const double dx = fmax(fmax(left - x, x - right), 0);
        const double dy = fmax(fmax(top - y, y - bottom), 0);
        if (left <= right && top <= bottom && dx * dx + dy * dy < 225)
            return true;
    }
    return false;
}

struct valued {
    float value;
    bool inside;
};

static int highest_first(const void *a, const void *b)
{
    const float x = ((const struct valued *)a)->value, y = ((const struct valued *)b)->value;
    return (x < y) - (x > y);
}

// Pixels without a value come last. Where the cut falls among equal values, those inside count in
// proportion.
static enum bv_status equal_area_dice(const float *map, size_t H, size_t W,
                                      const struct bv_box *boxes, size_t n_boxes, double *dice,
                                      struct bv_error *err)
{
    struct valued *all = malloc(H * W * sizeof *all);
    size_t area = 0, at = 0;
    double both = 0;
    if (!all)
        return bv_fail_nomem(err, "an evaluation");
    for (size_t k = 0; k < H * W; k++) {
        all[k].value = isnan(map[k]) ? -INFINITY : map[k];
        all[k].inside = is_inside(boxes, n_boxes, k / W, k % W);
        area += all[k].inside;
    }
    qsort(all, H * W, sizeof *all, highest_first);
    while (at < area) {
        size_t end = at, inside = 0;
        for (; end < H * W && all[end].value == all[at].value; end++)
            inside += all[end].inside;
        const size_t taken = end < area ? end - at : area - at;
        both += (double)inside * (double)taken / (double)(end - at);
        at = end;
    }
    free(all);
    *dice = area > 0 ? both / (double)area : 0;
    return BV_OK;
}

enum bv_status bv_grounding_evaluate(const float *map, size_t H, size_t W,
                                     const struct bv_box *boxes, size_t n_boxes,
                                     struct bv_grounding *result, struct bv_error *err)
{
    struct moments sides[2] = {{0}};
    double both[5] = {0}, either[5] = {0}, largest = NAN;
    bool hit = false;
    size_t peak_row = 0, peak_column = 0;
    if (!n_boxes)
        return bv_fail(err, BV_ERR_ARG, "no box to compare a map with");
    for (size_t row = 0; row < H; row++) {
        for (size_t column = 0; column < W; column++) {
            double value = (double)map[row * W + column];
            bool inside = is_inside(boxes, n_boxes, row, column);
            for (int t = 0; t < 5; t++) {
                bool marked = value > thresholds[t]; // false for NaN
                both[t] += marked && inside;
                either[t] += marked || inside;
            }
            if (isnan(value))
                continue;
            add(&sides[inside], value);
            if (isnan(largest) || value > largest) {
                largest = value;
                hit = inside;
                peak_row = row;
                peak_column = column;
            }
        }
    }
    if (isnan(largest))
        return bv_fail(err, BV_ERR_ARG, "a map without any value");
    struct bv_grounding made = {.hit = hit};
    made.hit_near = is_near(boxes, n_boxes, peak_row, peak_column);
    BV_TRY(equal_area_dice(map, H, W, boxes, n_boxes, &made.dice_equal_area, err));
    made.cnr_signed = contrast(&sides[1], &sides[0]);
    made.cnr_absolute = fabs(made.cnr_signed);
    for (int t = 0; t < 5; t++) {
        made.iou[t] = either[t] > 0 ? both[t] / either[t] : 0;
        made.mean_iou += made.iou[t] / 5;
    }
    *result = made;
    return BV_OK;
}
