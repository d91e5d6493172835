#include "retrieval/store_db.h"

#include <stdlib.h>
#include <string.h>

#include "retrieval/store.h"

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

// The current item of the query in check_items(), its vector and thumbnail against the checksum
// made when it was added; row is the number that it must have.
static enum bv_status check_item(struct bv_store *s, sqlite3_stmt *item, sqlite3_int64 row,
                                 uint16_t *vector, struct bv_error *err)
{
    size_t bytes = s->info.dimension * sizeof *vector;
    enum bv_kind kind = sqlite3_column_int(item, 0) == 0 ? BV_KIND_IMAGE : BV_KIND_REPORT;
    const char *id = (const char *)sqlite3_column_text(item, 3);
    const char *metadata = (const char *)sqlite3_column_text(item, 4);
    const void *thumbnail = sqlite3_column_blob(item, 5);
    size_t thumbnail_bytes = (size_t)sqlite3_column_bytes(item, 5);
    if (!id || !metadata)
        return bv_fail_nomem(err, "an item");
    if (sqlite3_column_int64(item, 1) != row)
        return bv_fail(err, BV_ERR_FORMAT, "%s: the numbering of its %ss has holes", s->path,
                       bv_kind_name(kind));
    BV_TRY(bv_store_vector(s, kind, (uint32_t)row, vector, err));
    uint32_t checksum = bv_store_item_checksum(bv_crc32c(0, vector, bytes), id, metadata, thumbnail,
                                               thumbnail_bytes);
    return checksum == (uint32_t)sqlite3_column_int64(item, 2)
               ? BV_OK
               : bv_fail(err, BV_ERR_FORMAT, "%s: %s %lld (from 0) is damaged", s->path,
                         bv_kind_name(kind), row);
}

static enum bv_status check_items(struct bv_store *s, struct bv_error *err)
{
    uint16_t *vector = malloc(s->info.dimension * sizeof *vector);
    sqlite3_stmt *statement = NULL;
    enum bv_status status = vector ? BV_OK : bv_fail_nomem(err, "a vector");
    int code = sqlite3_prepare_v2(s->db,
                                  "SELECT i.kind, i.row, i.checksum, i.id, i.metadata, t.image"
                                  " FROM item i LEFT JOIN thumbnail t ON t.item = i.number"
                                  " ORDER BY i.kind, i.row",
                                  -1, &statement, NULL);
    if (status == BV_OK && code != SQLITE_OK)
        status = bv_store_fail(s->db, s->path, code, err);
    sqlite3_int64 next[BV_KINDS] = {0};
    while (status == BV_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        status =
            check_item(s, statement, next[sqlite3_column_int(statement, 0) != 0]++, vector, err);
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
