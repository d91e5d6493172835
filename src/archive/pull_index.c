// Pulling into an index.
#include <stdio.h>
#include <stdlib.h>

#include "archive/pull.h"

enum { MANY_TRIED = 1024 };

// An object that was handed to the ingest; what became of it is known when that is finished.
struct tried {
    struct tried *next;
    enum bv_status outcome;
    char name[BV_SITEKEY_NAME];
};

struct index_sink {
    struct bv_store *store;
    struct bv_ingest *ingest;
    const struct bv_sitekey *key;
    bool retry;
    struct tried *tried;
    size_t n_tried, n_known;
};

// Where the index notes that it refused an object.
static void name_refusal(const char *name, char key[96])
{
    (void)snprintf(key, 96, "refused.%s", name);
}

static enum bv_status sink_has(void *self, const char *uid, bool *has, struct bv_error *err)
{
    struct index_sink *s = self;
    char name[BV_SITEKEY_NAME], key[96];
    struct bv_arena arena = {0};
    const char *refused = NULL;
    BV_TRY(bv_ingest_has(s->ingest, uid, has, err));
    if (*has || s->retry)
        return BV_OK;
    bv_sitekey_hash(s->key, uid, name);
    name_refusal(name, key);
    BV_TRY(bv_store_get(s->store, key, &arena, &refused, err));
    *has = refused != NULL;
    s->n_known += *has;
    bv_arena_free(&arena);
    return BV_OK;
}

static enum bv_status ingest_object(struct bv_ingest *ingest, const uint8_t *bytes, size_t size,
                                    const char *name, bool *image, enum bv_status *outcome,
                                    struct bv_error *err)
{
    struct bv_error why = {0};
    struct bv_arena arena = {0};
    struct bv_record record = {0};
    enum bv_status status = bv_record_from_dicom(&record, bytes, size, name, false, &arena, &why);
    *image = false;
    if (status != BV_OK) {
        bv_ingest_fail(ingest, name, status, why.text);
        if (outcome)
            *outcome = status;
        status = BV_OK;
    } else {
        record.outcome = outcome;
        status = bv_ingest_put(ingest, &record, err);
        *image = record.has_image && !record.ours;
        bv_record_clear(&record);
    }
    bv_arena_free(&arena);
    return status;
}

enum bv_status bv_ingest_object(struct bv_ingest *ingest, const uint8_t *bytes, size_t size,
                                const char *name, bool *image, struct bv_error *err)
{
    return ingest_object(ingest, bytes, size, name, image, NULL, err);
}

// Whether it would fail again.
static bool is_final(enum bv_status status)
{
    return status == BV_ERR_FORMAT || status == BV_ERR_UNSUPPORTED || status == BV_ERR_LIMIT ||
           status == BV_ERR_REFUSED || status == BV_ERR_ARG;
}

static void forget_tried(struct index_sink *s)
{
    for (struct tried *t = s->tried, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    s->tried = NULL;
    s->n_tried = 0;
}

// Notes what was refused, so that it is not fetched every night.
static enum bv_status note_refusals(struct index_sink *s, struct bv_error *err)
{
    enum bv_status status = BV_OK;
    char key[96];
    bool any = false;
    for (const struct tried *t = s->tried; t; t = t->next)
        any |= is_final(t->outcome);
    if (any)
        status = bv_store_begin(s->store, err);
    for (const struct tried *t = s->tried; any && t && status == BV_OK; t = t->next) {
        name_refusal(t->name, key);
        if (is_final(t->outcome))
            status = bv_store_set(s->store, key, bv_status_name(t->outcome), err);
    }
    if (any && status == BV_OK)
        status = bv_store_commit(s->store, err);
    else if (any)
        bv_store_rollback(s->store);
    forget_tried(s);
    return status;
}

static enum bv_status finish(struct index_sink *s, struct bv_ingest_counts *counts,
                             struct bv_error *err)
{
    enum bv_status status = bv_ingest_finish(s->ingest, counts, err);
    return status == BV_OK ? note_refusals(s, err) : status;
}

static enum bv_status sink_put(void *self, const uint8_t *bytes, size_t size, const char *name,
                               struct bv_error *err)
{
    struct index_sink *s = self;
    char shown[64];
    bool image;
    struct tried *tried = calloc(1, sizeof *tried);
    if (!tried)
        return bv_fail_nomem(err, "an object");
    (void)snprintf(tried->name, sizeof tried->name, "%s", name);
    tried->next = s->tried;
    s->tried = tried;
    s->n_tried++;
    (void)snprintf(shown, sizeof shown, "object %s", name);
    BV_TRY(ingest_object(s->ingest, bytes, size, shown, &image, &tried->outcome, err));
    return s->n_tried >= MANY_TRIED ? finish(s, NULL, err) : BV_OK;
}

static void sink_fail(void *self, const char *name, enum bv_status status, const char *text)
{
    const struct index_sink *s = self;
    bv_ingest_fail(s->ingest, name, status, text);
}

static enum bv_status sink_flush(void *self, struct bv_error *err)
{
    return finish(self, NULL, err);
}

static enum bv_status sink_set_note(void *self, const char *key, const char *value,
                                    struct bv_error *err)
{
    const struct index_sink *s = self;
    return bv_store_set(s->store, key, value, err);
}

static enum bv_status sink_get_note(void *self, const char *key, struct bv_arena *arena,
                                    const char **value, struct bv_error *err)
{
    const struct index_sink *s = self;
    return bv_store_get(s->store, key, arena, value, err);
}

static const struct bv_pull_sink into_index = {sink_has,   sink_put,      sink_fail,
                                               sink_flush, sink_set_note, sink_get_note};

enum bv_status bv_pull_to_index(const struct bv_pull_options *options, struct bv_store *store,
                                struct bv_session *session, const struct bv_sitekey *key,
                                struct bv_pool *pool, struct bv_ingest_counts *counts,
                                size_t *retries, struct bv_error *err)
{
    struct index_sink sink = {.store = store, .key = key, .retry = options->retry};
    const struct bv_ingest_options ingest = {
        .pool = pool, .observer = options->observer, .frame = options->frame};
    struct bv_error second = {0};
    BV_TRY(bv_ingest_open(&sink.ingest, store, session, key, &ingest, err));
    enum bv_status status = bv_pull_run(&into_index, &sink, key, options, retries, err);
    if (finish(&sink, counts, &second) != BV_OK && status == BV_OK)
        status = bv_fail(err, second.status, "%s", second.text);
    counts->skipped += sink.n_known;
    bv_ingest_close(&sink.ingest);
    forget_tried(&sink);
    return status;
}
