#include "eval/tasks/subgroups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/data/out_folder.h"
#include "eval/data/setup.h"
#include "eval/metrics/calibration.h"
#include "eval/metrics/metric.h"
#include "eval/tasks/finished_run.h"
#include "stats/comparison.h"

enum { MAX_RESAMPLED = 256 }; // lists in one pass of the bootstrap: bounds its memory

const char *const bv_gap_names[BV_GAP_KINDS] = {"auroc", "tpr", "fpr", "ece"};

// ---- The groups of all rows ----

struct columns {
    struct bv_group_column *columns; // [n]
    int *at;                         // [n] in the file
    uint8_t **groups;                // [n][room]
    size_t n, n_rows, room;
};

static void free_columns(struct columns *c)
{
    for (size_t i = 0; c->groups && i < c->n; i++)
        free(c->groups[i]);
    free(c->groups);
    free(c->columns);
    free(c->at);
}

static enum bv_status open_columns(struct columns *c, const struct bv_subgroups_options *o,
                                   const struct bv_finished_run *run, struct bv_error *err)
{
    struct bv_arena arena = {0};
    struct bv_labelled_options options;
    struct bv_labelled *data = NULL;
    int64_t rows = bv_json_integer(json_object_get(run->setup, "data"), "rows", 0);
    c->room = rows > 0 ? (size_t)rows : 0;
    c->columns = calloc(o->n_by, sizeof *c->columns);
    c->at = calloc(o->n_by, sizeof *c->at);
    c->groups = calloc(o->n_by, sizeof *c->groups);
    if (!c->columns || !c->at || !c->groups)
        return bv_fail_nomem(err, "the groups");
    enum bv_status status = bv_setup_dataset(run->setup, o->data_path, &arena, &options, err);
    if (status == BV_OK)
        status = bv_labelled_open(&data, &options, err);
    for (; status == BV_OK && c->n < o->n_by; c->n++) {
        status = bv_group_column_parse(&c->columns[c->n], o->by[c->n], err);
        if (status == BV_OK)
            status = bv_labelled_column(data, c->columns[c->n].name, true, &c->at[c->n], err);
        if (status == BV_OK && !(c->groups[c->n] = malloc(c->room + 1)))
            status = bv_fail_nomem(err, "the groups");
    }
    bv_labelled_close(&data);
    bv_arena_free(&arena);
    return status;
}

static enum bv_status note_groups(void *arg, const struct bv_labelled_row *row,
                                  const struct bv_journal_record *record, struct bv_error *err)
{
    struct columns *c = arg;
    (void)record;
    for (size_t i = 0; i < c->n; i++)
        BV_TRY(bv_group_column_of(&c->columns[i], row->fields ? row->fields[c->at[i]] : NULL,
                                  &c->groups[i][c->n_rows], err));
    c->n_rows++;
    return BV_OK;
}

// ---- Factors ----

static enum bv_status single_factor(struct bv_subgroup_factor *f, const struct columns *c,
                                    size_t column, struct bv_error *err)
{
    const struct bv_group_column *from = &c->columns[column];
    f->n_groups = from->n_values;
    f->names = calloc(f->n_groups + 1, sizeof *f->names);
    f->of_row = malloc(c->n_rows + 1);
    if (!f->names || !f->of_row)
        return bv_fail_nomem(err, "the groups");
    (void)snprintf(f->name, sizeof f->name, "%s", from->name);
    for (size_t g = 0; g < f->n_groups; g++)
        (void)snprintf(f->names[g], sizeof f->names[g], "%s", from->values[g]);
    memcpy(f->of_row, c->groups[column], c->n_rows);
    return BV_OK;
}

