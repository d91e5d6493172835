#include "retrieval/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dtype.h"
#include "base/file.h"
#include "base/json.h"
#include "retrieval/store.h"

enum { RECALL_QUERIES = 200, RECALL_AT = 10 };

// The file and what the index remembers of it.
struct beside {
    char path[4096], setting[32];
    size_t n_rows;
    const char *type;
};

static enum bv_status find_beside(struct bv_store *store, enum bv_kind kind, struct beside *b,
                                  struct bv_error *err)
{
    struct bv_store_counts counts;
    BV_TRY(bv_store_count(store, &counts, err));
    b->n_rows = counts.items[kind];
    b->type = bv_store_info(store)->accelerator;
    (void)snprintf(b->setting, sizeof b->setting, "faiss.%s", bv_kind_name(kind));
    int n =
        snprintf(b->path, sizeof b->path, "%s.%s.faiss", bv_store_path(store), bv_kind_name(kind));
    return n > 0 && (size_t)n < sizeof b->path
               ? BV_OK
               : bv_fail(err, BV_ERR_LIMIT, "%s: a path too long", bv_store_path(store));
}

// Reads the file if it is what the index remembers; *reason says why not.
static enum bv_status read_beside(struct bv_store *store, const struct beside *b,
                                  struct bv_faiss **faiss, struct bv_acceleration *how,
                                  struct bv_error *err)
{
    struct bv_arena arena = {0};
    const char *text = NULL;
    json_t *remembered = NULL;
    struct bv_mapping file = {0};
    struct bv_error ignored = {0};
    enum bv_status status = bv_store_get(store, b->setting, &arena, &text, err);
    if (status != BV_OK)
        goto done;
    how->reason = "it was not built yet";
    if (!text || bv_json_parse(&remembered, text, strlen(text), b->setting, &ignored) != BV_OK)
        goto done;
    how->reason = "the index has changed";
    if (bv_json_integer(remembered, "rows", -1) != (int64_t)b->n_rows ||
        bv_json_integer(remembered, "generation", -1) != (int64_t)bv_store_generation(store) ||
        strcmp(bv_json_string(remembered, "type", ""), b->type) != 0)
        goto done;
    how->reason = "the file is missing";
    if (bv_mapping_open(&file, b->path, 0, &ignored) != BV_OK)
        goto done;
    how->reason = "the file is damaged";
    if (bv_json_integer(remembered, "bytes", -1) != (int64_t)file.size ||
        bv_json_integer(remembered, "crc32c", -1) != (int64_t)bv_crc32c(0, file.data, file.size))
        goto done;
    if (bv_faiss_read(faiss, file.data, file.size, b->n_rows, bv_store_info(store)->dimension,
                      &ignored) != BV_OK)
        goto done;
    how->reason = NULL;
    how->recall = bv_json_number(remembered, "recall", 0);
done:
    bv_mapping_close(&file);
    json_decref(remembered);
    bv_arena_free(&arena);
    return status;
}

