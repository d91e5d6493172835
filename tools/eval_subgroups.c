// biovl eval subgroups and biovl eval conformal: what becomes of a finished evaluation.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "biovl/eval.h"
#include "command.h"

// What both calls have in common: a context, a call, its JSON.
struct call {
    const struct bv_eval_subgroups_options *subgroups;
    const struct bv_eval_conformal_options *conformal;
    int threads;
    bool print;
};

static int run(const struct call *call)
{
    struct bv_context *context = NULL;
    char *json = NULL;
    enum bv_status status = bv_context_open(&context, call->threads);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = call->subgroups ? bv_eval_subgroups(context, call->subgroups, &json)
                             : bv_eval_conformal(context, call->conformal, &json);
    if (status == BV_OK && call->print)
        printf("%s\n", json);
    int code = status == BV_OK ? EXIT_OK : (int)report_failure(context, status);
    bv_free(json);
    bv_context_close(&context);
    return code;
}

int run_eval_subgroups(int argc, char **argv)
{
    struct bv_eval_subgroups_options o = {.size = sizeof o};
    struct strings by = {0}, positional = {0};
    int bootstrap = 0, threads = 0;
    bool no_bootstrap = false, json = false;
    const struct option options[] = {
        {"--by", OPTION_LIST, &by, "COLUMN",
         "groups are the values of these columns, and of each pair of them; age:40/60/80 puts "
         "numbers into bands"},
        {"--output|-o", OPTION_STRING, &o.folder, "DIR",
         "folder for subgroups.json, .csv and .html (default: that of the evaluation)"},
        {"--data", OPTION_STRING, &o.data, "FILE", "where the evaluation's CSV file is now"},
        {"--bootstrap", OPTION_INTEGER, &bootstrap, "N", "replicates (default 1000)"},
        {"--no-bootstrap", OPTION_FLAG, &no_bootstrap, NULL, "no intervals of gaps"},
        {"--json", OPTION_FLAG, &json, NULL, "print subgroups.json too"},
        {"--threads", OPTION_INTEGER, &threads, "N", "processor threads (default: all)"},
    };
    const struct usage usage = {"eval subgroups", "DIR --by COLUMN [COLUMN …] [options]",
                                "Looks at a finished evaluation group by group: AUROC, missed "
                                "positives, false alarms and calibration of each, and the gaps.",
                                options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        o.run = positional.n == 1 ? positional.items[0] : NULL;
        o.by = by.items;
        o.n_by = by.n;
        o.bootstrap = no_bootstrap ? -1 : bootstrap;
        if (!o.run || !by.n || bootstrap < 0)
            (void)fprintf(stderr, "usage: biovl eval subgroups %s\n", usage.synopsis);
        else
            code = run(&(struct call){.subgroups = &o, .threads = threads, .print = json});
    }
    free_strings(&by);
    free_strings(&positional);
    return code;
}

int run_eval_conformal(int argc, char **argv)
{
    struct bv_eval_conformal_options o = {.size = sizeof o, .alpha = "0.1"};
    struct strings positional = {0};
    bool json = false;
    const struct option options[] = {
        {"--output|-o", OPTION_STRING, &o.folder, "DIR",
         "folder for conformal.json, .csv and .html"},
        {"--alpha", OPTION_STRING, &o.alpha, "A",
         "bound on the expected share of positives missed (default 0.1)"},
        {"--calibration-data", OPTION_STRING, &o.calibration_data, "FILE",
         "where the CSV file of the first evaluation is now"},
        {"--data", OPTION_STRING, &o.test_data, "FILE", "where that of the second is now"},
        {"--json", OPTION_FLAG, &json, NULL, "print conformal.json too"},
    };
    const struct usage usage = {"eval conformal", "CALIBRATION_DIR TEST_DIR -o DIR [options]",
                                "Fits to one finished evaluation the thresholds that miss at most "
                                "a share of the positives, and judges them on another.",
                                options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (positional.n != 2 || !o.folder)
            (void)fprintf(stderr, "usage: biovl eval conformal %s\n", usage.synopsis);
        else {
            o.calibration = positional.items[0];
            o.test = positional.items[1];
            code = run(&(struct call){.conformal = &o, .threads = 1, .print = json});
        }
    }
    free_strings(&positional);
    return code;
}
