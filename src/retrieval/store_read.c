#include "retrieval/store_db.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// The first column of the first row as text in the arena; NULL when there is no row.
static enum bv_status read_text(struct bv_store *s, enum bv_statement which, const char *key,
                                struct bv_arena *arena, const char **value, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    (void)sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    enum bv_status status = BV_OK;
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        const char *copy = bv_arena_strdup(arena, text ? text : "");
        if (copy)
            *value = copy;
        else
            status = bv_fail_nomem(err, "a setting");
    } else if (code == SQLITE_DONE) {
        *value = NULL;
    } else {
        status = bv_store_fail(s->db, s->path, code, err);
    }
    (void)sqlite3_reset(statement);
    return status;
}

enum bv_status bv_store_get(struct bv_store *s, const char *key, struct bv_arena *arena,
                            const char **value, struct bv_error *err)
{
    return read_text(s, BV_SQL_SETTING_GET, key, arena, value, err);
}

static const char *copy_column(sqlite3_stmt *statement, int column, struct bv_arena *arena)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return bv_arena_strdup(arena, text ? (const char *)text : "");
}

enum bv_status bv_store_find_report(struct bv_store *s, const char *id, struct bv_arena *arena,
                                    struct bv_report_found *found, struct bv_error *err)
{
    sqlite3_stmt *find;
    *found = (struct bv_report_found){0};
    BV_TRY(bv_store_statement(s, BV_SQL_REPORT_FIND, &find, err));
    (void)sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(find);
    enum bv_status status = BV_OK;
    if (code == SQLITE_ROW) {
        *found = (struct bv_report_found){.number = sqlite3_column_int64(find, 0),
                                          .study = copy_column(find, 1, arena),
                                          .text = copy_column(find, 2, arena),
                                          .kind = copy_column(find, 3, arena)};
        if (!found->study || !found->text || !found->kind)
            status = bv_fail_nomem(err, "a report");
    } else if (code != SQLITE_DONE) {
        status = bv_store_fail(s->db, s->path, code, err);
    }
    (void)sqlite3_reset(find);
    return status;
}

enum bv_status bv_store_find_item(struct bv_store *s, const char *id, struct bv_arena *arena,
                                  const char **study, uint32_t *content, struct bv_error *err)
{
    sqlite3_stmt *find;
    *study = NULL;
    BV_TRY(bv_store_statement(s, BV_SQL_ITEM_WHERE, &find, err));
    (void)sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(find);
    enum bv_status status = BV_OK;
    if (code == SQLITE_ROW) {
        *study = copy_column(find, 3, arena);
        *content = (uint32_t)sqlite3_column_int64(find, 4);
        if (!*study)
            status = bv_fail_nomem(err, "an item");
    } else if (code != SQLITE_DONE) {
        status = bv_store_fail(s->db, s->path, code, err);
    }
    (void)sqlite3_reset(find);
    return status;
}

enum bv_status bv_store_has(struct bv_store *s, const char *id, bool *has, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, BV_SQL_HAS, &statement, err));
    (void)sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return bv_store_fail(s->db, s->path, code, err);
    *has = code == SQLITE_ROW;
    return BV_OK;
}

