// biovl eval retrieval, eval grounding and eval vqa: one JSON object on stdout. The latter two
// judge maps and predictions of a file, or make them with a model.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "biovl/eval.h"
#include "command.h"
#include "eval_protocol.h"
#include "meter.h"

struct task {
    const char *name;
    struct model_options model;
    struct bv_eval_retrieval_options retrieval;
    struct bv_eval_task_options with_model;
    const char *answers, *protocol, *truth, *thresholds, *clinical;
    int batch, workers;
    bool bilinear, tune, faithfulness;
    struct opened_protocol opened;
};

// Prints the result, or what the protocol says of it.
static int print(struct task *t, char *json)
{
    int code = EXIT_OK;
    if (t->protocol)
        code = report_protocol(&t->opened, t->with_model.folder, json);
    else
        printf("%s\n", json);
    bv_free(json);
    return code;
}

static bool is_of(const struct task *t, const char *name)
{
    return strcmp(t->name, name) == 0;
}

// ---- What a file holds already ----

// Also with the labeler that --clinical names.
static enum bv_status retrieve(const struct task *t, const struct opened *o,
                               struct bv_eval_retrieval_options *options, char **json)
{
    struct bv_model *model = NULL;
    struct bv_engine *engine = NULL;
    const struct bv_engine_options device = {
        .size = sizeof device, .device = t->model.device, .precision = t->model.precision};
    if (!t->clinical)
        return bv_eval_retrieval(o->engine, options, json);
    options->folder = t->with_model.folder;
    enum bv_status status = bv_model_open(o->context, t->clinical, &model);
    if (status == BV_OK)
        status = bv_engine_open(o->context, model, &device, &engine);
    if (status == BV_OK)
        status = bv_labeler_open(engine, &options->labeler);
    if (status == BV_OK)
        status = bv_eval_retrieval(o->engine, options, json);
    bv_labeler_close(&options->labeler);
    bv_engine_close(&engine);
    bv_model_close(&model);
    return status;
}

static int run_retrieval(struct task *t)
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
        status = retrieve(t, &o, &options, &json);
        code = status == BV_OK ? print(t, json) : (int)report_failure(o.context, status);
    }
    close_model(&o);
    return code;
}

static int judge_file(struct task *t, struct bv_context *context)
{
    char *json = NULL;
    const struct bv_eval_task_options *o = &t->with_model;
    if (t->model.model || (o->folder && !t->protocol)) {
        (void)fprintf(
            stderr,
            "biovl: %s has the results of a model (column \"%s\"): it is judged as it is, "
            "without --model and --output\n",
            o->data, is_of(t, "vqa") ? "prediction" : "map");
        return EXIT_USAGE;
    }
    enum bv_status status = is_of(t, "vqa") ? bv_eval_vqa(context, o->data, o->by, &json)
                                            : bv_eval_grounding(context, o->data, o->root, &json);
    return status == BV_OK ? print(t, json) : (int)report_failure(context, status);
}

// ---- Masks ----

// opened NULL: the data holds masks or maps.
static int localize(struct task *t, struct bv_context *context, const struct opened *opened)
{
    struct meter meter;
    char *json = NULL;
    const struct bv_eval_task_options *o = &t->with_model;
    const struct bv_eval_localize_options options = {.size = sizeof options,
                                                     .data = o->data,
                                                     .truth = t->truth,
                                                     .folder = o->folder,
                                                     .root = o->root,
                                                     .path_column = o->path_column,
                                                     .thresholds = t->thresholds,
                                                     .tune = t->tune,
                                                     .method = o->method,
                                                     .layers = o->layers,
                                                     .smooth = t->bilinear};
    struct bv_eval_counts counts = {.size = sizeof counts};
    enum bv_status status = begin_meter(&meter, context);
    if (status == BV_OK)
        status =
            bv_eval_localize(context, opened ? opened->engine : NULL, &options, &counts, &json);
    clear_meter(&meter);
    if (status != BV_OK)
        return (int)report_failure(context, status);
    const int code = print(t, json);
    return code != EXIT_OK || !opened ? code : report_rows(&counts, o->folder, false);
}

// ---- What a model makes ----

static int run_model(struct task *t, struct opened *o, const struct strings *answers)
{
    struct meter meter;
    char *json = NULL;
    struct bv_eval_counts counts = {.size = sizeof counts};
    struct bv_eval_task_options options = t->with_model;
    options.smooth = t->bilinear;
    options.faithfulness = t->faithfulness;
    options.answers = answers->items;
    options.n_answers = answers->n;
    options.size = sizeof options;
    enum bv_status status = begin_meter(&meter, o->context);
    if (status == BV_OK)
        status = is_of(t, "vqa") ? bv_eval_ask(o->engine, &options, &counts, &json)
                                 : bv_eval_ground(o->engine, &options, &counts, &json);
    clear_meter(&meter);
    if (status != BV_OK)
        return (int)report_failure(o->context, status);
    const int code = print(t, json);
    return code == EXIT_OK ? report_rows(&counts, options.folder, false) : code;
}

