// biovl pacs: archives: looking, fetching, storing, receiving.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pacs_options.h"
#include "pictures.h"

// The first line of a file; NULL after printing why not.
static char *read_secret(const char *path)
{
    size_t size;
    char *text = read_text(path, &size);
    if (text)
        text[strcspn(text, "\r\n")] = 0;
    return text;
}

// Lines of a kind and a name; blank lines and those that begin with # are left out.
static bool read_names(struct pacs_options *o)
{
    size_t size;
    struct strings lines = {0};
    const struct {
        const char *word;
        struct strings *names;
    } kinds[] = {
        {"study ", &o->studies}, {"accession ", &o->accessions}, {"patient ", &o->patients}};
    o->list_text = read_text(o->list, &size);
    bool fine = o->list_text && split_lines(o->list_text, size, false, &lines);
    for (size_t i = 0; fine && i < lines.n; i++) {
        const char *line = lines.items[i] + strspn(lines.items[i], " \t");
        size_t k = 0;
        while (k < 3 && strncmp(line, kinds[k].word, strlen(kinds[k].word)) != 0)
            k++;
        const char *name = k < 3 ? line + strlen(kinds[k].word) : line;
        name += strspn(name, " \t");
        if (*line == 0 || *line == '#')
            continue;
        if (k == 3 || !*name)
            (void)fprintf(stderr,
                          "biovl: %s: entry %zu is not study UID, accession NUMBER or "
                          "patient ID\n",
                          o->list, i + 1);
        fine = k < 3 && *name && add_string(kinds[k].names, name);
    }
    free_strings(&lines);
    return fine;
}

bool read_secrets(struct pacs_options *o)
{
    if (o->list && !read_names(o))
        return false;
    o->values.studies = o->studies.items;
    o->values.n_studies = o->studies.n;
    o->values.accessions = o->accessions.items;
    o->values.n_accessions = o->accessions.n;
    o->values.patients = o->patients.items;
    o->values.n_patients = o->patients.n;
    o->values.retry = o->retry;
    if (o->auth_file && !(o->auth = read_secret(o->auth_file)))
        return false;
    if (o->token_file && !(o->token = read_secret(o->token_file)))
        return false;
    o->values.user_password = o->auth;
    o->values.token = o->token;
    o->values.changes = o->changes;
    return true;
}

void free_secrets(struct pacs_options *o)
{
    free(o->auth);
    free(o->token);
    free(o->list_text);
    free_strings(&o->studies);
    free_strings(&o->accessions);
    free_strings(&o->patients);
}

static int find(struct bv_context *context, const struct pacs_options *p,
                const struct strings *rest)
{
    (void)rest;
    char *lines = NULL;
    enum bv_status status = bv_pacs_find(context, &p->values, &lines);
    if (status != BV_OK)
        return (int)report_failure(context, status);
    (void)fputs(lines, stdout);
    bv_free(lines);
    return EXIT_OK;
}

static int send_all(struct bv_context *context, const struct pacs_options *p,
                    const struct strings *rest)
{
    size_t n = rest->n - 1, n_failed = 0;
    enum bv_status last = BV_OK;
    for (size_t i = 1; i <= n; i++) {
        show_progress("file", i, n);
        enum bv_status status = bv_pacs_send(context, &p->values, rest->items[i]);
        if (status == BV_OK)
            continue;
        (void)report_failure(context, status);
        last = status;
        n_failed++;
    }
    clear_progress();
    return (int)exit_code_of_batch(n, n_failed, last);
}

static int capture(struct bv_context *context, const struct pacs_options *p,
                   const struct strings *rest)
{
    (void)p;
    const char *description = rest->n > 3 ? rest->items[3] : "picture derived by research software";
    enum bv_status status =
        bv_pacs_capture(context, rest->items[0], rest->items[1], description, rest->items[2]);
    return status == BV_OK ? EXIT_OK : (int)report_failure(context, status);
}

