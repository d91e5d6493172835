// biovl search: what in an index is nearest to an image, a text, a report or an item.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "biovl/retrieval.h"
#include "command.h"
#include "pacs_options.h"
#include "search_shards.h"

struct search {
    struct model_options model;
    struct bv_index_query query;
    struct strings where;
    const char *image, *key, *sheet, *rerank, *from;
    struct pacs_options pacs; // of the archive that images are read from again
    int k, effort, frame;
    bool by_study, fts5, json, csv, mpi;
};

static void print_csv(const struct bv_hits *hits, size_t i, bool reranked)
{
    printf("%zu,", i + 1);
    print_csv_field(bv_hits_id(hits, i));
    printf(",%.9g,%s,", bv_hits_score(hits, i), bv_hits_kind(hits, i));
    print_csv_field(bv_hits_study(hits, i));
    (void)putchar(',');
    print_csv_field(bv_hits_report(hits, i));
    if (reranked)
        printf(",%.9g", bv_hits_cosine(hits, i));
    (void)putchar('\n');
}

// Rank, score, after reranking the cosine too, id, and the beginning of the report on one line.
static void print_line(const struct bv_hits *hits, size_t i, bool reranked)
{
    const char *report = bv_hits_report(hits, i);
    printf("%4zu  %7.4f  ", i + 1, bv_hits_score(hits, i));
    if (reranked)
        printf("%7.4f  ", bv_hits_cosine(hits, i));
    printf("%s  ", bv_hits_id(hits, i));
    // Bytes of one character stay together: the line is cut only before a first byte.
    for (size_t n = 0; *report && (n < 80 || (*report & 0xc0) == 0x80); n++, report++)
        (void)putchar(*report == '\n' ? ' ' : *report);
    printf("%s\n", *report ? "…" : "");
}

static enum bv_status print_hits(const struct search *s, const struct bv_hits *hits)
{
    if (s->csv)
        printf("rank,id,score,item,study,report%s\n", s->rerank ? ",cosine" : "");
    for (size_t i = 0; i < bv_hits_count(hits); i++) {
        char *json = NULL;
        if (s->csv) {
            print_csv(hits, i, s->rerank != NULL);
        } else if (s->json) {
            enum bv_status status = bv_hits_json(hits, i, &json);
            if (status != BV_OK)
                return status;
            printf("%s\n", json);
            bv_free(json);
        } else {
            print_line(hits, i, s->rerank != NULL);
        }
    }
    return s->sheet ? bv_hits_write_sheet(hits, s->sheet) : BV_OK;
}

static void complete_query(struct search *s)
{
    s->query.k = (size_t)s->k;
    s->query.effort = s->effort;
    s->query.by_study = s->by_study;
    s->query.match_syntax = s->fts5;
    s->query.where = s->where.items;
    s->query.n_where = s->where.n;
}

// The model that rescores hits, in the context that searches.
struct reranking {
    struct bv_model *model;
    struct bv_engine *engine;
    struct bv_reranker *reranker;
};

// MODEL or MODEL:N, how many hits; N 0: the default.
static enum bv_status open_reranking(struct search *s, struct bv_context *context,
                                     struct bv_index *index, struct reranking *r)
{
    char path[4096];
    const char *colon = strrchr(s->rerank, ':');
    size_t length = strlen(s->rerank);
    if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
        s->query.rerank_depth = strtoul(colon + 1, NULL, 10);
        length = (size_t)(colon - s->rerank);
    }
    (void)snprintf(path, sizeof path, "%.*s", (int)(length < sizeof path ? length : 0), s->rerank);
    enum bv_status status = bv_model_open(context, path, &r->model);
    const struct bv_engine_options engine = {
        .size = sizeof engine, .device = s->model.device, .precision = s->model.precision};
    if (status == BV_OK)
        status = bv_engine_open(context, r->model, &engine, &r->engine);
    if (status == BV_OK)
        status = bv_reranker_open(r->engine, &r->reranker);
    s->pacs.values.url = s->from;
    if (status == BV_OK && s->from)
        status = bv_reranker_read_from(r->reranker, index, &s->pacs.values);
    s->query.reranker = r->reranker;
    return status;
}

static void close_reranking(struct reranking *r)
{
    bv_reranker_close(&r->reranker);
    bv_engine_close(&r->engine);
    bv_model_close(&r->model);
}

