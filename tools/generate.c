// biovl generate: radiographs from text.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "biovl/generate.h"
#include "command.h"

struct generate {
    struct model_options model;
    struct bv_generate_options options;
    const char *output, *size, *guidance, *strength, *seed, *from, *prompts;
    uint8_t *start; // the picture --from, or NULL
    int count, steps;
    struct bv_context *context;
    struct bv_generator *generator;
};

static volatile sig_atomic_t stop;

static void on_interrupt(int number)
{
    (void)number;
    stop = 1;
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool read_size(const char *text, struct bv_generate_options *o)
{
    char rest = 0;
    if (!text)
        return true;
    if (sscanf(text, "%4dx%4d%c", &o->width, &o->height, &rest) != 2) {
        if (sscanf(text, "%4d%c", &o->width, &rest) != 1)
            o->width = 0;
        o->height = o->width;
    }
    if (o->width >= 8 && o->height >= 8 && o->width <= 4096 && o->height <= 4096)
        return true;
    (void)fprintf(
        stderr, "biovl: --size takes 512 or WIDTHxHEIGHT, sides of 8 to 4096, not \"%s\"\n", text);
    return false;
}

static bool read_seed(const char *text, uint64_t *seed)
{
    char *end = NULL;
    if (!text)
        return true;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == 0 && errno == 0)
        return true;
    (void)fprintf(stderr, "biovl: --seed takes a whole number, not \"%s\"\n", text);
    return false;
}

static bool read_options(struct generate *g)
{
    struct bv_generate_options *o = &g->options;
    o->steps = g->steps;
    return read_size(g->size, o) && parse_number("--guidance", g->guidance, &o->guidance) &&
           parse_number("--strength", g->strength, &o->strength) && read_seed(g->seed, &o->seed);
}

static enum bv_status write_picture(const struct generate *g, const struct bv_generate_options *o,
                                    const uint8_t *rgb, const char *path)
{
    return ends_in(path, ".dcm") ? bv_generated_write_dicom(g->generator, o, rgb, path)
                                 : bv_generated_write_png(g->generator, o, rgb, path);
}

// Where picture i goes: the output, or, of several, the output with a number before its ending.
static void name_picture(const struct generate *g, int i, char path[4096])
{
    const char *dot = strrchr(g->output, '.');
    if (g->count == 1 || !dot || strchr(dot, '/'))
        (void)snprintf(path, 4096, g->count == 1 ? "%s" : "%s-%d", g->output, i + 1);
    else
        (void)snprintf(path, 4096, "%.*s-%d%s", (int)(dot - g->output), g->output, i + 1, dot);
}

// Reads the picture to start from; the caller frees g->start.
static enum bv_status load_start(struct generate *g)
{
    size_t capacity = (size_t)g->options.width * (size_t)g->options.height * 3;
    if (!g->from)
        return BV_OK;
    g->start = malloc(capacity);
    g->options.image = g->start;
    return g->start ? bv_generate_load_image(g->context, g->from, g->options.width,
                                             g->options.height, g->start, capacity)
                    : BV_ERR_NOMEM;
}

static enum bv_status make_pictures(struct generate *g)
{
    size_t capacity = (size_t)g->options.width * (size_t)g->options.height * 3;
    uint8_t *rgb = malloc(capacity);
    enum bv_status status = rgb ? BV_OK : BV_ERR_NOMEM;
    for (int i = 0; status == BV_OK && i < g->count; i++) {
        struct bv_generate_options o = g->options;
        char path[4096];
        int truncated = 0;
        o.seed += (uint64_t)i;
        status = bv_generate(g->generator, &o, rgb, capacity, &truncated);
        clear_progress();
        if (truncated && i == 0)
            (void)fprintf(stderr, "biovl: warning: the text was cut to 77 tokens\n");
        name_picture(g, i, path);
        if (status == BV_OK)
            status = write_picture(g, &o, rgb, path);
        if (status == BV_OK)
            (void)fprintf(stderr, "biovl: wrote %s: synthetic, shows nobody\n", path);
    }
    free(rgb);
    return status;
}

