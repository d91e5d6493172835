// biovl eval: batch zero-shot evaluation, and eval merge.
#include "biovl/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "eval_protocol.h"
#include "meter.h"
#include "pictures.h"

struct eval {
    struct model_options model;
    struct bv_eval_options options;
    struct strings where;
    const char *labels, *templates, *shard, *blank, *aggregate, *fit_thresholds, *protocol, *frame,
        *prevalence;
    struct opened_protocol opened;
    int batch, workers, bootstrap;
    bool resume, same_data, no_bootstrap, quiet, match, no_cache;
};

// ---- Arguments ----

// "2/4": i/n counts from 0 or from 1, both common in job arrays: n/n is the same shard as 0/n.
static bool parse_shard(const char *text, struct bv_eval_options *options)
{
    char *end = NULL;
    if (!text)
        return true;
    unsigned long long i = strtoull(text, &end, 10), n = 0;
    if (end != text && *end == '/' && end[1] != '-')
        n = strtoull(end + 1, &end, 10);
    if (!n || *end || *text == '-' || i > n) {
        (void)fprintf(stderr, "biovl: --shard %s: give i/n with i from 1 to n\n", text);
        return false;
    }
    options->shard = i % n;
    options->n_shards = n;
    return true;
}

static bool one_of(const char *option, const char *value, const char *first, const char *second)
{
    if (!value || strcmp(value, first) == 0 || strcmp(value, second) == 0)
        return true;
    (void)fprintf(stderr, "biovl: %s %s: choose %s or %s\n", option, value, first, second);
    return false;
}

static bool check_options(struct eval *e)
{
    struct bv_eval_options *o = &e->options;
    if (!parse_shard(e->shard, o) || !one_of("--blank", e->blank, "ignore", "zero") ||
        !one_of("--aggregate", e->aggregate, "max", "mean") || !parse_frame(e->frame, &o->frame))
        return false;
    if (e->batch < 0 || e->workers < 0 || e->bootstrap < 0) {
        (void)fprintf(stderr, "biovl: --batch, --workers and --bootstrap are positive numbers\n");
        return false;
    }
    if (!parse_number("--prevalence", e->prevalence, &o->prevalence))
        return false;
    if (e->prevalence && !(o->prevalence > 0 && o->prevalence < 1)) {
        (void)fprintf(stderr, "biovl: --prevalence is above 0 and below 1\n");
        return false;
    }
    if (e->fit_thresholds && (o->thresholds || e->shard)) {
        (void)fprintf(stderr, "biovl: --fit-thresholds goes without --apply and --shard; evaluate "
                              "that file on its own and --apply its thresholds.json\n");
        return false;
    }
    o->blank_is_zero = e->blank && strcmp(e->blank, "zero") == 0;
    o->mean = e->aggregate && strcmp(e->aggregate, "mean") == 0;
    o->batch = (size_t)e->batch;
    o->workers = e->workers;
    o->bootstrap = e->no_bootstrap ? -1 : e->bootstrap;
    o->resume = e->resume;
    o->same_data = e->same_data;
    o->where = e->where.items;
    o->n_where = e->where.n;
    return true;
}

// ---- Running ----

// What is open while images are scored; zero_shot is NULL with --match.
struct job {
    struct opened opened;
    struct bv_zero_shot *zero_shot;
    char *labels, *templates; // texts of the files
    size_t labels_size;
};

static struct bv_zero_shot_options labels_of(const struct eval *e, const struct job *job)
{
    return (struct bv_zero_shot_options){.size = sizeof(struct bv_zero_shot_options),
                                         .labels = job->labels,
                                         .n_label_bytes = job->labels_size,
                                         .name = e->labels ? e->labels : e->protocol,
                                         .templates = job->templates,
                                         .cache = may_cache(e->no_cache)};
}

