// Masks of maps, their runs, and their scores against cheXlocalize's own code, pycocotools and
// TorchRay: the same masks, the same numbers in their three digits.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "eval/tasks/localization.h"
#include "support/check.h"
#include "support/npz.h"
#include "support/reference.h"

struct fixture {
    const char *dir;
    json_t *meta, *truth;
    struct npz arrays;
    size_t n_images, n_tasks;
};

static struct fixture fixture;

static json_t *load(const char *name)
{
    struct bv_error err = {0};
    json_t *json = NULL;
    assert_ok(
        bv_json_load(&json, path_in(fixture.dir, "explain/chexlocalize/%s", name), 1 << 26, &err),
        err);
    return json;
}

static const struct npy *array(const char *name)
{
    const struct npy *a = npz_find(&fixture.arrays, name);
    if (!a)
        fail_msg("no array %s", name);
    return a;
}

static const char *image_name(size_t i)
{
    return json_string_value(json_array_get(json_object_get(fixture.meta, "ids"), i));
}

static const char *task_name(size_t t)
{
    return json_string_value(
        json_array_get(json_object_get(fixture.meta, "tasks_in_order_of_bootstrap"), t));
}

// ---- Runs ----

static void check_runs(const char *name, const json_t *golden, const struct npy *packed)
{
    struct bv_error err = {0};
    struct bv_mask_runs made = {0}, read = {0};
    const int H = (int)json_integer_value(json_array_get(json_object_get(golden, "size"), 0));
    const int W = (int)json_integer_value(json_array_get(json_object_get(golden, "size"), 1));
    const size_t n = (size_t)H * (size_t)W;
    const char *counts = json_string_value(json_object_get(golden, "counts"));
    uint8_t *mask = malloc(n), *back = malloc(n);
    assert_non_null(mask);
    assert_non_null(back);
    for (size_t k = 0; k < n; k++)
        mask[k] = npy_u8(packed)[k / 8] >> (7 - k % 8) & 1;
    assert_ok(bv_mask_runs_make(&made, mask, H, W, &err), err);
    char *text = bv_mask_runs_format(&made);
    if (strcmp(text, counts) != 0)
        fail_msg("%s: other runs", name);
    assert_ok(bv_mask_runs_parse(&read, counts, H, W, &err), err);
    bv_mask_runs_fill(&read, back);
    assert_memory_equal(mask, back, n);
    assert_int_equal(bv_mask_runs_area(&read), json_integer_value(json_object_get(golden, "area")));
    assert_int_equal(bv_mask_runs_overlap(&read, &made), bv_mask_runs_area(&read));
    free(text);
    free(mask);
    free(back);
    bv_mask_runs_free(&made);
    bv_mask_runs_free(&read);
}

static void test_runs(void **state)
{
    struct npz arrays;
    json_t *json = load("golden_rle.json"), *golden = NULL;
    const char *name = NULL;
    char member[200];
    (void)state;
    (void)snprintf(member, sizeof member, "%s",
                   path_in(fixture.dir, "explain/chexlocalize/golden_rle.npz"));
    assert_int_equal(npz_open(&arrays, member), 0);
    json_object_foreach(json_object_get(json_object_get(json, "meta"), "rle"), name, golden)
    {
        (void)snprintf(member, sizeof member, "%s/packbits_rowmajor", name);
        check_runs(name, golden, npz_find(&arrays, member));
    }
    npz_close(&arrays);
    json_decref(json);
}

// ---- Masks of maps ----

// Ten maps, of full size, are not in the fixture.
static const struct npy *find_map(size_t i, size_t t)
{
    char name[64];
    (void)snprintf(name, sizeof name, "map/%zu/%zu", i, t);
    return npz_find(&fixture.arrays, name);
}

static const int32_t *peak_of(size_t i, size_t t)
{
    return (const int32_t *)array("argmax_row_col")->data + 2 * (i * fixture.n_tasks + t);
}

