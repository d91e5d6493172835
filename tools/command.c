#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum exit_code exit_code_of(enum bv_status status)
{
    switch (status) {
    case BV_OK:
        return EXIT_OK;
    case BV_ERR_ARG:
        return EXIT_USAGE;
    case BV_ERR_NOMEM:
    case BV_ERR_DEVICE:
    case BV_ERR_DEVICE_LOST:
    case BV_ERR_OOM_DEVICE:
        return EXIT_DEVICE;
    case BV_ERR_INTERNAL:
        return EXIT_INTERNAL;
    default:
        return EXIT_INPUT;
    }
}

enum exit_code exit_code_of_batch(size_t n, size_t n_failed, enum bv_status last)
{
    if (n_failed == 0)
        return EXIT_OK;
    return n_failed < n ? EXIT_SOME_FAILED : exit_code_of(last);
}

// The default model beside the program (build tree), under its prefix (installed), or where the
// build installs it.
const char *model_path(const char *option)
{
    static char path[4096];
    if (option)
        return option;
    const char *variable = getenv("BIOVL_MODEL");
    if (variable && *variable)
        return variable;
    char self[3072];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        *strrchr(self, '/') = 0;
        (void)snprintf(path, sizeof path, "%s/../share/biovl/models/" BIOVL_DEFAULT_MODEL, self);
        if (access(path, R_OK) == 0)
            return path;
    }
    static const char *const places[] = {BIOVL_SOURCE_MODELS, BIOVL_INSTALLED_MODELS};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/" BIOVL_DEFAULT_MODEL, places[i]);
        if (access(path, R_OK) == 0)
            return path;
    }
    return NULL;
}

bool may_cache(bool no_cache)
{
    const char *variable = getenv("BIOVL_NO_CACHE");
    return !no_cache && (!variable || !*variable || strcmp(variable, "0") == 0);
}

static void warn_of_fallback(struct opened *opened)
{
    if (opened->warned || !bv_engine_fallback(opened->engine))
        return;
    clear_progress();
    (void)fprintf(stderr, "biovl: warning: running on the CPU: %s\n",
                  bv_engine_fallback(opened->engine));
    opened->warned = true;
}

enum bv_status open_model(struct opened *opened, const struct model_options *options,
                          bool want_engine)
{
    const struct bv_engine_options engine = {
        .size = sizeof engine, .device = options->device, .precision = options->precision};
    enum bv_status status = bv_context_open(&opened->context, options->threads);
    if (status != BV_OK) {
        (void)report_failure(NULL, status);
        return status;
    }
    const char *path = model_path(options->model);
    if (!path) {
        (void)fprintf(stderr, "biovl: no model: give --model FILE or set BIOVL_MODEL\n");
        return BV_ERR_ARG;
    }
    status = bv_model_open(opened->context, path, &opened->model);
    if (status == BV_OK && want_engine)
        status = bv_engine_open(opened->context, opened->model, &engine, &opened->engine);
    if (status != BV_OK)
        (void)report_failure(opened->context, status);
    else if (want_engine)
        warn_of_fallback(opened);
    return status;
}

void close_model(struct opened *opened)
{
    if (opened->engine)
        warn_of_fallback(opened);
    bv_engine_close(&opened->engine);
    bv_model_close(&opened->model);
    bv_context_close(&opened->context);
}

enum exit_code report_failure(const struct bv_context *context, enum bv_status status)
{
    clear_progress();
    (void)fprintf(stderr, "biovl: %s\n", bv_last_error(context));
    return exit_code_of(status);
}

bool is_input(const char *output, const struct strings *inputs)
{
    struct stat out, in;
    if (!output || stat(output, &out) != 0 || !S_ISREG(out.st_mode))
        return false;
    for (size_t i = 0; i < inputs->n; i++) {
        if (stat(inputs->items[i], &in) != 0 || in.st_dev != out.st_dev || in.st_ino != out.st_ino)
            continue;
        (void)fprintf(stderr, "biovl: %s: the output is also an input\n", output);
        return true;
    }
    return false;
}