// The pairs of values of two columns that come together in some row, in the order of the first
// column's values.
static enum bv_status paired_factor(struct bv_subgroup_factor *f, const struct columns *c, size_t a,
                                    size_t b, struct bv_error *err)
{
    const struct bv_group_column *x = &c->columns[a], *y = &c->columns[b];
    static const uint8_t none = BV_GROUP_NONE;
    uint8_t numbers[BV_GROUP_MAX_VALUES][BV_GROUP_MAX_VALUES];
    bool seen[BV_GROUP_MAX_VALUES][BV_GROUP_MAX_VALUES] = {{false}};
    (void)snprintf(f->name, sizeof f->name, "%s × %s", x->name, y->name);
    f->names = calloc(BV_GROUP_MAX_VALUES + 1, sizeof *f->names);
    f->of_row = malloc(c->n_rows + 1);
    if (!f->names || !f->of_row)
        return bv_fail_nomem(err, "the groups");
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->groups[a][i] != none && c->groups[b][i] != none)
            seen[c->groups[a][i]][c->groups[b][i]] = true;
    for (size_t i = 0; i < x->n_values; i++) {
        for (size_t k = 0; k < y->n_values; k++) {
            if (!seen[i][k])
                continue;
            if (f->n_groups == BV_GROUP_MAX_VALUES)
                return bv_fail(err, BV_ERR_ARG, "%s has more than %d groups", f->name,
                               BV_GROUP_MAX_VALUES);
            numbers[i][k] = (uint8_t)f->n_groups;
            (void)snprintf(f->names[f->n_groups++], sizeof *f->names, "%s × %s", x->values[i],
                           y->values[k]);
        }
    }
    for (size_t i = 0; i < c->n_rows; i++) {
        bool both = c->groups[a][i] != none && c->groups[b][i] != none;
        f->of_row[i] = both ? numbers[c->groups[a][i]][c->groups[b][i]] : none;
    }
    return BV_OK;
}

static enum bv_status make_factors(struct bv_subgroups *s, const struct columns *c,
                                   struct bv_error *err)
{
    s->factors = calloc(c->n * (c->n + 1) / 2, sizeof *s->factors);
    if (!s->factors)
        return bv_fail_nomem(err, "the groups");
    for (size_t i = 0; i < c->n; i++)
        BV_TRY(single_factor(&s->factors[s->n_factors++], c, i, err));
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = i + 1; k < c->n; k++)
            BV_TRY(paired_factor(&s->factors[s->n_factors++], c, i, k, err));
    for (size_t f = 0; f < s->n_factors; f++) {
        struct bv_subgroup_factor *factor = &s->factors[f];
        for (size_t i = 0; i < c->n_rows; i++)
            factor->n_missing += factor->of_row[i] == BV_GROUP_NONE;
        factor->labels = calloc(s->n_labels + 1, sizeof *factor->labels);
        if (!factor->labels)
            return bv_fail_nomem(err, "the groups");
    }
    return BV_OK;
}

// ---- One label under one factor ----

// The ranked items of every group; one array, the groups behind each other.
struct grouped {
    struct bv_ranked_item *items;
    struct bv_ranked *lists; // [n_groups]
};

static void free_grouped(struct grouped *g)
{
    free(g->items);
    free(g->lists);
    *g = (struct grouped){0};
}

static enum bv_status divide(struct grouped *g, const struct bv_ranked *all,
                             const struct bv_subgroup_factor *f, struct bv_error *err)
{
    size_t sizes[BV_GROUP_MAX_VALUES] = {0}, from[BV_GROUP_MAX_VALUES], at = 0;
    g->items = malloc(all->n * sizeof *g->items + 1);
    g->lists = calloc(f->n_groups + 1, sizeof *g->lists);
    if (!g->items || !g->lists)
        return bv_fail_nomem(err, "the groups");
    for (size_t i = 0; i < all->n; i++)
        if (f->of_row[all->items[i].unit] != BV_GROUP_NONE)
            sizes[f->of_row[all->items[i].unit]]++;
    for (size_t k = 0; k < f->n_groups; k++) {
        from[k] = at;
        g->lists[k] = (struct bv_ranked){g->items + at, sizes[k]};
        at += sizes[k];
    }
    for (size_t i = 0; i < all->n; i++) { // the order stays
        uint8_t group = f->of_row[all->items[i].unit];
        if (group != BV_GROUP_NONE)
            g->items[from[group]++] = all->items[i];
    }
    return BV_OK;
}

struct patients {
    uint32_t *clusters; // [n_rows] or NULL
    size_t n;
};

