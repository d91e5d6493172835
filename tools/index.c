// biovl index: make, fill, check and merge indexes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pacs_options.h"
#include "pictures.h"

// Columns as the user gives them.
struct column_options {
    const char *path, *id, *study, *accession, *report;
    struct strings metadata, identifiers;
};

// clang-format off
#define COLUMN_OPTIONS(c)                                                                          \
    {"--path-column", OPTION_STRING, &(c)->path, "NAME", "of image files in tables (path, file, image, …)"}, \
    {"--id-column", OPTION_STRING, &(c)->id, "NAME", "of identifiers (id, sop_instance_uid, dicom_id)"}, \
    {"--study-column", OPTION_STRING, &(c)->study, "NAME", "of studies (study, study_id, …)"},      \
    {"--accession-column", OPTION_STRING, &(c)->accession, "NAME", "of accession numbers (accession, …)"}, \
    {"--report-column", OPTION_STRING, &(c)->report, "NAME", "of report texts (report, text, notes)"}, \
    {"--metadata", OPTION_LIST, &(c)->metadata, "NAME...", "columns to keep (view, sex, age, modality, split)"}, \
    {"--identifiers", OPTION_LIST, &(c)->identifiers, "NAME...", "columns whose values must not stay in reports"}
// clang-format on

static int usage_error(const struct usage *usage)
{
    (void)fprintf(stderr, "usage: biovl %s %s\n", usage->command, usage->synopsis);
    return EXIT_USAGE;
}

// The result of a call that fills *json: prints and frees it.
static int finish(const struct bv_context *context, enum bv_status status, char *json)
{
    clear_progress();
    if (status != BV_OK)
        return (int)report_failure(context, status);
    printf("%s\n", json);
    bv_free(json);
    return EXIT_OK;
}

static int run_create(int argc, char **argv)
{
    struct model_options model = {0};
    struct bv_index_options o = {.size = sizeof o, .thumbnail = 128};
    bool keep = false;
    const struct option options[] = {
        {"--key", OPTION_STRING, &o.key_file, "FILE",
         "site key for hashed ids (default: INDEX.key, made if missing)"},
        {"--keep-identifiers", OPTION_FLAG, &keep, NULL,
         "ids and studies as they are given; only for data that anyone may see"},
        {"--accelerator", OPTION_STRING, &o.accelerator, "KIND",
         "exact (default), ivf, hnsw: a FAISS file beside the index"},
        {"--thumbnails", OPTION_INTEGER, &o.thumbnail, "PIXELS",
         "longest side of stored thumbnails, 0 for none (default 128)"},
        MODEL_OPTIONS(&model),
    };
    const struct usage usage = {"index create", "INDEX [options]",
                                "Makes an empty index for the vectors of one model.", options,
                                sizeof options / sizeof *options};
    struct strings rest = {0};
    struct opened opened = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && rest.n != 1) {
        code = usage_error(&usage);
    } else if (parsed == PARSE_OK) {
        o.keep_identifiers = keep;
        enum bv_status status = open_model(&opened, &model, true);
        code = (int)exit_code_of(status);
        if (status == BV_OK) {
            status = bv_index_create(opened.engine, rest.items[0], &o);
            if (status != BV_OK)
                code = (int)report_failure(opened.context, status);
        }
    }
    close_model(&opened);
    free_strings(&rest);
    return code;
}

// "2/8": the third of eight shards.
static bool parse_shard(const char *text, size_t *shard, size_t *n_shards)
{
    unsigned long i, n;
    char end;
    if (!text)
        return true;
    if (sscanf(text, "%lu/%lu%c", &i, &n, &end) != 2 || n == 0 || i >= n)
        return false;
    *shard = i;
    *n_shards = n;
    return true;
}

// Prints what a call added; the exit code.
static int report_added(const struct bv_index_counts *c, bool pulled)
{
    clear_progress();
    printf("{\"images\":%llu,\"reports\":%llu,\"skipped\":%llu,\"failed\":%llu,\"updated\":%llu,"
           "\"apart\":%llu",
           (unsigned long long)c->images, (unsigned long long)c->reports,
           (unsigned long long)c->skipped, (unsigned long long)c->failed,
           (unsigned long long)c->updated, (unsigned long long)c->apart);
    if (pulled)
        printf(",\"retries\":%llu", (unsigned long long)c->retries);
    puts("}");
    return c->failed > 0 ? EXIT_SOME_FAILED : EXIT_OK;
}

