// biovl eval labels: F1-CheXbert of two tables of findings, as JSON.
#include <stdio.h>

#include "biovl/eval.h"
#include "command.h"

static int run(const char *reference, const char *predicted)
{
    struct bv_context *context = NULL;
    char *json = NULL;
    enum bv_status status = bv_context_open(&context, 1);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = bv_eval_labels(context, reference, predicted, &json);
    if (status == BV_OK)
        printf("%s\n", json);
    int code = status == BV_OK ? EXIT_OK : (int)report_failure(context, status);
    bv_free(json);
    bv_context_close(&context);
    return code;
}

int run_eval_labels(int argc, char **argv)
{
    const struct usage usage = {
        "eval labels", "REFERENCE.csv PREDICTED.csv",
        "Judges findings in the columns that CheXbert writes (14 findings; 1, 0, -1 for uncertain, "
        "nothing): F1-CheXbert in the conventions rrg and r2gen.",
        NULL, 0};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (positional.n == 2)
            code = run(positional.items[0], positional.items[1]);
        else
            (void)fprintf(stderr, "usage: biovl eval labels %s\n", usage.synopsis);
    }
    free_strings(&positional);
    return code;
}
