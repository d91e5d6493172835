#include "retrieval/store_db.h"

#include <stdlib.h>
#include <string.h>

#include "base/half.h"

enum { COMMIT_ITEMS = 4096 };

struct merge {
    struct bv_store *to, *from;
    uint16_t *half;
    float *vector;
    size_t n_added, n_open;
};

static enum bv_status check_alike(const struct bv_store *to, const struct bv_store *from,
                                  struct bv_error *err)
{
    BV_TRY(bv_store_check_model(to, from->info.model, from->info.fingerprint, err));
    if (to->info.dimension != from->info.dimension)
        return bv_fail(err, BV_ERR_REFUSED, "%s has %zu dimensions, %s %zu", to->path,
                       to->info.dimension, from->path, from->info.dimension);
    if (strcmp(to->info.key_check, from->info.key_check) != 0 ||
        to->info.keep_identifiers != from->info.keep_identifiers)
        return bv_fail(err, BV_ERR_REFUSED,
                       "%s and %s name their items by different site keys: the same study would "
                       "be there twice",
                       to->path, from->path);
    return BV_OK;
}

// The name that a study of from has in to: another index may have met it by its accession number
// alone. Any alias that both know joins them.
static enum bv_status find_study(struct merge *m, const char *study, struct bv_arena *arena,
                                 const char **name, struct bv_error *err)
{
    sqlite3_stmt *aliases = NULL;
    const char *found = NULL;
    enum bv_status status = BV_OK;
    int code = sqlite3_prepare_v2(m->from->db,
                                  "SELECT a.id FROM alias a JOIN study s ON s.number = a.study"
                                  " WHERE s.id = ? ORDER BY a.id",
                                  -1, &aliases, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(aliases, 1, study, -1, SQLITE_STATIC);
    while ((code == SQLITE_OK || code == SQLITE_ROW) && status == BV_OK && !found &&
           (code = sqlite3_step(aliases)) == SQLITE_ROW)
        status = bv_store_find_alias(m->to, (const char *)sqlite3_column_text(aliases, 0), arena,
                                     &found, err);
    if (status == BV_OK && code != SQLITE_DONE && code != SQLITE_ROW)
        status = bv_store_fail(m->from->db, m->from->path, code, err);
    (void)sqlite3_finalize(aliases);
    if (status == BV_OK)
        *name = found ? found : study;
    return status;
}

static enum bv_status merge_item(void *arg, const struct bv_entry *entry, struct bv_error *err)
{
    struct merge *m = arg;
    bool has = false;
    struct bv_arena arena = {0};
    struct bv_item item = {
        .id = entry->id, .kind = entry->kind, .vector = m->vector, .metadata = entry->metadata};
    enum bv_status status = bv_store_has(m->to, entry->id, &has, err);
    if (status != BV_OK || has)
        goto done;
    if ((status = bv_store_vector(m->from, entry->kind, entry->row, m->half, err)) != BV_OK)
        goto done;
    bv_f16_to_f32_array(m->half, m->vector, m->from->info.dimension);
    status = bv_store_thumbnail(m->from, entry->kind, entry->row, &arena, &item.thumbnail,
                                &item.thumbnail_bytes, err);
    if (status == BV_OK)
        status = find_study(m, entry->study, &arena, &item.study, err);
    if (status == BV_OK)
        status = bv_store_add(m->to, &item, err);
    if (status != BV_OK)
        goto done;
    m->n_added++;
    if (++m->n_open >= COMMIT_ITEMS) {
        m->n_open = 0;
        if ((status = bv_store_commit(m->to, err)) == BV_OK)
            status = bv_store_begin(m->to, err);
    }
done:
    bv_arena_free(&arena);
    return status;
}

// Sets the reports (or other names) of from's studies in to; query gives pairs of text and study.
static enum bv_status copy_pairs(struct merge *m, const char *query, bool reports,
                                 struct bv_error *err)
{
    sqlite3_stmt *rows = NULL;
    enum bv_status status = BV_OK;
    int code = sqlite3_prepare_v2(m->from->db, query, -1, &rows, NULL);
    while ((code == SQLITE_OK || code == SQLITE_ROW) && status == BV_OK &&
           (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct bv_arena arena = {0};
        const char *text = (const char *)sqlite3_column_text(rows, 0), *study = NULL;
        status = find_study(m, (const char *)sqlite3_column_text(rows, 1), &arena, &study, err);
        if (status == BV_OK)
            status = reports ? bv_store_set_report(m->to, study, text, err)
                             : bv_store_set_alias(m->to, text, study, err);
        bv_arena_free(&arena);
    }
    if (status == BV_OK && code != SQLITE_DONE)
        status = bv_store_fail(m->from->db, m->from->path, code, err);
    (void)sqlite3_finalize(rows);
    return status;
}

enum bv_status bv_store_merge(struct bv_store *to, struct bv_store *from, size_t *n_added,
                              struct bv_error *err)
{
    BV_TRY(check_alike(to, from, err));
    struct merge m = {.to = to, .from = from};
    m.half = malloc(from->info.dimension * sizeof *m.half);
    m.vector = malloc(from->info.dimension * sizeof *m.vector);
    enum bv_status status = m.half && m.vector ? BV_OK : bv_fail_nomem(err, "a merge");
    if (status == BV_OK)
        status = bv_store_begin(to, err);
    if (status == BV_OK)
        status = bv_store_each(from, merge_item, &m, err);
    // Reports before names: once the names are set, every study would find itself.
    if (status == BV_OK)
        status = copy_pairs(&m, "SELECT report, id FROM study WHERE report <> '' ORDER BY number",
                            true, err);
    if (status == BV_OK)
        status = copy_pairs(&m,
                            "SELECT a.id, s.id FROM alias a JOIN study s ON s.number = a.study"
                            " ORDER BY a.id",
                            false, err);
    if (status == BV_OK)
        status = bv_store_commit(to, err);
    else
        bv_store_rollback(to);
    free(m.half);
    free(m.vector);
    if (status == BV_OK)
        *n_added = m.n_added;
    return status;
}
