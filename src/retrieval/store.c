#include "retrieval/store_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/half.h"
#include "base/unfinished.h"
#include "retrieval/crc32c.h"

// Vectors lie in pages of about this many bytes: one is allocated as zeros when its first row
// comes, and only the parts that rows touch are written after that.
enum { PAGE_BYTES = 262144 };

static const char schema[] =
    "CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE study(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  report TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE alias(id TEXT PRIMARY KEY, study INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE item(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  study INTEGER NOT NULL, kind INTEGER NOT NULL, row INTEGER NOT NULL,"
    "  checksum INTEGER NOT NULL, metadata TEXT NOT NULL, UNIQUE(kind, row));"
    "CREATE TABLE page(number INTEGER PRIMARY KEY, vectors BLOB NOT NULL);"
    "CREATE TABLE thumbnail(item INTEGER PRIMARY KEY, image BLOB NOT NULL);"
    "CREATE VIEW reported AS SELECT number, report FROM study WHERE report <> '';"
    "CREATE VIRTUAL TABLE report_text USING fts5(report, content='reported',"
    "  content_rowid='number');";

static const char *const sql[BV_SQL_STATEMENTS] = {
    [BV_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [BV_SQL_COMMIT] = "COMMIT",
    [BV_SQL_ROLLBACK] = "ROLLBACK",
    [BV_SQL_HAS] = "SELECT 1 FROM item WHERE id = ?",
    [BV_SQL_STUDY_ADD] = "INSERT OR IGNORE INTO study(id) VALUES(?)",
    [BV_SQL_STUDY_FIND] = "SELECT number, report FROM study WHERE id = ?",
    [BV_SQL_ITEM_ADD] = "INSERT INTO item(id, study, kind, row, checksum, metadata)"
                        " VALUES(?, ?, ?, ?, ?, ?)",
    [BV_SQL_PAGE_ADD] = "INSERT INTO page(number, vectors) VALUES(?, ?)",
    [BV_SQL_THUMBNAIL_ADD] = "INSERT INTO thumbnail(item, image) VALUES(?, ?)",
    [BV_SQL_REPORT_SET] = "UPDATE study SET report = ? WHERE number = ?",
    [BV_SQL_REPORT_UNINDEX] = "INSERT INTO report_text(report_text, rowid, report)"
                              " VALUES('delete', ?, ?)",
    [BV_SQL_REPORT_INDEX] = "INSERT INTO report_text(rowid, report) VALUES(?, ?)",
    [BV_SQL_ALIAS_SET] = "INSERT OR REPLACE INTO alias(id, study) VALUES(?, ?)",
    [BV_SQL_ALIAS_FIND] = "SELECT s.id FROM alias a JOIN study s ON s.number = a.study"
                          " WHERE a.id = ?",
    [BV_SQL_SETTING_SET] = "INSERT OR REPLACE INTO setting(key, value) VALUES(?, ?)",
    [BV_SQL_SETTING_GET] = "SELECT value FROM setting WHERE key = ?",
#define ENTRY_SELECT                                                                               \
    "SELECT i.id, s.id, i.metadata, s.report, i.kind, i.row FROM item i"                           \
    " JOIN study s ON s.number = i.study"
    [BV_SQL_ENTRY] = ENTRY_SELECT " WHERE i.kind = ? AND i.row = ?",
    [BV_SQL_FIND] = ENTRY_SELECT " WHERE i.id = ?",
    [BV_SQL_THUMBNAIL] = "SELECT t.image FROM thumbnail t JOIN item i ON i.number = t.item"
                         " WHERE i.kind = ? AND i.row = ?",
    [BV_SQL_EACH] = ENTRY_SELECT " ORDER BY i.number",
    [BV_SQL_CHECKSUM] = "SELECT checksum FROM item WHERE kind = ? AND row = ?",
    [BV_SQL_COUNT] = "SELECT coalesce(max(row) + 1, 0) FROM item WHERE kind = ?",
};

const char *bv_kind_name(enum bv_kind kind)
{
    return kind == BV_KIND_IMAGE ? "image" : "report";
}

enum bv_status bv_store_fail(sqlite3 *db, const char *path, int code, struct bv_error *err)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return bv_fail(err, BV_ERR_IO, "%s: the disk is full; what was committed is kept", path);
    case SQLITE_NOMEM:
        return bv_fail_nomem(err, "SQLite");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return bv_fail(err, BV_ERR_IO, "%s: another process is writing to this index", path);
    case SQLITE_NOTADB:
        return bv_fail(err, BV_ERR_FORMAT, "%s: not an index of biovl", path);
    case SQLITE_CORRUPT:
        return bv_fail(err, BV_ERR_FORMAT, "%s: the file is damaged (%s)", path,
                       db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    case SQLITE_READONLY:
        return bv_fail(err, BV_ERR_IO, "%s: the file or its folder cannot be written", path);
    default:
        return bv_fail(err, BV_ERR_IO, "%s: %s (SQLite %d)", path,
                       db ? sqlite3_errmsg(db) : sqlite3_errstr(code), code);
    }
}