// The AUROC's interval by placements: clustered where patients are known.
static enum bv_status interval_of(const struct bv_ranked *list, const struct patients *patients,
                                  struct bv_bounds *interval, struct bv_error *err)
{
    size_t n = list->n;
    double *scores = malloc(n * sizeof *scores + 1), variance = NAN;
    uint8_t *y = malloc(n + 1);
    uint32_t *own = malloc(n * sizeof *own + 1);
    struct bv_placements p = {0};
    enum bv_status status = scores && y && own ? BV_OK : bv_fail_nomem(err, "an interval");
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        scores[i] = list->items[i].score;
        y[i] = (uint8_t)list->items[i].positive;
        own[i] = patients->clusters ? patients->clusters[list->items[i].unit] : (uint32_t)i;
    }
    if (status == BV_OK)
        status = bv_placements_make(&p, scores, y, n, err);
    if (status == BV_OK && patients->clusters)
        status = bv_clustered_covariance(&p, &p, own, patients->n, &variance, err);
    else if (status == BV_OK)
        variance = bv_delong_covariance(&p, &p);
    if (status == BV_OK)
        *interval = bv_auroc_interval(p.auroc, variance < 0 ? 0 : variance, 0.95);
    bv_placements_free(&p);
    free(scores);
    free(y);
    free(own);
    return status;
}

static enum bv_status describe_group(const struct bv_ranked *list, const struct patients *patients,
                                     const struct bv_subgroup_label *l, struct bv_subgroup *group,
                                     struct bv_error *err)
{
    struct bv_areas areas = bv_areas_ranked(list->items, list->n, NULL);
    *group = (struct bv_subgroup){.n = list->n,
                                  .positives = areas.tp,
                                  .negatives = areas.fp,
                                  .auroc = bv_areas_auroc(&areas),
                                  .ece = NAN,
                                  .brier = NAN,
                                  .auroc_interval = {NAN, NAN}};
    if (!isnan(l->threshold))
        group->confusion = bv_confusion_at(list->items, list->n, l->threshold);
    if (l->is_probability && list->n) {
        struct bv_reliability r = bv_reliability(list, 1);
        group->ece = r.ece;
        group->brier = r.brier;
    }
    return isnan(group->auroc) ? BV_OK : interval_of(list, patients, &group->auroc_interval, err);
}

static double value_of(const struct bv_subgroup_label *l, const struct bv_subgroup *group,
                       enum bv_gap_kind kind)
{
    if (kind == BV_GAP_AUROC)
        return group->auroc;
    if (kind == BV_GAP_ECE)
        return group->ece;
    if (isnan(l->threshold))
        return NAN;
    return kind == BV_GAP_TPR ? bv_sensitivity(&group->confusion)
                              : 1 - bv_specificity(&group->confusion);
}

static void measure_gaps(struct bv_subgroup_label *l, size_t n_groups)
{
    for (int kind = 0; kind < BV_GAP_KINDS; kind++) {
        struct bv_gap gap = {.value = NAN, .interval = {NAN, NAN, NAN, 0}};
        double low = INFINITY, high = -INFINITY;
        size_t n = 0;
        for (size_t g = 0; g < n_groups; g++) {
            double value = value_of(l, &l->groups[g], (enum bv_gap_kind)kind);
            if (isnan(value)) {
                gap.n_without += l->groups[g].n > 0;
                continue;
            }
            n++;
            if (value < low) {
                low = value;
                gap.lowest = g;
            }
            if (value > high) {
                high = value;
                gap.highest = g;
            }
        }
        if (n >= 2)
            gap.value = high - low;
        l->gaps[kind] = gap;
    }
    double tpr = l->gaps[BV_GAP_TPR].value, fpr = l->gaps[BV_GAP_FPR].value;
    l->equalized_odds = isnan(tpr) || isnan(fpr) ? NAN : fmax(tpr, fpr);
}

// ---- The bootstrap of gaps ----

static const struct {
    const char *metric;
    bool flipped; // 1 - value
} resampled_as[BV_GAP_KINDS] = {
    {"auroc", false}, {"sensitivity", false}, {"specificity", true}, {"ece", false}};

static size_t metric_index(const char *name)
{
    size_t i = 0;
    while (strcmp(bv_metric_table[i].name, name) != 0)
        i++;
    return i;
}

// Groups that have both classes: the resampling knows no metric of others.
static bool is_resampled(const struct bv_subgroup *group)
{
    return group->positives && group->negatives;
}