static enum bv_status run_and_finish(const struct eval *e, struct job *job,
                                     const struct bv_eval_options *options,
                                     struct bv_eval_counts *counts)
{
    struct meter meter;
    struct bv_eval_options own = *options;
    const struct bv_zero_shot_options labels = labels_of(e, job);
    enum bv_status status = begin_meter(&meter, job->opened.context);
    if (status != BV_OK)
        return status;
    if (job->zero_shot)
        status = bv_eval_run(job->zero_shot, &own, counts);
    else
        status = bv_eval_run_match(job->opened.engine, &labels, &own, counts);
    clear_meter(&meter);
    if (status == BV_OK) // else its message is still to be read
        status = bv_context_observe(job->opened.context, NULL);
    if (!job->opened.warned && bv_engine_fallback(job->opened.engine)) {
        (void)fprintf(stderr,
                      "biovl: warning: some images were scored on the CPU (\"devices\" in the "
                      "results): %s\n",
                      bv_engine_fallback(job->opened.engine));
        job->opened.warned = true;
    }
    if (status == BV_OK && own.n_shards <= 1) {
        own.data = NULL; // where it was
        status = bv_eval_finish(job->opened.context, &own, counts);
    }
    return status;
}

// Evaluates the file that thresholds are fitted on in a folder below the main one.
static enum bv_status fit_thresholds(const struct eval *e, struct job *job, char *path, size_t room)
{
    char folder[4000];
    struct bv_eval_options options = e->options;
    struct bv_eval_counts counts = {.size = sizeof counts};
    (void)snprintf(folder, sizeof folder, "%s/fit", options.folder);
    (void)snprintf(path, room, "%s/thresholds.json", folder);
    options.data = e->fit_thresholds;
    options.folder = folder;
    return run_and_finish(e, job, &options, &counts);
}

// The exit code of a finished evaluation: one in which nothing could be computed is no success.
static int report_finished(const struct eval *e, const struct bv_eval_counts *counts)
{
    int code = report_rows(counts, e->options.folder, e->quiet);
    if (counts->labels > 0 || code == EXIT_INPUT)
        return code;
    (void)fprintf(stderr, "biovl: no metric could be computed: no label has both positive and "
                          "negative images\n");
    return EXIT_INPUT;
}

static int evaluate(struct eval *e, struct job *job)
{
    char thresholds[4096];
    struct bv_eval_counts counts = {.size = sizeof counts};
    struct bv_eval_options options = e->options;
    enum bv_status status = BV_OK;
    if (e->fit_thresholds) {
        status = fit_thresholds(e, job, thresholds, sizeof thresholds);
        options.thresholds = thresholds;
    }
    if (status == BV_OK)
        status = run_and_finish(e, job, &options, &counts);
    if (status != BV_OK)
        return (int)report_failure(job->opened.context, status);
    if (e->options.n_shards > 1 && !e->quiet)
        (void)fprintf(stderr, "biovl: shard done; when all are: biovl eval merge %s\n",
                      e->options.folder);
    return e->options.n_shards > 1 ? report_rows(&counts, e->options.folder, e->quiet)
                                   : report_finished(e, &counts);
}

// EXIT_OK, or the code after the reason was printed.
static int open_job(const struct eval *e, struct job *job)
{
    job->labels = e->labels ? read_text(e->labels, &job->labels_size)
                            : strdup(bv_eval_protocol_labels(e->opened.protocol));
    if (job->labels && !e->labels)
        job->labels_size = strlen(job->labels);
    if (job->labels && e->templates)
        job->templates = read_templates(e->templates);
    if (!job->labels || (e->templates && !job->templates))
        return EXIT_INPUT;
    enum bv_status status = open_model(&job->opened, &e->model, true);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = watch(job->opened.context, "eval", NULL);
    if (status != BV_OK)
        return (int)report_failure(job->opened.context, status);
    if (e->match)
        return EXIT_OK;
    const struct bv_zero_shot_options labels = labels_of(e, job);
    status = bv_zero_shot_open(job->opened.engine, &labels, &job->zero_shot);
    if (status != BV_OK)
        return (int)report_failure(job->opened.context, status);
    bv_engine_trim(job->opened.engine); // images do not need the text encoder
    if (bv_zero_shot_warning(job->zero_shot))
        (void)fprintf(stderr, "biovl: warning: %s\n", bv_zero_shot_warning(job->zero_shot));
    return EXIT_OK;
}

static int keep_to_protocol(struct eval *e)
{
    int code = open_protocol(&e->opened, e->protocol, e->options.data, "classification");
    if (code != EXIT_OK)
        return code;
    bv_eval_protocol_set(e->opened.protocol, &e->options);
    if (e->blank) // what is given wins
        e->options.blank_is_zero = strcmp(e->blank, "zero") == 0;
    if (e->labels || bv_eval_protocol_labels(e->opened.protocol))
        return EXIT_OK;
    (void)fprintf(stderr, "biovl: protocol %s leaves the labels open: give --labels FILE\n",
                  e->protocol);
    return EXIT_USAGE;
}

