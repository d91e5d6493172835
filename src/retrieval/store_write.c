#include "retrieval/store_db.h"

#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "retrieval/store.h"

// Vectors.

void bv_store_close_pages(struct bv_store *s)
{
    for (int kind = 0; kind < BV_KINDS; kind++) {
        if (s->blob[kind])
            (void)sqlite3_blob_close(s->blob[kind]);
        s->blob[kind] = NULL;
    }
}

enum bv_status bv_store_open_page(struct bv_store *s, enum bv_kind kind, size_t row,
                                  struct bv_error *err)
{
    size_t page = row / s->page_rows;
    if (s->blob[kind] && s->blob_page[kind] == page)
        return BV_OK;
    if (s->blob[kind])
        (void)sqlite3_blob_close(s->blob[kind]);
    s->blob[kind] = NULL;
    if (row == s->n[kind] && row % s->page_rows == 0) {
        sqlite3_stmt *add;
        BV_TRY(bv_store_statement(s, BV_SQL_PAGE_ADD, &add, err));
        (void)sqlite3_bind_int64(add, 1, bv_store_page_key(kind, page));
        (void)sqlite3_bind_zeroblob64(add, 2, s->page_rows * s->info.dimension * sizeof(uint16_t));
        BV_TRY(bv_store_run(s, add, err));
    }
    int code = sqlite3_blob_open(s->db, "main", "page", "vectors", bv_store_page_key(kind, page), 1,
                                 &s->blob[kind]);
    if (code != SQLITE_OK)
        return bv_store_fail(s->db, s->path, code, err);
    s->blob_page[kind] = page;
    return BV_OK;
}

enum bv_status bv_store_write_row(struct bv_store *s, enum bv_kind kind, size_t row,
                                  const uint16_t *vector, struct bv_error *err)
{
    size_t bytes = s->info.dimension * sizeof *vector;
    BV_TRY(bv_store_open_page(s, kind, row, err));
    int code =
        sqlite3_blob_write(s->blob[kind], vector, (int)bytes, (int)(row % s->page_rows * bytes));
    return code == SQLITE_OK ? BV_OK : bv_store_fail(s->db, s->path, code, err);
}

static enum bv_status write_vector(struct bv_store *s, enum bv_kind kind, size_t row,
                                   const float *vector, uint32_t *checksum, struct bv_error *err)
{
    size_t bytes = s->info.dimension * sizeof(uint16_t);
    uint16_t *half = malloc(bytes);
    if (!half)
        return bv_fail_nomem(err, "a vector");
    bv_f32_to_f16_array(vector, half, s->info.dimension);
    enum bv_status status = bv_store_write_row(s, kind, row, half, err);
    *checksum = bv_crc32c(0, half, bytes);
    free(half);
    return status;
}

// Items.

static enum bv_status write_thumbnail(struct bv_store *s, sqlite3_int64 item,
                                      const struct bv_item *from, struct bv_error *err)
{
    sqlite3_stmt *add;
    BV_TRY(bv_store_statement(s, BV_SQL_THUMBNAIL_ADD, &add, err));
    (void)sqlite3_bind_int64(add, 1, item);
    (void)sqlite3_bind_blob64(add, 2, from->thumbnail, from->thumbnail_bytes, SQLITE_STATIC);
    return bv_store_run(s, add, err);
}

// The number of a study by its id, which is made when there is none.
static enum bv_status need_study(struct bv_store *s, const char *id, sqlite3_int64 *number,
                                 struct bv_error *err)
{
    BV_TRY(bv_store_study_find(s, id, number, NULL, NULL, NULL, err));
    if (*number)
        return BV_OK;
    const struct bv_study study = {.id = id, .named = true};
    struct bv_arena arena = {0};
    const char *placed = NULL;
    enum bv_apart apart;
    enum bv_status status = bv_store_place(s, &study, &arena, &placed, &apart, err);
    bv_arena_free(&arena);
    return status == BV_OK ? bv_store_study_find(s, id, number, NULL, NULL, NULL, err) : status;
}

