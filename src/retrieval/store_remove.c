// Taking out: rows, vectors, reports, full text, thumbnails, studies. What is taken out is
// remembered by its name, so that neither an archive nor another index brings it back.
#include "retrieval/store_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "retrieval/query.h"

struct numbers {
    sqlite3_int64 *items;
    size_t n, room;
};

struct row {
    sqlite3_int64 number;
    int kind;
    size_t row;
};

struct rows {
    struct row *items;
    size_t n, room;
};

struct removal {
    struct bv_store *store;
    struct numbers studies, reports;
    struct rows rows;
    uint16_t *vector, *zeros; // [dimension]
    struct bv_store_counts *counts;
};

// The element behind the last one of a list, NULL when memory is out.
static void *extend(void *items, size_t *n, size_t *room, size_t each)
{
    void **list = items;
    if (*n == *room) {
        size_t more = *room ? 2 * *room : 64;
        void *larger = realloc(*list, more * each);
        if (!larger)
            return NULL;
        *list = larger;
        *room = more;
    }
    return (char *)*list + (*n)++ * each;
}

// Appends the numbers that a statement of one parameter yields.
static enum bv_status collect(struct bv_store *s, sqlite3_stmt *statement, struct numbers *list,
                              struct bv_error *err)
{
    int code;
    enum bv_status status = BV_OK;
    while (status == BV_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        sqlite3_int64 *one = extend(&list->items, &list->n, &list->room, sizeof *list->items);
        if (one)
            *one = sqlite3_column_int64(statement, 0);
        else
            status = bv_fail_nomem(err, "a removal");
    }
    if (status == BV_OK && code != SQLITE_DONE)
        status = bv_store_fail(s->db, s->path, code, err);
    (void)sqlite3_reset(statement);
    return status;
}

static enum bv_status collect_text(struct bv_store *s, enum bv_statement which, const char *text,
                                   struct numbers *list, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    (void)sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    return collect(s, statement, list, err);
}

static enum bv_status collect_number(struct bv_store *s, enum bv_statement which,
                                     sqlite3_int64 number, struct numbers *list,
                                     struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    (void)sqlite3_bind_int64(statement, 1, number);
    return collect(s, statement, list, err);
}

static enum bv_status run_number(struct bv_store *s, enum bv_statement which, sqlite3_int64 number,
                                 struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    (void)sqlite3_bind_int64(statement, 1, number);
    return bv_store_run(s, statement, err);
}

// Appends the rows of a study, or the one of an id.
static enum bv_status collect_rows(struct removal *r, enum bv_statement which, const char *id,
                                   sqlite3_int64 study, struct bv_error *err)
{
    struct bv_store *s = r->store;
    sqlite3_stmt *statement;
    enum bv_status status = BV_OK;
    int code;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    if (id)
        (void)sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    else
        (void)sqlite3_bind_int64(statement, 1, study);
    while (status == BV_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct row *one = extend(&r->rows.items, &r->rows.n, &r->rows.room, sizeof *one);
        if (!one) {
            status = bv_fail_nomem(err, "a removal");
            break;
        }
        *one = (struct row){sqlite3_column_int64(statement, 0), sqlite3_column_int(statement, 1),
                            (size_t)sqlite3_column_int64(statement, 2)};
        if (one->kind < 0 || one->kind >= BV_KINDS || one->row >= s->n[one->kind])
            status = bv_fail(err, BV_ERR_FORMAT, "%s: an item without a row", s->path);
    }
    if (status == BV_OK && code != SQLITE_DONE)
        status = bv_store_fail(s->db, s->path, code, err);
    (void)sqlite3_reset(statement);
    return status;
}

// Rows.

// The last row of a kind takes the place of one that goes: rows have no holes.
static enum bv_status move_last(struct removal *r, enum bv_kind kind, size_t to,
                                struct bv_error *err)
{
    struct bv_store *s = r->store;
    size_t last = s->n[kind] - 1;
    sqlite3_stmt *move;
    BV_TRY(bv_store_vector(s, kind, (uint32_t)last, r->vector, err));
    BV_TRY(bv_store_write_row(s, kind, to, r->vector, err));
    BV_TRY(bv_store_statement(s, BV_SQL_ITEM_MOVE, &move, err));
    (void)sqlite3_bind_int(move, 1, (int)kind);
    (void)sqlite3_bind_int64(move, 2, (sqlite3_int64)last);
    (void)sqlite3_bind_int64(move, 3, (sqlite3_int64)to);
    return bv_store_run(s, move, err);
}

static enum bv_status drop_row(struct removal *r, const struct row *row, struct bv_error *err)
{
    struct bv_store *s = r->store;
    enum bv_kind kind = (enum bv_kind)row->kind;
    size_t last = s->n[kind] - 1;
    BV_TRY(run_number(s, BV_SQL_ITEM_DROP, row->number, err));
    BV_TRY(run_number(s, BV_SQL_THUMBNAIL_DROP, row->number, err));
    if (row->row != last)
        BV_TRY(move_last(r, kind, row->row, err));
    BV_TRY(bv_store_write_row(s, kind, last, r->zeros, err));
    s->n[kind]--;
    r->counts->items[kind]++;
    if (last % s->page_rows != 0)
        return BV_OK;
    bv_store_close_pages(s);
    return run_number(s, BV_SQL_PAGE_DROP, bv_store_page_key(kind, last / s->page_rows), err);
}

