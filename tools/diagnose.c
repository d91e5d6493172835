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
                       size_t n, bool csv)
{
    const char *kind = bv_fused_image_kind(image, "diagnose");
    char number[32];
    printf(csv ? "path,label,score,kind\n" : "%s  (%s)\n", path, kind);
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

int run_diagnosis(const struct fused_options *options, const char *path, const char *report,
                  bool csv)
{
    struct opened o = {0};
    struct bv_fused_image *image = NULL;
    int truncated = 0, code = open_fused(options, path, "diagnose", &o, &image);
    size_t n = image ? bv_fused_image_count(image, "diagnose") : 0;
    double *scores = calloc(n + 1, sizeof *scores);
    if (image && scores) {
        enum bv_status status =
            bv_fused_image_scores(image, "diagnose", report, scores, n, &truncated);
        if (status != BV_OK)
            code = (int)report_failure(o.context, status);
    }
    if (image && scores && code == EXIT_OK) {
        print_research_notice(&o);
        if (truncated)
            (void)fprintf(stderr, "biovl: warning: the report was cut to the model's maximum\n");
        if (options->json)
            code = print_json(&o, image, scores, n);
        else
            print_rows(image, path, scores, n, csv);
    }
    free(scores);
    bv_fused_image_close(&image);
    close_model(&o);
    return code;
}
