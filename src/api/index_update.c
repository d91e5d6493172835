// The public call that changes the metadata of what an index holds.
#include "biovl/retrieval.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/index.h"
#include "base/dtype.h"
#include "base/json.h"
#include "retrieval/ingest.h"
#include "table/csv.h"

enum { NAME_ROOM = 1025, MAX_FIELDS = 64 };

struct update {
    struct bv_index *index;
    struct bv_csv_reader *table;
    int id, fields[MAX_FIELDS];
    size_t n_fields;
    uint16_t *half; // [dimension]
    float *vector;  // [dimension]
    struct bv_index_updated counts;
};

static enum bv_status find_columns(struct update *u, const struct bv_index_update_options *o,
                                   struct bv_error *err)
{
    static const char *const usual[] = {"id", "sop_instance_uid", "dicom_id"};
    u->id = -1;
    if (o->id_column)
        BV_TRY(bv_csv_find(u->table, o->id_column, &u->id, err));
    for (size_t i = 0; !o->id_column && u->id < 0 && i < 3; i++)
        BV_TRY(bv_csv_find(u->table, usual[i], &u->id, err));
    if (u->id < 0)
        return bv_fail(err, BV_ERR_ARG, "%s: there is no column \"%s\" of identifiers", o->table,
                       o->id_column ? o->id_column : usual[0]);
    if (o->n_columns == 0 || o->n_columns > MAX_FIELDS)
        return bv_fail(err, BV_ERR_ARG, "1 to %d columns become metadata", MAX_FIELDS);
    for (size_t i = 0; i < o->n_columns; i++) {
        BV_TRY(bv_csv_find(u->table, o->columns[i], &u->fields[i], err));
        if (u->fields[i] < 0)
            return bv_fail(err, BV_ERR_ARG, "%s: there is no column \"%s\"", o->table,
                           o->columns[i]);
        if (strcmp(o->columns[i], "frame") == 0)
            return bv_fail(err, BV_ERR_ARG, "\"frame\" says which frame an image is; it stays");
    }
    u->n_fields = o->n_columns;
    return BV_OK;
}

// The item of an identifier, or of the hash that the index has for it.
static enum bv_status find_item(const struct update *u, const char *id, struct bv_arena *arena,
                                struct bv_entry *entry, bool *found, struct bv_error *err)
{
    char name[NAME_ROOM];
    *found = false;
    if (strlen(id) >= NAME_ROOM)
        return BV_OK;
    if (u->index->key.keep_identifiers)
        (void)snprintf(name, sizeof name, "%s", id);
    else
        bv_sitekey_hash(&u->index->key, id, name);
    BV_TRY(bv_store_find(u->index->store, name, arena, entry, found, err));
    return *found ? BV_OK : bv_store_find(u->index->store, id, arena, entry, found, err);
}

static enum bv_status set_metadata(const struct update *u, const struct bv_entry *entry,
                                   const char *metadata, struct bv_error *err)
{
    size_t dimension = bv_store_info(u->index->store)->dimension;
    BV_TRY(bv_store_vector(u->index->store, entry->kind, entry->row, u->half, err));
    bv_dtype_to_f32(BV_F16, u->half, u->vector, dimension);
    const struct bv_item item = {.id = entry->id,
                                 .study = entry->study,
                                 .kind = entry->kind,
                                 .vector = u->vector,
                                 .metadata = metadata};
    return bv_store_replace(u->index->store, &item, err);
}

// Cells that are empty leave their field as it is.
static enum bv_status update_item(struct update *u, const struct bv_csv_row *row,
                                  const struct bv_entry *entry, struct bv_error *err)
{
    json_t *metadata = NULL;
    BV_TRY(bv_json_parse(&metadata, entry->metadata, strlen(entry->metadata), "metadata", err));
    for (size_t i = 0; i < u->n_fields; i++) {
        const char *value = (size_t)u->fields[i] < row->n ? row->fields[u->fields[i]] : "";
        if (*value)
            (void)json_object_set_new(metadata, bv_csv_header(u->table)->fields[u->fields[i]],
                                      json_string(value));
    }
    char *text = json_dumps(metadata, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(metadata);
    if (!text)
        return bv_fail_nomem(err, "metadata");
    bool same = strcmp(text, entry->metadata) == 0;
    enum bv_status status = same ? BV_OK : set_metadata(u, entry, text, err);
    free(text);
    u->counts.updated += !same;
    u->counts.unchanged += same;
    return status;
}

static enum bv_status update_rows(struct update *u, struct bv_error *err)
{
    const struct bv_csv_row *row = NULL;
    enum bv_status status;
    while ((status = bv_csv_next(u->table, &row, err)) == BV_OK && row) {
        struct bv_arena arena = {0};
        struct bv_entry entry = {.id = NULL};
        bool found = false;
        const char *id = (size_t)u->id < row->n ? row->fields[u->id] : "";
        status = find_item(u, id, &arena, &entry, &found, err);
        if (status == BV_OK && found)
            status = update_item(u, row, &entry, err);
        u->counts.unknown += !found;
        bv_arena_free(&arena);
        if (status != BV_OK)
            break;
    }
    return status;
}

enum bv_status bv_index_update(struct bv_index *index, const struct bv_index_update_options *theirs,
                               struct bv_index_updated *updated)
{
    assert(index);
    struct bv_error *err = bv_begin(index->context);
    struct bv_index_update_options o;
    BV_TRY(bv_options_read(&o, sizeof o, theirs, "bv_index_update_options", err));
    BV_TRY(bv_counts_check(updated, "bv_index_updated", err));
    if (!o.table)
        return bv_fail(err, BV_ERR_ARG, "bv_index_update_options: no table");
    BV_TRY(bv_index_need_key(index, err));
    size_t dimension = bv_store_info(index->store)->dimension;
    struct update u = {.index = index,
                       .half = calloc(dimension, sizeof *u.half),
                       .vector = calloc(dimension, sizeof *u.vector)};
    enum bv_status status = u.half && u.vector ? BV_OK : bv_fail_nomem(err, "a vector");
    bv_searcher_close(&index->searcher);
    if (status == BV_OK)
        status = bv_csv_open(&u.table, o.table, bv_csv_separator(o.table), err);
    if (status == BV_OK)
        status = find_columns(&u, &o, err);
    if (status == BV_OK)
        status = bv_store_begin(index->store, err);
    if (status == BV_OK)
        status = update_rows(&u, err);
    if (status == BV_OK)
        status = bv_store_commit(index->store, err);
    else
        bv_store_rollback(index->store);
    bv_csv_close(&u.table);
    free(u.half);
    free(u.vector);
    if (status == BV_OK) {
        bv_index_settle(index);
        bv_counts_write(updated, &u.counts, sizeof u.counts);
    }
    return status;
}
