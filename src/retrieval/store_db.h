// store_db.h: the connection to an index file, which the files of the store share; used inside
// src/retrieval only.
#ifndef BV_RETRIEVAL_STORE_DB_H
#define BV_RETRIEVAL_STORE_DB_H

#include <sqlite3.h>

#include "retrieval/store.h"

#define BV_STORE_FORMAT "3"
#define BV_STORE_APPLICATION 0x62766978 // "bvix", in the file's header

// Every statement that is run more than once; prepared when first wanted.
enum bv_statement {
    BV_SQL_BEGIN,
    BV_SQL_COMMIT,
    BV_SQL_ROLLBACK,
    BV_SQL_HAS,
    BV_SQL_STUDY_ADD,
    BV_SQL_STUDY_ITSELF,
    BV_SQL_STUDY_FIND,
    BV_SQL_STUDY_PATIENT,
    BV_SQL_STUDY_NAME,
    BV_SQL_BEARS_ADD,
    BV_SQL_BEARS_JOIN,
    BV_SQL_BEARS_APART,
    BV_SQL_ITEM_ADD,
    BV_SQL_ITEM_WHERE,
    BV_SQL_ITEM_SET,
    BV_SQL_PAGE_ADD,
    BV_SQL_THUMBNAIL_ADD,
    BV_SQL_REPORT_ADD,
    BV_SQL_REPORT_FIND,
    BV_SQL_REPORT_SET,
    BV_SQL_REPORT_UNINDEX,
    BV_SQL_REPORT_INDEX,
    BV_SQL_PREDECESSOR_ADD,
    BV_SQL_SETTING_SET,
    BV_SQL_SETTING_GET,
    BV_SQL_ENTRY,
    BV_SQL_FIND,
    BV_SQL_THUMBNAIL,
    BV_SQL_EACH,
    BV_SQL_CHECKSUM,
    BV_SQL_COUNT,
    BV_SQL_HAS_FIELD,
    BV_SQL_REMOVED_ADD,
    BV_SQL_REMOVED_DROP,
    BV_SQL_REMOVED_FIND,
    BV_SQL_STUDY_OF_ITEM,
    BV_SQL_ITEM_ROW,
    BV_SQL_REPORT_NUMBER,
    BV_SQL_STUDIES_OF,
    BV_SQL_STUDIES_NAMED,
    BV_SQL_STUDY_ROWS,
    BV_SQL_STUDY_REPORTS,
    BV_SQL_ITEM_MOVE,
    BV_SQL_ITEM_DROP,
    BV_SQL_THUMBNAIL_DROP,
    BV_SQL_PAGE_DROP,
    BV_SQL_REPORT_DROP_WORDS,
    BV_SQL_PREDECESSOR_DROP,
    BV_SQL_REPORT_DROP,
    BV_SQL_STUDY_DROP,
    BV_SQL_STUDIES_EMPTY,
    BV_SQL_BEARS_OF,
    BV_SQL_BEARS_DROP,
    BV_SQL_STATEMENTS,
};

struct bv_store {
    sqlite3 *db;
    sqlite3_stmt *statements[BV_SQL_STATEMENTS];
    struct bv_arena arena;
    struct bv_store_info info;
    char *path;
    size_t page_rows;
    size_t n[BV_KINDS];  // rows, those of the open transaction included
    uint64_t generation; // how often rows were changed or removed
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

// A statement of text parameters alone; NULL ends the list, b may be NULL.
enum bv_status bv_store_run_text(struct bv_store *s, enum bv_statement which, const char *a,
                                 const char *b, struct bv_error *err);

// BV_ERR_ARG outside a transaction, BV_ERR_IO when SQLite has rolled it back already.
enum bv_status bv_store_need_transaction(const struct bv_store *s, struct bv_error *err);

// Opens the page that holds a row of a kind for writing, making it for its first row.
enum bv_status bv_store_open_page(struct bv_store *s, enum bv_kind kind, size_t row,
                                  struct bv_error *err);
void bv_store_close_pages(struct bv_store *s);

// Writes one vector (f16) into its row.
enum bv_status bv_store_write_row(struct bv_store *s, enum bv_kind kind, size_t row,
                                  const uint16_t *vector, struct bv_error *err);

// Notes that rows that were there are no longer what they were: copies of them are void.
enum bv_status bv_store_touch(struct bv_store *s, struct bv_error *err);

// The number of a study; 0 when there is none. patient and named may be NULL.
enum bv_status bv_store_study_find(struct bv_store *s, const char *id, sqlite3_int64 *number,
                                   struct bv_arena *arena, const char **patient, bool *named,
                                   struct bv_error *err);

// Continues the checksum of an item's vector (f16, as stored) over the rest of the item.
uint32_t bv_store_item_checksum(uint32_t crc, const char *id, const char *metadata,
                                const void *thumbnail, size_t thumbnail_bytes);

// Key of a vector page.
static inline sqlite3_int64 bv_store_page_key(enum bv_kind kind, size_t page)
{
    return (sqlite3_int64)kind << 40 | (sqlite3_int64)page;
}

#endif