// What `index add` was asked for.
struct add {
    struct model_options model;
    struct column_options columns;
    struct pacs_options pacs;
    const char *key, *shard, *frame;
    struct strings from, rest;
    bool resume, keep_paths;
};

// Files and archives in the order given; files in one go, archives one by one.
static int add_all(struct add *a, const struct opened *opened, struct bv_index *index)
{
    const struct column_options *c = &a->columns;
    struct bv_index_sources sources = {.size = sizeof sources,
                                       .path_column = c->path,
                                       .id_column = c->id,
                                       .study_column = c->study,
                                       .accession_column = c->accession,
                                       .report_column = c->report,
                                       .metadata_columns = c->metadata.items,
                                       .n_metadata_columns = c->metadata.n,
                                       .identifier_columns = c->identifiers.items,
                                       .n_identifier_columns = c->identifiers.n,
                                       .keep_paths = a->keep_paths};
    (void)parse_shard(a->shard, &sources.shard, &sources.n_shards);
    (void)parse_frame(a->frame, &sources.frame);
    a->pacs.values.frame = sources.frame;
    int code = EXIT_OK;
    for (size_t i = 1; i < a->rest.n + a->from.n && code != EXIT_INPUT; i++) {
        const char *input = i < a->rest.n ? a->rest.items[i] : a->from.items[i - a->rest.n];
        struct bv_index_counts counts = {.size = sizeof counts};
        bool pulled = bv_pacs_is_url(input);
        enum bv_status status = watch(opened->context, pulled ? "study" : "input", NULL);
        a->pacs.values.url = input;
        sources.inputs = &input;
        sources.n_inputs = 1;
        if (status == BV_OK && pulled)
            status = bv_index_pull(index, opened->engine, &a->pacs.values, &counts);
        else if (status == BV_OK)
            status = bv_index_add(index, opened->engine, &sources, &counts);
        if (status != BV_OK)
            return (int)report_failure(opened->context, status);
        int counted = report_added(&counts, pulled);
        code = counted != EXIT_OK ? counted : code;
    }
    return code;
}

static int run_add(int argc, char **argv)
{
    struct add a = {.pacs.values.size = sizeof a.pacs.values};
    const struct option options[] = {
        {"--from", OPTION_LIST, &a.from, "URL...",
         "archives: dicomweb://host[:port]/root, dicom://TITLE@host:port"},
        {"--key", OPTION_STRING, &a.key, "FILE", "the index's site key (default: INDEX.key)"},
        FRAME_OPTION(&a.frame),
        {"--shard", OPTION_STRING, &a.shard, "I/N",
         "take every N-th input from I on, 0 is the first"},
        {"--keep-paths", OPTION_FLAG, &a.keep_paths, NULL,
         "store where image files are, for search --rerank; paths may name patients"},
        {"--resume", OPTION_FLAG, &a.resume, NULL,
         "go on after an interruption; adding always does that"},
        {"--retry-refused", OPTION_FLAG, &a.pacs.retry, NULL,
         "fetch again what the index has refused of an archive; else it is passed over"},
        COLUMN_OPTIONS(&a.columns),
        PACS_OPTIONS(&a.pacs),
        PULL_OPTIONS(&a.pacs),
        MODEL_OPTIONS(&a.model),
    };
    const struct usage usage = {
        "index add", "INDEX (FILE|FOLDER|TABLE.csv|URL)... [options]",
        "Adds images (DICOM, PNG, JPEG, JPEG 2000) and reports (text files, DICOM SR, table\n"
        "columns) from files, folders, tables and archives. What the index holds already is\n"
        "skipped, and not even fetched.",
        options, sizeof options / sizeof *options};
    struct opened opened = {0};
    struct bv_index *index = NULL;
    size_t ignored;
    int frame;
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &a.rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK &&
        (a.rest.n < 1 || a.rest.n + a.from.n < 2 || !parse_shard(a.shard, &ignored, &ignored))) {
        code = usage_error(&usage);
    } else if (parsed == PARSE_OK && parse_frame(a.frame, &frame)) {
        enum bv_status status =
            read_secrets(&a.pacs) ? open_model(&opened, &a.model, true) : BV_ERR_IO;
        code = (int)exit_code_of(status);
        if (status == BV_OK) {
            status = bv_index_open(opened.context, a.rest.items[0], a.key, 1, &index);
            code = status == BV_OK ? add_all(&a, &opened, index)
                                   : (int)report_failure(opened.context, status);
        }
    }
    bv_index_close(&index);
    close_model(&opened);
    free_secrets(&a.pacs);
    free_strings(&a.columns.metadata);
    free_strings(&a.columns.identifiers);
    free_strings(&a.from);
    free_strings(&a.rest);
    return code;
}

