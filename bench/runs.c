// Two finished evaluations of made-up scores, to time what comes after scoring: bench_runs ROWS
// LABELS FOLDER writes FOLDER/data.csv (patients with two images on average) and the journals of
// FOLDER/a and FOLDER/b, the second a little better.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/data/out_folder.h"
#include "eval/made_run.h"

enum { MAX_LABELS = 64 };

static bool is_positive(const char *image, size_t label)
{
    return made_number(image, (unsigned)label) < 0.02 + 0.02 * (double)(label % 20);
}

// Between 0 and 1 and, on average, larger where the label is positive.
static double score(void *arg, const char *image, size_t label)
{
    const double *weight = arg;
    double noise =
        made_number(image, 1000u + (unsigned)label) + made_number(image, 2000u + (unsigned)label);
    return (noise + *weight * (is_positive(image, label) ? 1 : 0)) / (2 + *weight);
}

static bool write_data(const char *path, size_t rows, const char *const *labels, size_t n)
{
    FILE *f = fopen(path, "w");
    char image[32];
    if (!f)
        return false;
    (void)fputs("path,patient_id", f);
    for (size_t l = 0; l < n; l++)
        (void)fprintf(f, ",%s", labels[l]);
    for (size_t i = 0; i < rows; i++) {
        (void)snprintf(image, sizeof image, "%06zu.png", i);
        (void)fprintf(f, "\n%s,p%u", image,
                      (unsigned)(made_number(image, 7) * (double)(rows / 2 + 1)));
        for (size_t l = 0; l < n; l++)
            (void)fputs(is_positive(image, l) ? ",1" : ",0", f);
    }
    (void)fputc('\n', f);
    return fclose(f) == 0;
}

int main(int argc, char **argv)
{
    static char names[MAX_LABELS][16];
    const char *labels[MAX_LABELS];
    char data[1024], folder[1024];
    struct bv_error err = {0};
    size_t rows = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
    size_t n = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    if (rows < 1 || n < 1 || n > MAX_LABELS || bv_folder_make(argv[3], &err) != BV_OK) {
        (void)fprintf(stderr, "usage: bench_runs ROWS LABELS(1-%d) FOLDER\n", MAX_LABELS);
        return 2;
    }
    for (size_t l = 0; l < n; l++) {
        (void)snprintf(names[l], sizeof names[l], "finding%zu", l);
        labels[l] = names[l];
    }
    (void)snprintf(data, sizeof data, "%s/data.csv", argv[3]);
    if (!write_data(data, rows, labels, n))
        return 1;
    for (int k = 0; k < 2; k++) {
        double weight = 1 + 0.05 * k;
        (void)snprintf(folder, sizeof folder, "%s/%s", argv[3], k ? "b" : "a");
        const struct made_run run = {.data = {.path = data, .labels = labels, .n_labels = n},
                                     .folder = folder,
                                     .model = k ? "b" : "a",
                                     .score = score,
                                     .arg = &weight};
        make_journal(&run);
    }
    return 0;
}
