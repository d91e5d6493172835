#include "eval/metrics/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"temperature", "platt", "isotonic"};

const char *bv_calibration_method_name(enum bv_calibration_method method)
{
    return names[method];
}

enum bv_status bv_calibration_method_parse(const char *name, enum bv_calibration_method *method,
                                           struct bv_error *err)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *method = (enum bv_calibration_method)i;
            return BV_OK;
        }
    }
    return bv_fail(err, BV_ERR_ARG,
                   "calibration method \"%s\": choose temperature, platt or isotonic", name);
}

static double logit_input(double score, bool from_probability)
{
    const double margin = 1e-12;
    if (!from_probability)
        return score;
    double p = fmin(fmax(score, margin), 1 - margin);
    return log(p / (1 - p));
}

static double sigmoid(double z)
{
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

static enum bv_status need_both(uint64_t positives, uint64_t negatives, struct bv_error *err)
{
    if (positives && negatives)
        return BV_OK;
    return bv_fail(err, BV_ERR_ARG, "%s: a calibration needs both classes",
                   positives ? "no negative image" : "no positive image");
}

// The derivative of the log loss by a at sigmoid(a z); it grows with a.
static double slope(const struct bv_ranked *lists, size_t n_lists, bool from_probability, double a)
{
    double sum = 0;
    for (size_t l = 0; l < n_lists; l++) {
        for (size_t i = 0; i < lists[l].n; i++) {
            double z = logit_input(lists[l].items[i].score, from_probability);
            sum += (sigmoid(a * z) - (double)lists[l].items[i].positive) * z;
        }
    }
    return sum;
}

enum bv_status bv_calibration_fit_temperature(const struct bv_ranked *lists, size_t n_lists,
                                              bool from_probability,
                                              struct bv_calibration *calibration,
                                              struct bv_error *err)
{
    uint64_t count[2] = {0};
    for (size_t l = 0; l < n_lists; l++)
        for (size_t i = 0; i < lists[l].n; i++)
            count[lists[l].items[i].positive]++;
    BV_TRY(need_both(count[1], count[0], err));
    double low = 1e-9, high = 1e9;
    if (slope(lists, n_lists, from_probability, low) >= 0)
        return bv_fail(err, BV_ERR_ARG, "the scores run against the labels: no temperature fits");
    if (slope(lists, n_lists, from_probability, high) <= 0)
        return bv_fail(err, BV_ERR_ARG,
                       "the scores separate the labels perfectly: no finite temperature fits");
    // Bisection of log a: 80 halvings of 41 natural units end far below a double's resolution.
    for (int i = 0; i < 80; i++) {
        double middle = sqrt(low * high);
        *(slope(lists, n_lists, from_probability, middle) < 0 ? &low : &high) = middle;
    }
    *calibration = (struct bv_calibration){.method = BV_CALIBRATION_TEMPERATURE,
                                           .from_probability = from_probability,
                                           .a = sqrt(low * high)};
    return BV_OK;
}

struct platt {
    const struct bv_ranked_item *items;
    size_t n;
    bool from_probability;
    double target[2]; // of negatives and positives
};

// Log loss of sigmoid(a z + b) against the smoothed targets, without overflow.
static double platt_loss(const struct platt *p, double a, double b)
{
    double loss = 0;
    for (size_t i = 0; i < p->n; i++) {
        double t = p->target[p->items[i].positive];
        double f = a * logit_input(p->items[i].score, p->from_probability) + b;
        loss += f >= 0 ? (1 - t) * f + log1p(exp(-f)) : -t * f + log1p(exp(f));
    }
    return loss;
}

// One Newton step from (a, b) with halving until the loss falls; false when nothing is left to
// gain.
static bool platt_step(const struct platt *p, double *a, double *b, double *loss)
{
    double ga = 0, gb = 0, haa = 1e-12, hab = 0, hbb = 1e-12;
    for (size_t i = 0; i < p->n; i++) {
        double z = logit_input(p->items[i].score, p->from_probability);
        double q = sigmoid(*a * z + *b), d = q - p->target[p->items[i].positive], w = q * (1 - q);
        ga += d * z;
        gb += d;
        haa += w * z * z;
        hab += w * z;
        hbb += w;
    }
    double determinant = haa * hbb - hab * hab;
    double da = -(hbb * ga - hab * gb) / determinant, db = -(haa * gb - hab * ga) / determinant;
    for (double step = 1; step > 1e-12; step /= 2) {
        double tried = platt_loss(p, *a + step * da, *b + step * db);
        if (tried < *loss) {
            *a += step * da;
            *b += step * db;
            *loss = tried;
            return true;
        }
    }
    return false;
}

enum bv_status bv_calibration_fit_platt(const struct bv_ranked_item *items, size_t n,
                                        bool from_probability, struct bv_calibration *calibration,
                                        struct bv_error *err)
{
    double positives = 0;
    for (size_t i = 0; i < n; i++)
        positives += items[i].positive;
    double negatives = (double)n - positives;
    BV_TRY(need_both((uint64_t)positives, (uint64_t)negatives, err));
    struct platt p = {items, n, from_probability, {1 / (negatives + 2), 0}};
    p.target[1] = (positives + 1) / (positives + 2);
    double a = 0, b = log((positives + 1) / (negatives + 1)), loss = platt_loss(&p, a, b);
    for (int i = 0; i < 100 && platt_step(&p, &a, &b, &loss); i++)
        ;
    *calibration = (struct bv_calibration){
        .method = BV_CALIBRATION_PLATT, .from_probability = from_probability, .a = a, .b = b};
    return BV_OK;
}

struct block {
    double low, high; // scores
    double sum, weight;
};

// Items come in descending order and are read from the end. Returns the number of blocks.
static size_t pool_violators(const struct bv_ranked_item *items, size_t n, struct block *blocks)
{
    size_t n_blocks = 0;
    for (size_t i = n; i-- > 0;) {
        struct block block = {items[i].score, items[i].score, items[i].positive, 1};
        for (; i > 0 && items[i - 1].score == items[i].score; i--) {
            block.sum += items[i - 1].positive;
            block.weight += 1;
        }
        while (n_blocks &&
               blocks[n_blocks - 1].sum * block.weight >= block.sum * blocks[n_blocks - 1].weight) {
            n_blocks--;
            block.low = blocks[n_blocks].low;
            block.sum += blocks[n_blocks].sum;
            block.weight += blocks[n_blocks].weight;
        }
        blocks[n_blocks++] = block;
    }
    return n_blocks;
}

enum bv_status bv_calibration_fit_isotonic(const struct bv_ranked_item *items, size_t n,
                                           struct bv_calibration *calibration, struct bv_error *err)
{
    uint64_t positives = 0;
    for (size_t i = 0; i < n; i++)
        positives += items[i].positive;
    BV_TRY(need_both(positives, n - positives, err));
    struct bv_calibration made = {.method = BV_CALIBRATION_ISOTONIC};
    struct block *blocks = malloc(n * sizeof *blocks);
    size_t n_blocks = blocks ? pool_violators(items, n, blocks) : 0;
    made.x = malloc(2 * n_blocks * sizeof *made.x + 1);
    made.y = malloc(2 * n_blocks * sizeof *made.y + 1);
    if (!blocks || !made.x || !made.y) {
        free(blocks);
        bv_calibration_free(&made);
        return bv_fail_nomem(err, "an isotonic calibration");
    }
    for (size_t i = 0; i < n_blocks; i++) {
        double value = blocks[i].sum / blocks[i].weight;
        made.x[made.n] = blocks[i].low;
        made.y[made.n++] = value;
        if (blocks[i].high > blocks[i].low) {
            made.x[made.n] = blocks[i].high;
            made.y[made.n++] = value;
        }
    }
    free(blocks);
    *calibration = made;
    return BV_OK;
}

static double interpolate(const struct bv_calibration *c, double score)
{
    size_t low = 0, high = c->n; // x[low] ≤ score < x[high] once inside
    if (!c->n)
        return NAN;
    if (score <= c->x[0])
        return c->y[0];
    if (score >= c->x[c->n - 1])
        return c->y[c->n - 1];
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        *(c->x[middle] <= score ? &low : &high) = middle;
    }
    double part = (score - c->x[low]) / (c->x[high] - c->x[low]);
    return c->y[low] + part * (c->y[high] - c->y[low]);
}

double bv_calibration_apply(const struct bv_calibration *c, double score)
{
    if (c->method == BV_CALIBRATION_ISOTONIC)
        return interpolate(c, score);
    return sigmoid(c->a * logit_input(score, c->from_probability) + c->b);
}

void bv_calibration_free(struct bv_calibration *calibration)
{
    free(calibration->x);
    free(calibration->y);
    *calibration = (struct bv_calibration){0};
}