// Commands over an index without a model.
struct plain {
    const char *key, *kind, *output, *vectors;
    struct strings rest;
    struct bv_context *context;
    struct bv_index *index;
};

static int open_plain(struct plain *p, bool writable)
{
    enum bv_status status = bv_context_open(&p->context, 0);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    status = bv_index_open(p->context, p->rest.items[0], p->key, writable, &p->index);
    return status == BV_OK ? EXIT_OK : (int)report_failure(p->context, status);
}

static void close_plain(struct plain *p)
{
    bv_index_close(&p->index);
    bv_context_close(&p->context);
    free_strings(&p->rest);
}

static int run_info_or_verify(int argc, char **argv, bool verify)
{
    struct plain p = {0};
    const struct usage usage = {verify ? "index verify" : "index info", "INDEX",
                                verify ? "Reads the whole index and checks it; rebuilds a damaged "
                                         "FAISS file."
                                       : "What an index holds, as JSON.",
                                NULL, 0};
    char *json = NULL;
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &p.rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && p.rest.n != 1) {
        code = usage_error(&usage);
    } else if (parsed == PARSE_OK) {
        code = open_plain(&p, verify);
        if (code == EXIT_OK) {
            enum bv_status status =
                verify ? bv_index_verify(p.index, &json) : bv_index_describe(p.index, &json);
            code = finish(p.context, status, json);
        }
    }
    close_plain(&p);
    return code;
}

static int run_index_info(int argc, char **argv)
{
    return run_info_or_verify(argc, argv, false);
}

static int run_index_verify(int argc, char **argv)
{
    return run_info_or_verify(argc, argv, true);
}

static int run_merge(int argc, char **argv)
{
    struct plain p = {0};
    const struct usage usage = {"index merge", "INDEX FROM...",
                                "Appends to INDEX what the others hold and it lacks.", NULL, 0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &p.rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    size_t total = 0;
    if (parsed == PARSE_OK && p.rest.n < 2)
        code = usage_error(&usage);
    else if (parsed == PARSE_OK)
        code = open_plain(&p, true);
    for (size_t i = 1; p.index && i < p.rest.n && code == EXIT_OK; i++) {
        struct bv_index *from = NULL;
        size_t n = 0;
        enum bv_status status = bv_index_open(p.context, p.rest.items[i], NULL, 0, &from);
        if (status == BV_OK)
            status = bv_index_merge(p.index, from, &n);
        bv_index_close(&from);
        if (status != BV_OK)
            code = (int)report_failure(p.context, status);
        total += n;
    }
    if (p.index && code == EXIT_OK)
        printf("{\"added\":%zu}\n", total);
    close_plain(&p);
    return code;
}

// Names of one kind, appended.
static bool add_removals(struct bv_index_removal **all, size_t *n, enum bv_index_named what,
                         char *const *names, size_t n_names)
{
    if (n_names == 0)
        return true;
    struct bv_index_removal *more = realloc(*all, (*n + n_names) * sizeof *more);
    if (!more)
        return false;
    for (size_t i = 0; i < n_names; i++)
        more[(*n)++] = (struct bv_index_removal){what, names[i]};
    *all = more;
    return true;
}

// The lines of a list, "patient ID", "study UID" or "item ID", in place; false after printing why.
static bool read_removals(char *text, const char *path, struct bv_index_removal **all, size_t *n)
{
    static const char *const words[] = {"patient ", "study ", "item "};
    size_t number = 0;
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = 0;
        line[strcspn(line, "\r")] = 0;
        number++;
        size_t w = 0;
        while (w < 3 && strncmp(line, words[w], strlen(words[w])) != 0)
            w++;
        char *name = w < 3 ? line + strlen(words[w]) : NULL;
        if (*line && (!name || !*name)) {
            (void)fprintf(stderr,
                          "biovl: %s line %zu: a line is patient ID, study UID or item ID\n", path,
                          number);
            return false;
        }
        if (name && !add_removals(all, n, (enum bv_index_named)w, &name, 1))
            return false;
    }
    return true;
}

