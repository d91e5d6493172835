// biovl match: how well texts match an image, by a fusion encoder.
#include <stdio.h>
#include <stdlib.h>

#include "biovl/fusion.h"
#include "fused.h"

struct match {
    struct fused_options fused;
    struct strings texts;
    const char *text_file;
    bool csv, begun; // whether the header of the CSV is printed
};

static void print_table(const struct bv_fused_image *image, const char *path,
                        const struct strings *texts, const double *scores)
{
    printf("%s  (%s)\n", path, bv_fused_image_kind(image, "match"));
    for (size_t i = 0; i < texts->n; i++)
        printf("  %10.6f  %s\n", scores[i], texts->items[i]);
}

static void print_csv(struct match *m, const struct bv_fused_image *image, const char *path,
                      const double *scores)
{
    const struct strings *texts = &m->texts;
    if (!m->begun)
        printf("path,text,score,kind\n");
    m->begun = true;
    for (size_t i = 0; i < texts->n; i++) {
        print_csv_field(path);
        (void)putchar(',');
        print_csv_field(texts->items[i]);
        printf(",%.9g,%s\n", scores[i], bv_fused_image_kind(image, "match"));
    }
}

static int print_json(const struct opened *o, const struct bv_fused_image *image,
                      const struct strings *texts, const double *scores,
                      const unsigned char *truncated)
{
    json_t *object = fused_json(o, image), *list = json_array();
    if (!object)
        return EXIT_INTERNAL;
    for (size_t i = 0; i < texts->n; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:f, s:s, s:b}", "text", texts->items[i],
                                                    "score", scores[i], "kind",
                                                    bv_fused_image_kind(image, "match"),
                                                    "truncated", truncated[i]));
    (void)json_object_set_new(object, "scores", list);
    return print_fused_json(object);
}

static int match(void *arg, const struct opened *o, struct bv_fused_image *image, const char *name)
{
    struct match *m = arg;
    const struct strings *texts = &m->texts;
    double *scores = calloc(texts->n, sizeof *scores);
    unsigned char *truncated = calloc(texts->n, 1);
    enum bv_status status = BV_ERR_NOMEM;
    if (scores && truncated)
        status =
            bv_fused_image_match(image, texts->items, texts->n, scores, texts->n, truncated, NULL);
    int code = status == BV_OK ? EXIT_OK : (int)report_failure(o->context, status);
    if (status == BV_OK) {
        print_research_notice(o);
        for (size_t i = 0; i < texts->n; i++)
            if (truncated[i])
                (void)fprintf(stderr, "biovl: warning: text %zu was cut to the model's maximum\n",
                              i + 1);
        if (m->fused.json)
            code = print_json(o, image, texts, scores, truncated);
        else if (m->csv)
            print_csv(m, image, name, scores);
        else
            print_table(image, name, texts, scores);
    }
    free(scores);
    free(truncated);
    return code;
}

static int run_with_texts(struct match *m, const struct strings *images, const struct usage *usage)
{
    size_t size = 0;
    char *text = m->text_file ? read_text(m->text_file, &size) : NULL;
    int code = EXIT_USAGE;
    if (m->text_file && !text)
        return EXIT_INPUT;
    if (text && !split_lines(text, size, true, &m->texts))
        code = EXIT_DEVICE;
    else if (images->n > 1 || (images->n == 0 && !m->fused.regions) || m->texts.n == 0 ||
             (m->fused.json && m->csv))
        (void)fprintf(stderr, "usage: biovl match %s\n", usage->synopsis);
    else
        code = with_fused(&m->fused, images->n ? images->items[0] : m->fused.regions, "match",
                          match, m);
    free(text);
    return code;
}

int run_match(int argc, char **argv)
{
    struct match m = {.text_file = NULL};
    const struct option options[] = {
        {"--text|-t", OPTION_LIST, &m.texts, "TEXT...", "texts to match with the image"},
        {"--text-file", OPTION_STRING, &m.text_file, "FILE", "one text per line; - is stdin"},
        FUSED_OPTIONS(&m.fused),
        {"--csv", OPTION_FLAG, &m.csv, NULL, "path,text,score,kind"},
    };
    const struct usage usage = {
        "match", "(IMAGE | --regions FILE) --text TEXT... [options]",
        "The probability that each text matches an image, by a model with a fusion encoder.",
        options, sizeof options / sizeof *options};
    struct strings images = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &images);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK)
        code = run_with_texts(&m, &images, &usage);
    free_strings(&images);
    free_strings(&m.texts);
    return code;
}
