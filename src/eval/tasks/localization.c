#include "eval/tasks/localization.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mt19937.h"
#include "eval/data/out_folder.h"

enum { NEAR = 15 * 15, MAX_IMAGES = 1 << 18, MAX_PAIRS = 1 << 22 };

static int in_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// ---- Which images and tasks there are ----

static enum bv_status list_images(struct bv_localization *l, const json_t *truth,
                                  const json_t *predicted, struct bv_error *err)
{
    const char *name = NULL;
    json_t *unused = NULL;
    l->images =
        calloc(json_object_size(truth) + json_object_size(predicted) + 1, sizeof *l->images);
    if (!l->images)
        return bv_fail_nomem(err, "a comparison");
    json_object_foreach((json_t *)(uintptr_t)truth, name, unused) l->images[l->n_images++] = name;
    json_object_foreach((json_t *)(uintptr_t)predicted, name,
                        unused) if (!json_object_get(truth, name)) l->images[l->n_images++] = name;
    (void)unused;
    qsort(l->images, l->n_images, sizeof *l->images, in_order);
    return BV_OK;
}

static bool is_listed(const struct bv_localization *l, const char *task)
{
    for (size_t t = 0; t < l->n_tasks; t++)
        if (strcmp(l->tasks[t], task) == 0)
            return true;
    return false;
}

static enum bv_status list_tasks(struct bv_localization *l, const json_t *truth,
                                 struct bv_error *err)
{
    enum { MOST = 512 };
    const char *image = NULL, *task = NULL;
    json_t *tasks = NULL, *unused = NULL;
    l->tasks = calloc(MOST, sizeof *l->tasks);
    if (!l->tasks)
        return bv_fail_nomem(err, "a comparison");
    json_object_foreach((json_t *)(uintptr_t)truth, image, tasks){
        json_object_foreach(tasks, task, unused){if (is_listed(l, task)) continue;
    if (l->n_tasks == MOST)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d tasks", MOST);
    l->tasks[l->n_tasks++] = task;
}
}
(void)unused;
qsort(l->tasks, l->n_tasks, sizeof *l->tasks, in_order);
return l->n_tasks ? BV_OK : bv_fail(err, BV_ERR_ARG, "the truth names no task");
}

// Predictions of other images, or of tasks by other names, would count as masks without a pixel.
static enum bv_status check_common(const json_t *truth, const json_t *predicted,
                                   const struct bv_localization *l, struct bv_error *err)
{
    const char *image = NULL, *task = NULL;
    json_t *tasks = NULL, *unused = NULL;
    bool any = false, image_known = false, task_known = false;
    json_object_foreach((json_t *)(uintptr_t)predicted, image,
                        tasks){json_object_foreach(tasks, task, unused){any = true;
    image_known = image_known || json_object_get(truth, image);
    task_known = task_known || is_listed(l, task);
}
}
(void)unused;
if (any && !(image_known && task_known))
    return bv_fail(err, BV_ERR_ARG, "the truth has no %s of the prediction",
                   image_known ? "task" : "image");
return BV_OK;
}

static enum bv_status check_numbers(const struct bv_localization *l, struct bv_error *err)
{
    if (l->n_images > MAX_IMAGES || l->n_images * l->n_tasks > MAX_PAIRS)
        return bv_fail(err, BV_ERR_LIMIT, "%zu images with %zu tasks: more than can be compared",
                       l->n_images, l->n_tasks);
    return BV_OK;
}

// ---- One image and task ----

struct pair {
    struct bv_mask_runs truth, predicted;
    bool has_truth, has_predicted;
};

static void score_overlap(const struct pair *p, double *found, double *all)
{
    const size_t a = p->has_truth ? bv_mask_runs_area(&p->truth) : 0;
    const size_t b = p->has_predicted ? bv_mask_runs_area(&p->predicted) : 0;
    const size_t both = a && b ? bv_mask_runs_overlap(&p->truth, &p->predicted) : 0;
    const double iou = a + b ? (double)both / (double)(a + b - both) : NAN;
    *found = a && b ? iou : NAN;
    *all = iou;
}

