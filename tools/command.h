// command.h: what the subcommands of biovl share: exit codes, opening models, messages.
#ifndef BV_TOOLS_COMMAND_H
#define BV_TOOLS_COMMAND_H

#include <signal.h>
#include <stdio.h>

#include "arguments.h"
#include "biovl/biovl.h"

// Documented in README.md.
enum exit_code {
    EXIT_OK = 0,
    EXIT_SOME_FAILED = 1, // some inputs failed, the others are done and printed
    EXIT_USAGE = 2,
    EXIT_INPUT = 3,  // bad input or model
    EXIT_DEVICE = 4, // device or resources
    EXIT_INTERNAL = 5,
};

enum exit_code exit_code_of(enum bv_status status);

// The exit code of a batch: all fine, some failed, or all failed (then the last failure's own).
enum exit_code exit_code_of_batch(size_t n, size_t n_failed, enum bv_status last);

// The options that every command with a model has.
struct model_options {
    const char *model, *device, *precision;
    int threads;
};

// clang-format off
#define MODEL_OPTIONS(o)                                                                           \
    {"--model|-m", OPTION_STRING, &(o)->model, "FILE",                                             \
     "model file (default: $BIOVL_MODEL, then the one that ships)"},                               \
    {"--device", OPTION_STRING, &(o)->device, "DEVICE", "auto, cpu, vulkan, vulkan:1, vulkan:NAME"}, \
    {"--precision", OPTION_STRING, &(o)->precision, "P", "auto, f32; GPU: f16; CPU: bf16, int8"},  \
    {"--threads", OPTION_INTEGER, &(o)->threads, "N", "processor threads (default: all)"}
// Of commands that embed labels.
#define NO_CACHE_OPTION(value)                                                                     \
    {"--no-cache", OPTION_FLAG, value, NULL,                                                       \
     "embed the prompts anew, and keep nothing of them (likewise: BIOVL_NO_CACHE=1)"}
// clang-format on

// Whether embeddings of prompts may be kept on disk: without the option and $BIOVL_NO_CACHE.
bool may_cache(bool no_cache);

// A context, model and engine opened together; zero-initialise, close in any state.
struct opened {
    struct bv_context *context;
    struct bv_model *model;
    struct bv_engine *engine;
    bool warned; // of the CPU doing what a GPU should have done
};

// Opens what the options name; without engine when want_engine is false. Failures are printed.
enum bv_status open_model(struct opened *opened, const struct model_options *options,
                          bool want_engine);
// Also warns when the CPU took over after the opening.
void close_model(struct opened *opened);

// The path of the model to use: the option, $BIOVL_MODEL, or the default model of the installed or
// built tree. NULL when none of them exists.
const char *model_path(const char *option);

// Prints "biovl: <the context's last error>" on stderr and returns its exit code; NULL: of opening
// a context.
enum exit_code report_failure(const struct bv_context *context, enum bv_status status);

// Whether output (or NULL) is one of the inputs, by whatever name; says so on stderr.
bool is_input(const char *output, const struct strings *inputs);

// The same of n files (or NULLs) that are read beside the inputs.
bool is_read(const char *output, const char *const *read, size_t n);

// Whether two of n outputs (or NULLs) are one file, by name; says so on stderr.
bool is_output_twice(const char *const *outputs, size_t n);

// Reads a whole text file, "-" is stdin; NULL after printing why not. The caller frees.
char *read_text(const char *path, size_t *size);

// What --templates names: the text of the file of that name, or, where there is none, the name
// itself, which may be that of a prompt set that ships. As read_text().
char *read_templates(const char *name);

// Splits text in place into its lines; those that are empty only where each line counts.
bool split_lines(char *text, size_t size, bool keep_blank, struct strings *lines);

// Where lines about what happens go, that a receiver writes; NULL (at first): nowhere.
void show_events(FILE *stream);

// An observer's log(): warnings, on stderr, and events.
void print_log(void *arg, enum bv_log_level level, const char *text);

// What the calls with a context tell is printed: "study 12" or "study 12 of 3000" on stderr, where
// that is a terminal, and failed items. A *stop (may be NULL) that a signal handler sets ends them.
enum bv_status watch(struct bv_context *context, const char *what,
                     const volatile sig_atomic_t *stop);

// "file 12 of 3000" on stderr, only when that is a terminal; clear_progress() erases it.
void show_progress(const char *what, size_t done, size_t n);
void clear_progress(void);

// A CSV field with quotes where needed.
void print_csv_field(const char *text);

// Said once per run where scores are shown.
void print_research_notice(const struct opened *opened);

int run_bench(int argc, char **argv);
int run_ask(int argc, char **argv);
int run_classify(int argc, char **argv);
int run_generate(int argc, char **argv);
int run_match(int argc, char **argv);
int run_segment(int argc, char **argv);
int run_embed(int argc, char **argv);
int run_label(int argc, char **argv);
int run_explain(int argc, char **argv);
int run_preprocess(int argc, char **argv);
int run_tokenize(int argc, char **argv);
int run_convert(int argc, char **argv);
int run_quantize(int argc, char **argv);
int run_info(int argc, char **argv);
int run_eval(int argc, char **argv);
int run_eval_compare(int argc, char **argv);
int run_eval_subgroups(int argc, char **argv);
int run_eval_conformal(int argc, char **argv);
int run_eval_labels(int argc, char **argv);
int run_eval_protocols(int argc, char **argv);
int run_eval_synthetic(int argc, char **argv);
int run_eval_task(int argc, char **argv); // retrieval, grounding, vqa: argv[0]
int run_calibrate(int argc, char **argv);
int run_verify(int argc, char **argv);
int run_index(int argc, char **argv);
int run_search(int argc, char **argv);
int run_pacs(int argc, char **argv);
int run_serve(int argc, char **argv);

#endif
