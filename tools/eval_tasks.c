// biovl eval retrieval, eval grounding and eval vqa: one JSON object on stdout.
#include <stdio.h>
#include <string.h>

#include "biovl/eval.h"
#include "command.h"

// What the three have in common: parse, take one file, run, print.
struct task {
    struct model_options model;
    struct bv_eval_retrieval_options retrieval;
    const char *root;
    int batch, workers;
};

static enum bv_status run_task(const char *name, const struct task *t, struct opened *o,
                               const char *data, char **json)
{
    struct bv_eval_retrieval_options options = t->retrieval;
    options.data = data;
    options.root = t->root;
    options.batch = (size_t)t->batch;
    options.workers = t->workers;
    if (strcmp(name, "retrieval") == 0)
        return bv_eval_retrieval(o->engine, &options, json);
    if (strcmp(name, "grounding") == 0)
        return bv_eval_grounding(o->context, data, t->root, json);
    return bv_eval_vqa(o->context, data, json);
}

static int run(const char *name, const struct task *t, const char *data)
{
    struct opened o = {0};
    char *json = NULL;
    bool needs_model = strcmp(name, "retrieval") == 0;
    enum bv_status status = needs_model ? open_model(&o, &t->model, true)
                                        : bv_context_open(&o.context, t->model.threads);
    int code = (int)exit_code_of(status); // a model that does not open has said so
    if (status == BV_OK) {
        status = run_task(name, t, &o, data, &json);
        code = status == BV_OK ? EXIT_OK : (int)report_failure(o.context, status);
    }
    if (json)
        printf("%s\n", json);
    bv_free(json);
    close_model(&o);
    return code;
}

int run_eval_task(int argc, char **argv)
{
    struct task t = {.root = NULL};
    const struct option options[] = {
        {"--root", OPTION_STRING, &t.root, "DIR", "folder of relative paths in the file"},
        {"--path-col", OPTION_STRING, &t.retrieval.path_column, "NAME", "retrieval: image paths"},
        {"--text-col", OPTION_STRING, &t.retrieval.text_column, "NAME",
         "retrieval: reports (text)"},
        {"--class-col", OPTION_STRING, &t.retrieval.class_column, "NAME",
         "retrieval: items of the same class are right as well"},
        {"--batch", OPTION_INTEGER, &t.batch, "N", "retrieval: images per run of the encoder"},
        {"--workers", OPTION_INTEGER, &t.workers, "N", "retrieval: decoding threads"},
        MODEL_OPTIONS(&t.model),
    };
    char command[32];
    (void)snprintf(command, sizeof command, "eval %s", argv[0]);
    const struct usage usage = {command, "DATA.csv [options]",
                                "retrieval: columns path, text, a class column if asked for. "
                                "grounding: columns map (.npy), x, y, w, h, category. "
                                "vqa: columns prediction, answer, type (closed or open).",
                                options, sizeof options / sizeof *options};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (positional.n != 1 || t.batch < 0)
            (void)fprintf(stderr, "usage: biovl %s %s\n", command, usage.synopsis);
        else
            code = run(argv[0], &t, positional.items[0]);
    }
    free_strings(&positional);
    return code;
}
