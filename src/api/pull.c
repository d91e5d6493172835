// The public calls that talk to archives.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/index.h"
#include "biovl/pacs.h"
#include "image/dicom_stream.h"
#include "pacs/archive.h"
#include "pacs/listen.h"

enum { LOST_CONNECTIONS = 5 }; // in a row, before a pull gives up

int bv_pacs_is_url(const char *text)
{
    return bv_archive_is_url(text);
}

static enum bv_status open_archive(struct bv_archive **archive, const struct bv_pacs_options *o,
                                   struct bv_error *err)
{
    struct bv_archive_options options = {
        .user_password = o->user_password,
        .token = o->token,
        .ca_file = o->ca_file,
        .own_title = o->own_title,
        .timeout_s = o->timeout_s,
        .tries = o->tries,
    };
    return bv_archive_open(archive, o->url, &options, err);
}

static struct bv_archive_window window_of(const struct bv_pacs_options *o)
{
    return (struct bv_archive_window){o->from, o->to, o->modality, o->study};
}

struct pull {
    struct bv_archive *archive;
    struct bv_ingest *ingest;
    struct bv_index *index;
    void (*failed)(void *, const char *, enum bv_status, const char *);
    void (*progress)(void *, size_t);
    void *arg;
    int lost;    // connections in a row
    bool broken; // the index or the whole pull failed, not one object
};

// Whether the image layer decodes what this transfer syntax makes of pixels.
static bool decodes(const uint8_t *bytes, size_t size)
{
    static const char *const known[] = {
        "1.2.840.10008.1.2",      "1.2.840.10008.1.2.1",    "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",    "1.2.840.10008.1.2.5",    "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
    };
    char uid[65];
    size_t data_set;
    if (!bv_dicom_meta((struct bv_bytes){bytes, size}, uid, &data_set))
        return true; // the decoder will say
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(uid, known[i]) == 0)
            return true;
    }
    return false;
}

// What an object is called in messages: its keyed hash.
static void name_object(const struct pull *p, const char *uid, char name[64])
{
    char hash[BV_SITEKEY_NAME];
    bv_sitekey_hash(&p->index->key, uid, hash);
    (void)snprintf(name, 64, "object %s", hash);
}

// Counts a failed transfer. Too many lost connections in a row are an error of the whole pull.
static enum bv_status note_failure(struct pull *p, const char *uid, const struct bv_error *why,
                                   struct bv_error *err)
{
    char name[64], text[2200];
    name_object(p, uid, name);
    (void)snprintf(text, sizeof text, "%s: %s", name, why->text);
    bv_ingest_fail(p->ingest, name, why->status, text);
    p->lost = why->status == BV_ERR_IO ? p->lost + 1 : 0;
    if (p->lost >= LOST_CONNECTIONS)
        return bv_fail(err, BV_ERR_IO, "%s; given up after %d failures in a row", why->text,
                       LOST_CONNECTIONS);
    return BV_OK;
}

static enum bv_status fetch(struct pull *p, const struct bv_archive_instance *one, uint8_t **bytes,
                            size_t *size, struct bv_error *why)
{
    BV_TRY(bv_archive_fetch(p->archive, one, false, bytes, size, why));
    if (decodes(*bytes, *size))
        return BV_OK;
    free(*bytes);
    *bytes = NULL;
    return bv_archive_fetch(p->archive, one, true, bytes, size, why);
}

// Hands an object in memory to the ingest; one that cannot be read is counted there.
static enum bv_status put_object(struct bv_ingest *ingest, const uint8_t *bytes, size_t size,
                                 const char *name, struct bv_error *err)
{
    struct bv_error why = {0};
    struct bv_arena arena = {0};
    struct bv_record record = {0};
    enum bv_status status = bv_record_from_dicom(&record, bytes, size, name, &arena, &why);
    if (status != BV_OK) {
        bv_ingest_fail(ingest, name, status, why.text);
        status = BV_OK;
    } else {
        status = bv_ingest_put(ingest, &record, err);
        json_decref(record.metadata);
    }
    bv_arena_free(&arena);
    return status;
}

static enum bv_status pull_one(struct pull *p, const struct bv_archive_instance *one,
                               struct bv_error *err)
{
    struct bv_error why = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    char name[64];
    bool has = false;
    // Presentation states hold no pixels and no report.
    if (strncmp(one->sop_class, "1.2.840.10008.5.1.4.1.1.11.", 27) == 0)
        return BV_OK;
    BV_TRY(bv_ingest_has(p->ingest, one->sop, &has, err));
    if (has)
        return BV_OK;
    if (fetch(p, one, &bytes, &size, &why) != BV_OK)
        return note_failure(p, one->sop, &why, err);
    p->lost = 0;
    name_object(p, one->sop, name);
    enum bv_status status = put_object(p->ingest, bytes, size, name, err);
    free(bytes);
    return status;
}

