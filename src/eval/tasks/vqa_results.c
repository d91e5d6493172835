#include "eval/tasks/vqa.h"

#include <stdio.h>
#include <string.h>

#include "eval/data/out_folder.h"

static enum bv_status find_kind(struct bv_vqa_results *r, const char *name,
                                struct bv_vqa_kind **kind, struct bv_error *err)
{
    size_t i = 0;
    while (i < r->n_kinds && strcmp(r->kinds[i].name, name) != 0)
        i++;
    if (i == BV_VQA_MAX_KINDS)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d values in the column to report by",
                       BV_VQA_MAX_KINDS);
    if (i == r->n_kinds) {
        int n = snprintf(r->kinds[i].name, sizeof r->kinds[i].name, "%s", name);
        if (n < 0 || (size_t)n >= sizeof r->kinds[i].name)
            return bv_fail(err, BV_ERR_LIMIT, "\"%.40s…\": a value too long to report by", name);
        r->n_kinds++;
    }
    *kind = &r->kinds[i];
    return BV_OK;
}

enum bv_status bv_vqa_results_add(struct bv_vqa_results *r, const char *predicted,
                                  const char *answer, bool closed, const char *kind,
                                  struct bv_error *err)
{
    struct bv_vqa_kind *of_kind = NULL;
    if (kind) {
        BV_TRY(find_kind(r, kind, &of_kind, err));
        bv_vqa_add(&of_kind->counts, predicted, answer, closed);
    }
    bv_vqa_add(&r->all, predicted, answer, closed);
    return BV_OK;
}

static json_t *counts_json(const struct bv_vqa *vqa)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "n_closed", (json_int_t)vqa->n_closed, "n_open",
                     (json_int_t)vqa->n_open, "closed", bv_result_number(bv_vqa_closed(vqa)),
                     "open", bv_result_number(bv_vqa_open(vqa)), "overall",
                     bv_result_number(bv_vqa_overall(vqa)));
}

enum bv_status bv_vqa_results_json(const struct bv_vqa_results *r, json_t **json,
                                   struct bv_error *err)
{
    json_t *made = counts_json(&r->all), *by = r->n_kinds ? json_object() : NULL;
    for (size_t i = 0; i < r->n_kinds; i++)
        (void)json_object_set_new(by, r->kinds[i].name, counts_json(&r->kinds[i].counts));
    if (by)
        (void)json_object_set_new(made, "by", by);
    if (!made)
        return bv_fail_nomem(err, "the results");
    *json = made;
    return BV_OK;
}
