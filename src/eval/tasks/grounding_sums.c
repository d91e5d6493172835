#include "eval/tasks/grounding.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/data/out_folder.h"

static void add(struct bv_grounding_sum *sum, const struct bv_grounding *g)
{
    sum->n++;
    sum->mean_iou += g->mean_iou;
    sum->hits += g->hit;
    sum->hits_near += g->hit_near;
    sum->dice += g->dice_equal_area;
    if (g->has_areas) {
        sum->n_areas++;
        sum->deletion_auc += g->deletion_auc;
        sum->insertion_auc += g->insertion_auc;
    }
    if (isnan(g->cnr_signed))
        return;
    sum->n_cnr++;
    sum->cnr_signed += g->cnr_signed;
    sum->cnr_absolute += g->cnr_absolute;
}

enum bv_status bv_grounding_sums_add(struct bv_grounding_sums *s, const struct bv_grounding *g,
                                     const char *category, struct bv_error *err)
{
    size_t i = 0;
    add(&s->all, g);
    if (!category)
        return BV_OK;
    while (i < s->n_categories && strncmp(s->categories[i].name, category, 127) != 0)
        i++;
    if (i == BV_GROUNDING_MAX_CATEGORIES)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d categories", BV_GROUNDING_MAX_CATEGORIES);
    if (i == s->n_categories) {
        (void)snprintf(s->categories[i].name, sizeof s->categories[i].name, "%.127s", category);
        s->n_categories++;
    }
    add(&s->categories[i], g);
    return BV_OK;
}

static json_t *means(const struct bv_grounding_sum *s)
{
    double n = s->n ? (double)s->n : NAN, n_cnr = s->n_cnr ? (double)s->n_cnr : NAN;
    json_t *made = json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "n", (json_int_t)s->n, "n_without_cnr",
        (json_int_t)(s->n - s->n_cnr), "cnr_signed", bv_result_number(s->cnr_signed / n_cnr),
        "cnr_absolute", bv_result_number(s->cnr_absolute / n_cnr), "mean_iou",
        bv_result_number(s->mean_iou / n), "pointing_accuracy", bv_result_number(s->hits / n),
        "pointing_accuracy_15px", bv_result_number(s->hits_near / n), "dice_equal_area",
        bv_result_number(s->dice / n));
    if (made && s->n_areas) {
        const double areas = (double)s->n_areas;
        (void)json_object_set_new(made, "deletion_auc", bv_result_number(s->deletion_auc / areas));
        (void)json_object_set_new(made, "insertion_auc",
                                  bv_result_number(s->insertion_auc / areas));
    }
    return made;
}

enum bv_status bv_grounding_sums_json(const struct bv_grounding_sums *s, json_t **json,
                                      struct bv_error *err)
{
    json_t *made = means(&s->all), *categories = json_object();
    for (size_t i = 0; i < s->n_categories; i++)
        (void)json_object_set_new(categories, s->categories[i].name, means(&s->categories[i]));
    if (!made || json_object_set_new(made, "categories", categories) != 0) {
        json_decref(made);
        return bv_fail_nomem(err, "the results");
    }
    *json = made;
    return BV_OK;
}