enum bv_status bv_store_count(struct bv_store *s, struct bv_store_counts *counts,
                              struct bv_error *err)
{
    static const char query[] = "SELECT (SELECT count(*) FROM item WHERE kind = 0),"
                                " (SELECT count(*) FROM item WHERE kind = 1),"
                                " (SELECT count(DISTINCT m.belongs) FROM examination m WHERE"
                                "  EXISTS (SELECT 1 FROM item i WHERE i.study = m.number) OR"
                                "  EXISTS (SELECT 1 FROM report r WHERE r.study = m.number)),"
                                " (SELECT count(DISTINCT m.belongs) FROM report r"
                                "  JOIN examination m ON m.number = r.study),"
                                " (SELECT count(*) FROM thumbnail)";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(s->db, query, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    enum bv_status status = BV_OK;
    if (code == SQLITE_ROW)
        *counts = (struct bv_store_counts){
            .items = {(size_t)sqlite3_column_int64(statement, 0),
                      (size_t)sqlite3_column_int64(statement, 1)},
            .studies = (size_t)sqlite3_column_int64(statement, 2),
            .reports = (size_t)sqlite3_column_int64(statement, 3),
            .thumbnails = (size_t)sqlite3_column_int64(statement, 4),
        };
    else
        status = bv_store_fail(s->db, s->path, code, err);
    (void)sqlite3_finalize(statement);
    return status;
}

// The current row of an ENTRY_SELECT.
static enum bv_status read_entry(sqlite3_stmt *row, struct bv_arena *arena, struct bv_entry *entry,
                                 struct bv_error *err)
{
    struct bv_entry e = {
        .id = copy_column(row, 0, arena),
        .study = copy_column(row, 1, arena),
        .metadata = copy_column(row, 2, arena),
        .report = copy_column(row, 3, arena),
        .kind = sqlite3_column_int(row, 4) == 0 ? BV_KIND_IMAGE : BV_KIND_REPORT,
        .row = (uint32_t)sqlite3_column_int64(row, 5),
    };
    if (!e.id || !e.study || !e.metadata || !e.report)
        return bv_fail_nomem(err, "an item");
    *entry = e;
    return BV_OK;
}

enum bv_status bv_store_entry(struct bv_store *s, enum bv_kind kind, uint32_t row,
                              struct bv_arena *arena, struct bv_entry *entry, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, BV_SQL_ENTRY, &statement, err));
    (void)sqlite3_bind_int(statement, 1, (int)kind);
    (void)sqlite3_bind_int64(statement, 2, row);
    int code = sqlite3_step(statement);
    enum bv_status status;
    if (code == SQLITE_ROW)
        status = read_entry(statement, arena, entry, err);
    else if (code == SQLITE_DONE)
        status = bv_fail(err, BV_ERR_FORMAT, "%s: row %u is missing", s->path, row);
    else
        status = bv_store_fail(s->db, s->path, code, err);
    (void)sqlite3_reset(statement);
    return status;
}

enum bv_status bv_store_find(struct bv_store *s, const char *id, struct bv_arena *arena,
                             struct bv_entry *entry, bool *found, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, BV_SQL_FIND, &statement, err));
    (void)sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    enum bv_status status = BV_OK;
    if (code == SQLITE_ROW)
        status = read_entry(statement, arena, entry, err);
    else if (code != SQLITE_DONE)
        status = bv_store_fail(s->db, s->path, code, err);
    if (status == BV_OK)
        *found = code == SQLITE_ROW;
    (void)sqlite3_reset(statement);
    return status;
}

enum bv_status bv_store_thumbnail(struct bv_store *s, enum bv_kind kind, uint32_t row,
                                  struct bv_arena *arena, const void **bytes, size_t *size,
                                  struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, BV_SQL_THUMBNAIL, &statement, err));
    (void)sqlite3_bind_int(statement, 1, (int)kind);
    (void)sqlite3_bind_int64(statement, 2, row);
    int code = sqlite3_step(statement);
    enum bv_status status = BV_OK;
    if (code == SQLITE_ROW) {
        const void *image = sqlite3_column_blob(statement, 0);
        size_t n = (size_t)sqlite3_column_bytes(statement, 0);
        void *copy = bv_arena_alloc(arena, n ? n : 1);
        if (copy && image) {
            memcpy(copy, image, n);
            *bytes = copy;
            *size = n;
        } else {
            status = bv_fail_nomem(err, "a thumbnail");
        }
    } else if (code == SQLITE_DONE) {
        *bytes = NULL;
        *size = 0;
    } else {
        status = bv_store_fail(s->db, s->path, code, err);
    }
    (void)sqlite3_reset(statement);
    return status;
}

enum bv_status bv_store_each(struct bv_store *s,
                             enum bv_status (*visit)(void *arg, const struct bv_entry *entry,
                                                     struct bv_error *err),
                             void *arg, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, BV_SQL_EACH, &statement, err));
    enum bv_status status = BV_OK;
    int code = SQLITE_DONE;
    while (status == BV_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct bv_arena arena = {0};
        struct bv_entry entry;
        status = read_entry(statement, &arena, &entry, err);
        if (status == BV_OK)
            status = visit(arg, &entry, err);
        bv_arena_free(&arena);
    }
    if (status == BV_OK && code != SQLITE_DONE)
        status = bv_store_fail(s->db, s->path, code, err);
    (void)sqlite3_reset(statement);
    return status;
}

// A connection, and the page that it read last.
struct reader {
    sqlite3 *db;
    sqlite3_blob *blob; // NULL: none yet
};

