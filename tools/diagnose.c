// biovl classify with a fusion encoder: the scores of its diagnosis head for an image and a report.
#include <stdio.h>
#include <stdlib.h>

#include "fused.h"

static const char *name_of(const struct bv_fused_image *image, size_t i, char number[32])
{
    const char *name = bv_fused_image_name(image, "diagnose", i);
    (void)snprintf(number, 32, "class %zu", i);
    return name ? name : number;
}

static void print_rows(const struct bv_fused_image *image, const char *path, const double *scores,
                       size_t n, bool csv, bool header)
{
    const char *kind = bv_fused_image_kind(image, "diagnose");
    char number[32];
    if (!csv)
        printf("%s  (%s)\n", path, kind);
    else if (header)
        printf("path,label,score,kind\n");
    for (size_t i = 0; i < n; i++) {
        const char *name = name_of(image, i, number);
        if (csv) {
            print_csv_field(path);
            (void)putchar(',');
            print_csv_field(name);
            printf(",%.9g,%s\n", scores[i], kind);
        } else {
            printf("  %-32s %10.6f\n", name, scores[i]);
        }
    }
}

static int print_json(const struct opened *o, const struct bv_fused_image *image,
                      const double *scores, size_t n)
{
    json_t *object = fused_json(o, image), *list = json_array();
    char number[32];
    if (!object)
        return EXIT_INTERNAL;
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:f, s:s}", "label", name_of(image, i, number), "score",
                            scores[i], "kind", bv_fused_image_kind(image, "diagnose")));
    (void)json_object_set_new(object, "scores", list);
    return print_fused_json(object);
}

struct diagnosis {
    const struct fused_options *options;
    const char *report;
    bool csv, begun; // whether the header of the CSV is printed
};

static int diagnose(void *arg, const struct opened *o, struct bv_fused_image *image,
                    const char *name)
{
    struct diagnosis *d = arg;
    int truncated = 0;
    size_t n = bv_fused_image_count(image, "diagnose");
    double *scores = calloc(n + 1, sizeof *scores);
    enum bv_status status =
        scores ? bv_fused_image_scores(image, "diagnose", d->report, scores, n, &truncated)
               : BV_ERR_NOMEM;
    int code = status == BV_OK ? EXIT_OK : (int)report_failure(o->context, status);
    if (status == BV_OK) {
        print_research_notice(o);
        if (truncated)
            (void)fprintf(stderr, "biovl: warning: the report was cut to the model's maximum\n");
        if (d->options->json)
            code = print_json(o, image, scores, n);
        else
            print_rows(image, name, scores, n, d->csv, !d->begun);
        d->begun = true;
    }
    free(scores);
    return code;
}

int run_diagnosis(const struct fused_options *options, const char *path, const char *report,
                  bool csv)
{
    struct diagnosis d = {options, report, csv, false};
    return with_fused(options, path, "diagnose", diagnose, &d);
}
