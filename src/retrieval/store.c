#include "retrieval/store_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

// Vectors lie in pages of about this many bytes: one is allocated as zeros when its first row
// comes, and only the parts that rows touch are written after that.
enum { PAGE_BYTES = 262144 };

static const char schema[] =
    "CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    // belongs: the study that this one is shown as, itself unless named is 0.
    "CREATE TABLE examination(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  named INTEGER NOT NULL, patient TEXT NOT NULL, belongs INTEGER NOT NULL);"
    "CREATE INDEX study_belongs ON examination(belongs);"
    "CREATE INDEX study_patient ON examination(patient) WHERE patient <> '';"
    "CREATE TABLE bears(accession TEXT, study INTEGER, PRIMARY KEY(accession, study))"
    "  WITHOUT ROWID;"
    "CREATE INDEX bears_study ON bears(study);"
    "CREATE TABLE item(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  study INTEGER NOT NULL, kind INTEGER NOT NULL, row INTEGER NOT NULL,"
    "  checksum INTEGER NOT NULL, metadata TEXT NOT NULL, content INTEGER NOT NULL,"
    "  UNIQUE(kind, row));"
    "CREATE INDEX item_study ON item(study);"
    "CREATE TABLE page(number INTEGER PRIMARY KEY, vectors BLOB NOT NULL);"
    "CREATE TABLE thumbnail(item INTEGER PRIMARY KEY, image BLOB NOT NULL);"
    "CREATE TABLE report(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  study INTEGER NOT NULL, text TEXT NOT NULL, kind TEXT NOT NULL, after INTEGER);"
    "CREATE INDEX report_study ON report(study);"
    "CREATE TABLE predecessor(id TEXT, report INTEGER, PRIMARY KEY(id, report)) WITHOUT ROWID;"
    "CREATE INDEX predecessor_report ON predecessor(report);"
    "CREATE TABLE removed(what TEXT PRIMARY KEY) WITHOUT ROWID;"
    // Reports that no correction of the same study has replaced.
    "CREATE VIEW standing AS SELECT r.number AS number, r.id AS id, r.text AS text,"
    "  r.kind AS kind, r.after AS after, m.belongs AS belongs"
    "  FROM examination m JOIN report r ON r.study = m.number WHERE NOT EXISTS"
    "  (SELECT 1 FROM predecessor p JOIN report c ON c.number = p.report"
    "   JOIN examination n ON n.number = c.study"
    "   WHERE p.id = r.id AND c.kind = 'correction' AND n.belongs = m.belongs);"
    // For whoever opens the file with SQLite: each study with its reports as one text.
    "CREATE VIEW study AS SELECT e.number AS number, e.id AS id, e.patient AS patient,"
    "  coalesce((SELECT group_concat(text, char(10) || char(10)) FROM standing"
    "  WHERE belongs = e.number), '') AS report FROM examination e WHERE e.belongs = e.number;"
    "CREATE VIRTUAL TABLE report_text USING fts5(text, content='report',"
    "  content_rowid='number');";

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
        BV_TRY(bv_store_run_text(s, BV_SQL_SETTING_SET, settings[i][0], settings[i][1], err));
    return BV_OK;
}

static enum bv_status create_tables(struct bv_store *s, const struct bv_store_info *info,
                                    struct bv_error *err)
{
    char pragma[160];
    (void)snprintf(pragma, sizeof pragma,
                   "PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL;"
                   "PRAGMA journal_mode=DELETE;"
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
    // Its owner's alone; the journals that SQLite makes take the mode of the file.
    if (status == BV_OK && chmod(s.path, 0600) != 0)
        status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
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
                       "%s: an index of format %.16s; this version reads format " BV_STORE_FORMAT
                       ": make it again (docs/retrieval.md)",
                       s->path, format);
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

static enum bv_status read_generation(struct bv_store *s, struct bv_error *err)
{
    struct bv_arena arena = {0};
    const char *text = NULL;
    enum bv_status status = bv_store_get(s, "generation", &arena, &text, err);
    s->generation = text ? strtoull(text, NULL, 10) : 0;
    bv_arena_free(&arena);
    return status;
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
    return read_generation(s, err);
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

// Transactions.

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
    bv_store_close_pages(s);
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
    bv_store_close_pages(s);
    s->in_transaction = false;
    // A failed write may have rolled back already.
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    (void)read_counts(s, NULL);
    (void)read_generation(s, NULL);
}

enum bv_status bv_store_view_begin(struct bv_store *s, struct bv_error *err)
{
    if (s->in_transaction || !sqlite3_get_autocommit(s->db))
        return BV_OK;
    int code = sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return bv_store_fail(s->db, s->path, code, err);
    enum bv_status status = read_counts(s, err);
    if (status != BV_OK)
        bv_store_view_end(s);
    return status;
}

void bv_store_view_end(struct bv_store *s)
{
    if (s->in_transaction || sqlite3_get_autocommit(s->db))
        return;
    // What a search wrote of its own (how a FAISS file was built) may be lost.
    if (sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}