enum bv_status bv_store_connect(sqlite3 **out, const char *path, int flags, struct bv_error *err)
{
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(path, &db, flags, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(db, 1);
        (void)sqlite3_busy_timeout(db, 10000);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        // The file may come from anywhere: its schema gets no power.
        code = sqlite3_exec(db,
                            "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                            "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
                            "PRAGMA cache_size=-65536;",
                            NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        enum bv_status status = bv_store_fail(db, path, code, err);
        (void)sqlite3_close(db);
        return status;
    }
    *out = db;
    return BV_OK;
}

enum bv_status bv_store_statement(struct bv_store *s, enum bv_statement which, sqlite3_stmt **out,
                                  struct bv_error *err)
{
    if (!s->statements[which]) {
        int code = sqlite3_prepare_v3(s->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                      &s->statements[which], NULL);
        if (code != SQLITE_OK)
            return bv_store_fail(s->db, s->path, code, err);
    }
    (void)sqlite3_reset(s->statements[which]);
    (void)sqlite3_clear_bindings(s->statements[which]);
    *out = s->statements[which];
    return BV_OK;
}

enum bv_status bv_store_run(struct bv_store *s, sqlite3_stmt *statement, struct bv_error *err)
{
    int code = sqlite3_step(statement);
    enum bv_status status = code == SQLITE_DONE || code == SQLITE_ROW
                                ? BV_OK
                                : bv_store_fail(s->db, s->path, code, err);
    (void)sqlite3_reset(statement);
    return status;
}

// One-parameter-list statements of text values; NULL ends the list.
static enum bv_status run_text(struct bv_store *s, enum bv_statement which, const char *a,
                               const char *b, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    (void)sqlite3_bind_text(statement, 1, a, -1, SQLITE_STATIC);
    if (b)
        (void)sqlite3_bind_text(statement, 2, b, -1, SQLITE_STATIC);
    return bv_store_run(s, statement, err);
}

// Opening and creating.

static enum bv_status write_info(struct bv_store *s, const struct bv_store_info *info,
                                 struct bv_error *err)
{
    char dimension[24], page_rows[24], thumbnail[24];
    size_t rows = PAGE_BYTES / (info->dimension * sizeof(uint16_t));
    (void)snprintf(dimension, sizeof dimension, "%zu", info->dimension);
    (void)snprintf(page_rows, sizeof page_rows, "%zu", rows ? rows : 1);
    (void)snprintf(thumbnail, sizeof thumbnail, "%d", info->thumbnail);
    const char *const settings[][2] = {
        {"format", BV_STORE_FORMAT},
        {"dimension", dimension},
        {"page_rows", page_rows},
        {"thumbnail", thumbnail},
        {"fingerprint", info->fingerprint},
        {"model", info->model},
        {"key_check", info->key_check},
        {"keep_identifiers", info->keep_identifiers ? "1" : "0"},
        {"accelerator", info->accelerator},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        BV_TRY(run_text(s, BV_SQL_SETTING_SET, settings[i][0], settings[i][1], err));
    return BV_OK;
}

static enum bv_status create_tables(struct bv_store *s, const struct bv_store_info *info,
                                    struct bv_error *err)
{
    char pragma[160];
    (void)snprintf(pragma, sizeof pragma,
                   "PRAGMA page_size=16384; PRAGMA journal_mode=DELETE;"
                   "PRAGMA application_id=%d; BEGIN IMMEDIATE;",
                   BV_STORE_APPLICATION);
    int code = sqlite3_exec(s->db, pragma, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return bv_store_fail(s->db, s->path, code, err);
    BV_TRY(write_info(s, info, err));
    sqlite3_stmt *commit;
    BV_TRY(bv_store_statement(s, BV_SQL_COMMIT, &commit, err));
    return bv_store_run(s, commit, err);
}

enum bv_status bv_store_create(const char *path, const struct bv_store_info *info,
                               struct bv_error *err)
{
    if (info->dimension == 0 || info->dimension > 65536)
        return bv_fail(err, BV_ERR_ARG, "an index of %zu dimensions", info->dimension);
    struct bv_store s = {0};
    s.path = bv_arena_printf(&s.arena, "%s.new-%ld", path, (long)getpid());
    if (!s.path)
        return bv_fail_nomem(err, "an index");
    int number = bv_unfinished_add(s.path);
    enum bv_status status = bv_store_connect(
        &s.db, s.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE, err);
    if (status == BV_OK)
        status = create_tables(&s, info, err);
    for (int i = 0; i < BV_SQL_STATEMENTS; i++)
        (void)sqlite3_finalize(s.statements[i]);
    (void)sqlite3_close(s.db);
    // link() refuses to replace a file, unlike rename().
    if (status == BV_OK && link(s.path, path) != 0)
        status = bv_fail(err, errno == EEXIST ? BV_ERR_ARG : BV_ERR_IO, "%s: %s", path,
                         errno == EEXIST ? "there is such a file already" : strerror(errno));
    (void)unlink(s.path);
    bv_unfinished_drop(number);
    bv_arena_free(&s.arena);
    return status;
}

static enum bv_status read_setting(struct bv_store *s, const char *key, const char **value,
                                   struct bv_error *err)
{
    const char *found = NULL;
    BV_TRY(bv_store_get(s, key, &s->arena, &found, err));
    if (!found)
        return bv_fail(err, BV_ERR_FORMAT, "%s: not an index of biovl, or a damaged one", s->path);
    *value = found;
    return BV_OK;
}

// A count in a setting, at least low and at most high.
static enum bv_status read_number(struct bv_store *s, const char *key, size_t low, size_t high,
                                  size_t *value, struct bv_error *err)
{
    const char *text = NULL;
    BV_TRY(read_setting(s, key, &text, err));
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || end == text || *end || n < low || n > high)
        return bv_fail(err, BV_ERR_FORMAT, "%s: its setting \"%s\" is damaged", s->path, key);
    *value = (size_t)n;
    return BV_OK;
}

static enum bv_status read_info(struct bv_store *s, struct bv_error *err)
{
    const char *format = NULL, *keep = NULL;
    size_t thumbnail;
    BV_TRY(read_setting(s, "format", &format, err));
    if (strcmp(format, BV_STORE_FORMAT) != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "%s: an index of format %.16s; this version reads " BV_STORE_FORMAT, s->path,
                       format);
    BV_TRY(read_number(s, "dimension", 1, 65536, &s->info.dimension, err));
    BV_TRY(read_number(s, "page_rows", 1, 1 << 20, &s->page_rows, err));
    BV_TRY(read_number(s, "thumbnail", 0, 4096, &thumbnail, err));
    s->info.thumbnail = (int)thumbnail;
    BV_TRY(read_setting(s, "fingerprint", &s->info.fingerprint, err));
    BV_TRY(read_setting(s, "model", &s->info.model, err));
    BV_TRY(read_setting(s, "key_check", &s->info.key_check, err));
    BV_TRY(read_setting(s, "accelerator", &s->info.accelerator, err));
    BV_TRY(read_setting(s, "keep_identifiers", &keep, err));
    s->info.keep_identifiers = strcmp(keep, "1") == 0;
    return BV_OK;
}

// Rows are numbered without holes, which bv_store_verify() checks: the next number is their count.
static enum bv_status read_counts(struct bv_store *s, struct bv_error *err)
{
    for (int kind = 0; kind < BV_KINDS; kind++) {
        sqlite3_stmt *statement;
        BV_TRY(bv_store_statement(s, BV_SQL_COUNT, &statement, err));
        (void)sqlite3_bind_int(statement, 1, kind);
        int code = sqlite3_step(statement);
        sqlite3_int64 n = sqlite3_column_int64(statement, 0);
        (void)sqlite3_reset(statement);
        if (code != SQLITE_ROW)
            return bv_store_fail(s->db, s->path, code, err);
        if (n < 0 || n > UINT32_MAX)
            return bv_fail(err, BV_ERR_FORMAT, "%s: the numbering of its %ss is damaged", s->path,
                           bv_kind_name((enum bv_kind)kind));
        s->n[kind] = (size_t)n;
    }
    return BV_OK;
}

// Ids are random: a transaction touches most pages of their indexes, 120 MB at a million items.
// When those do not fit, SQLite writes and synchronises in the middle of it.
static enum bv_status enlarge_cache(struct bv_store *s, struct bv_error *err)
{
    int code = sqlite3_exec(s->db, "PRAGMA cache_size=-524288", NULL, NULL, NULL);
    return code == SQLITE_OK ? BV_OK : bv_store_fail(s->db, s->path, code, err);
}

enum bv_status bv_store_open(struct bv_store **out, const char *path, bool writable,
                             struct bv_error *err)
{
    if (access(path, F_OK) != 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    struct bv_store *s = calloc(1, sizeof *s);
    if (!s)
        return bv_fail_nomem(err, "an index");
    enum bv_status status = BV_OK;
    s->path = bv_arena_strdup(&s->arena, path);
    if (!s->path)
        status = bv_fail_nomem(err, "an index");
    // A reader, too, rolls back what a killed writer left; only on a read-only file system it
    // cannot.
    if (status == BV_OK)
        status = bv_store_connect(&s->db, path, SQLITE_OPEN_READWRITE, err);
    if (status != BV_OK && !writable && s->path)
        status = bv_store_connect(&s->db, path, SQLITE_OPEN_READONLY, err);
    if (status == BV_OK && writable)
        status = enlarge_cache(s, err);
    if (status == BV_OK)
        status = read_info(s, err);
    if (status == BV_OK)
        status = read_counts(s, err);
    if (status != BV_OK)
        bv_store_close(&s);
    else
        *out = s;
    return status;
}

void bv_store_close(struct bv_store **store)
{
    if (!store || !*store)
        return;
    struct bv_store *s = *store;
    bv_store_rollback(s);
    for (int i = 0; i < BV_SQL_STATEMENTS; i++)
        (void)sqlite3_finalize(s->statements[i]);
    (void)sqlite3_close(s->db);
    bv_arena_free(&s->arena);
    free(s);
    *store = NULL;
}

const struct bv_store_info *bv_store_info(const struct bv_store *s)
{
    return &s->info;
}

const char *bv_store_path(const struct bv_store *s)
{
    return s->path;
}

enum bv_status bv_store_check_model(const struct bv_store *s, const char *model,
                                    const char *fingerprint, struct bv_error *err)
{
    if (strcmp(s->info.fingerprint, fingerprint) == 0)
        return BV_OK;
    return bv_fail(err, BV_ERR_REFUSED,
                   "%s holds vectors of model %s (%.12s); those of %s (%.12s) cannot be compared "
                   "with them",
                   s->path, s->info.model, s->info.fingerprint, model, fingerprint);
}

// Writing.

static void close_blobs(struct bv_store *s)
{
    for (int kind = 0; kind < BV_KINDS; kind++) {
        if (s->blob[kind])
            (void)sqlite3_blob_close(s->blob[kind]);
        s->blob[kind] = NULL;
    }
}

enum bv_status bv_store_begin(struct bv_store *s, struct bv_error *err)
{
    sqlite3_stmt *begin;
    BV_TRY(bv_store_statement(s, BV_SQL_BEGIN, &begin, err));
    BV_TRY(bv_store_run(s, begin, err));
    s->in_transaction = true;
    // Another process may have added rows since the last transaction.
    enum bv_status status = read_counts(s, err);
    if (status != BV_OK)
        bv_store_rollback(s);
    return status;
}

enum bv_status bv_store_commit(struct bv_store *s, struct bv_error *err)
{
    close_blobs(s);
    sqlite3_stmt *commit;
    enum bv_status status = bv_store_statement(s, BV_SQL_COMMIT, &commit, err);
    if (status == BV_OK)
        status = bv_store_run(s, commit, err);
    if (status != BV_OK)
        bv_store_rollback(s);
    s->in_transaction = false;
    return status;
}

void bv_store_rollback(struct bv_store *s)
{
    if (!s->in_transaction)
        return;
    close_blobs(s);
    s->in_transaction = false;
    // A failed write may have rolled back already.
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, sql[BV_SQL_ROLLBACK], NULL, NULL, NULL);
    (void)read_counts(s, NULL);
}

// The study's number, which it gets now if it is new; *report (may be NULL) is the text it has.
static enum bv_status study_number(struct bv_store *s, const char *id, sqlite3_int64 *number,
                                   struct bv_arena *arena, const char **report,
                                   struct bv_error *err)
{
    BV_TRY(run_text(s, BV_SQL_STUDY_ADD, id, NULL, err));
    sqlite3_stmt *find;
    BV_TRY(bv_store_statement(s, BV_SQL_STUDY_FIND, &find, err));
    (void)sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(find);
    enum bv_status status = BV_OK;
    if (code != SQLITE_ROW) {
        status = bv_store_fail(s->db, s->path, code, err);
    } else {
        *number = sqlite3_column_int64(find, 0);
        if (report) {
            *report = bv_arena_strdup(arena, (const char *)sqlite3_column_text(find, 1));
            if (!*report)
                status = bv_fail_nomem(err, "a report");
        }
    }
    (void)sqlite3_reset(find);
    return status;
}

// Opens the page that holds a row of a kind, making it for its first row.
static enum bv_status open_page(struct bv_store *s, enum bv_kind kind, size_t row,
                                struct bv_error *err)
{
    size_t page = row / s->page_rows;
    if (s->blob[kind] && s->blob_page[kind] == page)
        return BV_OK;
    if (s->blob[kind])
        (void)sqlite3_blob_close(s->blob[kind]);
    s->blob[kind] = NULL;
    if (row % s->page_rows == 0) {
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

static enum bv_status write_vector(struct bv_store *s, enum bv_kind kind, size_t row,
                                   const float *vector, uint32_t *checksum, struct bv_error *err)
{
    size_t bytes = s->info.dimension * sizeof(uint16_t);
    uint16_t *half = malloc(bytes);
    if (!half)
        return bv_fail_nomem(err, "a vector");
    bv_f32_to_f16_array(vector, half, s->info.dimension);
    enum bv_status status = open_page(s, kind, row, err);
    if (status == BV_OK) {
        int code =
            sqlite3_blob_write(s->blob[kind], half, (int)bytes, (int)(row % s->page_rows * bytes));
        if (code != SQLITE_OK)
            status = bv_store_fail(s->db, s->path, code, err);
    }
    *checksum = bv_crc32c(0, half, bytes);
    free(half);
    return status;
}

static enum bv_status write_thumbnail(struct bv_store *s, sqlite3_int64 item,
                                      const struct bv_item *from, struct bv_error *err)
{
    sqlite3_stmt *add;
    BV_TRY(bv_store_statement(s, BV_SQL_THUMBNAIL_ADD, &add, err));
    (void)sqlite3_bind_int64(add, 1, item);
    (void)sqlite3_bind_blob64(add, 2, from->thumbnail, from->thumbnail_bytes, SQLITE_STATIC);
    return bv_store_run(s, add, err);
}

uint32_t bv_store_item_checksum(uint32_t crc, const char *id, const char *metadata,
                                const void *thumbnail, size_t thumbnail_bytes)
{
    crc = bv_crc32c(crc, id, strlen(id) + 1);
    crc = bv_crc32c(crc, metadata, strlen(metadata) + 1);
    return thumbnail_bytes ? bv_crc32c(crc, thumbnail, thumbnail_bytes) : crc;
}

enum bv_status bv_store_add(struct bv_store *s, const struct bv_item *item, struct bv_error *err)
{
    sqlite3_int64 study;
    uint32_t checksum = 0;
    if (!s->in_transaction)
        return bv_fail(err, BV_ERR_ARG, "%s: adding outside a transaction", s->path);
    size_t row = s->n[item->kind];
    if (row >= UINT32_MAX)
        return bv_fail(err, BV_ERR_LIMIT, "%s: the index is full", s->path);
    BV_TRY(study_number(s, item->study, &study, NULL, NULL, err));
    BV_TRY(write_vector(s, item->kind, row, item->vector, &checksum, err));
    const char *metadata = item->metadata ? item->metadata : "{}";
    checksum = bv_store_item_checksum(checksum, item->id, metadata, item->thumbnail,
                                      item->thumbnail ? item->thumbnail_bytes : 0);
    sqlite3_stmt *add;
    BV_TRY(bv_store_statement(s, BV_SQL_ITEM_ADD, &add, err));
    (void)sqlite3_bind_text(add, 1, item->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(add, 2, study);
    (void)sqlite3_bind_int(add, 3, (int)item->kind);
    (void)sqlite3_bind_int64(add, 4, (sqlite3_int64)row);
    (void)sqlite3_bind_int64(add, 5, checksum);
    (void)sqlite3_bind_text(add, 6, metadata, -1, SQLITE_STATIC);
    int code = sqlite3_step(add);
    (void)sqlite3_reset(add);
    if (code == SQLITE_CONSTRAINT_UNIQUE)
        return bv_fail(err, BV_ERR_ARG, "%s: the index has an item of this id already", s->path);
    if (code != SQLITE_DONE)
        return bv_store_fail(s->db, s->path, code, err);
    if (item->thumbnail)
        BV_TRY(write_thumbnail(s, sqlite3_last_insert_rowid(s->db), item, err));
    s->n[item->kind]++;
    return BV_OK;
}

// FTS5 keeps no copy of the text: what it indexed must be taken out with the very words.
static enum bv_status index_text(struct bv_store *s, enum bv_statement which, sqlite3_int64 study,
                                 const char *text, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    (void)sqlite3_bind_int64(statement, 1, study);
    (void)sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC);
    return bv_store_run(s, statement, err);
}

enum bv_status bv_store_set_report(struct bv_store *s, const char *study, const char *text,
                                   struct bv_error *err)
{
    struct bv_arena arena = {0};
    sqlite3_int64 number;
    const char *old = NULL;
    sqlite3_stmt *set;
    enum bv_status status = study_number(s, study, &number, &arena, &old, err);
    if (status != BV_OK || strcmp(old, text) == 0)
        goto done;
    if (*old)
        status = index_text(s, BV_SQL_REPORT_UNINDEX, number, old, err);
    if (status == BV_OK)
        status = bv_store_statement(s, BV_SQL_REPORT_SET, &set, err);
    if (status == BV_OK) {
        (void)sqlite3_bind_text(set, 1, text, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(set, 2, number);
        status = bv_store_run(s, set, err);
    }
    if (status == BV_OK && *text)
        status = index_text(s, BV_SQL_REPORT_INDEX, number, text, err);
done:
    bv_arena_free(&arena);
    return status;
}

enum bv_status bv_store_set_alias(struct bv_store *s, const char *alias, const char *study,
                                  struct bv_error *err)
{
    sqlite3_int64 number;
    sqlite3_stmt *set;
    BV_TRY(study_number(s, study, &number, NULL, NULL, err));
    BV_TRY(bv_store_statement(s, BV_SQL_ALIAS_SET, &set, err));
    (void)sqlite3_bind_text(set, 1, alias, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(set, 2, number);
    return bv_store_run(s, set, err);
}

enum bv_status bv_store_set(struct bv_store *s, const char *key, const char *value,
                            struct bv_error *err)
{
    return run_text(s, BV_SQL_SETTING_SET, key, value, err);
}