// The highest rows first: what takes another's place is then never one that goes, too.
static int by_row_downwards(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->row > y->row ? -1 : x->row < y->row;
}

static enum bv_status drop_rows(struct removal *r, struct bv_error *err)
{
    if (r->rows.n > 0)
        qsort(r->rows.items, r->rows.n, sizeof *r->rows.items, by_row_downwards);
    for (size_t i = 0; i < r->rows.n; i++)
        BV_TRY(drop_row(r, &r->rows.items[i], err));
    return BV_OK;
}

// Reports and studies.

// FTS5 keeps no copy of a text: its words are taken out with the text that is still there.
static enum bv_status drop_report(struct removal *r, sqlite3_int64 number, struct bv_error *err)
{
    BV_TRY(run_number(r->store, BV_SQL_REPORT_DROP_WORDS, number, err));
    BV_TRY(run_number(r->store, BV_SQL_PREDECESSOR_DROP, number, err));
    BV_TRY(run_number(r->store, BV_SQL_REPORT_DROP, number, err));
    r->counts->reports++;
    return BV_OK;
}

// A study that holds nothing any more, and that no other one is shown as, goes; what bears one of
// its accession numbers is joined anew.
static enum bv_status drop_study(struct removal *r, sqlite3_int64 number, bool *gone,
                                 struct bv_error *err)
{
    struct bv_store *s = r->store;
    sqlite3_stmt *statement;
    BV_TRY(run_number(s, BV_SQL_STUDY_DROP, number, err));
    *gone = sqlite3_changes(s->db) > 0;
    if (!*gone)
        return BV_OK;
    r->counts->studies++;
    BV_TRY(bv_store_statement(s, BV_SQL_BEARS_OF, &statement, err));
    (void)sqlite3_bind_int64(statement, 1, number);
    struct bv_arena arena = {0};
    const char *numbers[64];
    size_t n = 0;
    while (sqlite3_step(statement) == SQLITE_ROW && n < 64) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        numbers[n] = bv_arena_strdup(&arena, text ? text : "");
        n += numbers[n] != NULL;
    }
    (void)sqlite3_reset(statement);
    enum bv_status status = run_number(s, BV_SQL_BEARS_DROP, number, err);
    for (size_t i = 0; i < n && status == BV_OK; i++)
        status = bv_store_join(s, numbers[i], err);
    bv_arena_free(&arena);
    return status;
}

// Those that are shown as another one before that one.
static enum bv_status drop_studies(struct removal *r, struct bv_error *err)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < r->studies.n; i++) {
            bool gone = !r->studies.items[i];
            if (!gone)
                BV_TRY(drop_study(r, r->studies.items[i], &gone, err));
            if (gone)
                r->studies.items[i] = 0; // no study's number
        }
    }
    return BV_OK;
}

enum bv_status bv_store_drop_empty(struct bv_store *s, const char *study, struct bv_error *err)
{
    struct bv_store_counts ignored = {0};
    struct removal r = {.store = s, .counts = &ignored};
    BV_TRY(bv_store_need_transaction(s, err));
    enum bv_status status = collect_text(s, BV_SQL_STUDY_FIND, study, &r.studies, err);
    if (status == BV_OK)
        status = drop_studies(&r, err);
    free(r.studies.items);
    return status;
}

enum bv_status bv_store_drop_every_empty(struct bv_store *s, struct bv_error *err)
{
    struct bv_store_counts ignored = {0};
    struct removal r = {.store = s, .counts = &ignored};
    sqlite3_stmt *empty;
    BV_TRY(bv_store_need_transaction(s, err));
    BV_TRY(bv_store_statement(s, BV_SQL_STUDIES_EMPTY, &empty, err));
    enum bv_status status = collect(s, empty, &r.studies, err);
    if (status == BV_OK)
        status = drop_studies(&r, err);
    free(r.studies.items);
    return status;
}

// What is to go.

static enum bv_status find_all(struct removal *r, enum bv_named what, const char *name,
                               struct bv_error *err)
{
    struct bv_store *s = r->store;
    if (what == BV_NAMED_ITEM) {
        BV_TRY(collect_text(s, BV_SQL_STUDY_OF_ITEM, name, &r->studies, err));
        BV_TRY(collect_rows(r, BV_SQL_ITEM_ROW, name, 0, err));
        return collect_text(s, BV_SQL_REPORT_NUMBER, name, &r->reports, err);
    }
    BV_TRY(collect_text(s, what == BV_NAMED_PATIENT ? BV_SQL_STUDIES_OF : BV_SQL_STUDIES_NAMED,
                        name, &r->studies, err));
    for (size_t i = 0; i < r->studies.n; i++) {
        BV_TRY(collect_rows(r, BV_SQL_STUDY_ROWS, NULL, r->studies.items[i], err));
        BV_TRY(collect_number(s, BV_SQL_STUDY_REPORTS, r->studies.items[i], &r->reports, err));
    }
    return BV_OK;
}