static int run(struct eval *e)
{
    struct job job = {.labels = NULL};
    int code = e->protocol ? keep_to_protocol(e) : EXIT_OK;
    if (code == EXIT_OK)
        code = open_job(e, &job);
    if (code == EXIT_OK) {
        if (!e->quiet)
            print_research_notice(&job.opened);
        code = evaluate(e, &job);
        if (e->protocol && e->options.n_shards <= 1 &&
            (code == EXIT_OK || code == EXIT_SOME_FAILED)) {
            int reported = report_protocol(&e->opened, e->options.folder, NULL);
            code = reported == EXIT_OK ? code : reported;
        }
    }
    close_protocol(&e->opened);
    bv_zero_shot_close(&job.zero_shot);
    close_model(&job.opened);
    free(job.templates);
    free(job.labels);
    return code;
}

static int merge(const struct eval *e)
{
    struct bv_context *context = NULL;
    struct bv_eval_counts counts = {.size = sizeof counts};
    enum bv_status status = bv_context_open(&context, e->model.threads);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = bv_eval_finish(context, &e->options, &counts);
    int code = status == BV_OK ? report_finished(e, &counts) : (int)report_failure(context, status);
    bv_context_close(&context);
    return code;
}

// clang-format off
#define FINISH_OPTIONS(e)                                                                          \
    {"--apply", OPTION_STRING, &(e)->options.thresholds, "FILE",                                   \
     "decide by the thresholds.json of another evaluation"},                                       \
    {"--rule", OPTION_STRING, &(e)->options.rule, "RULE",                                          \
     "of the thresholds.json written: youden (default), mcc, f1, sensitivity=X, specificity=X"},   \
    {"--calibration", OPTION_STRING, &(e)->options.calibration, "FILE",                            \
     "judge the scores after a calibration of biovl calibrate"},                                   \
    {"--allow-same-data", OPTION_FLAG, &(e)->same_data, NULL,                                      \
     "--apply and --calibration may come from this very data"},                                    \
    {"--bootstrap", OPTION_INTEGER, &(e)->bootstrap, "N", "replicates (default 1000)"},            \
    {"--no-bootstrap", OPTION_FLAG, &(e)->no_bootstrap, NULL, "no bootstrap intervals"},           \
    {"--prevalence", OPTION_STRING, &(e)->prevalence, "P",                                         \
     "PPV and NPV at this prevalence too"},                                                        \
    {"--aggregate", OPTION_STRING, &(e)->aggregate, "HOW",                                         \
     "studies and patients by the max (default) or mean of their images"},                         \
    {"--threads", OPTION_INTEGER, &(e)->model.threads, "N", "processor threads (default: all)"}
// clang-format on

static int run_merge(int argc, char **argv)
{
    struct eval e = {.options.size = sizeof e.options};
    const struct option options[] = {
        {"--data", OPTION_STRING, &e.options.data, "FILE", "where the CSV file is now"},
        FINISH_OPTIONS(&e),
    };
    const struct usage usage = {"eval merge", "DIR [options]",
                                "Joins the shards of an evaluation and writes its results again; "
                                "needs no model.",
                                options, sizeof options / sizeof *options};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (positional.n != 1)
            (void)fprintf(stderr, "usage: biovl eval merge %s\n", usage.synopsis);
        else if (check_options(&e)) {
            e.options.folder = positional.items[0];
            code = merge(&e);
        }
    }
    free_strings(&positional);
    return code;
}

static int run_on(struct eval *e, const struct strings *data, const struct usage *usage)
{
    if (data->n != 1 || !(e->labels || e->protocol) || !e->options.folder) {
        (void)fprintf(stderr, "usage: biovl eval %s\n", usage->synopsis);
        return EXIT_USAGE;
    }
    e->options.data = data->items[0];
    return check_options(e) ? run(e) : EXIT_USAGE;
}

