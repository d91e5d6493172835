// The public call that takes things out of an index.
#include "biovl/retrieval.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/index.h"
#include "retrieval/ingest.h"

enum { NAME_ROOM = 1025 };

static enum bv_named named_of(enum bv_index_named what)
{
    return what == BV_INDEX_PATIENT ? BV_NAMED_PATIENT
           : what == BV_INDEX_STUDY ? BV_NAMED_STUDY
                                    : BV_NAMED_ITEM;
}

// A keyed hash, as searches print them.
static bool is_hash(const char *name)
{
    return strlen(name) == BV_SITEKEY_NAME - 1 &&
           strspn(name, "0123456789abcdef") == BV_SITEKEY_NAME - 1;
}

// What an identifier is called in the index.
static enum bv_status name_of(const struct bv_index *index, const struct bv_index_removal *r,
                              char name[NAME_ROOM], struct bv_error *err)
{
    bool patient = r->what == BV_INDEX_PATIENT, keeps = index->key.keep_identifiers;
    if (!r->name || !*r->name || strlen(r->name) >= NAME_ROOM - 16)
        return bv_fail(err, BV_ERR_ARG, "an identifier of 1 to %d bytes", NAME_ROOM - 17);
    if (patient)
        bv_ingest_patient_name(&index->key, r->name, name);
    else if (keeps)
        (void)snprintf(name, NAME_ROOM, "%s", r->name);
    else
        bv_sitekey_hash(&index->key, r->name, name);
    return BV_OK;
}

static size_t sum(const struct bv_store_counts *c)
{
    return c->items[BV_KIND_IMAGE] + c->items[BV_KIND_REPORT] + c->reports + c->studies;
}

// The greatest number of a frame that the index has or had: what goes leaves a note of it.
static enum bv_status find_last_frame(struct bv_index *index, int *last, struct bv_error *err)
{
    struct bv_arena arena = {0};
    const char *note = NULL;
    enum bv_status status = bv_store_last_frame(index->store, last, err);
    if (status == BV_OK)
        status = bv_store_get(index->store, "last_frame", &arena, &note, err);
    long noted = status == BV_OK && note ? strtol(note, NULL, 10) : 0;
    bv_arena_free(&arena);
    if (noted > *last)
        *last = noted < BV_INGEST_FRAMES ? (int)noted : BV_INGEST_FRAMES;
    return status;
}

static enum bv_status note_last_frame(struct bv_index *index, int last, struct bv_error *err)
{
    char note[16];
    if (last <= 0)
        return BV_OK;
    (void)snprintf(note, sizeof note, "%d", last);
    return bv_store_set(index->store, "last_frame", note, err);
}

// The frames of an object are items of their own: takes them out, or forgets that they were.
static enum bv_status each_frame(struct bv_index *index, const struct bv_index_removal *r,
                                 bool readmit, int last, struct bv_store_counts *counts,
                                 struct bv_error *err)
{
    for (int frame = 1; frame <= last && frame <= BV_INGEST_FRAMES; frame++) {
        char text[NAME_ROOM], name[NAME_ROOM];
        bool has = readmit;
        (void)snprintf(text, sizeof text, "%s#%d", r->name, frame);
        const struct bv_index_removal one = {r->what, text};
        BV_TRY(name_of(index, &one, name, err));
        if (!readmit)
            BV_TRY(bv_store_has(index->store, name, &has, err));
        if (!has)
            continue;
        BV_TRY(readmit ? bv_store_readmit(index->store, BV_NAMED_ITEM, name, err)
                       : bv_store_remove(index->store, BV_NAMED_ITEM, name, counts, err));
    }
    return BV_OK;
}

// last_frame: the greatest number of a frame in the index.
static enum bv_status remove_one(struct bv_index *index, const struct bv_index_removal *r,
                                 int last_frame, struct bv_store_counts *counts, size_t *unknown,
                                 struct bv_error *err)
{
    char name[NAME_ROOM];
    size_t before = sum(counts);
    BV_TRY(name_of(index, r, name, err));
    BV_TRY(bv_store_remove(index->store, named_of(r->what), name, counts, err));
    if (sum(counts) == before && is_hash(r->name))
        BV_TRY(bv_store_remove(index->store, named_of(r->what), r->name, counts, err));
    if (r->what == BV_INDEX_ITEM)
        BV_TRY(each_frame(index, r, false, last_frame, counts, err));
    *unknown += sum(counts) == before;
    return BV_OK;
}

static enum bv_status readmit_one(struct bv_index *index, const struct bv_index_removal *r,
                                  int last_frame, struct bv_error *err)
{
    char name[NAME_ROOM];
    BV_TRY(name_of(index, r, name, err));
    BV_TRY(bv_store_readmit(index->store, named_of(r->what), name, err));
    if (r->what == BV_INDEX_ITEM)
        BV_TRY(each_frame(index, r, true, last_frame, NULL, err));
    return is_hash(r->name) ? bv_store_readmit(index->store, named_of(r->what), r->name, err)
                            : BV_OK;
}

enum bv_status bv_index_remove(struct bv_index *index, const struct bv_index_removal *removals,
                               size_t n, int readmit, struct bv_index_removed *removed)
{
    assert(index && (removals || n == 0));
    struct bv_error *err = bv_begin(index->context);
    struct bv_store_counts counts = {.studies = 0};
    size_t unknown = 0;
    int last_frame = 0;
    BV_TRY(bv_counts_check(removed, "bv_index_removed", err));
    BV_TRY(bv_index_need_key(index, err));
    bv_searcher_close(&index->searcher);
    enum bv_status status = bv_store_begin(index->store, err);
    if (status == BV_OK)
        status = find_last_frame(index, &last_frame, err);
    if (status == BV_OK && !readmit)
        status = note_last_frame(index, last_frame, err);
    for (size_t i = 0; i < n && status == BV_OK; i++)
        status = readmit ? readmit_one(index, &removals[i], last_frame, err)
                         : remove_one(index, &removals[i], last_frame, &counts, &unknown, err);
    if (status == BV_OK && !readmit)
        status = bv_store_sweep(index->store, err);
    if (status == BV_OK)
        status = bv_store_commit(index->store, err);
    else
        bv_store_rollback(index->store);
    if (status == BV_OK && !readmit)
        status = bv_store_shrink(index->store, err);
    if (status != BV_OK)
        return status;
    bv_index_settle(index);
    const struct bv_index_removed mine = {.images = counts.items[BV_KIND_IMAGE],
                                          .reports = counts.reports,
                                          .studies = counts.studies,
                                          .unknown = unknown};
    bv_counts_write(removed, &mine, sizeof mine);
    return BV_OK;
}