static int ask_model(struct task *t)
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
        code = t->truth ? localize(t, o.context, &o) : run_model(t, &o, &answers);
    }
    close_model(&o);
    free_strings(&answers);
    free(text);
    return code;
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t n = strlen(text), m = strlen(ending);
    return n > m && strcmp(text + n - m, ending) == 0;
}

// Whether the data holds what a model made: masks, or a column of them. False after printing why
// not.
static bool look(struct task *t, struct bv_context *context, int *has, int *code)
{
    const char *data = t->with_model.data;
    enum bv_status status = BV_OK;
    *has = t->truth && ends_with(data, ".json");
    if (!*has && !is_of(t, "retrieval"))
        status = bv_eval_has_column(context, data, is_of(t, "vqa") ? "prediction" : "map", has);
    *code = status == BV_OK ? EXIT_OK : (int)report_failure(context, status);
    return status == BV_OK;
}

static int keep_to_protocol(struct task *t, bool has)
{
    const bool of_masks = strcmp(t->protocol, "chexlocalize") == 0;
    if (!t->with_model.folder) {
        (void)fprintf(stderr, "biovl: give the folder for the results: --output DIR\n");
        return EXIT_USAGE;
    }
    if (of_masks != (t->truth != NULL)) {
        (void)fprintf(stderr,
                      of_masks ? "biovl: protocol %s compares with masks: --truth FILE\n"
                               : "biovl: protocol %s compares with no masks\n",
                      t->protocol);
        return EXIT_USAGE;
    }
    int code = open_protocol(&t->opened, t->protocol, has ? NULL : t->with_model.data, t->name);
    if (code == EXIT_OK && !t->with_model.path_column)
        t->with_model.path_column = bv_eval_protocol_column(t->opened.protocol, "path");
    if (code == EXIT_OK && !t->retrieval.text_column)
        t->retrieval.text_column = bv_eval_protocol_column(t->opened.protocol, "text");
    return code;
}

static int run(struct task *t)
{
    struct bv_context *context = NULL;
    int has = 0, code = EXIT_OK;
    enum bv_status status = bv_context_open(&context, t->model.threads);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    if (look(t, context, &has, &code) && t->protocol)
        code = keep_to_protocol(t, has);
    if (code == EXIT_OK && has)
        code = t->truth && !t->model.model ? localize(t, context, NULL) : judge_file(t, context);
    bv_context_close(&context);
    if (code == EXIT_OK && !has)
        code = is_of(t, "retrieval") ? run_retrieval(t) : ask_model(t);
    close_protocol(&t->opened);
    return code;
}

static bool is_valid(const struct task *t, const struct strings *data)
{
    const bool masks = t->truth || t->thresholds || t->tune;
    if ((t->clinical || t->retrieval.patient_column) && !is_of(t, "retrieval"))
        return false;
    if (is_of(t, "retrieval") && t->with_model.folder && !t->clinical && !t->protocol)
        return false; // nothing would be written
    if (t->faithfulness && (masks || !is_of(t, "grounding")))
        return false;
    return data->n == 1 && t->batch >= 0 && (!masks || (t->truth && is_of(t, "grounding")));
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
        {"--faithfulness", OPTION_FLAG, &t.faithfulness, NULL,
         "grounding with a method: deletion and insertion, hundreds of runs per map"},
        {"--protocol", OPTION_STRING, &t.protocol, "NAME",
         "a benchmark by name or file (biovl eval protocols): its number beside published ones"},
        {"--truth", OPTION_STRING, &t.truth, "FILE",
         "grounding: true masks (JSON, COCO's runs), with which masks or maps are compared as "
         "cheXlocalize does"},
        {"--thresholds", OPTION_STRING, &t.thresholds, "FILE",
         "grounding with masks: CSV file of thresholds of maps (task, threshold); default: Otsu's"},
        {"--tune", OPTION_FLAG, &t.tune, NULL,
         "grounding with masks: finds those thresholds, on a validation set"},
        {"--text-col", OPTION_STRING, &t.retrieval.text_column, "NAME",
         "retrieval: reports (text)"},
        {"--class-col", OPTION_STRING, &t.retrieval.class_column, "NAME",
         "retrieval: items of the same class are right as well"},
        {"--clinical", OPTION_STRING, &t.clinical, "MODEL",
         "retrieval: a CheXbert model file; the nearest report of another patient is judged by "
         "F1-CheXbert, SembScore and BLEU-2 (-o: retrieved.csv with the reports)"},
        {"--patient-col", OPTION_STRING, &t.retrieval.patient_column, "NAME",
         "retrieval: who is another patient (patient_id, patient, subject_id)"},
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
        "w, h, category; or with --truth: a JSON file of masks, or columns id, task and map, or "
        "path "
        "and task for a model. "
        "vqa: columns prediction, or path and question for a model to answer (-o); answer, type "
        "(closed or open).",
        options, sizeof options / sizeof *options};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (!is_valid(&t, &positional))
            (void)fprintf(stderr, "usage: biovl %s %s\n", command, usage.synopsis);
        else {
            o->data = positional.items[0];
            code = run(&t);
        }
    }
    free_strings(&positional);
    return code;
}