// An interval is of the groups that the gap itself is of, or there is none.
static bool has_interval(const struct bv_subgroup_label *l, size_t n_groups, enum bv_gap_kind kind)
{
    for (size_t g = 0; g < n_groups; g++)
        if (!isnan(value_of(l, &l->groups[g], kind)) && !is_resampled(&l->groups[g]))
            return false;
    return !isnan(l->gaps[kind].value);
}

// The gap of every replicate, from values [n_groups][BV_METRIC_COUNT][n], into room for n.
static void take_gap(struct bv_subgroup_label *l, size_t n_groups, enum bv_gap_kind kind,
                     const double *values, size_t n, double *room)
{
    size_t metric = metric_index(resampled_as[kind].metric);
    bool defined_at_all = has_interval(l, n_groups, kind);
    for (size_t r = 0; r < n; r++) {
        double low = INFINITY, high = -INFINITY;
        bool defined = defined_at_all;
        for (size_t g = 0; g < n_groups; g++) {
            double value = values[(g * BV_METRIC_COUNT + metric) * n + r];
            if (!is_resampled(&l->groups[g]))
                continue;
            defined = defined && !isnan(value);
            low = fmin(low, value);
            high = fmax(high, value);
        }
        room[r] = defined ? high - low : NAN;
    }
    l->gaps[kind].interval = bv_interval_percentile(room, n);
}

// What one pass of the bootstrap is about: labels first … first + n of a factor.
static enum bv_status resample_labels(const struct bv_subgroups_options *o,
                                      const struct patients *patients, size_t n_rows,
                                      struct bv_subgroup_factor *f, const struct grouped *divided,
                                      size_t first, size_t n, struct bv_error *err)
{
    const struct bv_bootstrap b = {n_rows, patients->clusters, patients->n, o->n_bootstrap};
    size_t lists = n * f->n_groups, R = o->n_bootstrap;
    struct bv_bootstrap_class *classes = calloc(lists + 1, sizeof *classes);
    double *values = calloc((lists + 2) * BV_METRIC_COUNT * R + 1, sizeof *values);
    double *room = malloc(R * sizeof *room + 1);
    enum bv_status status =
        classes && values && room ? BV_OK : bv_fail_nomem(err, "the bootstrap of groups");
    for (size_t i = 0; status == BV_OK && i < lists; i++) {
        const struct bv_subgroup_label *l = &f->labels[first + i / f->n_groups];
        classes[i] =
            (struct bv_bootstrap_class){divided[first + i / f->n_groups].lists[i % f->n_groups],
                                        l->threshold, l->is_probability};
    }
    if (status == BV_OK)
        status = bv_bootstrap_metrics(&b, classes, lists, o->pool, values, err);
    for (size_t l = 0; status == BV_OK && l < n; l++)
        for (int kind = 0; kind < BV_GAP_KINDS; kind++)
            take_gap(&f->labels[first + l], f->n_groups, (enum bv_gap_kind)kind,
                     values + l * f->n_groups * BV_METRIC_COUNT * R, R, room);
    free(classes);
    free(values);
    free(room);
    return status;
}

static enum bv_status resample_factor(const struct bv_subgroups_options *o,
                                      const struct patients *patients, size_t n_rows,
                                      size_t n_labels, struct bv_subgroup_factor *f,
                                      const struct grouped *divided, struct bv_error *err)
{
    size_t step = f->n_groups < MAX_RESAMPLED ? MAX_RESAMPLED / (f->n_groups ? f->n_groups : 1) : 1;
    for (size_t first = 0; first < n_labels; first += step) {
        size_t n = n_labels - first < step ? n_labels - first : step;
        BV_TRY(resample_labels(o, patients, n_rows, f, divided, first, n, err));
    }
    return BV_OK;
}

// ---- All together ----

static enum bv_status measure_label(const struct bv_ranked *ranked, double threshold,
                                    const struct patients *patients,
                                    const struct bv_subgroup_factor *f, struct grouped *divided,
                                    struct bv_subgroup_label *l, struct bv_error *err)
{
    l->threshold = threshold;
    l->is_probability = ranked->n && bv_is_probability(ranked->items, ranked->n);
    l->groups = calloc(f->n_groups + 1, sizeof *l->groups);
    if (!l->groups)
        return bv_fail_nomem(err, "the groups");
    BV_TRY(divide(divided, ranked, f, err));
    for (size_t g = 0; g < f->n_groups; g++)
        BV_TRY(describe_group(&divided->lists[g], patients, l, &l->groups[g], err));
    measure_gaps(l, f->n_groups);
    return BV_OK;
}

