#include "archive/receive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/pull.h"
#include "base/sha256.h"
#include "pacs/outbox.h"

struct receiving {
    const struct bv_receive_options *options;
    struct bv_ingest *ingest;
    struct bv_outbox *outbox; // NULL: nothing goes back
    size_t n_objects, n_sent;
    volatile sig_atomic_t stop;
};

// Puts an answer into the outbox, under the hash of the image and a letter: what is sent again
// replaces what may still wait.
static enum bv_status put_answer(struct receiving *r, const struct bv_answer *answer,
                                 const char *hash, char letter, struct bv_error *err)
{
    char name[40];
    if (!answer->bytes)
        return BV_OK;
    (void)snprintf(name, sizeof name, "%.32s%c", hash, letter);
    return bv_outbox_put(r->outbox, name, answer->bytes, answer->size, err);
}

static enum bv_status answer(struct receiving *r, const uint8_t *bytes, size_t size,
                             const char *name, struct bv_error *err)
{
    static const char letters[BV_ANSWERS] = {'r', 'c'};
    struct bv_answer answers[BV_ANSWERS] = {0};
    char hash[65];
    enum bv_status status = r->options->answer(r->options->arg, bytes, size, name, answers, err);
    bv_sha256_hex(bytes, size, hash);
    for (int i = 0; i < BV_ANSWERS; i++) {
        if (status == BV_OK)
            status = put_answer(r, &answers[i], hash, letters[i], err);
        free(answers[i].bytes);
    }
    return status;
}

// Each object is committed, and its answers on disk, before its sender hears of success. An image
// that cannot be scored is taken all the same.
static enum bv_status receive(void *arg, const uint8_t *bytes, size_t size, struct bv_error *err)
{
    struct receiving *r = arg;
    struct bv_ingest_counts before, after;
    struct bv_error why = {0};
    char name[64];
    bool image = false;
    (void)snprintf(name, sizeof name, "received object %zu", ++r->n_objects);
    BV_TRY(bv_ingest_finish(r->ingest, &before, err));
    BV_TRY(bv_ingest_object(r->ingest, bytes, size, name, &image, err));
    BV_TRY(bv_ingest_finish(r->ingest, &after, err));
    if (after.failed != before.failed)
        return bv_fail(err, BV_ERR_FORMAT, "%s cannot be taken in", name);
    if (!r->outbox || !image)
        return BV_OK;
    enum bv_status status = answer(r, bytes, size, name, &why);
    if (status == BV_ERR_IO || status == BV_ERR_NOMEM)
        return bv_fail(err, status, "%s", why.text); // the sender may try again
    if (status != BV_OK)
        bv_observe_failed(r->options->observer, name, status, why.text);
    return BV_OK;
}

static void idle(void *arg)
{
    struct receiving *r = arg;
    struct bv_error why = {0};
    size_t n = 0;
    if (r->outbox && bv_outbox_send(r->outbox, &n, &why) != BV_OK)
        bv_observe_failed(r->options->observer, "results", why.status, why.text);
    r->n_sent += n;
    if (bv_observe_progress(r->options->observer, r->n_objects, 0, &why) != BV_OK)
        r->stop = 1;
}

static enum bv_status open_outbox(struct receiving *r, const char *store, struct bv_error *err)
{
    char folder[4096];
    if (!r->options->answer)
        return BV_OK;
    int n = snprintf(folder, sizeof folder, "%s.outbox", store);
    if (n < 0 || (size_t)n >= sizeof folder)
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than 4095 bytes");
    return bv_outbox_open(&r->outbox, folder, r->options->send_to, &r->options->archive, err);
}

enum bv_status bv_receive(struct bv_store *store, struct bv_session *session,
                          const struct bv_sitekey *key, struct bv_pool *pool,
                          const struct bv_receive_options *options,
                          struct bv_receive_counts *counts, struct bv_error *err)
{
    struct receiving r = {.options = options};
    // Progress is the receiver's, not the ingest's, which would stop within an object.
    struct bv_observer failures = {0};
    if (options->observer)
        failures = *options->observer;
    failures.progress = NULL;
    const struct bv_ingest_options ingest = {.pool = pool, .observer = &failures};
    struct bv_receiver_options receiver = options->receiver;
    receiver.received = receive;
    receiver.idle = idle;
    receiver.arg = &r;
    receiver.stop = &r.stop;
    enum bv_status status = open_outbox(&r, bv_store_path(store), err);
    if (status == BV_OK)
        status = bv_ingest_open(&r.ingest, store, session, key, &ingest, err);
    if (status == BV_OK)
        status = bv_listen(&receiver, err);
    if (status == BV_OK)
        status = bv_ingest_finish(r.ingest, &counts->ingest, err);
    bv_ingest_close(&r.ingest);
    counts->sent = r.n_sent;
    counts->waiting = r.outbox ? bv_outbox_waiting(r.outbox) : 0;
    bv_outbox_close(&r.outbox);
    return status;
}
