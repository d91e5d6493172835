// Pulling into an index.
#include <stdlib.h>

#include "api/pull.h"
#include "api/pull_counts.h"

struct index_sink {
    struct bv_index *index;
    struct bv_ingest *ingest;
    void (*failed)(void *, const char *, enum bv_status, const char *);
    void *arg;
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
    enum bv_status status = bv_record_from_dicom(&record, bytes, size, name, &arena, &why);
    *image = false;
    if (status != BV_OK) {
        bv_ingest_fail(ingest, name, status, why.text);
        status = BV_OK;
    } else {
        status = bv_ingest_put(ingest, &record, err);
        *image = record.has_image && !record.ours;
        json_decref(record.metadata);
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
    return bv_store_set(s->index->store, key, value, err);
}

static enum bv_status sink_get_note(void *self, const char *key, struct bv_arena *arena,
                                    const char **value, struct bv_error *err)
{
    const struct index_sink *s = self;
    return bv_store_get(s->index->store, key, arena, value, err);
}

static const struct bv_pull_sink into_index = {sink_has,   sink_put,      sink_fail,
                                               sink_flush, sink_set_note, sink_get_note};

static void pass_failure(void *arg, const char *name, enum bv_status status, const char *text)
{
    const struct index_sink *s = arg;
    if (s->failed)
        s->failed(s->arg, name, status, text);
}

enum bv_status bv_index_pull(struct bv_index *index, struct bv_engine *engine,
                             const struct bv_pacs_options *options,
                             void (*failed)(void *arg, const char *name, enum bv_status status,
                                            const char *text),
                             void (*progress)(void *arg, size_t done), void *arg, char **json)
{
    struct bv_error *err = bv_begin(index->context);
    struct index_sink sink = {.index = index, .failed = failed, .arg = arg};
    struct bv_ingest_options ingest = {
        .pool = index->context->pool, .failed = pass_failure, .arg = &sink};
    struct bv_ingest_counts counts = {0};
    size_t retries = 0;
    BV_TRY(bv_index_need_key(index, err));
    bv_searcher_close(&index->searcher);
    BV_TRY(bv_ingest_open(&sink.ingest, index->store, engine->session, &index->key, &ingest, err));
    const struct bv_pull pull = {&into_index, &sink, &index->key, progress, arg};
    enum bv_status status = bv_pull_run(&pull, options, &retries, err);
    // What was embedded before a failure is kept.
    struct bv_error second = {0};
    if (bv_ingest_finish(sink.ingest, &counts, &second) != BV_OK && status == BV_OK)
        status = bv_fail(err, second.status, "%s", second.text);
    bv_ingest_close(&sink.ingest);
    bv_index_settle(index);
    return status == BV_OK ? bv_json_text(bv_pull_counts(&counts, retries), json, err) : status;
}