bool is_read(const char *output, const char *const *read, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const char *one = read[k];
        if (one && is_input(output, &(struct strings){&one, 1}))
            return true;
    }
    return false;
}

bool is_output_twice(const char *const *outputs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (outputs[i] && outputs[k] && strcmp(outputs[i], outputs[k]) == 0) {
                (void)fprintf(stderr, "biovl: %s: named for two outputs\n", outputs[i]);
                return true;
            }
    return false;
}

char *read_templates(const char *name)
{
    size_t size = 0;
    bool file = strcmp(name, "-") == 0 || strchr(name, '/') || access(name, F_OK) == 0;
    return file ? read_text(name, &size) : strdup(name);
}

char *read_text(const char *path, size_t *size)
{
    struct bv_context *context = NULL;
    char *text = NULL;
    enum bv_status status = bv_context_open(&context, 1);
    if (status == BV_OK)
        status = bv_read_text(context, path, &text, size);
    if (status != BV_OK) {
        (void)report_failure(context, status);
        text = NULL;
    }
    bv_context_close(&context);
    return text;
}

bool split_lines(char *text, size_t size, bool keep_blank, struct strings *lines)
{
    for (char *line = text, *end = text + size; line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        *stop = 0;
        if ((*line || keep_blank) && !add_string(lines, line))
            return false;
        line = stop + 1;
    }
    return true;
}

static bool progress_shown;

void show_progress(const char *what, size_t done, size_t n)
{
    if (n < 2 || !isatty(STDERR_FILENO))
        return;
    (void)fprintf(stderr, "\r\033[K%s %zu of %zu", what, done, n);
    progress_shown = true;
}

void clear_progress(void)
{
    if (progress_shown)
        (void)fprintf(stderr, "\r\033[K");
    progress_shown = false;
}

// Whom watch() told of; a process runs one command.
static const char *watched;
static const volatile sig_atomic_t *watched_stop;

static int show_done(void *arg, size_t done, size_t total)
{
    (void)arg;
    if (done > 0 && isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r\033[K%s %zu", watched, done);
        if (total > 0)
            (void)fprintf(stderr, " of %zu", total);
        progress_shown = true;
    }
    return watched_stop && *watched_stop;
}

static FILE *events; // NULL: nobody reads them

void show_events(FILE *stream)
{
    events = stream;
}

void print_log(void *arg, enum bv_log_level level, const char *text)
{
    (void)arg;
    bool start = strncmp(text, "{\"event\":\"listening\"", 20) == 0;
    if (level == BV_LOG_WARNING || start) {
        clear_progress();
        (void)fprintf(stderr, "biovl: %s\n", text);
    }
    if (level == BV_LOG_INFO && events) {
        (void)fprintf(events, "%s\n", text);
        (void)fflush(events);
    }
}

static void print_failure(void *arg, const char *name, enum bv_status status, const char *text)
{
    (void)arg;
    (void)name; // the text has it
    (void)status;
    clear_progress();
    (void)fprintf(stderr, "biovl: %s\n", text);
}

enum bv_status watch(struct bv_context *context, const char *what,
                     const volatile sig_atomic_t *stop)
{
    const struct bv_observer observer = {
        .size = sizeof observer, .progress = show_done, .failed = print_failure, .log = print_log};
    watched = what;
    watched_stop = stop;
    return bv_context_observe(context, &observer);
}

void print_csv_field(const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        (void)fputs(text, stdout);
        return;
    }
    (void)putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            (void)putchar('"');
        (void)putchar(*text);
    }
    (void)putchar('"');
}

void print_research_notice(const struct opened *opened)
{
    struct bv_model_info facts = {.size = sizeof facts};
    if (bv_model_facts(opened->model, &facts) == BV_OK && facts.notice)
        (void)fprintf(stderr, "biovl: %s\n", facts.notice);
    (void)fprintf(stderr, "biovl: for research; not a medical device\n");
}
