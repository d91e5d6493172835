#include "eval/tasks/synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eval/data/out_folder.h"
#include "stats/comparison.h"
#include "stats/distribution.h"
#include "table/csv.h"

enum { MAX_IMAGES = 1 << 20, MAX_PATH = 4096 };

// One value of a row for each of `width` columns, as a pipeline hands them on.
struct matrix {
    size_t n, room, width, failed;
    float *values;
};

struct picture {
    const char *path, *text;
    bool usable;
};

struct table {
    const struct bv_synthetic_options *o;
    struct bv_csv_reader *csv; // beside the pipeline's own reader: texts and labels
    int path, text, *label;    // columns; -1: the text says what was asked
    struct bv_arena arena;
    struct picture *pictures;
    uint8_t *asked; // [n][n_labels]
    double *scores; // [n][n_labels]
    size_t n, room, failed;
};

static enum bv_status grow(struct table *t, struct bv_error *err)
{
    size_t L = t->o->n_labels;
    if (t->n < t->room)
        return BV_OK;
    if (t->n == MAX_IMAGES)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d images", MAX_IMAGES);
    size_t room = t->room ? 2 * t->room : 256;
    struct picture *pictures = realloc(t->pictures, room * sizeof *pictures);
    if (pictures)
        t->pictures = pictures;
    uint8_t *asked = realloc(t->asked, room * L);
    if (asked)
        t->asked = asked;
    double *scores = realloc(t->scores, room * L * sizeof *scores);
    if (scores)
        t->scores = scores;
    if (!pictures || !asked || !scores)
        return bv_fail_nomem(err, "the images");
    t->room = room;
    return BV_OK;
}

static enum bv_status read_asked(const struct table *t, const struct bv_csv_row *row,
                                 const char *text, uint8_t *asked, struct bv_error *err)
{
    for (size_t l = 0; l < t->o->n_labels; l++) {
        if (t->label[l] < 0) {
            asked[l] = bv_text_asks(text, t->o->labels[l]);
            continue;
        }
        char *end = NULL;
        const char *value = (size_t)t->label[l] < row->n ? row->fields[t->label[l]] : "";
        double number = strtod(value, &end);
        if (*end || (number != 0 && number != 1))
            return bv_fail(err, BV_ERR_FORMAT,
                           "%s/images.csv: line %llu: \"%s\" is asked for (1) or not (0, empty)",
                           t->o->folder, (unsigned long long)row->line, t->o->labels[l]);
        asked[l] = number == 1;
    }
    return BV_OK;
}

static const char *path_of(struct table *t, const char *name)
{
    char path[MAX_PATH];
    int n = name[0] == '/' ? snprintf(path, sizeof path, "%s", name)
                           : snprintf(path, sizeof path, "%s/%s", t->o->folder, name);
    return n < (int)sizeof path ? bv_arena_strdup(&t->arena, path) : NULL;
}

// Both readers skip the same lines, so the n-th record here is the n-th of the pipeline.
static enum bv_status take_picture(void *arg, const struct bv_journal_record *record,
                                   struct bv_error *err)
{
    struct table *t = arg;
    const struct bv_csv_row *row = NULL;
    size_t L = t->o->n_labels;
    BV_TRY(bv_csv_next(t->csv, &row, err));
    if (!row || record->reason || (size_t)t->text >= row->n || (size_t)t->path >= row->n) {
        t->failed++;
        return BV_OK;
    }
    BV_TRY(grow(t, err));
    struct picture *p = &t->pictures[t->n];
    p->text = bv_arena_strdup(&t->arena, row->fields[t->text]);
    p->path = path_of(t, row->fields[t->path]);
    if (!p->text || !p->path)
        return bv_fail_nomem(err, "an image");
    BV_TRY(read_asked(t, row, p->text, t->asked + t->n * L, err));
    memcpy(t->scores + t->n * L, record->scores, L * sizeof *t->scores);
    t->n++;
    return BV_OK;
}

static enum bv_status take_vector(void *arg, const struct bv_journal_record *record,
                                  struct bv_error *err)
{
    struct matrix *m = arg;
    if (record->reason) {
        m->failed++;
        return BV_OK;
    }
    if (m->n == m->room) {
        size_t room = m->room ? 2 * m->room : 256;
        float *values =
            m->n < MAX_IMAGES ? realloc(m->values, room * m->width * sizeof *values) : NULL;
        if (!values)
            return bv_fail_nomem(err, "the embeddings");
        m->values = values;
        m->room = room;
    }
    for (size_t d = 0; d < m->width; d++)
        m->values[m->n * m->width + d] = (float)record->scores[d];
    m->n++;
    return BV_OK;
}