static void score_point(const struct pair *p, const json_t *point, double *hit, double *near)
{
    const int row = (int)json_integer_value(json_array_get(point, 0));
    const int column = (int)json_integer_value(json_array_get(point, 1));
    *hit = *near = NAN;
    if (!point || !p->has_truth || !bv_mask_runs_area(&p->truth))
        return;
    *hit = bv_mask_runs_near(&p->truth, row, column, 1);
    *near = bv_mask_runs_near(&p->truth, row, column, NEAR);
}

static enum bv_status read_pair(const json_t *truth, const json_t *predicted, const char *image,
                                const char *task, struct pair *p, struct bv_error *err)
{
    BV_TRY(bv_mask_file_get(truth, image, task, &p->truth, &p->has_truth, err));
    BV_TRY(bv_mask_file_get(predicted, image, task, &p->predicted, &p->has_predicted, err));
    if (p->has_truth && p->has_predicted &&
        (p->truth.height != p->predicted.height || p->truth.width != p->predicted.width))
        return bv_fail(err, BV_ERR_FORMAT, "%.200s, %.100s: masks of %d × %d and of %d × %d pixels",
                       image, task, p->truth.width, p->truth.height, p->predicted.width,
                       p->predicted.height);
    return BV_OK;
}

static enum bv_status score_all(struct bv_localization *l, const json_t *truth,
                                const json_t *predicted, const json_t *points, struct bv_error *err)
{
    for (size_t i = 0; i < l->n_images; i++)
        for (size_t t = 0; t < l->n_tasks; t++) {
            struct pair pair = {.has_truth = false};
            const size_t k = i * l->n_tasks + t;
            const json_t *point =
                json_object_get(json_object_get(points, l->images[i]), l->tasks[t]);
            const enum bv_status status =
                read_pair(truth, predicted, l->images[i], l->tasks[t], &pair, err);
            score_overlap(&pair, &l->scores[BV_IOU_FOUND][k], &l->scores[BV_IOU_ALL][k]);
            score_point(&pair, point, &l->scores[BV_HIT][k], &l->scores[BV_HIT_NEAR][k]);
            bv_mask_runs_free(&pair.truth);
            bv_mask_runs_free(&pair.predicted);
            BV_TRY(status);
        }
    return BV_OK;
}

// ---- Means and their bootstrap ----

static double mean_of(const double *scores, const uint32_t *drawn, size_t n, size_t n_tasks,
                      size_t task, size_t *valued)
{
    double sum = 0;
    *valued = 0;
    for (size_t i = 0; i < n; i++) {
        const double score = scores[(drawn ? drawn[i] : i) * n_tasks + task];
        if (isnan(score))
            continue;
        sum += score;
        (*valued)++;
    }
    return *valued ? sum / (double)*valued : NAN;
}

