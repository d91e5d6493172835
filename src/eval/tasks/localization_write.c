// The files of a comparison of masks.
#include <math.h>

#include "eval/data/out_folder.h"
#include "eval/tasks/localization.h"

static enum bv_status write_scores(const struct bv_localization *l, const char *folder,
                                   struct bv_error *err)
{
    static const char *const columns[] = {"image", "task", "iou", "iou_all", "hit", "hit_15px"};
    struct bv_row_file file = {0};
    BV_TRY(bv_row_file_create(&file, folder, "scores.csv", columns,
                              sizeof columns / sizeof *columns, err));
    for (size_t i = 0; i < l->n_images; i++)
        for (size_t t = 0; t < l->n_tasks; t++) {
            bv_csv_put(&file.csv, l->images[i]);
            bv_csv_put(&file.csv, l->tasks[t]);
            for (int m = 0; m < BV_LOCALIZATION_MEASURES; m++)
                bv_csv_put_number(&file.csv, l->scores[m][i * l->n_tasks + t]);
            bv_csv_end(&file.csv);
        }
    return bv_row_file_commit(&file, err);
}

static void put_digits(struct bv_csv_writer *csv, double value)
{
    bv_csv_put_number(csv, rint(value * 1000) / 1000);
}

static enum bv_status write_summary(const struct bv_localization *l, const char *folder,
                                    struct bv_error *err)
{
    static const char *const columns[] = {"metric", "name",  "n",      "lower",
                                          "mean",   "upper", "of_data"};
    static const char *const names[] = {"miou", "miou_all", "hitrate", "hitrate_15px"};
    struct bv_row_file file = {0};
    BV_TRY(bv_row_file_create(&file, folder, "summary.csv", columns,
                              sizeof columns / sizeof *columns, err));
    for (int m = 0; m < BV_LOCALIZATION_MEASURES; m++)
        for (size_t t = 0; t < l->n_tasks; t++) {
            const struct bv_localization_summary *s = &l->means[m][t];
            bv_csv_put(&file.csv, names[m]);
            bv_csv_put(&file.csv, l->tasks[t]);
            bv_csv_put_integer(&file.csv, (int64_t)s->n);
            put_digits(&file.csv, s->low);
            put_digits(&file.csv, s->replicates_mean);
            put_digits(&file.csv, s->high);
            put_digits(&file.csv, s->mean);
            bv_csv_end(&file.csv);
        }
    return bv_row_file_commit(&file, err);
}

enum bv_status bv_localization_write(const struct bv_localization *l, const char *folder,
                                     struct bv_error *err)
{
    BV_TRY(write_scores(l, folder, err));
    return write_summary(l, folder, err);
}