static enum bv_status no_block_end(void *arg, struct bv_error *err)
{
    (void)arg;
    (void)err;
    return BV_OK;
}

static enum bv_status
run(const struct bv_synthetic_options *o, const char *path, const struct bv_scorer *scorer,
    enum bv_status (*row)(void *, const struct bv_journal_record *, struct bv_error *), void *arg,
    struct bv_error *err)
{
    const struct bv_labelled_options data = {.path = path, .repeats = true};
    struct bv_pipeline pipeline = {.scorer = scorer,
                                   .n_shards = 1,
                                   .block = o->block,
                                   .n_workers = o->n_workers,
                                   .row = row,
                                   .block_end = no_block_end,
                                   .arg = arg};
    BV_TRY(bv_labelled_open(&pipeline.dataset, &data, err));
    enum bv_status status = bv_pipeline_run(&pipeline, err);
    bv_labelled_close(&pipeline.dataset);
    return status;
}

static enum bv_status read_pictures(struct table *t, const char *list,
                                    const struct bv_scorer *scores, struct bv_error *err)
{
    BV_TRY(bv_csv_open(&t->csv, list, bv_csv_separator(list), err));
    BV_TRY(bv_csv_find(t->csv, "path", &t->path, err));
    BV_TRY(bv_csv_find(t->csv, "text", &t->text, err));
    if (t->path < 0 || t->text < 0)
        return bv_fail(err, BV_ERR_FORMAT, "%s: no column \"%s\"", list,
                       t->path < 0 ? "path" : "text");
    for (size_t l = 0; l < t->o->n_labels; l++)
        BV_TRY(bv_csv_find(t->csv, t->o->labels[l], &t->label[l], err));
    BV_TRY(run(t->o, list, scores, take_picture, t, err));
    return t->n > 0 ? BV_OK : bv_fail(err, BV_ERR_FORMAT, "%s: no image can be read", list);
}

// One label's area under the curve with DeLong's interval; null where only one kind was asked.
static enum bv_status judge_label(const struct table *t, size_t l, json_t *labels, double *auroc,
                                  struct bv_error *err)
{
    struct bv_placements placements = {0};
    double *column = malloc(t->n * sizeof *column);
    uint8_t *asked = malloc(t->n);
    enum bv_status status = column && asked ? BV_OK : bv_fail_nomem(err, "a label");
    for (size_t i = 0; status == BV_OK && i < t->n; i++) {
        column[i] = t->scores[i * t->o->n_labels + l];
        asked[i] = t->asked[i * t->o->n_labels + l];
    }
    if (status == BV_OK)
        status = bv_placements_make(&placements, column, asked, t->n, err);
    if (status == BV_OK) {
        double variance = bv_delong_covariance(&placements, &placements);
        struct bv_bounds bounds = bv_auroc_interval(placements.auroc, variance, 0.95);
        *auroc = placements.auroc;
        (void)json_array_append_new(
            labels, json_pack("{s:s, s:s, s:I, s:I, s:o, s:[o, o]}", "label", t->o->labels[l],
                              "asked_by", t->label[l] < 0 ? "text" : "column", "asked",
                              (json_int_t)placements.n_positive, "not_asked",
                              (json_int_t)placements.n_negative, "auroc",
                              bv_result_number(placements.auroc), "interval",
                              bv_result_number(bounds.low), bv_result_number(bounds.high)));
    }
    bv_placements_free(&placements);
    free(column);
    free(asked);
    return status;
}

static enum bv_status judge_labels(const struct table *t, json_t *result, struct bv_error *err)
{
    json_t *labels = json_array();
    double sum = 0;
    size_t n = 0;
    enum bv_status status = labels ? BV_OK : bv_fail_nomem(err, "the labels");
    for (size_t l = 0; status == BV_OK && l < t->o->n_labels; l++) {
        double auroc = NAN;
        status = judge_label(t, l, labels, &auroc, err);
        if (status == BV_OK && isfinite(auroc)) {
            sum += auroc;
            n++;
        }
    }
    (void)json_object_set_new(result, "labels", labels);
    (void)json_object_set_new(result, "auroc", bv_result_number(n ? sum / (double)n : NAN));
    return status;
}

