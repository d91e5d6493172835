// biovl convert: a published checkpoint into a model file.
#include <stdio.h>

#include "command.h"

int run_convert(int argc, char **argv)
{
    const char *output = NULL;
    struct bv_convert_options o = {.size = sizeof o};
    struct strings overrides = {0}, sources = {0};
    int threads = 0;
    bool json_output = false;
    const struct option options[] = {
        {"--output|-o", OPTION_STRING, &output, "FILE", "the model file to write"},
        {"--system", OPTION_STRING, &o.system, "NAME", "system card (default: recognise)"},
        {"--vocab", OPTION_STRING, &o.vocabulary, "FILE",
         "vocabulary (or a folder with it) when not beside the source"},
        {"--processor", OPTION_STRING, &o.processor, "LIBRARY",
         "pillow or torchvision: images as the folder's processor makes them in transformers 4 or "
         "5"},
        {"--set", OPTION_LIST, &overrides, "KEY=VALUE", "override card fields, text.heads=4"},
        {"--dtype", OPTION_STRING, &o.dtype, "TYPE", "f32, f16, bf16 (default: as in the source)"},
        {"--weights", OPTION_STRING, &o.weights, "SET",
         "of a checkpoint that holds both: plain (default) or ema, averages over training"},
        {"--threads", OPTION_INTEGER, &threads, "N", "processor threads (default: all)"},
        {"--json", OPTION_FLAG, &json_output, NULL, "the report as JSON on stdout"},
    };
    const struct usage usage = {
        "convert", "SRC [PART …] -o OUT.safetensors [options]",
        "Reads a checkpoint (safetensors, PyTorch zip or legacy file, zip, Hugging Face folder) "
        "and\n"
        "writes one model file with card, vocabulary and golden vectors. Nothing in the source is\n"
        "executed. A system of several files takes the others after the first (MedKLIP: the folder "
        "of\n"
        "its text encoder and the disease book).",
        options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &sources);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && (sources.n < 1 || !output)) {
        (void)fprintf(stderr, "usage: biovl convert %s\n", usage.synopsis);
    } else if (parsed == PARSE_OK) {
        struct bv_context *context = NULL;
        char *json = NULL;
        o.overrides = overrides.items;
        o.n_overrides = overrides.n;
        o.parts = (const char *const *)sources.items + 1;
        o.n_parts = sources.n - 1;
        enum bv_status status = bv_context_open(&context, threads);
        if (status == BV_OK)
            status = bv_convert(context, sources.items[0], output, &o, &json);
        code = (int)exit_code_of(status);
        if (status != BV_OK)
            code = (int)report_failure(context, status);
        else if (json_output)
            printf("%s\n", json);
        else
            (void)fprintf(stderr, "biovl: wrote %s: %s\n", output, json);
        bv_free(json);
        bv_context_close(&context);
    }
    free_strings(&sources);
    free_strings(&overrides);
    return code;
}
