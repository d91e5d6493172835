#include "retrieval/store_db.h"

#include <stdlib.h>
#include <string.h>

#include "retrieval/crc32c.h"

static enum bv_status check_structure(struct bv_store *s, struct bv_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    enum bv_status status = BV_OK;
    if (code != SQLITE_ROW) {
        status = bv_store_fail(s->db, s->path, code, err);
    } else {
        const char *verdict = (const char *)sqlite3_column_text(statement, 0);
        if (!verdict || strcmp(verdict, "ok") != 0)
            status = bv_fail(err, BV_ERR_FORMAT, "%s: the file is damaged: %.200s", s->path,
                             verdict ? verdict : "no verdict");
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static enum bv_status check_text_index(struct bv_store *s, struct bv_error *err)
{
    int code = sqlite3_exec(s->db,
                            "INSERT INTO report_text(report_text, rank)"
                            " VALUES('integrity-check', 1)",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_READONLY)
        return BV_OK; // on a read-only file system this check cannot run
    return bv_fail(err, BV_ERR_FORMAT, "%s: the full-text index does not fit the reports", s->path);
}

// Each item with its vector and thumbnail against the checksum made when it was added.
static enum bv_status check_items(struct bv_store *s, struct bv_error *err)
{
    size_t bytes = s->info.dimension * sizeof(uint16_t);
    uint16_t *vector = malloc(bytes);
    sqlite3_stmt *statement = NULL;
    enum bv_status status = vector ? BV_OK : bv_fail_nomem(err, "a vector");
    int code = sqlite3_prepare_v2(s->db,
                                  "SELECT i.kind, i.row, i.checksum, i.id, i.metadata, t.image"
                                  " FROM item i LEFT JOIN thumbnail t ON t.item = i.number"
                                  " ORDER BY i.kind, i.row",
                                  -1, &statement, NULL);
    if (status == BV_OK && code != SQLITE_OK)
        status = bv_store_fail(s->db, s->path, code, err);
    while (status == BV_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        enum bv_kind kind = sqlite3_column_int(statement, 0) == 0 ? BV_KIND_IMAGE : BV_KIND_REPORT;
        const char *id = (const char *)sqlite3_column_text(statement, 3);
        const char *metadata = (const char *)sqlite3_column_text(statement, 4);
        const void *thumbnail = sqlite3_column_blob(statement, 5);
        size_t thumbnail_bytes = (size_t)sqlite3_column_bytes(statement, 5);
        if (!id || !metadata) {
            status = bv_fail_nomem(err, "an item");
            break;
        }
        status =
            bv_store_vector(s, kind, (uint32_t)sqlite3_column_int64(statement, 1), vector, err);
        if (status == BV_OK &&
            bv_store_item_checksum(bv_crc32c(0, vector, bytes), id, metadata, thumbnail,
                                   thumbnail_bytes) != (uint32_t)sqlite3_column_int64(statement, 2))
            status = bv_fail(err, BV_ERR_FORMAT, "%s: %s %lld (from 0) is damaged", s->path,
                             bv_kind_name(kind), sqlite3_column_int64(statement, 1));
    }
    if (status == BV_OK && code != SQLITE_DONE)
        status = bv_store_fail(s->db, s->path, code, err);
    (void)sqlite3_finalize(statement);
    free(vector);
    return status;
}

enum bv_status bv_store_verify(struct bv_store *s, struct bv_error *err)
{
    BV_TRY(check_structure(s, err));
    BV_TRY(check_text_index(s, err));
    return check_items(s, err);
}
