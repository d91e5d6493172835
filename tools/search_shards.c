#include "search_shards.h"

#include <stdio.h>

#ifdef BIOVL_MPI

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

// A hit as it travels: score, id, study and JSON as a line with tabs between.
struct hit {
    double score;
    const char *id, *study, *json;
};

static int by_score(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return strcmp(x->id, y->id);
}

// Appends the hits of one shard to out.
static enum bv_status ask_shard(const struct opened *opened, const char *path, const char *key,
                                const struct bv_index_query *query, FILE *out)
{
    struct bv_index *index = NULL;
    struct bv_hits *hits = NULL;
    enum bv_status status = bv_index_open(opened->context, path, key, 0, &index);
    if (status == BV_OK)
        status = bv_index_search(index, opened->engine, query, &hits);
    for (size_t i = 0; status == BV_OK && i < bv_hits_count(hits); i++) {
        char *json = NULL;
        status = bv_hits_json(hits, i, &json);
        // JSON has no raw tabs or line ends; ids with them stay whole in it alone.
        if (status == BV_OK)
            (void)fprintf(out, "%a\t%s\t%s\t%s\n", bv_hits_score(hits, i), bv_hits_id(hits, i),
                          bv_hits_study(hits, i), json);
        bv_free(json);
    }
    if (status != BV_OK)
        (void)report_failure(opened->context, status);
    bv_hits_free(&hits);
    bv_index_close(&index);
    return status;
}

static enum bv_status ask_mine(const struct strings *shards, const char *key,
                               const struct model_options *model, const char *image_path,
                               const struct bv_index_query *query, int rank, int n_ranks, FILE *out)
{
    struct opened opened = {0};
    struct bv_image *image = NULL;
    struct bv_index_query own = *query;
    enum bv_status status = open_model(&opened, model, true);
    if (status == BV_OK && image_path) {
        status = bv_image_open(opened.context, image_path, NULL, &image);
        if (status != BV_OK)
            (void)report_failure(opened.context, status);
    }
    own.image = image;
    for (size_t i = (size_t)rank; i < shards->n && status == BV_OK; i += (size_t)n_ranks)
        status = ask_shard(&opened, shards->items[i], key, &own, out);
    bv_image_close(&image);
    close_model(&opened);
    return status;
}

// Splits the lines of all ranks in place; the number of hits.
static size_t read_lines(char *text, struct hit *hits, size_t room)
{
    size_t n = 0;
    for (char *line = text; *line && n < room;) {
        char *fields[4] = {line, NULL, NULL, NULL};
        char *end = line + strcspn(line, "\n");
        bool last = *end == 0;
        *end = 0;
        for (int i = 1; i < 4 && fields[i - 1]; i++) {
            char *tab = strchr(fields[i - 1], '\t');
            if (tab)
                *tab = 0;
            fields[i] = tab ? tab + 1 : NULL;
        }
        if (fields[3])
            hits[n++] = (struct hit){strtod(fields[0], NULL), fields[1], fields[2], fields[3]};
        line = last ? end : end + 1;
    }
    return n;
}

static bool seen_study(const struct hit *const *printed, size_t n, const char *study)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(printed[i]->study, study) == 0)
            return true;
    }
    return false;
}

static int print_best(char *text, const struct bv_index_query *query)
{
    size_t room = 1;
    for (const char *p = text; *p; p++)
        room += *p == '\n';
    struct hit *hits = calloc(room, sizeof *hits);
    const struct hit **printed = calloc(query->k, sizeof *printed);
    int code = hits && printed ? EXIT_OK : EXIT_DEVICE;
    size_t n = code == EXIT_OK ? read_lines(text, hits, room) : 0, rank = 0;
    if (n > 1)
        qsort(hits, n, sizeof *hits, by_score);
    for (size_t i = 0; i < n && rank < query->k; i++) {
        // Shards may hold the same item, and items of one study.
        if (i > 0 && strcmp(hits[i].id, hits[i - 1].id) == 0)
            continue;
        if (query->by_study && seen_study(printed, rank, hits[i].study))
            continue;
        printed[rank++] = &hits[i];
        const char *rest = strchr(hits[i].json, ','); // behind the rank that it had in its shard
        printf("{\"rank\":%zu%s\n", rank, rest ? rest : "}");
    }
    free(hits);
    free(printed);
    return code;
}

// The lines of all ranks at rank 0, with a terminator; NULL elsewhere and when memory is out.
static char *gather(const char *mine, size_t size, int rank, int n_ranks)
{
    int n = (int)size;
    int *counts = calloc((size_t)n_ranks, sizeof *counts);
    int *starts = calloc((size_t)n_ranks, sizeof *starts);
    char *all = NULL;
    if (!counts || !starts)
        MPI_Abort(MPI_COMM_WORLD, EXIT_DEVICE);
    MPI_Gather(&n, 1, MPI_INT, counts, 1, MPI_INT, 0, MPI_COMM_WORLD);
    size_t total = 0;
    for (int i = 0; rank == 0 && i < n_ranks; i++) {
        starts[i] = (int)total;
        total += (size_t)counts[i];
    }
    if (rank == 0 && (total > 0x7fffffff || !(all = malloc(total + 1))))
        MPI_Abort(MPI_COMM_WORLD, EXIT_DEVICE);
    MPI_Gatherv(mine, n, MPI_CHAR, all, counts, starts, MPI_CHAR, 0, MPI_COMM_WORLD);
    if (all)
        all[total] = 0;
    free(counts);
    free(starts);
    return all;
}

int search_shards(const struct strings *shards, const char *key, const struct model_options *model,
                  const char *image, const struct bv_index_query *query)
{
    int rank, n_ranks;
    char *mine = NULL;
    size_t size = 0;
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    FILE *out = open_memstream(&mine, &size);
    enum bv_status status =
        out ? ask_mine(shards, key, model, image, query, rank, n_ranks, out) : BV_ERR_NOMEM;
    if (out && fclose(out) != 0)
        status = BV_ERR_NOMEM;
    // A rank that failed makes the whole answer incomplete: nobody prints.
    int code = (int)exit_code_of(status), worst = 0;
    MPI_Allreduce(&code, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    if (worst == EXIT_OK) {
        char *all = gather(mine, size, rank, n_ranks);
        if (all)
            worst = print_best(all, query);
        free(all);
    }
    free(mine);
    (void)fflush(stdout);
    MPI_Finalize();
    return worst;
}

#else

int search_shards(const struct strings *shards, const char *key, const struct model_options *model,
                  const char *image, const struct bv_index_query *query)
{
    (void)shards;
    (void)key;
    (void)model;
    (void)image;
    (void)query;
    (void)fprintf(stderr, "biovl: this build has no MPI (cmake -DBIOVL_MPI=ON)\n");
    return EXIT_USAGE;
}

#endif
