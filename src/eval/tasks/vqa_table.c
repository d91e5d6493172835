#include "eval/tasks/vqa.h"

#include <stdlib.h>

#include "table/csv.h"

struct columns {
    int prediction, answer, type, by;
};

static enum bv_status find_columns(const struct bv_csv_reader *csv, const char *path,
                                   const char *by, struct columns *c, struct bv_error *err)
{
    c->by = -1;
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
                               struct bv_vqa_results *results, struct bv_error *err)
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
    struct bv_vqa_results *results = calloc(1, sizeof *results);
    if (!results)
        return bv_fail_nomem(err, "the results");
    enum bv_status status = bv_csv_open(&csv, path, bv_csv_separator(path), err);
    if (status == BV_OK)
        status = add_rows(csv, path, by, results, err);
    if (status == BV_OK)
        status = bv_vqa_results_json(results, result, err);
    bv_csv_close(&csv);
    free(results);
    return status;
}
