// biovl eval --protocol and biovl eval protocols: benchmarks by name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "eval_protocol.h"

int open_protocol(struct opened_protocol *p, const char *name, const char *data, const char *task)
{
    enum bv_status status = bv_context_open(&p->context, 1);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = bv_eval_protocol_open(p->context, name, data, &p->protocol);
    if (status != BV_OK)
        return (int)report_failure(p->context, status);
    const char *own = bv_eval_protocol_task(p->protocol);
    if (strcmp(own, task) == 0)
        return EXIT_OK;
    (void)fprintf(stderr,
                  "biovl: protocol %s is of another task: biovl eval %s%sDATA --protocol %s\n",
                  name, strcmp(own, "classification") == 0 ? "" : own,
                  strcmp(own, "classification") == 0 ? "" : " ", name);
    return EXIT_USAGE;
}

int report_protocol(struct opened_protocol *p, const char *folder, const char *metrics)
{
    char *json = NULL;
    enum bv_status status =
        bv_eval_protocol_report(p->context, p->protocol, folder, metrics, &json);
    if (status != BV_OK)
        return (int)report_failure(p->context, status);
    printf("%s\n", json);
    bv_free(json);
    return EXIT_OK;
}

void close_protocol(struct opened_protocol *p)
{
    bv_eval_protocol_close(&p->protocol);
    bv_context_close(&p->context);
}

int run_eval_protocols(int argc, char **argv)
{
    const struct usage usage = {"eval protocols", "",
                                "Lists the protocols of biovl eval --protocol, as JSON.", NULL, 0};
    struct strings positional = {0};
    struct bv_context *context = NULL;
    char *json = NULL;
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && !positional.n) {
        enum bv_status status = bv_context_open(&context, 1);
        if (status == BV_OK)
            status = bv_eval_protocols(context, &json);
        code = status == BV_OK ? EXIT_OK : (int)report_failure(context, status);
        if (status == BV_OK)
            printf("%s\n", json);
    }
    bv_free(json);
    bv_context_close(&context);
    free_strings(&positional);
    return code;
}