// Prints what was fetched; the exit code.
static int report_pulled(const struct bv_pacs_counts *c)
{
    printf("{\"objects\":%llu,\"skipped\":%llu,\"failed\":%llu,\"retries\":%llu}\n",
           (unsigned long long)c->objects, (unsigned long long)c->skipped,
           (unsigned long long)c->failed, (unsigned long long)c->retries);
    return c->failed > 0 ? EXIT_SOME_FAILED : EXIT_OK;
}

static int run_pull(int argc, char **argv)
{
    struct pacs_options p = {.values.size = sizeof p.values};
    struct bv_context *context = NULL;
    struct strings rest = {0};
    const char *key = NULL;
    struct bv_pacs_counts counts = {.size = sizeof counts};
    const struct option options[] = {
        {"--key", OPTION_STRING, &key, "FILE",
         "site key of the files' names (default: FOLDER.key, made if missing)"},
        PACS_OPTIONS(&p),
        PULL_OPTIONS(&p),
    };
    const struct usage usage = {"pacs pull", "URL FOLDER [options]",
                                "Fetches every object that FOLDER lacks into a file of its own, "
                                "named by a keyed hash.",
                                options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && rest.n != 2) {
        (void)fprintf(stderr, "usage: biovl pacs pull %s\n", usage.synopsis);
    } else if (parsed == PARSE_OK) {
        enum bv_status status = bv_context_open(&context, 1);
        code = status == BV_OK ? EXIT_INPUT : (int)exit_code_of(status);
        p.values.url = rest.items[0];
        if (status == BV_OK && read_secrets(&p)) {
            status = watch(context, "study", NULL);
            if (status == BV_OK)
                status = bv_pacs_pull(context, &p.values, rest.items[1], key, &counts);
            clear_progress();
            code = status == BV_OK ? report_pulled(&counts) : (int)report_failure(context, status);
        }
    }
    free_secrets(&p);
    bv_context_close(&context);
    free_strings(&rest);
    return code;
}

static const struct action {
    const char *name, *synopsis, *summary;
    size_t least; // words
    int (*run)(struct bv_context *, const struct pacs_options *, const struct strings *);
} actions[] = {
    {"find", "URL [--since DAY] [--until DAY]", "studies of an archive, one JSON object per line",
     1, find},
    {"send", "URL FILE...", "store DICOM files in an archive", 2, send_all},
    {"capture", "SOURCE.dcm PICTURE OUT.dcm [DESCRIPTION]",
     "a picture (PNG, JPEG) as a Secondary Capture of SOURCE's study", 3, capture},
};

static int run_action(const struct action *action, int argc, char **argv)
{
    struct pacs_options p = {.values.size = sizeof p.values};
    struct bv_context *context = NULL;
    struct strings rest = {0};
    bool identifiers = false;
    const struct option options[] = {
        {"--identifiers", OPTION_FLAG, &identifiers, NULL,
         "of find: study, accession number and patient as they are, not as hashes"},
        {"--key", OPTION_STRING, &p.values.key_file, "FILE",
         "of find: an index's site key, whose hashes are shown (default: hashes of this run)"},
        PACS_OPTIONS(&p),
    };
    char command[32];
    (void)snprintf(command, sizeof command, "pacs %s", action->name);
    const struct usage usage = {command, action->synopsis, action->summary, options,
                                sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && rest.n < action->least) {
        (void)fprintf(stderr, "usage: biovl %s %s\n", command, action->synopsis);
    } else if (parsed == PARSE_OK) {
        enum bv_status status = bv_context_open(&context, 1);
        code = status == BV_OK ? EXIT_INPUT : (int)exit_code_of(status);
        p.values.url = rest.items[0];
        p.values.identifiers = identifiers;
        if (status == BV_OK && read_secrets(&p))
            code = action->run(context, &p, &rest);
    }
    free_secrets(&p);
    bv_context_close(&context);
    free_strings(&rest);
    return code;
}

static volatile sig_atomic_t stop_listening;

static void on_signal(int number)
{
    (void)number;
    stop_listening = 1;
}