// All maps of the fixture as masks.
static void add_maps(struct bv_map_masks *m, const char *thresholds, bool tune)
{
    struct bv_error err = {0};
    assert_ok(bv_map_masks_open(m, fixture.truth, NULL, tune, &err), err);
    if (thresholds)
        m->thresholds = json_incref(json_object_get(fixture.meta, thresholds));
    for (size_t i = 0; i < fixture.n_images; i++)
        for (size_t t = 0; t < fixture.n_tasks; t++) {
            const struct npy *map = find_map(i, t);
            if (!map)
                continue;
            assert_ok(bv_map_masks_add(m, image_name(i), task_name(t), npy_f32(map),
                                       (int)map->shape[0], (int)map->shape[1], &err),
                      err);
        }
}

static void same_masks(const json_t *ours, const char *file)
{
    json_t *theirs = load(file);
    for (size_t i = 0; i < fixture.n_images; i++)
        for (size_t t = 0; t < fixture.n_tasks; t++) {
            const json_t *a = json_object_get(json_object_get(ours, image_name(i)), task_name(t));
            const json_t *b = json_object_get(json_object_get(theirs, image_name(i)), task_name(t));
            if (!a)
                assert_null(find_map(i, t));
            else if (!json_equal(a, b))
                fail_msg("%s: %s, %s: another mask", file, image_name(i), task_name(t));
        }
    json_decref(theirs);
}

static void test_masks(void **state)
{
    struct bv_map_masks m = {0};
    (void)state;
    add_maps(&m, NULL, false);
    same_masks(m.masks, "otsu_segmentations.json");
    for (size_t i = 0; i < fixture.n_images; i++)
        for (size_t t = 0; t < fixture.n_tasks; t++) {
            const json_t *point =
                json_object_get(json_object_get(m.points, image_name(i)), task_name(t));
            const int32_t *theirs = peak_of(i, t);
            if (!find_map(i, t))
                continue;
            assert_int_equal(json_integer_value(json_array_get(point, 0)), theirs[0]);
            assert_int_equal(json_integer_value(json_array_get(point, 1)), theirs[1]);
        }
    bv_map_masks_free(&m);
    add_maps(&m, "tuned_threshold_rounded", false);
    same_masks(m.masks, "tuned_segmentations.json");
    bv_map_masks_free(&m);
}

static void test_tuning(void **state)
{
    struct bv_error err = {0};
    struct bv_map_masks m = {0};
    json_t *tuned = NULL;
    (void)state;
    add_maps(&m, NULL, true);
    assert_ok(bv_map_masks_tuned(&m, &tuned, &err), err);
    assert_true(json_equal(tuned, json_object_get(fixture.meta, "tuned_threshold_rounded")));
    json_decref(tuned);
    bv_map_masks_free(&m);
}

// ---- Scores ----

static double digits(double value)
{
    return rint(value * 1000) / 1000;
}

static size_t find_task(const struct bv_localization *l, const char *task)
{
    for (size_t t = 0; t < l->n_tasks; t++)
        if (strcmp(l->tasks[t], task) == 0)
            return t;
    fail_msg("no task %s", task);
    return 0;
}

static void same_number(const char *what, double ours, double theirs, double limit)
{
    if (isnan(ours) != isnan(theirs) || fabs(ours - theirs) > limit)
        fail_msg("%s: %.17g, theirs %.17g", what, ours, theirs);
}

