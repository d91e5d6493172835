#include "eval/tasks/grounding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/data/out_folder.h"
#include "table/csv.h"

enum { MAX_BOXES = 256 };

struct table {
    const char *path, *root;
    struct bv_csv_reader *csv;
    int map, category, box[4]; // columns
    // The current map.
    char map_name[1024], category_name[128];
    struct bv_box boxes[MAX_BOXES];
    size_t n_boxes;
    struct bv_grounding_sums sums;
    json_t *maps;
};

static enum bv_status find_columns(struct table *t, struct bv_error *err)
{
    static const char *const names[] = {"x", "y", "w", "h"};
    BV_TRY(bv_csv_find(t->csv, "map", &t->map, err));
    BV_TRY(bv_csv_find(t->csv, "category", &t->category, err));
    if (t->map < 0)
        return bv_fail(err, BV_ERR_ARG, "%s: no column \"map\"", t->path);
    for (int i = 0; i < 4; i++) {
        BV_TRY(bv_csv_find(t->csv, names[i], &t->box[i], err));
        if (t->box[i] < 0)
            return bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\"", t->path, names[i]);
    }
    return BV_OK;
}

// Evaluates the map whose boxes are complete.
static enum bv_status finish_map(struct table *t, struct bv_error *err)
{
    float *map = NULL;
    size_t H = 0, W = 0;
    struct bv_grounding g = {0};
    if (!t->n_boxes)
        return BV_OK;
    BV_TRY(bv_map_file_load(t->path, t->root, t->map_name, &map, &H, &W, err));
    enum bv_status status = bv_grounding_evaluate(map, H, W, t->boxes, t->n_boxes, &g, err);
    free(map);
    if (status != BV_OK)
        return bv_fail_prefix(err, "%s", t->map_name);
    if (bv_grounding_sums_add(&t->sums, &g, t->category >= 0 ? t->category_name : NULL, err) !=
        BV_OK)
        return bv_fail_prefix(err, "%s", t->path);
    (void)json_array_append_new(t->maps, json_pack("{s:s, s:o, s:o, s:o, s:b}", "map", t->map_name,
                                                   "cnr_signed", bv_result_number(g.cnr_signed),
                                                   "cnr_absolute", bv_result_number(g.cnr_absolute),
                                                   "mean_iou", bv_result_number(g.mean_iou),
                                                   "pointing_hit", g.hit));
    t->n_boxes = 0;
    return BV_OK;
}

static enum bv_status read_box(struct table *t, const struct bv_csv_row *row, struct bv_error *err)
{
    struct bv_box box;
    int bad = bv_box_parse(row->fields, t->box, &box);
    if (bad >= 0)
        return bv_fail(err, BV_ERR_FORMAT, "%s: line %llu: \"%.40s\" is no coordinate", t->path,
                       (unsigned long long)row->line, row->fields[bad]);
    if (t->n_boxes == MAX_BOXES)
        return bv_fail(err, BV_ERR_LIMIT, "%s: line %llu: more than %d boxes of one map", t->path,
                       (unsigned long long)row->line, MAX_BOXES);
    t->boxes[t->n_boxes++] = box;
    return BV_OK;
}

static enum bv_status read_rows(struct table *t, struct bv_error *err)
{
    const struct bv_csv_row *row = NULL;
    BV_TRY(find_columns(t, err));
    for (;;) {
        BV_TRY(bv_csv_next(t->csv, &row, err));
        if (!row)
            return finish_map(t, err);
        if (row->n != bv_csv_header(t->csv)->n)
            return bv_fail(err, BV_ERR_FORMAT, "%s: line %llu: %zu fields, the header has %zu",
                           t->path, (unsigned long long)row->line, row->n,
                           bv_csv_header(t->csv)->n);
        const char *name = row->fields[t->map];
        if (!*name || strlen(name) >= sizeof t->map_name)
            return bv_fail(err, BV_ERR_FORMAT, "%s: line %llu: no map, or a name too long", t->path,
                           (unsigned long long)row->line);
        if (strcmp(name, t->map_name) != 0)
            BV_TRY(finish_map(t, err));
        (void)snprintf(t->map_name, sizeof t->map_name, "%s", name);
        if (t->category >= 0)
            (void)snprintf(t->category_name, sizeof t->category_name, "%.127s",
                           row->fields[t->category]);
        BV_TRY(read_box(t, row, err));
    }
}

enum bv_status bv_grounding_table(const char *path, const char *root, json_t **result,
                                  struct bv_error *err)
{
    struct table *t = calloc(1, sizeof *t);
    if (!t || !(t->maps = json_array())) {
        free(t);
        return bv_fail_nomem(err, "the results");
    }
    t->path = path;
    t->root = root;
    enum bv_status status = bv_csv_open(&t->csv, path, bv_csv_separator(path), err);
    if (status == BV_OK)
        status = read_rows(t, err);
    bv_csv_close(&t->csv);
    if (status == BV_OK)
        status = bv_grounding_sums_json(&t->sums, result, err);
    if (status == BV_OK)
        (void)json_object_set(*result, "maps", t->maps);
    json_decref(t->maps);
    free(t);
    return status;
}