static enum bv_status measure_factor(const struct bv_subgroups_options *o,
                                     const struct bv_finished_run *run,
                                     const struct bv_ranked *ranked,
                                     const struct patients *patients, struct bv_subgroup_factor *f,
                                     struct bv_error *err)
{
    struct grouped *divided = calloc(run->n_labels + 1, sizeof *divided);
    enum bv_status status = divided ? BV_OK : bv_fail_nomem(err, "the groups");
    for (size_t l = 0; status == BV_OK && l < run->n_labels; l++)
        status = measure_label(&ranked[l], bv_finished_run_threshold(run, run->labels[l]), patients,
                               f, &divided[l], &f->labels[l], err);
    if (status == BV_OK && o->n_bootstrap)
        status = resample_factor(o, patients, run->table.n_rows, run->n_labels, f, divided, err);
    for (size_t l = 0; divided && l < run->n_labels; l++)
        free_grouped(&divided[l]);
    free(divided);
    return status;
}

static enum bv_status measure(const struct bv_subgroups_options *o,
                              const struct bv_finished_run *run, struct bv_subgroups *s,
                              struct bv_error *err)
{
    struct bv_ranked *ranked = calloc(run->n_labels + 1, sizeof *ranked);
    struct bv_scratch scratch = {0};
    struct patients patients = {0};
    enum bv_status status = ranked ? BV_OK : bv_fail_nomem(err, "the groups");
    if (status == BV_OK)
        status = bv_score_table_rank(&run->table, BV_UNIT_IMAGE, BV_NO_STRATUM, false, o->folder,
                                     &scratch, ranked, err);
    if (status == BV_OK)
        status = bv_score_table_clusters(&run->table, BV_UNIT_IMAGE, BV_NO_STRATUM,
                                         &patients.clusters, &patients.n, err);
    s->n_patients = patients.clusters ? patients.n : 0;
    for (size_t f = 0; status == BV_OK && f < s->n_factors; f++)
        status = measure_factor(o, run, ranked, &patients, &s->factors[f], err);
    free(patients.clusters);
    bv_scratch_free(&scratch);
    free(ranked);
    return status;
}

static void free_subgroups(struct bv_subgroups *s)
{
    for (size_t f = 0; f < s->n_factors; f++) {
        for (size_t l = 0; s->factors[f].labels && l < s->n_labels; l++)
            free(s->factors[f].labels[l].groups);
        free(s->factors[f].labels);
        free(s->factors[f].names);
        free(s->factors[f].of_row);
    }
    free(s->factors);
}

static enum bv_status make(const struct bv_subgroups_options *o, struct bv_finished_run *run,
                           struct columns *columns, struct bv_subgroups *s, json_t **result,
                           struct bv_error *err)
{
    BV_TRY(bv_finished_run_open(run, o->run, err));
    BV_TRY(open_columns(columns, o, run, err));
    BV_TRY(bv_finished_run_join(run, o->data_path, note_groups, columns, err));
    *s = (struct bv_subgroups){
        .n_labels = run->n_labels, .n_rows = run->table.n_rows, .labels = run->labels};
    BV_TRY(make_factors(s, columns, err));
    BV_TRY(bv_folder_make(o->folder, err));
    BV_TRY(measure(o, run, s, err));
    return bv_subgroups_write(s, o, run, result, err);
}

enum bv_status bv_subgroups(const struct bv_subgroups_options *options, json_t **result,
                            struct bv_error *err)
{
    if (!options->n_by || options->n_by > BV_GROUP_MAX_COLUMNS)
        return bv_fail(err, BV_ERR_ARG, "groups are of 1 to %d columns", BV_GROUP_MAX_COLUMNS);
    struct bv_finished_run run = {0};
    struct columns columns = {0};
    struct bv_subgroups s = {0};
    enum bv_status status = make(options, &run, &columns, &s, result, err);
    free_subgroups(&s);
    free_columns(&columns);
    bv_finished_run_free(&run);
    return status;
}