static void check_scores(const struct bv_localization *l, enum bv_localization_measure m,
                         const char *run)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s/per_cxr", run);
    const struct npy *each = array(name);
    (void)snprintf(name, sizeof name, "%s/bootstrap_sum", run);
    const struct npy *sums = array(name);
    (void)snprintf(name, sizeof name, "%s_summary", run);
    const json_t *summary = json_object_get(fixture.meta, name);
    assert_int_equal(each->shape[0], l->n_images);
    for (size_t t = 0; t < fixture.n_tasks; t++) {
        const size_t own = find_task(l, task_name(t));
        const struct bv_localization_summary *s = &l->means[m][own];
        const json_t *theirs = json_object_get(summary, task_name(t));
        const double ours[3] = {s->low, s->replicates_mean, s->high};
        for (size_t i = 0; i < l->n_images; i++)
            same_number(run, l->scores[m][i * l->n_tasks + own],
                        npy_f64(each)[i * fixture.n_tasks + t], 0);
        same_number(run, s->replicates_mean * BV_REPLICATES, npy_f64(sums)[t], 1e-9);
        for (size_t k = 0; k < 3; k++) // to the digit
            same_number(task_name(t), digits(ours[k]), json_number_value(json_array_get(theirs, k)),
                        0);
    }
}

static void check_run(const json_t *predicted, const json_t *points,
                      enum bv_localization_measure measure, const char *run)
{
    struct bv_error err = {0};
    struct bv_localization l = {0};
    assert_ok(bv_localization_score(&l, fixture.truth, predicted, points, &err), err);
    check_scores(&l, measure, run);
    bv_localization_free(&l);
}

static void test_scores(void **state)
{
    struct bv_map_masks m = {0};
    json_t *otsu = load("otsu_segmentations.json"), *tuned = load("tuned_segmentations.json"),
           *pinned = load("otsu_pillow7.1.2_segmentations.json");
    (void)state;
    check_run(otsu, NULL, BV_IOU_FOUND, "otsu_tpo");
    check_run(otsu, NULL, BV_IOU_ALL, "otsu_all");
    check_run(tuned, NULL, BV_IOU_FOUND, "tuned_tpo");
    check_run(pinned, NULL, BV_IOU_FOUND, "pinned_tpo");
    (void)json_object_set(otsu, "patient99999_study1_view1_frontal",
                          json_object_get(otsu, image_name(0)));
    (void)json_object_del(otsu, "patient64503_study1_view1_frontal");
    (void)json_object_del(otsu, "patient64509_study1_view1_frontal");
    check_run(otsu, NULL, BV_IOU_ALL, "partial_all");
    add_maps(&m, NULL, false);
    for (size_t i = 0; i < fixture.n_images; i++)
        for (size_t t = 0; t < fixture.n_tasks; t++)
            if (!find_map(i, t))
                (void)json_object_set_new(json_object_get(m.points, image_name(i)), task_name(t),
                                          json_pack("[i, i]", peak_of(i, t)[0], peak_of(i, t)[1]));
    check_run(m.masks, m.points, BV_HIT, "hit");
    bv_map_masks_free(&m);
    json_decref(otsu);
    json_decref(tuned);
    json_decref(pinned);
}

// TorchRay's pointing game, with 15 pixels and without.
static void test_pointing(void **state)
{
    struct bv_error err = {0};
    struct npz arrays;
    char path[512];
    (void)state;
    (void)snprintf(path, sizeof path, "%s",
                   path_in(fixture.dir, "explain/chexlocalize/golden_pointing.npz"));
    assert_int_equal(npz_open(&arrays, path), 0);
    const struct npy *rows = npz_find(&arrays, "results"), *edge = npz_find(&arrays, "edge");
    for (size_t r = 0; r < rows->shape[0]; r++) {
        const int32_t *row = (const int32_t *)rows->data + 6 * r;
        struct bv_mask_runs truth = {0};
        bool found = false;
        assert_ok(bv_mask_file_get(fixture.truth, image_name((size_t)row[0]),
                                   task_name((size_t)row[1]), &truth, &found, &err),
                  err);
        assert_int_equal(bv_mask_runs_near(&truth, row[3], row[2], 225), row[4] == 1);
        assert_int_equal(bv_mask_runs_near(&truth, row[3], row[2], 1), row[5] == 1);
        bv_mask_runs_free(&truth);
    }
    uint8_t mask[60 * 60] = {0};
    struct bv_mask_runs one = {0};
    mask[30 * 60 + 30] = 1;
    assert_ok(bv_mask_runs_make(&one, mask, 60, 60, &err), err);
    for (size_t r = 0; r < edge->shape[0]; r++) {
        const int32_t *row = (const int32_t *)edge->data + 3 * r;
        assert_int_equal(bv_mask_runs_near(&one, row[1], row[0], 225), row[2] == 1);
    }
    bv_mask_runs_free(&one);
    npz_close(&arrays);
}

