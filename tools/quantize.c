// biovl quantize: which layers of a model stay above 8 bits when it runs in int8.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

struct calibration {
    struct strings images, texts;
    char **text_files; // what texts points into
    size_t n_text_files;
};

static bool is_text_file(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".txt") == 0;
}

// Sorts the files into images and, a line each, texts.
static bool read_calibration(const struct strings *files, struct calibration *c)
{
    c->text_files = calloc(files->n + 1, sizeof *c->text_files);
    for (size_t i = 0; c->text_files && i < files->n; i++) {
        size_t size = 0;
        if (!is_text_file(files->items[i])) {
            if (!add_string(&c->images, files->items[i]))
                return false;
            continue;
        }
        char *text = read_text(files->items[i], &size);
        c->text_files[c->n_text_files++] = text;
        if (!text || !split_lines(text, size, false, &c->texts))
            return false;
    }
    return c->text_files != NULL;
}

static void free_calibration(struct calibration *c)
{
    for (size_t i = 0; i < c->n_text_files; i++)
        free(c->text_files[i]);
    free(c->text_files);
    free_strings(&c->images);
    free_strings(&c->texts);
}

static int run(const char *model, const char *output, const struct calibration *c, int threads,
               double cosine, bool json_output)
{
    struct bv_context *context = NULL;
    char *json = NULL;
    const struct bv_quantize_options o = {.size = sizeof o,
                                          .images = c->images.items,
                                          .texts = c->texts.items,
                                          .n_images = c->images.n,
                                          .n_texts = c->texts.n,
                                          .cosine = cosine};
    enum bv_status status = bv_context_open(&context, threads);
    if (status == BV_OK)
        status = bv_quantize(context, model, output, &o, &json);
    int code = (int)exit_code_of(status);
    if (status != BV_OK)
        code = (int)report_failure(context, status);
    else if (json_output)
        printf("%s\n", json);
    else
        (void)fprintf(stderr, "biovl: wrote %s: %s\n", output, json);
    bv_free(json);
    bv_context_close(&context);
    return code;
}

int run_quantize(int argc, char **argv)
{
    const char *output = NULL, *cosine = "0.997";
    struct strings files = {0}, models = {0};
    struct calibration c = {0};
    int threads = 0;
    bool json_output = false;
    const struct option options[] = {
        {"--calibrate", OPTION_LIST, &files, "FILE...", "images, and texts (.txt, one a line)"},
        {"--output|-o", OPTION_STRING, &output, "FILE", "the model file to write"},
        {"--cosine", OPTION_STRING, &cosine, "X",
         "embeddings in int8 and f32 have at least this (0.997)"},
        {"--threads", OPTION_INTEGER, &threads, "N", "processor threads (default: all)"},
        {"--json", OPTION_FLAG, &json_output, NULL, "the report as JSON on stdout"},
    };
    const struct usage usage = {
        "quantize", "MODEL --calibrate FILE... -o OUT.safetensors [options]",
        "Measures the error of each layer in int8 on the given images and texts, and writes a "
        "copy\n"
        "of the model that keeps the worst ones in bf16 under --precision int8, as few as needed.",
        options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &models);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    char *end = NULL;
    double limit = strtod(cosine, &end);
    if (parsed == PARSE_OK && (models.n != 1 || !output || files.n == 0))
        (void)fprintf(stderr, "usage: biovl quantize %s\n", usage.synopsis);
    else if (parsed == PARSE_OK && (*end || !(limit > 0 && limit < 1)))
        (void)fprintf(stderr, "biovl: --cosine %s: a number between 0 and 1\n", cosine);
    else if (parsed == PARSE_OK && (is_input(output, &models) || is_input(output, &files)))
        code = EXIT_USAGE;
    else if (parsed == PARSE_OK && !read_calibration(&files, &c))
        code = EXIT_INPUT;
    else if (parsed == PARSE_OK)
        code = run(models.items[0], output, &c, threads, limit, json_output);
    free_calibration(&c);
    free_strings(&files);
    free_strings(&models);
    return code;
}
