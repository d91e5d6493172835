// biovl verify: golden vectors and digest of a model file.
#include <stdio.h>

#include "command.h"

int run_verify(int argc, char **argv)
{
    struct strings files = {0};
    const char *device = "cpu";
    int threads = 0;
    const struct option options[] = {
        {"--device", OPTION_STRING, &device, "DEVICE",
         "cpu (default), vulkan, vulkan:1, reference"},
        {"--threads", OPTION_INTEGER, &threads, "N", "processor threads (default: all)"},
    };
    const struct usage usage = {
        "verify", "MODEL [--device DEVICE]",
        "Recomputes the file's digest and its golden vectors, in each precision of the device.",
        options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &files);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && files.n > 1) {
        (void)fprintf(stderr, "usage: biovl verify %s\n", usage.synopsis);
    } else if (parsed == PARSE_OK) {
        const char *path = model_path(files.n ? files.items[0] : NULL);
        struct bv_context *context = NULL;
        char *json = NULL;
        enum bv_status status = path ? bv_context_open(&context, threads) : BV_ERR_ARG;
        if (status == BV_OK)
            status = bv_verify(context, path, device, &json);
        if (json)
            printf("%s\n", json);
        code = (int)exit_code_of(status);
        if (status != BV_OK)
            code = (int)report_failure(context, status);
        bv_free(json);
        bv_context_close(&context);
    }
    free_strings(&files);
    return code;
}
