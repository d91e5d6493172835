// Pulling into an index.
#include <stdio.h>

#include "archive/pull.h"

struct index_sink {
    struct bv_store *store;
    struct bv_ingest *ingest;
};

static enum bv_status sink_has(void *self, const char *uid, bool *has, struct bv_error *err)
{
    const struct index_sink *s = self;
    return bv_ingest_has(s->ingest, uid, has, err);
}

enum bv_status bv_ingest_object(struct bv_ingest *ingest, const uint8_t *bytes, size_t size,
                                const char *name, bool *image, struct bv_error *err)
{
    struct bv_error why = {0};
    struct bv_arena arena = {0};
    struct bv_record record = {0};
    enum bv_status status = bv_record_from_dicom(&record, bytes, size, name, false, &arena, &why);
    *image = false;
    if (status != BV_OK) {
        bv_ingest_fail(ingest, name, status, why.text);
        status = BV_OK;
    } else {
        status = bv_ingest_put(ingest, &record, err);
        *image = record.has_image && !record.ours;
        bv_record_clear(&record);
    }
    bv_arena_free(&arena);
    return status;
}

static enum bv_status sink_put(void *self, const uint8_t *bytes, size_t size, const char *name,
                               struct bv_error *err)
{
    const struct index_sink *s = self;
    char shown[64];
    bool image;
    (void)snprintf(shown, sizeof shown, "object %s", name);
    return bv_ingest_object(s->ingest, bytes, size, shown, &image, err);
}

static void sink_fail(void *self, const char *name, enum bv_status status, const char *text)
{
    const struct index_sink *s = self;
    bv_ingest_fail(s->ingest, name, status, text);
}

static enum bv_status sink_flush(void *self, struct bv_error *err)
{
    const struct index_sink *s = self;
    return bv_ingest_finish(s->ingest, NULL, err);
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
    struct index_sink sink = {.store = store};
    const struct bv_ingest_options ingest = {
        .pool = pool, .observer = options->observer, .frame = options->frame};
    struct bv_error second = {0};
    BV_TRY(bv_ingest_open(&sink.ingest, store, session, key, &ingest, err));
    enum bv_status status = bv_pull_run(&into_index, &sink, key, options, retries, err);
    if (bv_ingest_finish(sink.ingest, counts, &second) != BV_OK && status == BV_OK)
        status = bv_fail(err, second.status, "%s", second.text);
    bv_ingest_close(&sink.ingest);
    return status;
}
