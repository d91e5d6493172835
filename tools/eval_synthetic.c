// biovl eval synthetic: what a classifier finds in generated images, as one JSON object on stdout.
#include <stdio.h>
#include <stdlib.h>

#include "biovl/generate.h"
#include "command.h"

struct synthetic {
    struct model_options model;
    struct bv_eval_synthetic_options options;
    const char *labels, *templates;
    int batch, workers;
};

static enum bv_status judge(const struct synthetic *s, struct opened *opened,
                            const struct bv_zero_shot_options *labels)
{
    struct bv_zero_shot *classifier = NULL;
    char *json = NULL;
    enum bv_status status = bv_zero_shot_open(opened->engine, labels, &classifier);
    if (status == BV_OK)
        status = bv_eval_synthetic(classifier, &s->options, &json);
    if (status == BV_OK)
        (void)printf("%s\n", json);
    bv_free(json);
    bv_zero_shot_close(&classifier);
    return status;
}

static int run(struct synthetic *s)
{
    struct opened opened = {0};
    size_t size = 0;
    s->options.batch = (size_t)s->batch;
    s->options.workers = s->workers;
    char *labels = read_text(s->labels, &size), *templates = NULL;
    if (!labels || (s->templates && !(templates = read_templates(s->templates)))) {
        free(labels);
        return EXIT_INPUT;
    }
    const struct bv_zero_shot_options options = {.size = sizeof options,
                                                 .labels = labels,
                                                 .n_label_bytes = size,
                                                 .name = s->labels,
                                                 .templates = templates};
    enum bv_status status = open_model(&opened, &s->model, true);
    int code = (int)exit_code_of(status); // a model that does not open has said so
    if (status == BV_OK) {
        print_research_notice(&opened);
        status = judge(s, &opened, &options);
        code = status == BV_OK ? EXIT_OK : (int)report_failure(opened.context, status);
    }
    close_model(&opened);
    free(labels);
    free(templates);
    return code;
}

int run_eval_synthetic(int argc, char **argv)
{
    struct synthetic s = {.options.size = sizeof s.options};
    const struct option options[] = {
        {"--labels", OPTION_STRING, &s.labels, "FILE", "labels, one per line, that were asked for"},
        {"--templates", OPTION_STRING, &s.templates, "FILE",
         "a prompt set (JSON file, or the name of one that ships)"},
        {"--real", OPTION_STRING, &s.options.real, "CSV",
         "real images (column path): adds the Fréchet distance to them"},
        {"--batch", OPTION_INTEGER, &s.batch, "N", "images per run of the encoder (16)"},
        {"--workers", OPTION_INTEGER, &s.workers, "N", "decoding threads (1)"},
        MODEL_OPTIONS(&s.model),
    };
    const struct usage usage = {
        "eval synthetic", "DIR --labels FILE [options]",
        "Judges the generated images of DIR/images.csv with a classifier: does it find what was "
        "asked for, how diverse are the images of one prompt, how far are they from real ones.",
        options, sizeof options / sizeof *options};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (positional.n != 1 || !s.labels || s.batch < 0)
            (void)fprintf(stderr, "usage: biovl %s %s\n", usage.command, usage.synopsis);
        else {
            s.options.folder = positional.items[0];
            code = run(&s);
        }
    }
    free_strings(&positional);
    return code;
}
