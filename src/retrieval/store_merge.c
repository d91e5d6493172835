#include "retrieval/store_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"

enum { COMMIT_ITEMS = 4096 };

struct merge {
    struct bv_store *to, *from;
    uint16_t *half;
    float *vector;
    size_t n_added, n_open;
    bool removes;
    struct bv_store_counts removed;
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

// Calls visit for every row of a query on from, which has at most one parameter.
static enum bv_status each_row(struct merge *m, const char *query, const char *value,
                               enum bv_status (*visit)(struct merge *m, sqlite3_stmt *row,
                                                       void *arg, struct bv_error *err),
                               void *arg, struct bv_error *err)
{
    sqlite3_stmt *rows = NULL;
    enum bv_status status = BV_OK;
    int code = sqlite3_prepare_v2(m->from->db, query, -1, &rows, NULL);
    if (code == SQLITE_OK && value)
        code = sqlite3_bind_text(rows, 1, value, -1, SQLITE_STATIC);
    while ((code == SQLITE_OK || code == SQLITE_ROW) && status == BV_OK &&
           (code = sqlite3_step(rows)) == SQLITE_ROW)
        status = visit(m, rows, arg, err);
    if (status == BV_OK && code != SQLITE_DONE)
        status = bv_store_fail(m->from->db, m->from->path, code, err);
    (void)sqlite3_finalize(rows);
    return status;
}

// A column as text; what a damaged file lacks is empty.
static const char *text_of(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

// The id of a study before it was kept apart as another patient's; in to it may be the first.
static const char *bare_id(const char *id, const char *patient, struct bv_arena *arena)
{
    const char *mark = strrchr(id, '~');
    bool apart = mark && mark[1] && strncmp(mark + 1, patient, strlen(mark + 1)) == 0;
    return apart ? bv_arena_strndup(arena, id, (size_t)(mark - id)) : bv_arena_strdup(arena, id);
}

// The name of the object that an item is a frame of, where the index keeps identifiers; else NULL.
static const char *object_of(const char *id, struct bv_arena *arena)
{
    const char *mark = strrchr(id, '#');
    bool frame = mark && mark[1] && mark[1 + strspn(mark + 1, "0123456789")] == 0;
    return frame ? bv_arena_strndup(arena, id, (size_t)(mark - id)) : NULL;
}

// Whether something was removed from to: by its own name (NULL: it has none), its object's, its
// study's, with or without what keeps that apart, or its patient's.
static enum bv_status was_removed(struct merge *m, const char *id, const char *study,
                                  const char *patient, bool *removed, struct bv_error *err)
{
    struct bv_arena arena = {0};
    const char *bare = bare_id(study, patient, &arena);
    enum bv_status status = bare ? BV_OK : bv_fail_nomem(err, "a study");
    const char *object = id ? object_of(id, &arena) : NULL;
    *removed = false;
    if (status == BV_OK && id)
        status = bv_store_is_removed(m->to, BV_NAMED_ITEM, id, removed, err);
    if (status == BV_OK && object && !*removed)
        status = bv_store_is_removed(m->to, BV_NAMED_ITEM, object, removed, err);
    if (status == BV_OK && !*removed)
        status = bv_store_is_removed(m->to, BV_NAMED_STUDY, study, removed, err);
    if (status == BV_OK && !*removed && strcmp(bare, study) != 0)
        status = bv_store_is_removed(m->to, BV_NAMED_STUDY, bare, removed, err);
    if (status == BV_OK && !*removed && *patient)
        status = bv_store_is_removed(m->to, BV_NAMED_PATIENT, patient, removed, err);
    bv_arena_free(&arena);
    return status;
}

// A study with one of its accession numbers.
static enum bv_status place_study(struct merge *m, sqlite3_stmt *row, void *arg,
                                  struct bv_error *err)
{
    (void)arg;
    struct bv_arena arena = {0};
    const char *placed = NULL;
    enum bv_apart apart;
    bool removed = false;
    BV_TRY(was_removed(m, NULL, text_of(row, 0), text_of(row, 2), &removed, err));
    if (removed)
        return BV_OK;
    const struct bv_study study = {
        .id = bare_id(text_of(row, 0), text_of(row, 2), &arena),
        .named = sqlite3_column_int(row, 1) != 0,
        .patient = text_of(row, 2),
        .accession = sqlite3_column_type(row, 3) == SQLITE_NULL ? NULL : text_of(row, 3)};
    enum bv_status status = study.id ? bv_store_place(m->to, &study, &arena, &placed, &apart, err)
                                     : bv_fail_nomem(err, "a study");
    bv_arena_free(&arena);
    return status;
}

// The study's name in to, where the same id may be another patient's.
static enum bv_status name_study(struct merge *m, const char *id, const char *patient,
                                 struct bv_arena *arena, const char **name, struct bv_error *err)
{
    const struct bv_study study = {.id = bare_id(id, patient, arena), .patient = patient};
    enum bv_apart apart;
    if (!study.id)
        return bv_fail_nomem(err, "a study");
    return bv_store_place(m->to, &study, arena, name, &apart, err);
}

static enum bv_status commit_now_and_then(struct merge *m, struct bv_error *err)
{
    if (++m->n_open < COMMIT_ITEMS)
        return BV_OK;
    m->n_open = 0;
    BV_TRY(bv_store_commit(m->to, err));
    return bv_store_begin(m->to, err);
}

// What was removed from from is removed from to as well.
static enum bv_status merge_removal(struct merge *m, sqlite3_stmt *row, void *arg,
                                    struct bv_error *err)
{
    const char *what = text_of(row, 0);
    (void)arg;
    enum bv_named named = what[0] == 'p'   ? BV_NAMED_PATIENT
                          : what[0] == 's' ? BV_NAMED_STUDY
                                           : BV_NAMED_ITEM;
    if (strlen(what) < 3 || what[1] != ':')
        return bv_fail(err, BV_ERR_FORMAT, "%s: a removal that is damaged", m->from->path);
    m->removes = true;
    return bv_store_remove(m->to, named, what + 2, &m->removed, err);
}

static enum bv_status merge_item(struct merge *m, sqlite3_stmt *row, void *arg,
                                 struct bv_error *err)
{
    (void)arg;
    bool has = false;
    struct bv_arena arena = {0};
    struct bv_item item = {.id = text_of(row, 0),
                           .kind = sqlite3_column_int(row, 1) == 0 ? BV_KIND_IMAGE : BV_KIND_REPORT,
                           .vector = m->vector,
                           .metadata = text_of(row, 3),
                           .content = (uint32_t)sqlite3_column_int64(row, 4)};
    const char *known = NULL;
    uint32_t content = 0;
    enum bv_status status = bv_store_find_item(m->to, item.id, &arena, &known, &content, err);
    has = known != NULL;
    if (status == BV_OK && !has)
        status = was_removed(m, item.id, text_of(row, 5), text_of(row, 6), &has, err);
    uint32_t number = (uint32_t)sqlite3_column_int64(row, 2);
    if (status == BV_OK && !has)
        status = bv_store_vector(m->from, item.kind, number, m->half, err);
    if (status == BV_OK && !has) {
        bv_f16_to_f32_array(m->half, m->vector, m->from->info.dimension);
        status = bv_store_thumbnail(m->from, item.kind, number, &arena, &item.thumbnail,
                                    &item.thumbnail_bytes, err);
    }
    if (status == BV_OK && !has)
        status = name_study(m, text_of(row, 5), text_of(row, 6), &arena, &item.study, err);
    if (status == BV_OK && !has)
        status = bv_store_add(m->to, &item, err);
    bv_arena_free(&arena);
    if (status != BV_OK || has)
        return status;
    m->n_added++;
    return commit_now_and_then(m, err);
}

struct predecessors {
    struct bv_arena *arena;
    const char **ids;
    size_t n, room;
};

static enum bv_status read_predecessor(struct merge *m, sqlite3_stmt *row, void *arg,
                                       struct bv_error *err)
{
    struct predecessors *p = arg;
    (void)m;
    if (p->n == p->room)
        return BV_OK;
    p->ids[p->n] = bv_arena_strdup(p->arena, text_of(row, 0));
    return p->ids[p->n++] ? BV_OK : bv_fail_nomem(err, "a report");
}

static enum bv_status merge_report(struct merge *m, sqlite3_stmt *row, void *arg,
                                   struct bv_error *err)
{
    (void)arg;
    enum { MAX_PREDECESSORS = 64 };
    struct bv_arena arena = {0};
    const char *ids[MAX_PREDECESSORS];
    struct predecessors before = {.arena = &arena, .ids = ids, .room = MAX_PREDECESSORS};
    struct bv_report report = {.id = text_of(row, 0),
                               .text = text_of(row, 1),
                               .kind = text_of(row, 2),
                               .dated = sqlite3_column_type(row, 3) != SQLITE_NULL,
                               .after = sqlite3_column_int64(row, 3)};
    struct bv_report_found known = {0};
    enum bv_change change;
    bool removed = false;
    enum bv_status status =
        was_removed(m, report.id, text_of(row, 4), text_of(row, 5), &removed, err);
    if (status != BV_OK || removed)
        return status;
    status = bv_store_find_report(m->to, report.id, &arena, &known, err);
    if (status == BV_OK && !known.number)
        status = each_row(m,
                          "SELECT p.id FROM predecessor p JOIN report r ON r.number = p.report"
                          " WHERE r.id = ? ORDER BY p.id",
                          report.id, read_predecessor, &before, err);
    if (status == BV_OK && !known.number)
        status = name_study(m, text_of(row, 4), text_of(row, 5), &arena, &report.study, err);
    report.predecessors = ids;
    report.n_predecessors = before.n;
    if (status == BV_OK && !known.number)
        status = bv_store_put_report(m->to, &report, &change, err);
    bv_arena_free(&arena);
    return status == BV_OK ? commit_now_and_then(m, err) : status;
}

static enum bv_status last_frame_noted(struct bv_store *s, long *last, struct bv_error *err)
{
    struct bv_arena arena = {0};
    const char *note = NULL;
    enum bv_status status = bv_store_get(s, "last_frame", &arena, &note, err);
    *last = status == BV_OK && note ? strtol(note, NULL, 10) : 0;
    bv_arena_free(&arena);
    return status;
}

// With the names of frames that were removed comes how far their numbers go.
static enum bv_status merge_last_frame(struct merge *m, struct bv_error *err)
{
    long theirs = 0, ours = 0;
    char note[24];
    BV_TRY(last_frame_noted(m->from, &theirs, err));
    BV_TRY(last_frame_noted(m->to, &ours, err));
    (void)snprintf(note, sizeof note, "%ld", theirs);
    return theirs > ours ? bv_store_set(m->to, "last_frame", note, err) : BV_OK;
}

static enum bv_status merge_all(struct merge *m, struct bv_error *err)
{
    BV_TRY(merge_last_frame(m, err));
    BV_TRY(each_row(m, "SELECT what FROM removed ORDER BY what", NULL, merge_removal, NULL, err));
    if (m->removes)
        BV_TRY(bv_store_sweep(m->to, err));
    BV_TRY(each_row(m,
                    "SELECT s.id, s.named, s.patient, b.accession FROM examination s"
                    " LEFT JOIN bears b ON b.study = s.number ORDER BY s.number, b.accession",
                    NULL, place_study, NULL, err));
    BV_TRY(each_row(m,
                    "SELECT i.id, i.kind, i.row, i.metadata, i.content, s.id, s.patient FROM item i"
                    " JOIN examination s ON s.number = i.study ORDER BY i.number",
                    NULL, merge_item, NULL, err));
    BV_TRY(each_row(m,
                    "SELECT r.id, r.text, r.kind, r.after, s.id, s.patient FROM report r"
                    " JOIN examination s ON s.number = r.study ORDER BY r.number",
                    NULL, merge_report, NULL, err));
    // Of studies whose items were removed one by one nothing came.
    return bv_store_drop_every_empty(m->to, err);
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
        status = merge_all(&m, err);
    if (status == BV_OK)
        status = bv_store_commit(to, err);
    else
        bv_store_rollback(to);
    free(m.half);
    free(m.vector);
    // A failure may come after what was removed is committed: the copies go in any case.
    struct bv_error ignored = {0};
    enum bv_status shrunk =
        m.removes ? bv_store_shrink(to, status == BV_OK ? err : &ignored) : BV_OK;
    if (status == BV_OK)
        status = shrunk;
    if (status == BV_OK)
        *n_added = m.n_added;
    return status;
}