static enum bv_status insert_item(struct bv_store *s, const struct bv_item *item,
                                  sqlite3_int64 study, size_t row, uint32_t checksum,
                                  struct bv_error *err)
{
    sqlite3_stmt *add;
    BV_TRY(bv_store_statement(s, BV_SQL_ITEM_ADD, &add, err));
    (void)sqlite3_bind_text(add, 1, item->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(add, 2, study);
    (void)sqlite3_bind_int(add, 3, (int)item->kind);
    (void)sqlite3_bind_int64(add, 4, (sqlite3_int64)row);
    (void)sqlite3_bind_int64(add, 5, checksum);
    (void)sqlite3_bind_text(add, 6, item->metadata ? item->metadata : "{}", -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(add, 7, item->content);
    int code = sqlite3_step(add);
    (void)sqlite3_reset(add);
    if (code == SQLITE_CONSTRAINT_UNIQUE)
        return bv_fail(err, BV_ERR_ARG, "%s: the index has an item of this id already", s->path);
    return code == SQLITE_DONE ? BV_OK : bv_store_fail(s->db, s->path, code, err);
}

enum bv_status bv_store_add(struct bv_store *s, const struct bv_item *item, struct bv_error *err)
{
    sqlite3_int64 study = 0;
    uint32_t checksum = 0;
    BV_TRY(bv_store_need_transaction(s, err));
    size_t row = s->n[item->kind];
    if (row >= UINT32_MAX)
        return bv_fail(err, BV_ERR_LIMIT, "%s: the index is full", s->path);
    BV_TRY(need_study(s, item->study, &study, err));
    BV_TRY(write_vector(s, item->kind, row, item->vector, &checksum, err));
    checksum = bv_store_item_checksum(checksum, item->id, item->metadata ? item->metadata : "{}",
                                      item->thumbnail, item->thumbnail ? item->thumbnail_bytes : 0);
    BV_TRY(insert_item(s, item, study, row, checksum, err));
    if (item->thumbnail)
        BV_TRY(write_thumbnail(s, sqlite3_last_insert_rowid(s->db), item, err));
    s->n[item->kind]++;
    return BV_OK;
}

enum bv_status bv_store_replace(struct bv_store *s, const struct bv_item *item,
                                struct bv_error *err)
{
    sqlite3_stmt *find, *set;
    BV_TRY(bv_store_need_transaction(s, err));
    BV_TRY(bv_store_statement(s, BV_SQL_ITEM_WHERE, &find, err));
    (void)sqlite3_bind_text(find, 1, item->id, -1, SQLITE_STATIC);
    int code = sqlite3_step(find);
    if (code != SQLITE_ROW) {
        (void)sqlite3_reset(find);
        return code == SQLITE_DONE
                   ? bv_fail(err, BV_ERR_ARG, "%s: there is no item of this id", s->path)
                   : bv_store_fail(s->db, s->path, code, err);
    }
    sqlite3_int64 number = sqlite3_column_int64(find, 0);
    size_t row = (size_t)sqlite3_column_int64(find, 2);
    bool same_kind = sqlite3_column_int(find, 1) == (int)item->kind;
    const char *metadata = item->metadata ? item->metadata : "{}";
    uint32_t checksum = 0;
    enum bv_status status = same_kind && row < s->n[item->kind]
                                ? write_vector(s, item->kind, row, item->vector, &checksum, err)
                                : bv_fail(err, BV_ERR_ARG, "%s: an item of another kind", s->path);
    // Its thumbnail stays.
    checksum = bv_store_item_checksum(checksum, item->id, metadata, sqlite3_column_blob(find, 5),
                                      (size_t)sqlite3_column_bytes(find, 5));
    (void)sqlite3_reset(find);
    if (status == BV_OK)
        status = bv_store_statement(s, BV_SQL_ITEM_SET, &set, err);
    if (status != BV_OK)
        return status;
    (void)sqlite3_bind_int64(set, 1, number);
    (void)sqlite3_bind_int64(set, 2, checksum);
    (void)sqlite3_bind_text(set, 3, metadata, -1, SQLITE_STATIC);
    BV_TRY(bv_store_run(s, set, err));
    return bv_store_touch(s, err);
}

// Reports.

// FTS5 keeps no copy of the text: what it indexed must be taken out with the very words.
static enum bv_status index_text(struct bv_store *s, enum bv_statement which, sqlite3_int64 report,
                                 const char *text, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    (void)sqlite3_bind_int64(statement, 1, report);
    (void)sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC);
    return bv_store_run(s, statement, err);
}

static enum bv_status add_report(struct bv_store *s, const struct bv_report *report,
                                 struct bv_error *err)
{
    sqlite3_stmt *add;
    sqlite3_int64 study = 0;
    BV_TRY(need_study(s, report->study, &study, err));
    BV_TRY(bv_store_statement(s, BV_SQL_REPORT_ADD, &add, err));
    (void)sqlite3_bind_text(add, 1, report->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(add, 2, study);
    (void)sqlite3_bind_text(add, 3, report->text, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(add, 4, report->kind ? report->kind : "report", -1, SQLITE_STATIC);
    if (report->dated)
        (void)sqlite3_bind_int64(add, 5, report->after);
    BV_TRY(bv_store_run(s, add, err));
    sqlite3_int64 number = sqlite3_last_insert_rowid(s->db);
    for (size_t i = 0; i < report->n_predecessors; i++) {
        sqlite3_stmt *before;
        BV_TRY(bv_store_statement(s, BV_SQL_PREDECESSOR_ADD, &before, err));
        (void)sqlite3_bind_text(before, 1, report->predecessors[i], -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(before, 2, number);
        BV_TRY(bv_store_run(s, before, err));
    }
    return index_text(s, BV_SQL_REPORT_INDEX, number, report->text, err);
}

static enum bv_status set_report(struct bv_store *s, const struct bv_report_found *old,
                                 const char *text, struct bv_error *err)
{
    sqlite3_stmt *set;
    BV_TRY(index_text(s, BV_SQL_REPORT_UNINDEX, old->number, old->text, err));
    BV_TRY(bv_store_statement(s, BV_SQL_REPORT_SET, &set, err));
    (void)sqlite3_bind_text(set, 1, text, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(set, 2, old->number);
    BV_TRY(bv_store_run(s, set, err));
    return index_text(s, BV_SQL_REPORT_INDEX, old->number, text, err);
}

enum bv_status bv_store_put_report(struct bv_store *s, const struct bv_report *report,
                                   enum bv_change *change, struct bv_error *err)
{
    struct bv_arena arena = {0};
    struct bv_report_found old = {0};
    BV_TRY(bv_store_need_transaction(s, err));
    enum bv_status status = bv_store_find_report(s, report->id, &arena, &old, err);
    *change = !old.number                           ? BV_ADDED
              : strcmp(old.text, report->text) == 0 ? BV_UNCHANGED
                                                    : BV_REPLACED;
    if (status == BV_OK && *change == BV_ADDED)
        status = add_report(s, report, err);
    else if (status == BV_OK && *change == BV_REPLACED)
        status = set_report(s, &old, report->text, err);
    bv_arena_free(&arena);
    return status;
}

enum bv_status bv_store_set(struct bv_store *s, const char *key, const char *value,
                            struct bv_error *err)
{
    return bv_store_run_text(s, BV_SQL_SETTING_SET, key, value, err);
}
