// Areas of resampled patients, with the draws given, and numpy's percentiles of the replicates
// (conformance/stats/bootstrap.json).
#include <stdlib.h>
#include <string.h>

#include "eval/metrics/bootstrap.h"
#include "golden.h"
#include "support/check.h"
#include "support/reference.h"

static const double limit = 1e-12; // largest measured: 1.2e-14

struct sample {
    struct table table;
    uint8_t *y;
    uint32_t *patients, *weights; // [rows], how often each was drawn
    uint32_t *drawn;              // [patients]
    size_t n_patients;
    double *scores[2];
    struct bv_ranked_item *items[2];
};

static void load(struct sample *s, const char *name)
{
    *s = (struct sample){.table = golden_table(name)};
    size_t n = s->table.n;
    s->y = table_bits(&s->table, "label");
    s->patients = table_groups(&s->table, "patient_id", &s->n_patients);
    s->weights = calloc(n + 1, sizeof *s->weights);
    s->drawn = calloc(s->n_patients + 1, sizeof *s->drawn);
    assert_true(s->weights && s->drawn);
    for (int k = 0; k < 2; k++) {
        s->scores[k] = table_numbers(&s->table, k ? "score_b" : "score_a");
        s->items[k] = calloc(n + 1, sizeof **s->items);
        assert_non_null(s->items[k]);
        for (size_t i = 0; i < n; i++)
            s->items[k][i] = (struct bv_ranked_item){s->scores[k][i], (uint32_t)i, s->y[i]};
        bv_ranked_sort(s->items[k], n);
    }
}

static void unload(struct sample *s)
{
    for (int k = 0; k < 2; k++) {
        free(s->scores[k]);
        free(s->items[k]);
    }
    free(s->y);
    free(s->patients);
    free(s->weights);
    free(s->drawn);
    free_table(&s->table);
}

static void draw(struct sample *s, const char *patients)
{
    char **names = table_column(&s->table, "patient_id");
    memset(s->drawn, 0, s->n_patients * sizeof *s->drawn);
    for (const char *at = patients; *at;) {
        size_t n = strcspn(at, " "), i = 0;
        while (i < s->table.n && (strncmp(names[i], at, n) != 0 || names[i][n]))
            i++;
        assert_true(i < s->table.n);
        s->drawn[s->patients[i]]++;
        at += n;
        at += strspn(at, " ");
    }
    for (size_t i = 0; i < s->table.n; i++)
        s->weights[i] = s->drawn[s->patients[i]];
}

enum { AUC_A, AUC_B, AUC_DIFF, AP_A, AP_B, VALUES };
static const char *const names[VALUES] = {"auc_a", "auc_b", "auc_diff", "ap_a", "ap_b"};

static void check_set(const char *set, const json_t *golden)
{
    char name[64];
    struct sample s;
    bool all = true;
    (void)snprintf(name, sizeof name, "%s.csv", set);
    load(&s, name);
    (void)snprintf(name, sizeof name, "boot_%s.csv", set);
    struct table draws = golden_table(name);
    char **patients = table_column(&draws, "patients_drawn");
    const json_t *replicates = json_object_get(golden, "replicates");
    double *values[VALUES];
    assert_int_equal(json_array_size(replicates), draws.n);
    for (int v = 0; v < VALUES; v++)
        assert_non_null(values[v] = calloc(draws.n, sizeof **values));
    for (size_t r = 0; r < draws.n; r++) {
        draw(&s, patients[r]);
        struct bv_areas a = bv_areas_ranked(s.items[0], s.table.n, s.weights);
        struct bv_areas b = bv_areas_ranked(s.items[1], s.table.n, s.weights);
        values[AUC_A][r] = bv_areas_auroc(&a);
        values[AUC_B][r] = bv_areas_auroc(&b);
        values[AUC_DIFF][r] = values[AUC_A][r] - values[AUC_B][r];
        values[AP_A][r] = bv_areas_average_precision(&a);
        values[AP_B][r] = bv_areas_average_precision(&b);
        for (int v = 0; v < VALUES; v++)
            all &= golden_equal(
                names[v], values[v][r],
                golden_number(json_object_get(json_array_get(replicates, r), names[v])), limit);
    }
    for (int v = 0; v < VALUES; v++) {
        struct bv_interval i = bv_interval_percentile(values[v], draws.n);
        const json_t *theirs =
            json_object_get(json_object_get(golden, "percentile_ci95_numpy_linear"), names[v]);
        all &= golden_equal(names[v], i.low, golden_number(json_array_get(theirs, 0)), limit);
        all &= golden_equal(names[v], i.high, golden_number(json_array_get(theirs, 1)), limit);
        free(values[v]);
    }
    assert_true(all);
    free_table(&draws);
    unload(&s);
}

static void test_replicates(void **state)
{
    (void)state;
    json_t *golden = golden_json("bootstrap.json");
    const json_t *one = NULL;
    const char *set = NULL;
    size_t n = 0;
    json_object_foreach(golden, set, one)
    {
        if (strcmp(set, "meta") == 0)
            continue;
        check_set(set, one);
        n++;
    }
    assert_true(n > 0);
    golden_report("patient bootstrap");
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replicates)};
    return golden_folder() ? cmocka_run_group_tests(tests, NULL, NULL) : TEST_SKIPPED;
}