static enum bv_status drop_all(struct removal *r, struct bv_error *err)
{
    BV_TRY(drop_rows(r, err));
    for (size_t i = 0; i < r->reports.n; i++)
        BV_TRY(drop_report(r, r->reports.items[i], err));
    return drop_studies(r, err);
}

// What is noted of a name; its first letter says what it names.
enum { NOTE_ROOM = 1100 };

static enum bv_status removed_name(enum bv_named what, const char *name, char text[NOTE_ROOM],
                                   struct bv_error *err)
{
    static const char letters[] = {'p', 's', 'i'};
    int n = snprintf(text, NOTE_ROOM, "%c:%s", letters[what], name);
    return n > 0 && n < NOTE_ROOM
               ? BV_OK
               : bv_fail(err, BV_ERR_LIMIT, "a name of more than %d bytes", NOTE_ROOM - 3);
}

static enum bv_status note(struct bv_store *s, enum bv_statement which, enum bv_named what,
                           const char *name, struct bv_error *err)
{
    char text[NOTE_ROOM];
    BV_TRY(removed_name(what, name, text, err));
    return bv_store_run_text(s, which, text, NULL, err);
}

enum bv_status bv_store_remove(struct bv_store *s, enum bv_named what, const char *name,
                               struct bv_store_counts *counts, struct bv_error *err)
{
    struct removal r = {.store = s, .counts = counts};
    BV_TRY(bv_store_need_transaction(s, err));
    r.vector = malloc(s->info.dimension * sizeof *r.vector);
    r.zeros = calloc(s->info.dimension, sizeof *r.zeros);
    enum bv_status status = r.vector && r.zeros ? BV_OK : bv_fail_nomem(err, "a removal");
    if (status == BV_OK)
        status = find_all(&r, what, name, err);
    if (status == BV_OK)
        status = drop_all(&r, err);
    if (status == BV_OK)
        status = note(s, BV_SQL_REMOVED_ADD, what, name, err);
    free(r.vector);
    free(r.zeros);
    free(r.studies.items);
    free(r.reports.items);
    free(r.rows.items);
    return status;
}

enum bv_status bv_store_last_frame(struct bv_store *s, int *last, struct bv_error *err)
{
    static const char query[] = "SELECT max(json_extract(metadata, '$.frame')) FROM item"
                                " WHERE metadata LIKE '%\"frame\":%' AND json_valid(metadata)"
                                "  AND json_type(metadata, '$.frame') = 'integer'";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(s->db, query, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *last = code == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
    (void)sqlite3_finalize(statement);
    return code == SQLITE_ROW ? BV_OK : bv_store_fail(s->db, s->path, code, err);
}

enum bv_status bv_store_readmit(struct bv_store *s, enum bv_named what, const char *name,
                                struct bv_error *err)
{
    BV_TRY(bv_store_need_transaction(s, err));
    return note(s, BV_SQL_REMOVED_DROP, what, name, err);
}

enum bv_status bv_store_is_removed(struct bv_store *s, enum bv_named what, const char *name,
                                   bool *removed, struct bv_error *err)
{
    struct numbers found = {0};
    char text[NOTE_ROOM];
    BV_TRY(removed_name(what, name, text, err));
    enum bv_status status = collect_text(s, BV_SQL_REMOVED_FIND, text, &found, err);
    *removed = found.n > 0;
    free(found.items);
    return status;
}

// Leaving nothing behind.

enum bv_status bv_store_sweep(struct bv_store *s, struct bv_error *err)
{
    BV_TRY(bv_store_need_transaction(s, err));
    // FTS5 only notes that words are gone until its parts are written anew.
    int code = sqlite3_exec(s->db, "INSERT INTO report_text(report_text) VALUES('optimize')", NULL,
                            NULL, NULL);
    return code == SQLITE_OK ? bv_store_touch(s, err) : bv_store_fail(s->db, s->path, code, err);
}

enum bv_status bv_store_shrink(struct bv_store *s, struct bv_error *err)
{
    static const char *const copies[] = {"vectors", "faiss"};
    char path[4352];
    for (int kind = 0; kind < BV_KINDS; kind++) {
        for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
            int n = snprintf(path, sizeof path, "%s.%s.%s", s->path,
                             bv_kind_name((enum bv_kind)kind), copies[i]);
            if (n > 0 && (size_t)n < sizeof path)
                (void)unlink(path);
        }
    }
    bv_rerank_cache_clear(s->path);
    int code = sqlite3_exec(s->db, "PRAGMA incremental_vacuum", NULL, NULL, NULL);
    return code == SQLITE_OK ? BV_OK : bv_store_fail(s->db, s->path, code, err);
}
