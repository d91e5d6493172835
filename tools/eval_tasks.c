// biovl eval retrieval, eval grounding and eval vqa: one JSON object on stdout. The latter two
// judge maps and predictions of a file, or make them with a model.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "biovl/eval.h"
#include "command.h"
#include "meter.h"

struct task {
    const char *name;
    struct model_options model;
    struct bv_eval_retrieval_options retrieval;
    struct bv_eval_task_options with_model;
    const char *answers;
    int batch, workers;
    bool bilinear;
};

static int print(char *json)
{
    printf("%s\n", json);
    bv_free(json);
    return EXIT_OK;
}

// ---- What a file holds already ----

static int run_retrieval(const struct task *t)
{
    struct opened o = {0};
    char *json = NULL;
    struct bv_eval_retrieval_options options = t->retrieval;
    options.size = sizeof options;
    options.data = t->with_model.data;
    options.root = t->with_model.root;
    options.path_column = t->with_model.path_column;
    options.batch = (size_t)t->batch;
    options.workers = t->workers;
    enum bv_status status = open_model(&o, &t->model, true);
    int code = (int)exit_code_of(status); // a model that does not open has said so
    if (status == BV_OK) {
        status = bv_eval_retrieval(o.engine, &options, &json);
        code = status == BV_OK ? print(json) : (int)report_failure(o.context, status);
    }
    close_model(&o);
    return code;
}

static int judge_file(const struct task *t, struct bv_context *context)
{
    char *json = NULL;
    const struct bv_eval_task_options *o = &t->with_model;
    if (t->model.model || o->folder) {
        (void)fprintf(
            stderr,
            "biovl: %s has the results of a model (column \"%s\"): it is judged as it is, "
            "without --model and --output\n",
            o->data, strcmp(t->name, "vqa") == 0 ? "prediction" : "map");
        return EXIT_USAGE;
    }
    enum bv_status status = strcmp(t->name, "vqa") == 0
                                ? bv_eval_vqa(context, o->data, o->by, &json)
                                : bv_eval_grounding(context, o->data, o->root, &json);
    return status == BV_OK ? print(json) : (int)report_failure(context, status);
}

// ---- What a model makes ----

static int run_model(const struct task *t, struct opened *o, const struct strings *answers)
{
    struct meter meter;
    char *json = NULL;
    struct bv_eval_counts counts = {.size = sizeof counts};
    struct bv_eval_task_options options = t->with_model;
    options.smooth = t->bilinear;
    options.answers = answers->items;
    options.n_answers = answers->n;
    options.size = sizeof options;
    enum bv_status status = begin_meter(&meter, o->context);
    if (status == BV_OK)
        status = strcmp(t->name, "vqa") == 0 ? bv_eval_ask(o->engine, &options, &counts, &json)
                                             : bv_eval_ground(o->engine, &options, &counts, &json);
    clear_meter(&meter);
    if (status != BV_OK)
        return (int)report_failure(o->context, status);
    (void)print(json);
    return report_rows(&counts, options.folder, false);
}

static int ask_model(const struct task *t)
{
    struct opened o = {0};
    struct strings answers = {0};
    char *text = NULL;
    size_t size = 0;
    int code = EXIT_OK;
    if (!t->with_model.folder) {
        (void)fprintf(stderr, "biovl: give the folder for the results: --output DIR\n");
        return EXIT_USAGE;
    }
    if (t->answers && !(text = read_text(t->answers, &size)))
        return EXIT_INPUT;
    if (text && !split_lines(text, size, true, &answers))
        code = EXIT_DEVICE;
    if (code == EXIT_OK)
        code = (int)exit_code_of(open_model(&o, &t->model, true));
    if (code == EXIT_OK) {
        print_research_notice(&o);
        code = run_model(t, &o, &answers);
    }
    close_model(&o);
    free_strings(&answers);
    free(text);
    return code;
}

static int run(const struct task *t)
{
    struct bv_context *context = NULL;
    int has = 0;
    if (strcmp(t->name, "retrieval") == 0)
        return run_retrieval(t);
    enum bv_status status = bv_context_open(&context, t->model.threads);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = bv_eval_has_column(context, t->with_model.data,
                                strcmp(t->name, "vqa") == 0 ? "prediction" : "map", &has);
    int code = status != BV_OK ? (int)report_failure(context, status)
               : has           ? judge_file(t, context)
                               : EXIT_OK;
    bv_context_close(&context);
    return status == BV_OK && !has ? ask_model(t) : code;
}

int run_eval_task(int argc, char **argv)
{
    struct task t = {.name = argv[0]};
    struct bv_eval_task_options *o = &t.with_model;
    const struct option options[] = {
        {"--output|-o", OPTION_STRING, &o->folder, "DIR",
         "with a model: folder for predictions.csv, errors.csv and metrics.json"},
        {"--root", OPTION_STRING, &o->root, "DIR", "folder of relative paths in the file"},
        {"--path-col", OPTION_STRING, &o->path_column, "NAME", "column of the image paths"},
        {"--by", OPTION_STRING, &o->by, "NAME", "vqa: accuracy also for each value of this column"},
        {"--answers", OPTION_STRING, &t.answers, "FILE",
         "vqa: the answer vocabulary, one per line, in the order of the model's head"},
        {"--bilinear", OPTION_FLAG, &t.bilinear, NULL,
         "grounding: maps are enlarged bilinearly (default: nearest, as BioViL's code)"},
        {"--method", OPTION_STRING, &o->method, "M",
         "grounding: how any dual encoder's maps are made (biovl explain --methods; auto); "
         "default: the model's own similarity maps"},
        {"--layers", OPTION_INTEGER, &o->layers, "N",
         "grounding: how many of the last layers legrad and surgery read"},
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
    const struct usage usage = {
        command, "DATA.csv [-o DIR] [options]",
        "retrieval: columns path, text, a class column if asked for. "
        "grounding: columns map (.npy), or path and text for a model to make the maps (-o); x, y, "
        "w, h, category. "
        "vqa: columns prediction, or path and question for a model to answer (-o); answer, type "
        "(closed or open).",
        options, sizeof options / sizeof *options};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (positional.n != 1 || t.batch < 0)
            (void)fprintf(stderr, "usage: biovl %s %s\n", command, usage.synopsis);
        else {
            o->data = positional.items[0];
            code = run(&t);
        }
    }
    free_strings(&positional);
    return code;
}