static int by_size_nan_last(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

// replicates [BV_REPLICATES], sorted here. As the authors take them: the 25th and the 975th.
static void summarise(double *replicates, struct bv_localization_summary *s)
{
    size_t n = 0;
    double sum = 0;
    qsort(replicates, BV_REPLICATES, sizeof *replicates, by_size_nan_last);
    for (; n < BV_REPLICATES && !isnan(replicates[n]); n++)
        sum += replicates[n];
    s->replicates_mean = n ? sum / (double)n : NAN;
    s->low = replicates[BV_REPLICATES / 40 - 1];
    s->high = replicates[BV_REPLICATES - BV_REPLICATES / 40 - 1];
}

// One stream of numpy.random.seed(0), whose draws all tasks and measures share.
static enum bv_status draw(const struct bv_localization *l, uint32_t **drawn, struct bv_error *err)
{
    struct bv_mt19937 generator;
    const size_t n = l->n_images * BV_REPLICATES;
    *drawn = malloc(n * sizeof **drawn);
    if (!*drawn)
        return bv_fail_nomem(err, "a bootstrap");
    bv_mt19937_seed(&generator, 0);
    for (size_t i = 0; i < n; i++)
        (*drawn)[i] = bv_mt19937_below(&generator, (uint32_t)l->n_images);
    return BV_OK;
}

static enum bv_status bootstrap(struct bv_localization *l, struct bv_error *err)
{
    uint32_t *drawn = NULL;
    double replicates[BV_REPLICATES];
    size_t unused = 0;
    BV_TRY(draw(l, &drawn, err));
    for (int m = 0; m < BV_LOCALIZATION_MEASURES; m++)
        for (size_t t = 0; t < l->n_tasks; t++) {
            struct bv_localization_summary *s = &l->means[m][t];
            s->mean = mean_of(l->scores[m], NULL, l->n_images, l->n_tasks, t, &s->n);
            for (size_t r = 0; r < BV_REPLICATES; r++)
                replicates[r] = mean_of(l->scores[m], drawn + r * l->n_images, l->n_images,
                                        l->n_tasks, t, &unused);
            summarise(replicates, s);
        }
    free(drawn);
    return BV_OK;
}

enum bv_status bv_localization_score(struct bv_localization *l, const json_t *truth,
                                     const json_t *predicted, const json_t *points,
                                     struct bv_error *err)
{
    BV_TRY(list_images(l, truth, predicted, err));
    BV_TRY(list_tasks(l, truth, err));
    BV_TRY(check_numbers(l, err));
    BV_TRY(check_common(truth, predicted, l, err));
    for (int m = 0; m < BV_LOCALIZATION_MEASURES; m++) {
        l->scores[m] = malloc(l->n_images * l->n_tasks * sizeof **l->scores);
        l->means[m] = calloc(l->n_tasks, sizeof **l->means);
        if (!l->scores[m] || !l->means[m])
            return bv_fail_nomem(err, "a comparison");
    }
    BV_TRY(score_all(l, truth, predicted, points, err));
    return bootstrap(l, err);
}

void bv_localization_free(struct bv_localization *l)
{
    free((void *)(uintptr_t)l->images);
    free((void *)(uintptr_t)l->tasks);
    for (int m = 0; m < BV_LOCALIZATION_MEASURES; m++) {
        free(l->scores[m]);
        free(l->means[m]);
    }
    *l = (struct bv_localization){0};
}

// ---- JSON ----

static const char *const measures[BV_LOCALIZATION_MEASURES] = {"miou", "miou_all", "hit_rate",
                                                               "hit_rate_15px"};

static json_t *summary_json(const struct bv_localization_summary *s)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o}", "n", (json_int_t)s->n, "mean",
                     bv_result_number(s->mean), "bootstrap_mean",
                     bv_result_number(s->replicates_mean), "low", bv_result_number(s->low), "high",
                     bv_result_number(s->high));
}

static json_t *mean_of_tasks(const struct bv_localization *l)
{
    json_t *object = json_object();
    for (int m = 0; m < BV_LOCALIZATION_MEASURES; m++) {
        double sum = 0;
        size_t n = 0;
        for (size_t t = 0; t < l->n_tasks; t++)
            if (l->means[m][t].n) {
                sum += l->means[m][t].mean;
                n++;
            }
        (void)json_object_set_new(object, measures[m], bv_result_number(n ? sum / (double)n : NAN));
    }
    return object;
}

enum bv_status bv_localization_json(const struct bv_localization *l, json_t **json,
                                    struct bv_error *err)
{
    json_t *tasks = json_object();
    for (size_t t = 0; t < l->n_tasks; t++) {
        json_t *task = json_object();
        for (int m = 0; m < BV_LOCALIZATION_MEASURES; m++)
            (void)json_object_set_new(task, measures[m], summary_json(&l->means[m][t]));
        (void)json_object_set_new(tasks, l->tasks[t], task);
    }
    *json = json_pack("{s:I, s:o, s:o}", "images", (json_int_t)l->n_images, "tasks", tasks,
                      "mean_of_tasks", mean_of_tasks(l));
    return *json ? BV_OK : bv_fail_nomem(err, "the results");
}