// What `pacs listen` was asked for, and what it opened.
struct listen {
    struct model_options model;
    struct bv_listen_options settings;
    struct pacs_options pacs; // of the archive that results go to
    const char *key, *labels, *send_to, *events, *frame;
    bool any_host, captures;
    struct opened opened;
    struct bv_index *index;
    struct bv_zero_shot *zero_shot;
    char *labels_text;
};

static enum bv_status open_labels(struct listen *l)
{
    size_t size;
    if (!l->labels)
        return BV_OK;
    l->labels_text = read_text(l->labels, &size);
    if (!l->labels_text)
        return BV_ERR_IO;
    const struct bv_zero_shot_options options = {
        .size = sizeof options, .labels = l->labels_text, .n_label_bytes = size, .name = l->labels};
    enum bv_status status = bv_zero_shot_open(l->opened.engine, &options, &l->zero_shot);
    if (status != BV_OK)
        (void)report_failure(l->opened.context, status);
    return status;
}

static void report_received(const struct bv_index_counts *c, bool results)
{
    printf("{\"images\":%llu,\"reports\":%llu,\"skipped\":%llu,\"failed\":%llu,"
           "\"retries\":0",
           (unsigned long long)c->images, (unsigned long long)c->reports,
           (unsigned long long)c->skipped, (unsigned long long)c->failed);
    if (results)
        printf(",\"results\":{\"sent\":%llu,\"waiting\":%llu}", (unsigned long long)c->results_sent,
               (unsigned long long)c->results_waiting);
    puts("}");
}

static int listen_into(struct listen *l, const char *path)
{
    struct bv_index_counts counts = {.size = sizeof counts};
    enum bv_status status = open_model(&l->opened, &l->model, true);
    if (status == BV_OK)
        status = open_labels(l);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = bv_index_open(l->opened.context, path, l->key, 1, &l->index);
    l->settings.zero_shot = l->zero_shot;
    l->settings.any_host = l->any_host;
    l->settings.captures = l->captures;
    l->pacs.values.url = l->send_to;
    l->pacs.values.tls_certificate = l->settings.tls_certificate;
    l->pacs.values.tls_key = l->settings.tls_key;
    if (l->send_to)
        l->settings.send_to = &l->pacs.values;
    if (status == BV_OK)
        status = watch(l->opened.context, "object", &stop_listening);
    if (status == BV_OK)
        status = bv_index_listen(l->index, l->opened.engine, &l->settings, &counts);
    clear_progress();
    if (status != BV_OK)
        return (int)report_failure(l->opened.context, status);
    report_received(&counts, l->zero_shot != NULL);
    return EXIT_OK;
}

// Events go to a file that stays open until the command ends.
static bool open_events(const char *path)
{
    FILE *stream = !path ? NULL : strcmp(path, "-") == 0 ? stderr : fopen(path, "ae");
    if (path && !stream) {
        (void)fprintf(stderr, "biovl: %s: %s\n", path, strerror(errno));
        return false;
    }
    show_events(stream);
    return true;
}

static int listen_until_told(struct listen *l, const char *index)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    int code = EXIT_INPUT;
    if (read_secrets(&l->pacs) && open_events(l->events))
        code = listen_into(l, index);
    bv_index_close(&l->index);
    bv_zero_shot_close(&l->zero_shot);
    close_model(&l->opened);
    free(l->labels_text);
    return code;
}

