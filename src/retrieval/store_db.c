#include "retrieval/store_db.h"

#include <stdio.h>
#include <string.h>

#include "retrieval/store.h"

// The studies of one accession number that have an identifier of their own.
#define BEARERS                                                                                    \
    "bears b JOIN examination c ON c.number = b.study WHERE b.accession = ?1 AND c.named"

// What an item is shown with: a report with its own text, an image with the standing reports of its
// study, the earliest first.
#define ENTRY_SELECT                                                                               \
    "SELECT i.id, s.id, i.metadata, CASE i.kind WHEN 0 THEN"                                       \
    " (SELECT coalesce(group_concat(text, char(10) || char(10)), '') FROM"                         \
    "  (SELECT t.text AS text FROM standing t WHERE t.belongs = s.number"                          \
    "   ORDER BY t.after IS NULL, t.after, t.kind <> 'report', t.id))"                             \
    " ELSE coalesce((SELECT r.text FROM report r WHERE r.id = i.id), '') END, i.kind, i.row"       \
    " FROM item i JOIN examination o ON o.number = i.study JOIN examination s ON s.number = "      \
    "o.belongs"

static const char *const sql[BV_SQL_STATEMENTS] = {
    [BV_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [BV_SQL_COMMIT] = "COMMIT",
    [BV_SQL_ROLLBACK] = "ROLLBACK",
    [BV_SQL_HAS] = "SELECT 1 FROM item WHERE id = ?1 UNION ALL"
                   " SELECT 1 FROM report WHERE id = ?1",
    [BV_SQL_STUDY_ADD] = "INSERT INTO examination(id, named, patient, belongs) VALUES(?, ?, ?, 0)",
    [BV_SQL_STUDY_ITSELF] = "UPDATE examination SET belongs = number WHERE number = ?",
    [BV_SQL_STUDY_FIND] = "SELECT number, patient, named FROM examination WHERE id = ?",
    [BV_SQL_STUDY_PATIENT] = "UPDATE examination SET patient = ?2 WHERE id = ?1 AND patient = ''",
    [BV_SQL_STUDY_NAME] = "UPDATE examination SET named = 1 WHERE id = ?",
    [BV_SQL_BEARS_ADD] = "INSERT OR IGNORE INTO bears(accession, study) VALUES(?, ?)",
    [BV_SQL_BEARS_JOIN] =
        "UPDATE examination SET belongs = coalesce(CASE (SELECT count(*) FROM " BEARERS
        ") WHEN 1 THEN"
        " (SELECT c.number FROM " BEARERS " AND (c.patient = '' OR examination.patient = ''"
        "  OR c.patient = examination.patient)) END, number)"
        " WHERE NOT named AND number IN (SELECT study FROM bears WHERE accession = ?1)",
    [BV_SQL_BEARS_APART] = "SELECT (SELECT count(*) FROM " BEARERS "),"
                           " (SELECT count(*) FROM bears b JOIN examination u ON u.number = b.study"
                           "  WHERE b.accession = ?1 AND NOT u.named AND u.belongs = u.number)",
    [BV_SQL_ITEM_ADD] = "INSERT INTO item(id, study, kind, row, checksum, metadata, content)"
                        " VALUES(?, ?, ?, ?, ?, ?, ?)",
    [BV_SQL_ITEM_WHERE] = "SELECT i.number, i.kind, i.row, s.id, i.content, t.image, i.metadata"
                          " FROM item i JOIN examination s ON s.number = i.study"
                          " LEFT JOIN thumbnail t ON t.item = i.number WHERE i.id = ?",
    [BV_SQL_ITEM_SET] = "UPDATE item SET checksum = ?2, metadata = ?3 WHERE number = ?1",
    [BV_SQL_PAGE_ADD] = "INSERT INTO page(number, vectors) VALUES(?, ?)",
    [BV_SQL_THUMBNAIL_ADD] = "INSERT INTO thumbnail(item, image) VALUES(?, ?)",
    [BV_SQL_REPORT_ADD] = "INSERT INTO report(id, study, text, kind, after)"
                          " VALUES(?, ?, ?, ?, ?)",
    [BV_SQL_REPORT_FIND] = "SELECT r.number, s.id, r.text, r.kind FROM report r"
                           " JOIN examination s ON s.number = r.study WHERE r.id = ?",
    [BV_SQL_REPORT_SET] = "UPDATE report SET text = ? WHERE number = ?",
    [BV_SQL_REPORT_UNINDEX] = "INSERT INTO report_text(report_text, rowid, text)"
                              " VALUES('delete', ?, ?)",
    [BV_SQL_REPORT_INDEX] = "INSERT INTO report_text(rowid, text) VALUES(?, ?)",
    [BV_SQL_PREDECESSOR_ADD] = "INSERT OR IGNORE INTO predecessor(id, report) VALUES(?, ?)",
    [BV_SQL_SETTING_SET] = "INSERT OR REPLACE INTO setting(key, value) VALUES(?, ?)",
    [BV_SQL_SETTING_GET] = "SELECT value FROM setting WHERE key = ?",
    [BV_SQL_ENTRY] = ENTRY_SELECT " WHERE i.kind = ? AND i.row = ?",
    [BV_SQL_FIND] = ENTRY_SELECT " WHERE i.id = ?",
    [BV_SQL_THUMBNAIL] = "SELECT t.image FROM thumbnail t JOIN item i ON i.number = t.item"
                         " WHERE i.kind = ? AND i.row = ?",
    [BV_SQL_EACH] = ENTRY_SELECT " ORDER BY i.number",
    [BV_SQL_CHECKSUM] = "SELECT checksum FROM item WHERE kind = ? AND row = ?",
    [BV_SQL_COUNT] = "SELECT coalesce(max(row) + 1, 0) FROM item WHERE kind = ?",
    [BV_SQL_HAS_FIELD] = "SELECT 1 FROM item WHERE json_type(metadata, ?) IS NOT NULL LIMIT 1",
    [BV_SQL_REMOVED_ADD] = "INSERT OR IGNORE INTO removed(what) VALUES(?)",
    [BV_SQL_REMOVED_DROP] = "DELETE FROM removed WHERE what = ?",
    [BV_SQL_REMOVED_FIND] = "SELECT 1 FROM removed WHERE what = ?",
    // Twice the same does no harm; telling apart costs a table for each question.
    [BV_SQL_STUDY_OF_ITEM] = "SELECT study FROM item WHERE id = ?1 UNION ALL"
                             " SELECT study FROM report WHERE id = ?1",
    [BV_SQL_ITEM_ROW] = "SELECT number, kind, row FROM item WHERE id = ?",
    [BV_SQL_REPORT_NUMBER] = "SELECT number FROM report WHERE id = ?",
    [BV_SQL_STUDIES_OF] =
        "SELECT m.number FROM examination s JOIN examination m ON m.belongs = s.number"
        " WHERE s.patient = ?1 AND s.patient <> '' UNION"
        " SELECT number FROM examination WHERE patient = ?1 AND patient <> ''",
    // With what was kept apart under the same identifier as another patient's.
    [BV_SQL_STUDIES_NAMED] = "WITH named(number) AS (SELECT number FROM examination WHERE id = ?1"
                             "  OR (id > ?1 || '~' AND id < ?1 || char(127)))"
                             " SELECT number FROM named UNION SELECT m.number FROM examination m"
                             " WHERE m.belongs IN (SELECT number FROM named)",
    [BV_SQL_STUDY_ROWS] = "SELECT number, kind, row FROM item WHERE study = ?",
    [BV_SQL_STUDY_REPORTS] = "SELECT number FROM report WHERE study = ?",
    [BV_SQL_ITEM_MOVE] = "UPDATE item SET row = ?3 WHERE kind = ?1 AND row = ?2",
    [BV_SQL_ITEM_DROP] = "DELETE FROM item WHERE number = ?",
    [BV_SQL_THUMBNAIL_DROP] = "DELETE FROM thumbnail WHERE item = ?",
    [BV_SQL_PAGE_DROP] = "DELETE FROM page WHERE number = ?",
    [BV_SQL_REPORT_DROP_WORDS] = "INSERT INTO report_text(report_text, rowid, text)"
                                 " SELECT 'delete', number, text FROM report WHERE number = ?",
    [BV_SQL_PREDECESSOR_DROP] = "DELETE FROM predecessor WHERE report = ?",
    [BV_SQL_REPORT_DROP] = "DELETE FROM report WHERE number = ?",
    [BV_SQL_STUDY_DROP] = "DELETE FROM examination WHERE number = ?1"
                          " AND NOT EXISTS(SELECT 1 FROM item WHERE study = ?1)"
                          " AND NOT EXISTS(SELECT 1 FROM report WHERE study = ?1)"
                          " AND NOT EXISTS(SELECT 1 FROM examination m WHERE m.belongs = ?1"
                          "  AND m.number <> ?1)",
    [BV_SQL_STUDIES_EMPTY] = "SELECT number FROM examination e"
                             " WHERE NOT EXISTS(SELECT 1 FROM item WHERE study = e.number)"
                             " AND NOT EXISTS(SELECT 1 FROM report WHERE study = e.number)",
    [BV_SQL_BEARS_OF] = "SELECT accession FROM bears WHERE study = ?",
    [BV_SQL_BEARS_DROP] = "DELETE FROM bears WHERE study = ?",
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
                            "PRAGMA cache_size=-65536; PRAGMA secure_delete=ON;",
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

enum bv_status bv_store_run_text(struct bv_store *s, enum bv_statement which, const char *a,
                                 const char *b, struct bv_error *err)
{
    sqlite3_stmt *statement = NULL;
    BV_TRY(bv_store_statement(s, which, &statement, err));
    (void)sqlite3_bind_text(statement, 1, a, -1, SQLITE_STATIC);
    if (b)
        (void)sqlite3_bind_text(statement, 2, b, -1, SQLITE_STATIC);
    return bv_store_run(s, statement, err);
}

enum bv_status bv_store_need_transaction(const struct bv_store *s, struct bv_error *err)
{
    if (!s->in_transaction)
        return bv_fail(err, BV_ERR_ARG, "%s: a change outside a transaction", s->path);
    // A full disk makes SQLite roll back by itself.
    if (sqlite3_get_autocommit(s->db))
        return bv_fail(err, BV_ERR_IO, "%s: the transaction was rolled back", s->path);
    return BV_OK;
}

enum bv_status bv_store_touch(struct bv_store *s, struct bv_error *err)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)(s->generation + 1));
    BV_TRY(bv_store_run_text(s, BV_SQL_SETTING_SET, "generation", text, err));
    s->generation++;
    return BV_OK;
}

uint32_t bv_store_item_checksum(uint32_t crc, const char *id, const char *metadata,
                                const void *thumbnail, size_t thumbnail_bytes)
{
    crc = bv_crc32c(crc, id, strlen(id) + 1);
    crc = bv_crc32c(crc, metadata, strlen(metadata) + 1);
    return thumbnail_bytes ? bv_crc32c(crc, thumbnail, thumbnail_bytes) : crc;
}