// What `index remove` was asked for.
struct take_out {
    struct plain plain;
    struct strings patients, studies, items;
    const char *list;
    bool readmit;
};

static int take_out(struct take_out *t)
{
    struct bv_index_removal *all = NULL;
    struct bv_index_removed counts = {.size = sizeof counts};
    size_t n = 0, size;
    char *text = t->list ? read_text(t->list, &size) : NULL;
    int code = EXIT_INPUT;
    if ((!t->list || (text && read_removals(text, t->list, &all, &n))) &&
        add_removals(&all, &n, BV_INDEX_PATIENT, (char *const *)t->patients.items, t->patients.n) &&
        add_removals(&all, &n, BV_INDEX_STUDY, (char *const *)t->studies.items, t->studies.n) &&
        add_removals(&all, &n, BV_INDEX_ITEM, (char *const *)t->items.items, t->items.n))
        code = open_plain(&t->plain, true);
    if (code == EXIT_OK) {
        enum bv_status status = bv_index_remove(t->plain.index, all, n, t->readmit, &counts);
        code = status == BV_OK ? EXIT_OK : (int)report_failure(t->plain.context, status);
    }
    if (code == EXIT_OK)
        printf("{\"images\":%llu,\"reports\":%llu,\"studies\":%llu,\"unknown\":%llu}\n",
               (unsigned long long)counts.images, (unsigned long long)counts.reports,
               (unsigned long long)counts.studies, (unsigned long long)counts.unknown);
    free(all);
    free(text);
    return code;
}

static int run_update(int argc, char **argv)
{
    struct plain p = {.key = NULL};
    struct strings columns = {0};
    struct bv_index_update_options update = {.size = sizeof update};
    struct bv_index_updated counts = {.size = sizeof counts};
    const struct option options[] = {
        {"--metadata", OPTION_LIST, &columns, "NAME...", "columns of the table that become fields"},
        {"--id-column", OPTION_STRING, &update.id_column, "NAME",
         "of identifiers or their hashes (id, sop_instance_uid, dicom_id)"},
        {"--key", OPTION_STRING, &p.key, "FILE", "the index's site key (default: INDEX.key)"},
    };
    const struct usage usage = {
        "index update", "INDEX TABLE.csv --metadata NAME...",
        "Sets metadata of images and reports that are there; empty cells change nothing.", options,
        sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &p.rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && (p.rest.n != 2 || columns.n == 0)) {
        code = usage_error(&usage);
    } else if (parsed == PARSE_OK) {
        update.table = p.rest.items[1];
        update.columns = columns.items;
        update.n_columns = columns.n;
        code = open_plain(&p, true);
        if (code == EXIT_OK) {
            enum bv_status status = bv_index_update(p.index, &update, &counts);
            code = status == BV_OK ? EXIT_OK : (int)report_failure(p.context, status);
        }
        if (code == EXIT_OK)
            printf("{\"updated\":%llu,\"unchanged\":%llu,\"unknown\":%llu}\n",
                   (unsigned long long)counts.updated, (unsigned long long)counts.unchanged,
                   (unsigned long long)counts.unknown);
        if (code == EXIT_OK && counts.unknown > 0)
            code = EXIT_SOME_FAILED;
    }
    close_plain(&p);
    free_strings(&columns);
    return code;
}