static int run_listen(int argc, char **argv)
{
    struct listen l = {.pacs.values.size = sizeof l.pacs.values,
                       .settings = {.size = sizeof l.settings, .port = 11112}};
    const struct option options[] = {
        {"--port", OPTION_INTEGER, &l.settings.port, "PORT", "to listen on (default 11112)"},
        {"--title", OPTION_STRING, &l.settings.title, "TITLE", "own AE title (default BIOVL)"},
        {"--caller", OPTION_STRING, &l.settings.caller, "TITLE", "the one AE title that may call"},
        {"--any-host", OPTION_FLAG, &l.any_host, NULL, "answer other machines, too"},
        {"--bind", OPTION_STRING, &l.settings.bind, "ADDRESS",
         "to listen on, * for all (default 127.0.0.1)"},
        {"--peers", OPTION_STRING, &l.settings.peers, "FILE",
         "who may call: lines of TITLE ADDRESS[/BITS] store,commit"},
        {"--tls-cert", OPTION_STRING, &l.settings.tls_certificate, "FILE",
         "TLS: own certificate with its chain, PEM"},
        {"--tls-key", OPTION_STRING, &l.settings.tls_key, "FILE", "its key, PEM"},
        {"--tls-ca", OPTION_STRING, &l.settings.tls_authority, "FILE",
         "callers must have a certificate of these authorities, PEM"},
        {"--max-associations", OPTION_INTEGER, &l.settings.max_associations, "N",
         "at once (default 16)"},
        {"--max-object", OPTION_INTEGER, &l.settings.max_object_mib, "MIB",
         "size of an object (default 512)"},
        {"--idle-timeout", OPTION_INTEGER, &l.settings.idle_s, "SECONDS",
         "an association may be idle (default 60)"},
        {"--object-timeout", OPTION_INTEGER, &l.settings.object_s, "SECONDS",
         "an object may take (default 300)"},
        {"--events", OPTION_STRING, &l.events, "FILE",
         "append a line of JSON for each association and object, - for standard error"},
        {"--metrics", OPTION_INTEGER, &l.settings.metrics_port, "PORT",
         "numbers for Prometheus at http://127.0.0.1:PORT/metrics"},
        FRAME_OPTION(&l.frame),
        {"--key", OPTION_STRING, &l.key, "FILE", "the index's site key (default: INDEX.key)"},
        {"--labels|-l", OPTION_STRING, &l.labels, "FILE",
         "score each image against labels, with --send-to"},
        {"--send-to", OPTION_STRING, &l.send_to, "URL",
         "archive that gets the scores as structured reports: dicom://TITLE@host:port or "
         "dicomweb://host/root"},
        {"--captures", OPTION_FLAG, &l.captures, NULL,
         "send a picture of each result, too (Secondary Capture)"},
        PACS_CONNECTION_OPTIONS(&l.pacs),
        MODEL_OPTIONS(&l.model),
    };
    const struct usage usage = {"pacs listen", "INDEX [options]",
                                "Receives DICOM objects (C-STORE) into an index until it is "
                                "interrupted.",
                                options, sizeof options / sizeof *options};
    struct strings rest = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && (rest.n != 1 || !l.labels != !l.send_to)) {
        (void)fprintf(stderr, "usage: biovl pacs listen %s; --labels and --send-to go together\n",
                      usage.synopsis);
    } else if (parsed == PARSE_OK && parse_frame(l.frame, &l.settings.frame)) {
        code = listen_until_told(&l, rest.items[0]);
    }
    free_secrets(&l.pacs);
    free_strings(&rest);
    return code;
}

int run_pacs(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) == 0)
            return run_action(&actions[i], argc - 1, argv + 1);
    }
    if (strcmp(name, "pull") == 0)
        return run_pull(argc - 1, argv + 1);
    if (strcmp(name, "listen") == 0)
        return run_listen(argc - 1, argv + 1);
    bool help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    FILE *stream = help ? stdout : stderr;
    (void)fprintf(stream, "usage: biovl pacs ACTION URL … (biovl pacs ACTION --help)\n\n");
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        (void)fprintf(stream, "  %-8s %s\n", actions[i].name, actions[i].summary);
    (void)fprintf(stream,
                  "  %-8s %s\n  %-8s %s\n\nURL is dicomweb://host[:port]/root, or "
                  "dicom://TITLE@host:port; over "
                  "TLS dicomwebs://… and dicoms://….\n",
                  "pull", "fetch objects into files", "listen", "receive objects into an index");
    return help ? EXIT_OK : EXIT_USAGE;
}