// Rows [first, first + n) of one page.
static enum bv_status read_page(const struct bv_store *s, struct reader *r, enum bv_kind kind,
                                size_t page, size_t first, size_t n, void *out,
                                struct bv_error *err)
{
    size_t bytes = s->info.dimension * sizeof(uint16_t);
    sqlite3_int64 key = bv_store_page_key(kind, page);
    int code = r->blob ? sqlite3_blob_reopen(r->blob, key)
                       : sqlite3_blob_open(r->db, "main", "page", "vectors", key, 0, &r->blob);
    if (code == SQLITE_OK && (size_t)sqlite3_blob_bytes(r->blob) != s->page_rows * bytes)
        return bv_fail(err, BV_ERR_FORMAT, "%s: vector page %zu has a wrong size", s->path, page);
    if (code == SQLITE_OK)
        code = sqlite3_blob_read(r->blob, out, (int)(n * bytes), (int)(first * bytes));
    return code == SQLITE_OK ? BV_OK : bv_store_fail(r->db, s->path, code, err);
}

enum bv_status bv_store_vector(struct bv_store *s, enum bv_kind kind, uint32_t row, uint16_t *out,
                               struct bv_error *err)
{
    if (row >= s->n[kind])
        return bv_fail(err, BV_ERR_ARG, "%s: there is no %s %u", s->path, bv_kind_name(kind), row);
    struct reader r = {s->db, NULL};
    enum bv_status status =
        read_page(s, &r, kind, row / s->page_rows, row % s->page_rows, 1, out, err);
    (void)sqlite3_blob_close(r.blob);
    return status;
}

enum bv_status bv_store_checksum(struct bv_store *s, enum bv_kind kind, uint32_t row,
                                 uint32_t *checksum, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, BV_SQL_CHECKSUM, &statement, err));
    (void)sqlite3_bind_int(statement, 1, (int)kind);
    (void)sqlite3_bind_int64(statement, 2, row);
    int code = sqlite3_step(statement);
    enum bv_status status = BV_OK;
    if (code == SQLITE_ROW)
        *checksum = (uint32_t)sqlite3_column_int64(statement, 0);
    else if (code == SQLITE_DONE)
        status = bv_fail(err, BV_ERR_FORMAT, "%s: row %u is missing", s->path, row);
    else
        status = bv_store_fail(s->db, s->path, code, err);
    (void)sqlite3_reset(statement);
    return status;
}

enum bv_status bv_store_has_field(struct bv_store *s, const char *field, bool *has,
                                  struct bv_error *err)
{
    sqlite3_stmt *statement;
    struct bv_arena arena = {0};
    const char *path = bv_arena_printf(&arena, "$.\"%s\"", field);
    enum bv_status status = path && !strchr(field, '"')
                                ? bv_store_statement(s, BV_SQL_HAS_FIELD, &statement, err)
                                : bv_fail(err, BV_ERR_ARG, "no name of a field");
    if (status == BV_OK) {
        (void)sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
        int code = sqlite3_step(statement);
        *has = code == SQLITE_ROW;
        if (code != SQLITE_ROW && code != SQLITE_DONE)
            status = bv_store_fail(s->db, s->path, code, err);
        (void)sqlite3_reset(statement);
    }
    bv_arena_free(&arena);
    return status;
}

size_t bv_store_rows(const struct bv_store *s, enum bv_kind kind)
{
    return s->n[kind];
}

uint64_t bv_store_generation(const struct bv_store *s)
{
    return s->generation;
}

struct load_job {
    const struct bv_store *s;
    enum bv_kind kind;
    struct bv_vectors *v;
    size_t first, n; // rows of the index, which become rows 0 … n - 1 of v
    size_t first_page, n_pages, n_parts;
    atomic_bool failed;
    struct bv_error *errors; // [n_parts]
};

// The rows of one page that the job wants. buffer is for rows that are padded in memory, else NULL.
static enum bv_status load_page(const struct load_job *job, struct reader *r, size_t page,
                                uint16_t *buffer, struct bv_error *err)
{
    const struct bv_store *s = job->s;
    const struct bv_vectors *v = job->v;
    size_t begin = page * s->page_rows, end = begin + s->page_rows;
    begin = begin > job->first ? begin : job->first;
    end = end < job->first + job->n ? end : job->first + job->n;
    uint16_t *rows = v->rows + (begin - job->first) * v->stride;
    BV_TRY(read_page(s, r, job->kind, page, begin - page * s->page_rows, end - begin,
                     buffer ? buffer : rows, err));
    for (size_t i = 0; buffer && i < end - begin; i++)
        memcpy(rows + i * v->stride, buffer + i * v->dimension, v->dimension * sizeof *buffer);
    return BV_OK;
}