// ---- Refused ----

static json_t *truth_of_two(void)
{
    json_t *truth =
        json_pack("{s:{s:{s:[i, i], s:[i, i, i]}}, s:{s:{s:[i, i], s:[i, i]}}}", "a", "T", "size",
                  2, 3, "counts", 2, 2, 2, "b", "T", "size", 2, 3, "counts", 4, 2);
    assert_non_null(truth);
    return truth;
}

static void test_refused_maps(void **state)
{
    static const struct {
        float first;
        enum bv_status status;
    } cases[] = {{0, BV_OK},
                 {NAN, BV_OK},
                 {INFINITY, BV_ERR_FORMAT},
                 {-INFINITY, BV_ERR_FORMAT},
                 {-3e38F, BV_ERR_FORMAT}}; // of which a share of the range is no f32
    json_t *truth = truth_of_two();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        struct bv_map_masks m = {0};
        const float map[6] = {cases[i].first, 1, 2, 3e38F, 2, 1}, none[1] = {NAN};
        assert_ok(bv_map_masks_open(&m, truth, NULL, i % 2, &err), err);
        assert_int_equal(bv_map_masks_add(&m, "a", "T", map, 2, 3, &err), cases[i].status);
        assert_int_equal(bv_map_masks_has(&m, "a", "T"), cases[i].status == BV_OK);
        assert_int_equal(bv_map_masks_add(&m, "b", "T", none, 1, 1, &err), BV_ERR_FORMAT);
        if (cases[i].status == BV_OK) {
            json_t *before = json_deep_copy(m.masks);
            assert_int_equal(bv_map_masks_add(&m, "a", "T", (const float[]){1, 2}, 1, 2, &err),
                             BV_ERR_ARG);
            assert_non_null(strstr(err.text, "a second map"));
            assert_true(json_equal(before, m.masks));
            json_decref(before);
        }
        bv_map_masks_free(&m);
    }
    json_decref(truth);
}

static void test_refused_files(void **state)
{
    static const struct {
        const char *text, *says;
    } thresholds[] = {{"threshold,task\n0.3,T\n1,U\n0,V\n", NULL},
                      {"threshold,task\n30,T\n", "line 2: a threshold is a share"},
                      {"threshold,task\n0.3,U\n-0.1,T\n", "line 3: a threshold is a share"},
                      {"threshold,task\nnan,T\n", "line 2: no task with a threshold"},
                      {"task,threshold\nT,0.2\nT,0.3\n", "line 3: task \"T\" has two"}};
    static const struct {
        const char *counts;
        enum bv_status status;
    } masks[] = {
        {"\"13\"", BV_OK},         {"\"13\\u000013\"", BV_ERR_FORMAT}, // right up to a zero
        {"\"1\"", BV_ERR_FORMAT},  {"[1, 3]", BV_OK},
        {"[1, 2]", BV_ERR_FORMAT}, {"7", BV_ERR_FORMAT}};
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        struct bv_error err = {0};
        struct bv_map_masks m = {0};
        const char *path =
            temporary_file(state, "thresholds.csv", thresholds[i].text, strlen(thresholds[i].text));
        const enum bv_status status = bv_map_masks_open(&m, NULL, path, false, &err);
        assert_int_equal(status, thresholds[i].says ? BV_ERR_FORMAT : BV_OK);
        if (thresholds[i].says && !strstr(err.text, thresholds[i].says))
            fail_msg("%s: not \"%s\"", err.text, thresholds[i].says);
        bv_map_masks_free(&m);
    }
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct bv_error err = {0};
        json_t *made = NULL;
        char text[128];
        (void)snprintf(text, sizeof text, "{\"a\":{\"T\":{\"size\":[2,2],\"counts\":%s}}}",
                       masks[i].counts);
        const char *path = temporary_file(state, "masks.json", text, strlen(text));
        assert_int_equal(bv_mask_file_load(&made, path, &err), masks[i].status);
        json_decref(made);
    }
}

