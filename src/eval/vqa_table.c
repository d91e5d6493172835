#include "eval/vqa_table.h"

#include <math.h>
#include <strings.h>

#include "eval/result_number.h"
#include "eval/vqa_metrics.h"
#include "table/csv.h"

struct columns {
    int prediction, answer, type;
};

static enum bv_status find_columns(const struct bv_csv_reader *csv, const char *path,
                                   struct columns *c, struct bv_error *err)
{
    BV_TRY(bv_csv_find(csv, "prediction", &c->prediction, err));
    BV_TRY(bv_csv_find(csv, "answer", &c->answer, err));
    BV_TRY(bv_csv_find(csv, "type", &c->type, err));
    if (c->type < 0)
        BV_TRY(bv_csv_find(csv, "answer_type", &c->type, err));
    if (c->prediction < 0 || c->answer < 0)
        return bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\"", path,
                       c->answer < 0 ? "answer" : "prediction");
    return BV_OK;
}

static enum bv_status is_closed(const struct bv_csv_row *row, const struct columns *c,
                                const char *path, bool *closed, struct bv_error *err)
{
    static const char *const closed_names[] = {"closed", "0", "yes/no"};
    static const char *const open_names[] = {"open", "1"};
    if (c->type < 0) {
        *closed = strcasecmp(row->fields[c->answer], "yes") == 0 ||
                  strcasecmp(row->fields[c->answer], "no") == 0;
        return BV_OK;
    }
    const char *type = row->fields[c->type];
    for (size_t i = 0; i < 3; i++) {
        *closed = strcasecmp(type, closed_names[i]) == 0;
        if (*closed || (i < 2 && strcasecmp(type, open_names[i]) == 0))
            return BV_OK;
    }
    return bv_fail(err, BV_ERR_FORMAT, "%s: line %llu: type \"%.40s\" is not closed or open", path,
                   (unsigned long long)row->line, type);
}

static enum bv_status add_rows(struct bv_csv_reader *csv, const char *path, struct bv_vqa *vqa,
                               struct bv_error *err)
{
    struct columns c;
    const struct bv_csv_row *row = NULL;
    bool closed = false;
    BV_TRY(find_columns(csv, path, &c, err));
    for (;;) {
        BV_TRY(bv_csv_next(csv, &row, err));
        if (!row)
            return BV_OK;
        if (row->n != bv_csv_header(csv)->n)
            return bv_fail(err, BV_ERR_FORMAT, "%s: line %llu: %zu fields, the header has %zu",
                           path, (unsigned long long)row->line, row->n, bv_csv_header(csv)->n);
        BV_TRY(is_closed(row, &c, path, &closed, err));
        bv_vqa_add(vqa, row->fields[c.prediction], row->fields[c.answer], closed);
    }
}

enum bv_status bv_vqa_table(const char *path, json_t **result, struct bv_error *err)
{
    struct bv_csv_reader *csv = NULL;
    struct bv_vqa vqa = {0};
    BV_TRY(bv_csv_open(&csv, path, ',', err));
    enum bv_status status = add_rows(csv, path, &vqa, err);
    bv_csv_close(&csv);
    BV_TRY(status);
    json_t *made = json_pack(
        "{s:I, s:I, s:o, s:o, s:o}", "n_closed", (json_int_t)vqa.n_closed, "n_open",
        (json_int_t)vqa.n_open, "closed", bv_result_number(bv_vqa_closed(&vqa)), "open",
        bv_result_number(bv_vqa_open(&vqa)), "overall", bv_result_number(bv_vqa_overall(&vqa)));
    if (!made)
        return bv_fail_nomem(err, "the results");
    *result = made;
    return BV_OK;
}