static int run_remove(int argc, char **argv)
{
    struct take_out t = {.list = NULL};
    const struct option options[] = {
        {"--patient", OPTION_LIST, &t.patients, "ID...", "everything of these patients"},
        {"--study", OPTION_LIST, &t.studies, "UID...", "these studies"},
        {"--item", OPTION_LIST, &t.items, "ID...", "these images and reports"},
        {"--list", OPTION_STRING, &t.list, "FILE", "lines of patient ID, study UID, item ID"},
        {"--readmit", OPTION_FLAG, &t.readmit, NULL,
         "forget that they were removed: they may be added again"},
        {"--key", OPTION_STRING, &t.plain.key, "FILE", "the index's site key (default: INDEX.key)"},
    };
    const struct usage usage = {
        "index remove", "INDEX (--patient ID | --study UID | --item ID | --list FILE)",
        "Takes out images, reports, vectors, words, thumbnails; what bears these names is not\n"
        "added again. Names are identifiers, or the hashes that searches print.",
        options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &t.plain.rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    bool any = t.patients.n > 0 || t.studies.n > 0 || t.items.n > 0 || t.list;
    if (parsed == PARSE_OK)
        code = t.plain.rest.n == 1 && any ? take_out(&t) : usage_error(&usage);
    close_plain(&t.plain);
    free_strings(&t.patients);
    free_strings(&t.studies);
    free_strings(&t.items);
    return code;
}

static int run_export(int argc, char **argv)
{
    struct plain p = {.kind = "image"};
    const struct option options[] = {
        {"--kind", OPTION_STRING, &p.kind, "KIND", "image (default) or report"},
        {"--output|-o", OPTION_STRING, &p.output, "FILE",
         "JSON lines: id, study, metadata, report"},
        {"--vectors", OPTION_STRING, &p.vectors, "FILE.npy", "float32 [N,D], rows as the lines"},
    };
    const struct usage usage = {"index export", "INDEX [-o FILE] [--vectors FILE.npy]",
                                "Writes the items of one kind and their vectors to files.", options,
                                sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &p.rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && (p.rest.n != 1 || (!p.output && !p.vectors) ||
                               (strcmp(p.kind, "image") != 0 && strcmp(p.kind, "report") != 0))) {
        code = usage_error(&usage);
    } else if (parsed == PARSE_OK) {
        code = open_plain(&p, false);
        if (code == EXIT_OK) {
            enum bv_status status = bv_index_export(p.index, p.kind, p.output, p.vectors);
            if (status != BV_OK)
                code = (int)report_failure(p.context, status);
        }
    }
    close_plain(&p);
    return code;
}

static int run_name(int argc, char **argv)
{
    struct plain p = {0};
    const struct option options[] = {
        {"--key", OPTION_STRING, &p.key, "FILE", "the index's site key (default: INDEX.key)"},
    };
    const struct usage usage = {"index name", "INDEX IDENTIFIER...",
                                "The keyed hashes that identifiers have in an index.", options, 1};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &p.rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && p.rest.n < 2)
        code = usage_error(&usage);
    else if (parsed == PARSE_OK)
        code = open_plain(&p, false);
    for (size_t i = 1; p.index && i < p.rest.n && code == EXIT_OK; i++) {
        char name[BV_INDEX_NAME_SIZE];
        enum bv_status status = bv_index_name(p.index, p.rest.items[i], name, sizeof name);
        if (status == BV_OK)
            printf("%s\n", name);
        else
            code = (int)report_failure(p.context, status);
    }
    close_plain(&p);
    return code;
}

int run_index(int argc, char **argv)
{
    static const struct {
        const char *name, *summary;
        int (*run)(int argc, char **argv);
    } actions[] = {
        {"create", "an empty index for one model", run_create},
        {"add", "images and reports from files, folders and tables", run_add},
        {"info", "what it holds", run_index_info},
        {"verify", "check every part of it", run_index_verify},
        {"merge", "append other indexes", run_merge},
        {"update", "new metadata from a table", run_update},
        {"remove", "take out patients, studies, items", run_remove},
        {"export", "items and vectors as files", run_export},
        {"name", "keyed hashes of identifiers", run_name},
    };
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) == 0)
            return actions[i].run(argc - 1, argv + 1);
    }
    bool help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    FILE *stream = help ? stdout : stderr;
    (void)fprintf(stream, "usage: biovl index ACTION INDEX … (biovl index ACTION --help)\n\n");
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        (void)fprintf(stream, "  %-8s %s\n", actions[i].name, actions[i].summary);
    return help ? EXIT_OK : EXIT_USAGE;
}