static void refuse_scores(const json_t *truth, const json_t *predicted, enum bv_status status,
                          const char *says)
{
    struct bv_error err = {0};
    struct bv_localization l = {0};
    assert_int_equal(bv_localization_score(&l, truth, predicted, NULL, &err), status);
    if (status != BV_OK)
        assert_non_null(strstr(err.text, says));
    bv_localization_free(&l);
}

static void test_refused_scores(void **state)
{
    json_t *truth = truth_of_two(), *many = truth_of_two(), *tasks = json_object();
    const json_t *one = json_object_get(truth, "a");
    json_t *task = json_pack("{s:O}", "t", json_object_get(one, "T"));
    json_t *of_image = json_pack("{s:O}", "c", one), *of_task = json_pack("{s:o}", "a", task);
    json_t *nothing = json_pack("{s:{}}", "a");
    (void)state;
    refuse_scores(truth, of_image, BV_ERR_ARG, "no image of the prediction");
    refuse_scores(truth, of_task, BV_ERR_ARG, "no task of the prediction");
    refuse_scores(truth, nothing, BV_OK, NULL);
    refuse_scores(truth, truth, BV_OK, NULL);
    for (int i = 0; i < 512; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        (void)json_object_set(tasks, name, json_object_get(one, "T"));
    }
    (void)json_object_set(many, "a", tasks);
    (void)json_object_del(many, "b");
    for (int i = 0; i < 8192; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        (void)json_object_set_new(many, name, json_object());
    }
    refuse_scores(many, many, BV_ERR_LIMIT, "8193 images with 512 tasks");
    json_decref(tasks);
    json_decref(many);
    json_decref(nothing);
    json_decref(of_task);
    json_decref(of_image);
    json_decref(truth);
}

static int open_fixture(void **state)
{
    char path[512];
    (void)state;
    json_t *json = load("golden_localize.json");
    fixture.meta = json_incref(json_object_get(json, "meta"));
    json_decref(json);
    fixture.truth = load("gt_segmentations.json");
    fixture.n_images = json_array_size(json_object_get(fixture.meta, "ids"));
    fixture.n_tasks = json_array_size(json_object_get(fixture.meta, "tasks_in_order_of_bootstrap"));
    (void)snprintf(path, sizeof path, "%s",
                   path_in(fixture.dir, "explain/chexlocalize/golden_localize.npz"));
    return npz_open(&fixture.arrays, path);
}

static int close_fixture(void **state)
{
    (void)state;
    npz_close(&fixture.arrays);
    json_decref(fixture.meta);
    json_decref(fixture.truth);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),     cmocka_unit_test(test_masks),
        cmocka_unit_test(test_tuning),   cmocka_unit_test(test_scores),
        cmocka_unit_test(test_pointing),
    };
    const struct CMUnitTest refused[] = {cmocka_unit_test(test_refused_maps),
                                         cmocka_unit_test_setup_teardown(test_refused_files,
                                                                         temporary_folder,
                                                                         temporary_folder_remove),
                                         cmocka_unit_test(test_refused_scores)};
    const int failed = cmocka_run_group_tests(refused, NULL, NULL);
    fixture.dir = conformance_dir();
    if (!fixture.dir || failed)
        return failed ? failed : TEST_SKIPPED;
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
