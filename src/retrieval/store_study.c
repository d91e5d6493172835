// Which study something belongs to.
#include "retrieval/store_db.h"

#include <stdio.h>
#include <string.h>

enum { APART_DIGITS = 12 };

enum bv_status bv_store_study_find(struct bv_store *s, const char *id, sqlite3_int64 *number,
                                   struct bv_arena *arena, const char **patient, bool *named,
                                   struct bv_error *err)
{
    sqlite3_stmt *find;
    BV_TRY(bv_store_statement(s, BV_SQL_STUDY_FIND, &find, err));
    (void)sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(find);
    enum bv_status status = BV_OK;
    *number = 0;
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(find, 1);
        *number = sqlite3_column_int64(find, 0);
        if (patient && !(*patient = bv_arena_strdup(arena, text ? text : "")))
            status = bv_fail_nomem(err, "a study");
        if (named)
            *named = sqlite3_column_int(find, 2) != 0;
    } else if (code != SQLITE_DONE) {
        status = bv_store_fail(s->db, s->path, code, err);
    }
    (void)sqlite3_reset(find);
    return status;
}

static enum bv_status add_study(struct bv_store *s, const char *id, const struct bv_study *study,
                                sqlite3_int64 *number, struct bv_error *err)
{
    sqlite3_stmt *statement;
    BV_TRY(bv_store_statement(s, BV_SQL_STUDY_ADD, &statement, err));
    (void)sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int(statement, 2, study->named);
    (void)sqlite3_bind_text(statement, 3, study->patient ? study->patient : "", -1, SQLITE_STATIC);
    BV_TRY(bv_store_run(s, statement, err));
    *number = sqlite3_last_insert_rowid(s->db);
    BV_TRY(bv_store_statement(s, BV_SQL_STUDY_ITSELF, &statement, err));
    (void)sqlite3_bind_int64(statement, 1, *number);
    return bv_store_run(s, statement, err);
}

// The study of this id and patient, made if need be. A study that is known as another patient's is
// not touched: what contradicts it is a study of its own, named after both.
static enum bv_status find_or_add(struct bv_store *s, const struct bv_study *study,
                                  struct bv_arena *arena, const char **id, sqlite3_int64 *number,
                                  enum bv_apart *apart, struct bv_error *err)
{
    const char *known = NULL;
    bool named = false;
    *id = bv_arena_strdup(arena, study->id);
    if (!*id)
        return bv_fail_nomem(err, "a study");
    BV_TRY(bv_store_study_find(s, *id, number, arena, &known, &named, err));
    bool asks = study->patient && *study->patient;
    if (*number && asks && *known && strcmp(known, study->patient) != 0) {
        *apart = BV_APART_PATIENT;
        *id = bv_arena_printf(arena, "%s~%.*s", study->id, APART_DIGITS, study->patient);
        if (!*id)
            return bv_fail_nomem(err, "a study");
        BV_TRY(bv_store_study_find(s, *id, number, arena, &known, &named, err));
    }
    if (!*number)
        return add_study(s, *id, study, number, err);
    if (asks && !*known)
        BV_TRY(bv_store_run_text(s, BV_SQL_STUDY_PATIENT, *id, study->patient, err));
    return study->named && !named ? bv_store_run_text(s, BV_SQL_STUDY_NAME, *id, NULL, err) : BV_OK;
}

enum bv_status bv_store_join(struct bv_store *s, const char *accession, struct bv_error *err)
{
    return bv_store_run_text(s, BV_SQL_BEARS_JOIN, accession, NULL, err);
}

// Whether the number could not join what has no other name with a study that has one.
static enum bv_status is_apart(struct bv_store *s, const char *accession, bool *apart,
                               struct bv_error *err)
{
    sqlite3_stmt *count;
    BV_TRY(bv_store_statement(s, BV_SQL_BEARS_APART, &count, err));
    (void)sqlite3_bind_text(count, 1, accession, -1, SQLITE_STATIC);
    int code = sqlite3_step(count);
    if (code == SQLITE_ROW)
        *apart = sqlite3_column_int64(count, 0) > 0 && sqlite3_column_int64(count, 1) > 0;
    (void)sqlite3_reset(count);
    return code == SQLITE_ROW ? BV_OK : bv_store_fail(s->db, s->path, code, err);
}

enum bv_status bv_store_place(struct bv_store *s, const struct bv_study *study,
                              struct bv_arena *arena, const char **id, enum bv_apart *apart,
                              struct bv_error *err)
{
    sqlite3_int64 number = 0;
    *apart = BV_APART_NOT;
    BV_TRY(bv_store_need_transaction(s, err));
    BV_TRY(find_or_add(s, study, arena, id, &number, apart, err));
    if (!study->accession)
        return BV_OK;
    sqlite3_stmt *bears;
    BV_TRY(bv_store_statement(s, BV_SQL_BEARS_ADD, &bears, err));
    (void)sqlite3_bind_text(bears, 1, study->accession, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(bears, 2, number);
    BV_TRY(bv_store_run(s, bears, err));
    BV_TRY(bv_store_join(s, study->accession, err));
    bool unjoined = false;
    BV_TRY(is_apart(s, study->accession, &unjoined, err));
    if (unjoined && *apart == BV_APART_NOT)
        *apart = BV_APART_ACCESSION;
    return BV_OK;
}
