// The receiver: what is sent to us goes into an index, and results of images go back.
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/dicom_result.h"
#include "api/pull.h"
#include "api/pull_counts.h"
#include "base/sha256.h"
#include "pacs/listen.h"
#include "pacs/outbox.h"

struct listening {
    struct bv_index *index;
    struct bv_ingest *ingest;
    struct bv_zero_shot *zero_shot; // NULL: nothing goes back
    struct bv_outbox *outbox;
    bool captures;
    size_t n_objects, n_sent;
    void (*failed)(void *, const char *, enum bv_status, const char *);
    void *arg;
};

static void pass_failure(void *arg, const char *name, enum bv_status status, const char *text)
{
    const struct listening *l = arg;
    if (l->failed)
        l->failed(l->arg, name, status, text);
}

// Puts what make() makes of a result into the outbox, under the hash of the image and a letter:
// what is sent again replaces what may still wait.
static enum bv_status put_result(struct listening *l, const struct bv_result *result,
                                 const uint8_t *bytes, size_t size, const char *name, char letter,
                                 enum bv_status (*make)(const struct bv_result *, const uint8_t *,
                                                        size_t, const char *, uint8_t **, size_t *,
                                                        struct bv_error *),
                                 struct bv_error *err)
{
    uint8_t *object = NULL;
    size_t object_size = 0;
    char hash[65], file_name[40];
    BV_TRY(make(result, bytes, size, name, &object, &object_size, err));
    bv_sha256_hex(bytes, size, hash);
    (void)snprintf(file_name, sizeof file_name, "%.32s%c", hash, letter);
    enum bv_status status = bv_outbox_put(l->outbox, file_name, object, object_size, err);
    free(object);
    return status;
}

static enum bv_status answer(struct listening *l, const uint8_t *bytes, size_t size,
                             const char *name, struct bv_error *err)
{
    struct bv_result *result = NULL;
    enum bv_status status = bv_zero_shot_classify_bytes(l->zero_shot, bytes, size, name, &result);
    if (status != BV_OK)
        return bv_fail(err, status, "%s", bv_last_error(l->index->context));
    status = put_result(l, result, bytes, size, name, 'r', bv_result_report, err);
    if (status == BV_OK && l->captures)
        status = put_result(l, result, bytes, size, name, 'c', bv_result_capture, err);
    bv_result_free(&result);
    return status;
}

// Each object is committed, and its result on disk, before its sender hears of success. An image
// that cannot be scored is taken all the same.
static enum bv_status receive(void *arg, const uint8_t *bytes, size_t size, struct bv_error *err)
{
    struct listening *l = arg;
    struct bv_ingest_counts before, after;
    struct bv_error why = {0};
    char name[64];
    bool image = false;
    (void)snprintf(name, sizeof name, "received object %zu", ++l->n_objects);
    BV_TRY(bv_ingest_finish(l->ingest, &before, err));
    BV_TRY(bv_ingest_object(l->ingest, bytes, size, name, &image, err));
    BV_TRY(bv_ingest_finish(l->ingest, &after, err));
    if (after.failed != before.failed)
        return bv_fail(err, BV_ERR_FORMAT, "%s cannot be taken in", name);
    if (!l->zero_shot || !image)
        return BV_OK;
    enum bv_status status = answer(l, bytes, size, name, &why);
    if (status == BV_ERR_IO || status == BV_ERR_NOMEM)
        return bv_fail(err, status, "%s", why.text); // the sender may try again
    if (status != BV_OK)
        pass_failure(l, name, status, why.text);
    return BV_OK;
}

static void send_results(void *arg)
{
    struct listening *l = arg;
    struct bv_error why = {0};
    size_t n = 0;
    if (l->outbox && bv_outbox_send(l->outbox, &n, &why) != BV_OK)
        pass_failure(l, "results", why.status, why.text);
    l->n_sent += n;
}

static enum bv_status open_outbox(struct listening *l, const struct bv_listen_settings *settings,
                                  struct bv_error *err)
{
    const struct bv_pacs_options *o = settings->send_to;
    struct bv_archive_options options = {.own_title = settings->title};
    char folder[4096];
    if (!settings->zero_shot && !o)
        return BV_OK;
    if (!settings->zero_shot || !o)
        return bv_fail(err, BV_ERR_ARG, "results need both labels and an archive to go to");
    options.user_password = o->user_password;
    options.token = o->token;
    options.ca_file = o->ca_file;
    options.timeout_s = o->timeout_s;
    int n = snprintf(folder, sizeof folder, "%s.outbox", bv_store_path(l->index->store));
    if (n < 0 || (size_t)n >= sizeof folder)
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than 4095 bytes");
    l->zero_shot = settings->zero_shot;
    l->captures = settings->captures != 0;
    return bv_outbox_open(&l->outbox, folder, o->url, &options, err);
}

static enum bv_status listening_json(const struct listening *l,
                                     const struct bv_ingest_counts *counts, char **json,
                                     struct bv_error *err)
{
    json_t *value = bv_pull_counts(counts, 0);
    if (value && l->outbox)
        (void)json_object_set_new(value, "results",
                                  json_pack("{s:I, s:I}", "sent", (json_int_t)l->n_sent, "waiting",
                                            (json_int_t)bv_outbox_waiting(l->outbox)));
    return bv_json_text(value, json, err);
}

enum bv_status bv_index_listen(struct bv_index *index, struct bv_engine *engine,
                               const struct bv_listen_settings *settings,
                               void (*failed)(void *arg, const char *name, enum bv_status status,
                                              const char *text),
                               void *arg, char **json)
{
    _Static_assert(_Generic((sig_atomic_t)0, int : 1, default : 0), "stop is an int in the API");
    // Classifying an image begins a call of its own: the sentence is kept apart.
    struct bv_error *kept = bv_begin(index->context), mine = {0}, *err = &mine;
    struct listening l = {.index = index, .failed = failed, .arg = arg};
    struct bv_ingest_options ingest = {
        .pool = index->context->pool, .failed = pass_failure, .arg = &l};
    struct bv_ingest_counts counts = {0};
    struct bv_listen_options options = {.title = settings->title ? settings->title : "BIOVL",
                                        .port = settings->port,
                                        .any_host = settings->any_host != 0,
                                        .caller = settings->caller,
                                        .received = receive,
                                        .idle = send_results,
                                        .arg = &l,
                                        .stop = settings->stop};
    if (settings->port < 1 || settings->port > 65535 || strlen(options.title) > 16)
        return bv_fail(kept, BV_ERR_ARG, "a port is 1 to 65535, a title at most 16 characters");
    enum bv_status status = bv_index_need_key(index, err);
    bv_searcher_close(&index->searcher);
    if (status == BV_OK)
        status = open_outbox(&l, settings, err);
    if (status == BV_OK)
        status =
            bv_ingest_open(&l.ingest, index->store, engine->session, &index->key, &ingest, err);
    if (status == BV_OK)
        status = bv_listen(&options, err);
    if (status == BV_OK)
        status = bv_ingest_finish(l.ingest, &counts, err);
    bv_ingest_close(&l.ingest);
    if (status == BV_OK)
        status = listening_json(&l, &counts, json, err);
    bv_outbox_close(&l.outbox);
    return status == BV_OK ? BV_OK : bv_fail(kept, status, "%s", mine.text);
}