static enum bv_status pull_instance(void *arg, const struct bv_archive_instance *one,
                                    struct bv_error *err)
{
    struct pull *p = arg;
    enum bv_status status = pull_one(p, one, err);
    p->broken = status != BV_OK;
    return status;
}

struct uid_list {
    char (*uids)[BV_UID_SIZE];
    size_t n, room;
};

static enum bv_status keep_study(void *arg, const char *study, struct bv_error *err)
{
    struct uid_list *list = arg;
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 256;
        void *uids = realloc(list->uids, room * sizeof *list->uids);
        if (!uids)
            return bv_fail_nomem(err, "a list of studies");
        list->uids = uids;
        list->room = room;
    }
    memcpy(list->uids[list->n++], study, strlen(study) + 1);
    return BV_OK;
}

// A study whose list cannot be had fails alone; what fails within it has been counted.
static enum bv_status pull_study(struct pull *p, const char *study, struct bv_error *err)
{
    struct bv_error why = {0};
    enum bv_status status = bv_archive_instances(p->archive, study, pull_instance, p, &why);
    if (status == BV_OK)
        return BV_OK;
    if (p->broken)
        return bv_fail(err, status, "%s", why.text);
    return note_failure(p, study, &why, err);
}

static enum bv_status pull_all(struct pull *p, const struct bv_pacs_options *options,
                               struct bv_error *err)
{
    struct uid_list list = {0};
    const struct bv_archive_window window = window_of(options);
    // The whole list first: an archive that grows meanwhile would shift its pages.
    enum bv_status status = bv_archive_studies(p->archive, &window, keep_study, &list, err);
    for (size_t i = 0; i < list.n && status == BV_OK; i++) {
        status = pull_study(p, list.uids[i], err);
        if (p->progress)
            p->progress(p->arg, i + 1);
    }
    free(list.uids);
    return status;
}

static void pass_failure(void *arg, const char *name, enum bv_status status, const char *text)
{
    const struct pull *p = arg;
    if (p->failed)
        p->failed(p->arg, name, status, text);
}

static enum bv_status counts_text(const struct bv_ingest_counts *counts, size_t retries,
                                  char **json, struct bv_error *err)
{
    return bv_json_text(json_pack("{s:I, s:I, s:I, s:I, s:I}", "images", (json_int_t)counts->images,
                                  "reports", (json_int_t)counts->reports, "skipped",
                                  (json_int_t)counts->skipped, "failed", (json_int_t)counts->failed,
                                  "retries", (json_int_t)retries),
                        json, err);
}

enum bv_status bv_index_pull(struct bv_index *index, struct bv_engine *engine,
                             const struct bv_pacs_options *options,
                             void (*failed)(void *arg, const char *name, enum bv_status status,
                                            const char *text),
                             void (*progress)(void *arg, size_t done), void *arg, char **json)
{
    struct bv_error *err = bv_begin(index->context);
    struct pull pull = {.index = index, .failed = failed, .progress = progress, .arg = arg};
    struct bv_ingest_options ingest = {
        .pool = index->context->pool, .failed = pass_failure, .arg = &pull};
    struct bv_ingest_counts counts = {0};
    BV_TRY(bv_index_need_key(index, err));
    bv_searcher_close(&index->searcher);
    enum bv_status status =
        bv_ingest_open(&pull.ingest, index->store, engine->session, &index->key, &ingest, err);
    if (status == BV_OK)
        status = open_archive(&pull.archive, options, err);
    if (status == BV_OK)
        status = pull_all(&pull, options, err);
    // What was embedded before a failure is kept.
    struct bv_error second = {0};
    if (pull.archive && bv_ingest_finish(pull.ingest, &counts, &second) != BV_OK && status == BV_OK)
        status = bv_fail(err, second.status, "%s", second.text);
    size_t retries = pull.archive ? bv_archive_retries(pull.archive) : 0;
    bv_ingest_close(&pull.ingest);
    bv_archive_close(&pull.archive);
    if (status != BV_OK)
        return status;
    return counts_text(&counts, retries, json, err);
}

// What a listener needs at each object.
struct listening {
    struct pull pull;
    size_t n_objects;
};

