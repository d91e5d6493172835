// biovl calibrate: a map from scores to probabilities, fitted to a finished evaluation.
#include <stdio.h>

#include "biovl/eval.h"
#include "command.h"

static int run(const char *folder, const char *data, const char *method, const char *path)
{
    struct bv_context *context = NULL;
    enum bv_status status = bv_context_open(&context, 1);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = bv_eval_calibrate(context, folder, data, method, path);
    int code = status == BV_OK ? EXIT_OK : (int)report_failure(context, status);
    bv_context_close(&context);
    return code;
}

int run_calibrate(int argc, char **argv)
{
    const char *data = NULL, *method = "platt", *path = NULL;
    const struct option options[] = {
        {"--output|-o", OPTION_STRING, &path, "FILE", "where the calibration goes (JSON)"},
        {"--method", OPTION_STRING, &method, "M", "platt (default), temperature or isotonic"},
        {"--data", OPTION_STRING, &data, "FILE", "where the evaluation's CSV file is now"},
    };
    const struct usage usage = {
        "calibrate", "DIR -o FILE [--method M]",
        "Fits probabilities to the scores of a finished evaluation (DIR of biovl eval). The file "
        "names the data and its digest; biovl eval OTHER.csv --calibration FILE judges it.",
        options, sizeof options / sizeof *options};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (positional.n != 1 || !path)
            (void)fprintf(stderr, "usage: biovl calibrate %s\n", usage.synopsis);
        else
            code = run(positional.items[0], data, method, path);
    }
    free_strings(&positional);
    return code;
}
