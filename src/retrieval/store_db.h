// store_db.h: what the files of the store share; used inside src/retrieval only.
#ifndef BV_RETRIEVAL_STORE_DB_H
#define BV_RETRIEVAL_STORE_DB_H

#include <sqlite3.h>

#include "retrieval/store.h"

#define BV_STORE_FORMAT "1"
#define BV_STORE_APPLICATION 0x62766978 // "bvix", in the file's header

// Every statement that is run more than once; prepared when first wanted.
enum bv_statement {
    BV_SQL_BEGIN,
    BV_SQL_COMMIT,
    BV_SQL_ROLLBACK,
    BV_SQL_HAS,
    BV_SQL_STUDY_ADD,
    BV_SQL_STUDY_FIND,
    BV_SQL_ITEM_ADD,
    BV_SQL_PAGE_ADD,
    BV_SQL_THUMBNAIL_ADD,
    BV_SQL_REPORT_SET,
    BV_SQL_REPORT_UNINDEX,
    BV_SQL_REPORT_INDEX,
    BV_SQL_ALIAS_SET,
    BV_SQL_ALIAS_FIND,
    BV_SQL_SETTING_SET,
    BV_SQL_SETTING_GET,
    BV_SQL_ENTRY,
    BV_SQL_FIND,
    BV_SQL_THUMBNAIL,
    BV_SQL_EACH,
    BV_SQL_CHECKSUM,
    BV_SQL_COUNT,
    BV_SQL_STATEMENTS,
};

struct bv_store {
    sqlite3 *db;
    sqlite3_stmt *statements[BV_SQL_STATEMENTS];
    struct bv_arena arena;
    struct bv_store_info info;
    char *path;
    size_t page_rows;
    size_t n[BV_KINDS]; // rows, those of the open transaction included
    bool in_transaction;
    // The vector page being written, one per kind; closed before a commit.
    sqlite3_blob *blob[BV_KINDS];
    size_t blob_page[BV_KINDS];
};

// Opens a connection with our settings. On failure *db is NULL.
enum bv_status bv_store_connect(sqlite3 **db, const char *path, int flags, struct bv_error *err);

// The sentence for SQLite's last error on db; returns the status.
enum bv_status bv_store_fail(sqlite3 *db, const char *path, int code, struct bv_error *err);

// A reset statement ready to bind. Its owner is the store.
enum bv_status bv_store_statement(struct bv_store *s, enum bv_statement which, sqlite3_stmt **out,
                                  struct bv_error *err);

// Steps a statement that returns no rows, and resets it.
enum bv_status bv_store_run(struct bv_store *s, sqlite3_stmt *statement, struct bv_error *err);

// Continues the checksum of an item's vector (f16, as stored) over the rest of the item.
uint32_t bv_store_item_checksum(uint32_t crc, const char *id, const char *metadata,
                                const void *thumbnail, size_t thumbnail_bytes);

// Key of a vector page.
static inline sqlite3_int64 bv_store_page_key(enum bv_kind kind, size_t page)
{
    return (sqlite3_int64)kind << 40 | (sqlite3_int64)page;
}

#endif