static int run_batch(struct generate *g)
{
    struct bv_generate_counts counts = {.size = sizeof counts};
    enum bv_status status =
        bv_generate_batch(g->generator, &g->options, g->prompts, g->output, &counts);
    clear_progress();
    if (status != BV_OK)
        return (int)report_failure(g->context, status);
    (void)fprintf(stderr, "biovl: %zu made, %zu there before, %zu failed\n", counts.made,
                  counts.present, counts.failed);
    return (int)exit_code_of_batch(counts.made + counts.present + counts.failed, counts.failed,
                                   BV_ERR_MODEL);
}

static int run(struct generate *g, const char *model)
{
    (void)signal(SIGINT, on_interrupt);
    enum bv_status status = bv_context_open(&g->context, g->model.threads);
    if (status == BV_OK)
        status = watch(g->context, "step", &stop);
    if (status == BV_OK)
        status = bv_generator_open(g->context, model, g->model.device ? g->model.device : "auto",
                                   g->model.precision ? g->model.precision : "auto", &g->generator);
    if (status == BV_OK)
        status = load_start(g);
    int code = EXIT_OK;
    if (status == BV_OK && g->prompts) {
        code = run_batch(g);
    } else {
        if (status == BV_OK)
            status = make_pictures(g);
        if (status != BV_OK)
            code = (int)report_failure(g->context, status);
    }
    bv_generator_close(&g->generator);
    bv_context_close(&g->context);
    free(g->start);
    return code;
}

int run_generate(int argc, char **argv)
{
    struct generate g = {.count = 1};
    struct strings models = {0};
    bv_generate_options_init(&g.options);
    g.steps = g.options.steps;
    const struct option options[] = {
        {"--text", OPTION_STRING, &g.options.text, "TEXT", "what the radiograph shows"},
        {"--negative", OPTION_STRING, &g.options.negative, "TEXT", "what it should not show"},
        {"--steps", OPTION_INTEGER, &g.steps, "N", "steps (75)"},
        {"--guidance", OPTION_STRING, &g.guidance, "X",
         "weight of the text (4); 1: the text alone"},
        {"--seed", OPTION_STRING, &g.seed, "N", "which noise to begin with (0)"},
        {"--size", OPTION_STRING, &g.size, "N|WxH", "pixels, multiples of 8 (512)"},
        {"--count", OPTION_INTEGER, &g.count, "N", "pictures, of seeds N, N + 1, …"},
        {"--scheduler", OPTION_STRING, &g.options.scheduler, "NAME",
         "pndm, ddim, dpm++, euler (default: the model's)"},
        {"--from", OPTION_STRING, &g.from, "IMAGE", "a picture to start from"},
        {"--strength", OPTION_STRING, &g.strength, "X", "how much of it is replaced, 0 to 1 (0.8)"},
        {"--prompts", OPTION_STRING, &g.prompts, "CSV",
         "a picture for each row (text, negative, seed, name) into the folder -o; resumes"},
        {"--output|-o", OPTION_STRING, &g.output, "FILE", "OUT.png, OUT.dcm, or a folder"},
        {"--device", OPTION_STRING, &g.model.device, "DEVICE",
         "auto, cpu, vulkan, vulkan:1, vulkan:NAME"},
        {"--precision", OPTION_STRING, &g.model.precision, "P", "auto, f32; GPU: f16; CPU: bf16"},
        {"--threads", OPTION_INTEGER, &g.model.threads, "N", "processor threads (default: all)"},
    };
    const struct usage usage = {
        "generate", "MODEL --text TEXT -o OUT.png|OUT.dcm [options]",
        "Makes synthetic radiographs from text with a latent diffusion model (RoentGen, Stable\n"
        "Diffusion folders converted by biovl convert). They show nobody.",
        options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &models);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        bool complete = models.n == 1 && g.output && (g.options.text || g.prompts) &&
                        !(g.options.text && g.prompts) && g.count >= 1 &&
                        !(g.prompts && g.count > 1);
        if (!complete)
            (void)fprintf(stderr, "usage: biovl generate %s\n", usage.synopsis);
        else if (read_options(&g))
            code = run(&g, models.items[0]);
    }
    free_strings(&models);
    return code;
}