static int run_data(int argc, char **argv)
{
    struct eval e = {.options.size = sizeof e.options};
    struct bv_eval_options *o = &e.options;
    const struct option options[] = {
        {"--labels|-l", OPTION_STRING, &e.labels, "FILE",
         "one label per line; label = prompt | prompt; # comments"},
        {"--output|-o", OPTION_STRING, &o->folder, "DIR", "folder for everything that is written"},
        {"--protocol", OPTION_STRING, &e.protocol, "NAME",
         "keep to a benchmark's columns, labels and rules, and print its number beside the "
         "published ones (biovl eval protocols lists them)"},
        {"--templates", OPTION_STRING, &e.templates, "SET",
         "prompt set instead of the model's own: a name of biovl info --prompts, or a JSON file"},
        {"--match", OPTION_FLAG, &e.match, NULL, "score by a fusion encoder's image-text matching"},
        {"--path-col", OPTION_STRING, &o->path_column, "NAME", "column of the image paths"},
        {"--patient-col", OPTION_STRING, &o->patient_column, "NAME", "column of the patients"},
        {"--study-col", OPTION_STRING, &o->study_column, "NAME", "column of the studies"},
        {"--by", OPTION_STRING, &o->stratum_column, "COLUMN",
         "metrics also for each value of this column (a view, a site)"},
        {"--list-col", OPTION_STRING, &o->list_column, "NAME",
         "column that lists findings (a|b; a;b; a, b; Python or JSON lists)"},
        {"--where", OPTION_LIST, &e.where, "COLUMN=VALUE", "only rows that fulfil all of these"},
        {"--root", OPTION_STRING, &o->root, "DIR", "folder of relative image paths"},
        {"--uncertain", OPTION_STRING, &o->uncertain, "HOW",
         "labels of -1: ignore (default), zero, one, policy"},
        {"--blank", OPTION_STRING, &e.blank, "HOW", "empty labels: ignore (default) or zero"},
        FRAME_OPTION(&e.frame),
        {"--resume", OPTION_FLAG, &e.resume, NULL, "go on with an interrupted evaluation"},
        {"--shard", OPTION_STRING, &e.shard, "I/N", "only this part of the rows; then eval merge"},
        {"--fit-thresholds", OPTION_STRING, &e.fit_thresholds, "CSV",
         "evaluate this other file first (in DIR/fit) and decide by its thresholds"},
        FINISH_OPTIONS(&e),
        {"--batch", OPTION_INTEGER, &e.batch, "N", "images per run of the encoder (default 16)"},
        {"--workers", OPTION_INTEGER, &e.workers, "N", "decoding threads"},
        {"--model|-m", OPTION_STRING, &e.model.model, "FILE",
         "model file (default: $BIOVL_MODEL, then the one that ships)"},
        NO_CACHE_OPTION(&e.no_cache),
        {"--device", OPTION_STRING, &e.model.device, "DEVICE",
         "auto, cpu, vulkan, vulkan:1, vulkan:NAME"},
        {"--precision", OPTION_STRING, &e.model.precision, "P",
         "auto, f32; GPU: f16; CPU: bf16, int8"},
        {"--quiet|-q", OPTION_FLAG, &e.quiet, NULL, "only errors and warnings"},
    };
    const struct usage usage = {
        "eval",
        "DATA.csv --labels FILE -o DIR [options] | DATA.csv --protocol NAME -o DIR | merge DIR | "
        "compare DIR DIR -o DIR | subgroups DIR --by COLUMN | conformal DIR DIR -o DIR | protocols "
        "| labels REFERENCE.csv PREDICTED.csv | retrieval|grounding|vqa DATA.csv | synthetic DIR",
        "Scores the images of a labelled CSV file and computes what a paper reports.", options,
        sizeof options / sizeof *options};
    struct strings positional = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &positional);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK)
        code = run_on(&e, &positional, &usage);
    free_strings(&e.where);
    free_strings(&positional);
    return code;
}

int run_eval(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } parts[] = {{"merge", run_merge},
                 {"compare", run_eval_compare},
                 {"subgroups", run_eval_subgroups},
                 {"conformal", run_eval_conformal},
                 {"labels", run_eval_labels},
                 {"protocols", run_eval_protocols},
                 {"synthetic", run_eval_synthetic}};
    for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argc - 1, argv + 1);
    static const char *const tasks[] = {"retrieval", "grounding", "vqa"};
    for (size_t i = 0; argc > 1 && i < sizeof tasks / sizeof *tasks; i++)
        if (strcmp(argv[1], tasks[i]) == 0)
            return run_eval_task(argc - 1, argv + 1);
    return run_data(argc, argv);
}