// Rows of the index as queries, each asked for its nearest others.
static enum bv_status measure_recall(struct bv_faiss *faiss, const struct bv_vectors *v,
                                     struct bv_pool *pool, double *recall, struct bv_error *err)
{
    size_t n = v->n < RECALL_QUERIES ? v->n : RECALL_QUERIES, hits = 0, wanted = 0;
    float *queries = malloc(n * v->dimension * sizeof *queries);
    int64_t *rows = malloc(n * (RECALL_AT + 1) * sizeof *rows);
    struct bv_candidates *exact = calloc(n, sizeof *exact);
    enum bv_status status =
        queries && rows && exact ? BV_OK : bv_fail_nomem(err, "measuring recall");
    for (size_t i = 0; i < n && status == BV_OK; i++)
        bv_f16_to_f32_array(v->rows + i * (v->n / n) * v->stride, queries + i * v->dimension,
                            v->dimension);
    if (status == BV_OK)
        status = bv_faiss_search(faiss, queries, n, RECALL_AT + 1, 0, rows, err);
    const struct bv_search search = {.queries = queries, .n = n, .k = RECALL_AT + 1};
    if (status == BV_OK)
        status = bv_vectors_search(v, &search, pool, exact, err);
    for (size_t q = 0; q < n && status == BV_OK; q++) {
        for (size_t i = 0; i < exact[q].n && i < RECALL_AT + 1; i++) {
            if (exact[q].items[i].row == q * (v->n / n))
                continue; // itself
            wanted++;
            for (size_t j = 0; j < RECALL_AT + 1; j++)
                hits += rows[q * (RECALL_AT + 1) + j] == (int64_t)exact[q].items[i].row;
        }
    }
    for (size_t q = 0; exact && q < n; q++)
        bv_candidates_free(&exact[q]);
    if (status == BV_OK)
        *recall = wanted ? (double)hits / (double)wanted : 1.0;
    free(queries);
    free(rows);
    free(exact);
    return status;
}

static enum bv_status write_beside(struct bv_store *store, const struct beside *b,
                                   const struct bv_faiss *faiss, double recall,
                                   struct bv_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    struct bv_new_file file = {0};
    BV_TRY(bv_faiss_bytes(faiss, &bytes, &size, err));
    json_t *remembered =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:f}", "type", b->type, "rows", (json_int_t)b->n_rows,
                  "generation", (json_int_t)bv_store_generation(store), "bytes", (json_int_t)size,
                  "crc32c", (json_int_t)bv_crc32c(0, bytes, size), "recall", recall);
    char *text = remembered ? json_dumps(remembered, JSON_COMPACT) : NULL;
    enum bv_status status = text ? BV_OK : bv_fail_nomem(err, "a FAISS file");
    if (status == BV_OK)
        status = bv_new_file_create(&file, b->path, err);
    if (status == BV_OK && fchmod(fileno(file.stream), 0600) != 0) // its owner's alone
        status = bv_fail(err, BV_ERR_IO, "%s: cannot be written", b->path);
    if (status == BV_OK && fwrite(bytes, 1, size, file.stream) != size)
        status = bv_fail(err, BV_ERR_IO, "%s: cannot be written", b->path);
    if (status == BV_OK)
        status = bv_new_file_commit(&file, err);
    if (status == BV_OK)
        status = bv_store_set(store, b->setting, text, err);
    bv_new_file_discard(&file);
    free(text);
    json_decref(remembered);
    free(bytes);
    return status;
}

enum bv_status bv_accelerate(struct bv_store *store, enum bv_kind kind, struct bv_pool *pool,
                             struct bv_faiss **out, struct bv_acceleration *how,
                             struct bv_error *err)
{
    struct beside b;
    struct bv_faiss *faiss = NULL;
    struct bv_acceleration h = {0};
    BV_TRY(find_beside(store, kind, &b, err));
    if (b.n_rows > 0)
        BV_TRY(read_beside(store, &b, &faiss, &h, err));
    if (!faiss && b.n_rows > 0) {
        struct bv_vectors v = {0};
        enum bv_status status =
            bv_vector_file_load(store, kind, BV_VECTOR_FILE_LEAST, pool, &v, NULL, err);
        if (status == BV_OK)
            status = bv_faiss_build(&faiss, b.type, &v, err);
        if (status == BV_OK)
            status = measure_recall(faiss, &v, pool, &h.recall, err);
        bv_vectors_free(&v);
        // A reader may lack the right to write: then it is built again next time.
        struct bv_error ignored = {0};
        if (status == BV_OK)
            (void)write_beside(store, &b, faiss, h.recall, &ignored);
        if (status != BV_OK) {
            bv_faiss_free(&faiss);
            return status;
        }
        h.rebuilt = true;
    }
    *out = faiss;
    *how = h;
    return BV_OK;
}
