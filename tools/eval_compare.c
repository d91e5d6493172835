// biovl eval compare: finished evaluations of the same rows, tested against each other.
#include <stdio.h>

#include "biovl/eval.h"
#include "command.h"

static int run(const struct bv_eval_compare_options *options, int threads, bool print)
{
    struct bv_context *context = NULL;
    char *json = NULL;
    enum bv_status status = bv_context_open(&context, threads);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = bv_eval_compare(context, options, &json);
    if (status == BV_OK && print)
        printf("%s\n", json);
    int code = status == BV_OK ? EXIT_OK : (int)report_failure(context, status);
    bv_free(json);
    bv_context_close(&context);
    return code;
}

static bool parse_margin(const char *text, double *margin)
{
    char end = 0;
    if (!text || (sscanf(text, "%lf%c", margin, &end) == 1 && *margin > 0 && *margin < 1))
        return true;
    (void)fprintf(stderr, "biovl: --margin %s: give a number between 0 and 1\n", text);
    return false;
}

int run_eval_compare(int argc, char **argv)
{
    struct bv_eval_compare_options o = {.size = sizeof o};
    const char *margin = NULL;
    int bootstrap = 0, threads = 0;
    bool no_bootstrap = false, json = false;
    const struct option options[] = {
        {"--output|-o", OPTION_STRING, &o.folder, "DIR",
         "folder for compare.json, compare.csv and compare.html"},
        {"--margin", OPTION_STRING, &margin, "X",
         "also test that the first AUROC is not worse by X or more"},
        {"--data", OPTION_STRING, &o.data, "FILE", "where the evaluations' CSV file is now"},
        {"--bootstrap", OPTION_INTEGER, &bootstrap, "N", "replicates (default 1000)"},
        {"--no-bootstrap", OPTION_FLAG, &no_bootstrap, NULL, "no bootstrap intervals"},
        {"--json", OPTION_FLAG, &json, NULL, "print compare.json too"},
        {"--threads", OPTION_INTEGER, &threads, "N", "processor threads (default: all)"},
    };
    const struct usage usage = {
        "eval compare", "DIR DIR [DIR …] -o DIR [options]",
        "Judges the first of several finished evaluations of the same rows against each of the "
        "others: paired DeLong, patient bootstrap of every metric, McNemar, adjusted p-values.",
        options, sizeof options / sizeof *options};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        o.runs = positional.items;
        o.n_runs = positional.n;
        o.bootstrap = no_bootstrap ? -1 : bootstrap;
        if (positional.n < 2 || !o.folder || bootstrap < 0)
            (void)fprintf(stderr, "usage: biovl eval compare %s\n", usage.synopsis);
        else if (parse_margin(margin, &o.margin))
            code = run(&o, threads, json);
    }
    free_strings(&positional);
    return code;
}
