#include "eval/tasks/vqa.h"

#include <stdlib.h>

#include "eval/data/labelled.h"
#include "eval/data/setup.h"
#include "table/csv.h"

struct columns {
    int prediction, answer, type, by, path; // path -1: the file names no images
};

static enum bv_status find_path(const struct bv_csv_reader *csv, int *column, struct bv_error *err)
{
    static const char *const usual[] = {"path",     "image_path", "image",
                                        "img_name", "file",       "filename"};
    *column = -1;
    for (size_t i = 0; i < sizeof usual / sizeof *usual && *column < 0; i++)
        BV_TRY(bv_csv_find(csv, usual[i], column, err));
    return BV_OK;
}

static enum bv_status find_columns(const struct bv_csv_reader *csv, const char *path,
                                   const char *by, struct columns *c, struct bv_error *err)
{
    c->by = -1;
    BV_TRY(find_path(csv, &c->path, err));
    BV_TRY(bv_csv_find(csv, "prediction", &c->prediction, err));
    BV_TRY(bv_csv_find(csv, "answer", &c->answer, err));
    BV_TRY(bv_csv_find(csv, "type", &c->type, err));
    if (c->type < 0)
        BV_TRY(bv_csv_find(csv, "answer_type", &c->type, err));
    if (c->prediction < 0 || c->answer < 0)
        return bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\"", path,
                       c->answer < 0 ? "answer" : "prediction");
    if (by)
        BV_TRY(bv_csv_find(csv, by, &c->by, err));
    if (by && c->by < 0)
        return bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\"", path, by);
    return BV_OK;
}

static enum bv_status add_rows(struct bv_csv_reader *csv, const char *path, const char *by,
                               struct bv_vqa_results *results, struct bv_path_list *images,
                               struct bv_error *err)
{
    struct columns c;
    const struct bv_csv_row *row = NULL;
    bool closed = false;
    BV_TRY(find_columns(csv, path, by, &c, err));
    for (;;) {
        BV_TRY(bv_csv_next(csv, &row, err));
        if (!row)
            return BV_OK;
        if (row->n != bv_csv_header(csv)->n)
            return bv_fail(err, BV_ERR_FORMAT, "%s: line %llu: %zu fields, the header has %zu",
                           path, (unsigned long long)row->line, row->n, bv_csv_header(csv)->n);
        if (c.path >= 0)
            BV_TRY(bv_path_list_add(images, row->fields[c.path], err));
        const char *type = c.type < 0 ? NULL : row->fields[c.type];
        if (!bv_vqa_is_closed(type, row->fields[c.answer], &closed))
            return bv_fail(err, BV_ERR_FORMAT,
                           "%s: line %llu: type \"%.40s\" is not closed or open", path,
                           (unsigned long long)row->line, type);
        BV_TRY(bv_vqa_results_add(results, row->fields[c.prediction], row->fields[c.answer], closed,
                                  c.by < 0 ? NULL : row->fields[c.by], err));
    }
}

enum bv_status bv_vqa_table(const char *path, const char *by, json_t **result, struct bv_error *err)
{
    struct bv_csv_reader *csv = NULL;
    struct bv_path_list images = {.n = 0};
    json_t *made = NULL;
    struct bv_vqa_results *results = calloc(1, sizeof *results);
    if (!results)
        return bv_fail_nomem(err, "the results");
    enum bv_status status = bv_csv_open(&csv, path, bv_csv_separator(path), err);
    if (status == BV_OK)
        status = add_rows(csv, path, by, results, &images, err);
    if (status == BV_OK)
        status = bv_vqa_results_json(results, &made, err);
    if (status == BV_OK)
        status = bv_setup_name_data(path, &images, made, err);
    if (status == BV_OK)
        *result = made;
    else
        json_decref(made);
    bv_path_list_free(&images);
    bv_csv_close(&csv);
    free(results);
    return status;
}