static enum bv_status load_pages(const struct load_job *job, size_t first, size_t end,
                                 struct bv_error *err)
{
    const struct bv_store *s = job->s;
    const struct bv_vectors *v = job->v;
    bool padded = v->stride != v->dimension;
    struct reader r = {NULL, NULL};
    BV_TRY(bv_store_connect(&r.db, s->path, SQLITE_OPEN_READONLY, err));
    enum bv_status status = BV_OK;
    uint16_t *buffer = padded ? malloc(s->page_rows * v->dimension * sizeof *buffer) : NULL;
    if (padded && !buffer)
        status = bv_fail_nomem(err, "vectors");
    for (size_t page = first; page < end && status == BV_OK && !job->failed; page++)
        status = load_page(job, &r, page, buffer, err);
    free(buffer);
    (void)sqlite3_blob_close(r.blob);
    (void)sqlite3_close(r.db);
    return status;
}

static void load_part(void *arg, size_t part)
{
    struct load_job *job = arg;
    size_t first = job->first_page + job->n_pages * part / job->n_parts;
    size_t end = job->first_page + job->n_pages * (part + 1) / job->n_parts;
    if (first < end && load_pages(job, first, end, &job->errors[part]) != BV_OK)
        job->failed = true;
}

enum bv_status bv_store_read(struct bv_store *s, enum bv_kind kind, size_t first, size_t n,
                             struct bv_pool *pool, struct bv_vectors *vectors, struct bv_error *err)
{
    struct load_job job = {.s = s,
                           .kind = kind,
                           .v = vectors,
                           .first = first,
                           .n = n,
                           .first_page = first / s->page_rows,
                           .n_parts = (size_t)bv_pool_threads(pool)};
    job.n_pages = (first + n + s->page_rows - 1) / s->page_rows - job.first_page;
    job.errors = calloc(job.n_parts, sizeof *job.errors);
    if (!job.errors)
        return bv_fail_nomem(err, "vectors");
    enum bv_status status = BV_OK;
    bv_pool_for(pool, job.n_parts, load_part, &job);
    for (size_t i = 0; status == BV_OK && i < job.n_parts; i++) {
        if (job.errors[i].status != BV_OK)
            status = bv_fail(err, job.errors[i].status, "%s", job.errors[i].text);
    }
    free(job.errors);
    return status;
}

enum bv_status bv_store_load(struct bv_store *s, enum bv_kind kind, struct bv_pool *pool,
                             struct bv_vectors *vectors, struct bv_error *err)
{
    struct bv_vectors v = {0};
    BV_TRY(bv_vectors_create(&v, s->n[kind], s->info.dimension, err));
    enum bv_status status = bv_store_read(s, kind, 0, v.n, pool, &v, err);
    if (status == BV_OK)
        *vectors = v;
    else
        bv_vectors_free(&v);
    return status;
}

enum bv_status bv_store_select(struct bv_store *s, enum bv_kind kind,
                               const struct bv_filter *filter, size_t n_rows, uint64_t **bits,
                               size_t *n_set, struct bv_error *err)
{
    static const char select[] = "SELECT i.row FROM item i JOIN examination o ON o.number = i.study"
                                 " JOIN examination s ON s.number = o.belongs"
                                 " WHERE i.kind = %d AND (%s)";
    sqlite3_stmt *statement = NULL;
    char *query = sqlite3_mprintf(select, (int)kind, filter->sql);
    uint64_t *set = calloc((n_rows + 63) / 64 + 1, sizeof *set);
    enum bv_status status = query && set ? BV_OK : bv_fail_nomem(err, "a selection");
    int code = SQLITE_DONE;
    size_t count = 0;
    if (status == BV_OK) {
        code = sqlite3_prepare_v2(s->db, query, -1, &statement, NULL);
        for (size_t i = 0; code == SQLITE_OK && i < filter->n_values; i++)
            code = sqlite3_bind_text(statement, (int)i + 1, filter->values[i], -1, SQLITE_STATIC);
        while ((code == SQLITE_OK || code == SQLITE_ROW) &&
               (code = sqlite3_step(statement)) == SQLITE_ROW) {
            sqlite3_int64 row = sqlite3_column_int64(statement, 0);
            if (row < 0 || (size_t)row >= n_rows)
                continue;
            set[row / 64] |= (uint64_t)1 << (row & 63);
            count++;
        }
        // The one thing a caller can get wrong is a full-text query.
        if (code == SQLITE_ERROR)
            status = bv_fail(err, BV_ERR_ARG, "the filter or full-text query is wrong: %s",
                             sqlite3_errmsg(s->db));
        else if (code != SQLITE_DONE)
            status = bv_store_fail(s->db, s->path, code, err);
    }
    (void)sqlite3_finalize(statement);
    sqlite3_free(query);
    if (status == BV_OK) {
        *bits = set;
        *n_set = count;
    } else {
        free(set);
    }
    return status;
}