static int compare_texts(const void *a, const void *b)
{
    const struct picture *x = a, *y = b;
    int by_text = strcmp(x->text, y->text);
    return by_text ? by_text : strcmp(x->path, y->path);
}

// Sorts the pictures by their texts: labels must be judged before.
static enum bv_status judge_diversity(struct table *t, json_t *result, struct bv_error *err)
{
    struct bv_diversity d = {0};
    const char **paths = malloc(t->n * sizeof *paths);
    enum bv_status status = paths ? BV_OK : bv_fail_nomem(err, "the images");
    if (status == BV_OK)
        qsort(t->pictures, t->n, sizeof *t->pictures, compare_texts);
    for (size_t i = 0, end; status == BV_OK && i < t->n; i = end) {
        for (end = i; end < t->n && strcmp(t->pictures[end].text, t->pictures[i].text) == 0; end++)
            paths[end - i] = t->pictures[end].path;
        status = bv_diversity_add(&d, paths, end - i, err);
    }
    free(paths);
    (void)json_object_set_new(
        result, "diversity",
        d.pairs ? json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "measure", "ms-ssim", "prompts",
                            (json_int_t)d.prompts, "pairs", (json_int_t)d.pairs, "mean",
                            d.sum / (double)d.pairs, "smallest", d.smallest, "largest", d.largest)
                : json_null());
    (void)json_object_set_new(result, "too_small", json_integer((json_int_t)d.too_small));
    return status;
}

static enum bv_status judge_distance(const struct bv_synthetic_options *o, const char *list,
                                     const struct bv_scorer *embeddings, json_t *result,
                                     struct bv_error *err)
{
    struct matrix made = {.width = embeddings->n_labels}, real = {.width = embeddings->n_labels};
    double value = 0;
    enum bv_status status = run(o, list, embeddings, take_vector, &made, err);
    if (status == BV_OK)
        status = run(o, o->real, embeddings, take_vector, &real, err);
    if (status == BV_OK)
        status =
            bv_frechet_distance(made.values, made.n, real.values, real.n, made.width, &value, err);
    if (status == BV_OK)
        (void)json_object_set_new(result, "distance",
                                  json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "measure", "frechet",
                                            "dimensions", (json_int_t)made.width, "images",
                                            (json_int_t)made.n, "real", (json_int_t)real.n,
                                            "real_failed", (json_int_t)real.failed, "value",
                                            bv_result_number(value)));
    free(made.values);
    free(real.values);
    return status;
}

static void free_table(struct table *t)
{
    bv_csv_close(&t->csv);
    bv_arena_free(&t->arena);
    free(t->label);
    free(t->pictures);
    free(t->asked);
    free(t->scores);
}

enum bv_status bv_synthetic_table(const struct bv_synthetic_options *o,
                                  const struct bv_scorer *scores,
                                  const struct bv_scorer *embeddings, json_t **result,
                                  struct bv_error *err)
{
    char list[MAX_PATH];
    struct table t = {.o = o, .label = calloc(o->n_labels + 1, sizeof *t.label)};
    json_t *made = json_object();
    enum bv_status status = t.label && made ? BV_OK : bv_fail_nomem(err, "an evaluation");
    if (status == BV_OK &&
        snprintf(list, sizeof list, "%s/images.csv", o->folder) >= (int)sizeof list)
        status = bv_fail(err, BV_ERR_LIMIT, "a path of more than %zu bytes", sizeof list);
    if (status == BV_OK)
        status = read_pictures(&t, list, scores, err);
    if (status == BV_OK)
        status = judge_labels(&t, made, err);
    if (status == BV_OK)
        status = judge_diversity(&t, made, err);
    (void)json_object_set_new(made, "distance", json_null());
    if (status == BV_OK && o->real)
        status = judge_distance(o, list, embeddings, made, err);
    (void)json_object_set_new(made, "images", json_integer((json_int_t)t.n));
    (void)json_object_set_new(made, "failed", json_integer((json_int_t)t.failed));
    free_table(&t);
    if (status == BV_OK)
        *result = made;
    else
        json_decref(made);
    return status;
}
