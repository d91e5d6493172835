// biovl label: what a text classifier says of reports, in the form of CheXbert's program.
#include <stdio.h>
#include <stdlib.h>

#include "biovl/label.h"
#include "command.h"

struct label {
    struct model_options model;
    struct strings inputs, texts, keep;
    const char *text_file, *text_column, *second_column, *output;
    bool json, no_text;
};

static enum bv_status label(const struct label *a, const struct opened *o,
                            struct bv_label_counts *counts)
{
    const struct bv_label_options options = {.size = sizeof options,
                                             .inputs = a->inputs.items,
                                             .n_inputs = a->inputs.n,
                                             .texts = a->texts.items,
                                             .n_texts = a->texts.n,
                                             .text_column = a->text_column,
                                             .second_column = a->second_column,
                                             .keep = a->keep.items,
                                             .n_keep = a->keep.n,
                                             .output = a->output ? a->output : "-",
                                             .json = a->json,
                                             .no_text = a->no_text};
    struct bv_labeler *labeler = NULL;
    enum bv_status status = bv_labeler_open(o->engine, &labeler);
    if (status == BV_OK)
        status = bv_label_reports(labeler, &options, counts);
    bv_labeler_close(&labeler);
    return status;
}

static int run(const struct label *a)
{
    struct opened o = {0};
    struct bv_label_counts counts = {.size = sizeof counts};
    enum bv_status status = open_model(&o, &a->model, true);
    int code = (int)exit_code_of(status);
    if (status == BV_OK) {
        status = watch(o.context, "report", NULL);
        if (status == BV_OK)
            status = label(a, &o, &counts);
        clear_progress();
        code = status == BV_OK
                   ? (int)exit_code_of_batch(counts.reports, counts.failed, BV_ERR_FORMAT)
                   : (int)report_failure(o.context, status);
        if (counts.truncated > 0)
            (void)fprintf(stderr,
                          "biovl: warning: %llu of %llu reports were cut to the model's "
                          "maximum\n",
                          (unsigned long long)counts.truncated, (unsigned long long)counts.reports);
    }
    close_model(&o);
    return code;
}

int run_label(int argc, char **argv)
{
    struct label a = {.output = NULL};
    const struct option options[] = {
        {"--text|-t", OPTION_LIST, &a.texts, "TEXT...", "reports given here"},
        {"--text-file", OPTION_STRING, &a.text_file, "FILE", "one report per line, - is stdin"},
        {"--text-col", OPTION_STRING, &a.text_column, "COLUMN",
         "of the table (default: the authors' \"Report Impression\", report, text, impression, …)"},
        {"--second-col", OPTION_STRING, &a.second_column, "COLUMN",
         "of the second text, for models that classify pairs"},
        {"--keep", OPTION_LIST, &a.keep, "COLUMN...", "columns of the table to write too"},
        {"--no-text", OPTION_FLAG, &a.no_text, NULL, "leave the reports out of the table"},
        {"--output|-o", OPTION_STRING, &a.output, "OUT", "file (default: standard output)"},
        {"--json", OPTION_FLAG, &a.json, NULL, "a JSON line for each report, with probabilities"},
        MODEL_OPTIONS(&a.model),
    };
    const struct usage usage = {
        "label", "(REPORTS.csv | FILE.txt... | FOLDER... | --text TEXT...) -m M [options]",
        "Labels reports with a text classifier, such as CheXbert: 14 findings, each 1 (positive), "
        "0 (negative), -1 (uncertain) or nothing (not mentioned).",
        options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &a.inputs);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    char *text = NULL;
    size_t size = 0;
    if (parsed == PARSE_OK) {
        const char *read[] = {a.text_file, model_path(a.model.model)};
        int given = (a.inputs.n > 0) + (a.texts.n > 0) + (a.text_file != NULL);
        if (given != 1) {
            (void)fprintf(stderr, "usage: biovl label %s\n", usage.synopsis);
        } else if (!is_input(a.output, &a.inputs) && !is_read(a.output, read, 2)) {
            code = EXIT_INPUT;
            if (a.text_file)
                text = read_text(a.text_file, &size);
            if (!a.text_file || (text && split_lines(text, size, true, &a.texts)))
                code = run(&a);
        }
    }
    free(text);
    free_strings(&a.inputs);
    free_strings(&a.texts);
    free_strings(&a.keep);
    return code;
}