static int run(struct search *s, const char *path)
{
    struct opened opened = {0};
    struct reranking reranking = {0};
    struct bv_index *index = NULL;
    struct bv_hits *hits = NULL;
    struct bv_image *image = NULL;
    const struct bv_image_options from = {.size = sizeof from, .frame = s->frame};
    // An item of the index needs no model.
    enum bv_status status = s->query.id ? bv_context_open(&opened.context, s->model.threads)
                                        : open_model(&opened, &s->model, true);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    int code = EXIT_OK;
    status = bv_index_open(opened.context, path, s->key, 0, &index);
    if (status == BV_OK && s->image)
        status = bv_image_open(opened.context, s->image, &from, &image);
    s->query.image = image;
    if (status == BV_OK)
        status = bv_index_check_fields(index, s->query.where, s->query.n_where);
    if (status == BV_OK && s->rerank)
        status = open_reranking(s, opened.context, index, &reranking);
    if (status == BV_OK)
        status = bv_index_search(index, opened.engine, &s->query, &hits);
    if (status == BV_OK)
        status = print_hits(s, hits);
    if (status != BV_OK)
        code = (int)report_failure(opened.context, status);
    bv_hits_free(&hits);
    bv_image_close(&image);
    bv_index_close(&index);
    close_reranking(&reranking);
    close_model(&opened);
    return code;
}

int run_search(int argc, char **argv)
{
    struct search s = {
        .query.size = sizeof s.query, .k = 10, .pacs.values.size = sizeof s.pacs.values};
    const struct option options[] = {
        {"--image|-i", OPTION_STRING, &s.image, "IMAGE", "ask by an image"},
        {"--frame", OPTION_INTEGER, &s.frame, "N", "of a multi-frame image: this frame, from 1"},
        {"--text|-t", OPTION_STRING, &s.query.text, "TEXT", "ask by a sentence"},
        {"--report", OPTION_STRING, &s.query.report_file, "FILE", "ask by a report"},
        {"--id", OPTION_STRING, &s.query.id, "ID",
         "ask by an item: its id here, or its identifier (UID, file name) before hashing"},
        {"-k", OPTION_INTEGER, &s.k, "K", "hits (default 10)"},
        {"--find", OPTION_STRING, &s.query.find, "KIND", "image or report (default: images)"},
        {"--where|-w", OPTION_LIST, &s.where, "COND...",
         "view=PA, age>=60, view!=LL, labels~nodule"},
        {"--match", OPTION_STRING, &s.query.match, "QUERY",
         "only studies with all these words in the report, \"some in a row\", begins*"},
        {"--fts5", OPTION_FLAG, &s.fts5, NULL, "--match is a query in SQLite's FTS5 syntax"},
        {"--by-study", OPTION_FLAG, &s.by_study, NULL, "the best hit of each study only"},
        {"--method", OPTION_STRING, &s.query.method, "M", "auto, exact, int8, faiss"},
        {"--effort", OPTION_INTEGER, &s.effort, "N", "lists (ivf) or candidates (hnsw) to visit"},
        {"--rerank", OPTION_STRING, &s.rerank, "MODEL[:N]",
         "rescore the N nearest (50): images by their reports, or by the text asked"},
        {"--from", OPTION_STRING, &s.from, "URL",
         "with --rerank: the archive that images come from, where they are read again"},
        {"--sheet", OPTION_STRING, &s.sheet, "FILE", "the hits to look at: .html or .png"},
        {"--key", OPTION_STRING, &s.key, "FILE", "the index's site key (default: INDEX.key)"},
        {"--json", OPTION_FLAG, &s.json, NULL, "one JSON object per hit"},
        {"--csv", OPTION_FLAG, &s.csv, NULL, "rank,id,score,item,study,report"},
#ifdef BIOVL_MPI
        {"--mpi", OPTION_FLAG, &s.mpi, NULL,
         "under mpirun: several shards of one index, divided among the ranks (with --json)"},
#endif
        PACS_OPTIONS(&s.pacs),
        MODEL_OPTIONS(&s.model),
    };
    const struct usage usage = {"search",
                                "INDEX (--image IMAGE | --text TEXT | --report FILE | --id ID)",
                                "Finds the nearest images or reports of an index, by cosine.",
                                options, sizeof options / sizeof *options};
    struct strings rest = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        int given = (s.image != NULL) + (s.query.text != NULL) + (s.query.report_file != NULL) +
                    (s.query.id != NULL);
        complete_query(&s);
        bool wrong =
            rest.n < 1 || given != 1 || s.k < 1 || (s.json && s.csv) || (s.from && !s.rerank);
        if (wrong ||
            (s.mpi ? !s.json || s.query.id || s.sheet || s.rerank || s.frame : rest.n != 1))
            (void)fprintf(stderr, "usage: biovl search %s\n", usage.synopsis);
        else if (!read_secrets(&s.pacs))
            code = EXIT_INPUT;
        else
            code = s.mpi ? search_shards(&rest, s.key, &s.model, s.image, &s.query)
                         : run(&s, rest.items[0]);
    }
    free_secrets(&s.pacs);
    free_strings(&s.where);
    free_strings(&rest);
    return code;
}