// Each object is committed before its sender hears of success.
static enum bv_status receive(void *arg, const uint8_t *bytes, size_t size, struct bv_error *err)
{
    struct listening *l = arg;
    struct bv_ingest_counts before, after;
    char name[64];
    (void)snprintf(name, sizeof name, "received object %zu", ++l->n_objects);
    BV_TRY(bv_ingest_finish(l->pull.ingest, &before, err));
    BV_TRY(put_object(l->pull.ingest, bytes, size, name, err));
    BV_TRY(bv_ingest_finish(l->pull.ingest, &after, err));
    return after.failed == before.failed
               ? BV_OK
               : bv_fail(err, BV_ERR_FORMAT, "%s cannot be taken in", name);
}

enum bv_status bv_index_listen(struct bv_index *index, struct bv_engine *engine,
                               const struct bv_listen_settings *settings,
                               void (*failed)(void *arg, const char *name, enum bv_status status,
                                              const char *text),
                               void *arg, char **json)
{
    _Static_assert(_Generic((sig_atomic_t)0, int : 1, default : 0), "stop is an int in the API");
    struct bv_error *err = bv_begin(index->context);
    struct listening l = {.pull = {.index = index, .failed = failed, .arg = arg}};
    struct bv_ingest_options ingest = {
        .pool = index->context->pool, .failed = pass_failure, .arg = &l.pull};
    struct bv_ingest_counts counts = {0};
    struct bv_listen_options options = {.title = settings->title ? settings->title : "BIOVL",
                                        .port = settings->port,
                                        .any_host = settings->any_host != 0,
                                        .caller = settings->caller,
                                        .received = receive,
                                        .arg = &l,
                                        .stop = settings->stop};
    if (settings->port < 1 || settings->port > 65535 || strlen(options.title) > 16)
        return bv_fail(err, BV_ERR_ARG, "a port is 1 to 65535, a title at most 16 characters");
    BV_TRY(bv_index_need_key(index, err));
    bv_searcher_close(&index->searcher);
    BV_TRY(
        bv_ingest_open(&l.pull.ingest, index->store, engine->session, &index->key, &ingest, err));
    enum bv_status status = bv_listen(&options, err);
    if (status == BV_OK)
        status = bv_ingest_finish(l.pull.ingest, &counts, err);
    bv_ingest_close(&l.pull.ingest);
    return status == BV_OK ? counts_text(&counts, 0, json, err) : status;
}

static enum bv_status count_instance(void *arg, const struct bv_archive_instance *one,
                                     struct bv_error *err)
{
    (void)one;
    (void)err;
    ++*(size_t *)arg;
    return BV_OK;
}

enum bv_status bv_pacs_find(struct bv_context *context, const struct bv_pacs_options *options,
                            char **lines)
{
    struct bv_error *err = bv_begin(context);
    struct bv_archive *archive = NULL;
    struct uid_list list = {0};
    const struct bv_archive_window window = window_of(options);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    enum bv_status status = out ? BV_OK : bv_fail_nomem(err, "a list");
    if (status == BV_OK)
        status = open_archive(&archive, options, err);
    if (status == BV_OK)
        status = bv_archive_studies(archive, &window, keep_study, &list, err);
    for (size_t i = 0; i < list.n && status == BV_OK; i++) {
        size_t n = 0;
        status = bv_archive_instances(archive, list.uids[i], count_instance, &n, err);
        if (status == BV_OK)
            (void)fprintf(out, "{\"study\":\"%s\",\"instances\":%zu}\n", list.uids[i], n);
    }
    free(list.uids);
    bv_archive_close(&archive);
    if (out && fclose(out) != 0 && status == BV_OK)
        status = bv_fail_nomem(err, "a list");
    if (status == BV_OK)
        *lines = text;
    else
        free(text);
    return status;
}

enum bv_status bv_pacs_send(struct bv_context *context, const struct bv_pacs_options *options,
                            const char *path)
{
    struct bv_error *err = bv_begin(context);
    struct bv_archive *archive = NULL;
    struct bv_mapping file = {0};
    enum bv_status status = bv_mapping_open(&file, path, (size_t)1 << 30, err);
    if (status == BV_OK && (file.size < 132 || memcmp(file.data + 128, "DICM", 4) != 0))
        status = bv_fail(err, BV_ERR_FORMAT, "%s: not a DICOM file with a preamble", path);
    if (status == BV_OK)
        status = open_archive(&archive, options, err);
    if (status == BV_OK && bv_archive_store(archive, file.data, file.size, err) != BV_OK)
        status = bv_fail_prefix(err, "%s", path);
    bv_archive_close(&archive);
    bv_mapping_close(&file);
    return status;
}
