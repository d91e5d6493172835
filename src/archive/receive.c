#include "archive/receive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/pull.h"
#include "base/sha256.h"

enum { BATCH = 64 };

struct receiving {
    const struct bv_receive_options *options;
    struct bv_ingest *ingest;
    struct bv_sender *sender; // NULL: nothing goes back
    size_t n_objects;
    struct bv_receiver_counts counts;
    struct bv_metrics_source metrics;
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
    return bv_sender_put(r->sender, name, answer->bytes, answer->size, err);
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

// One object of a batch on its way.
struct taken {
    char name[64];
    bool image;
    enum bv_status outcome;
};

static void set_outcome(struct bv_arrival *a, enum bv_status status, const char *comment)
{
    a->status = status;
    (void)snprintf(a->comment, sizeof a->comment, "%s", comment);
}

// Hands an object to the ingest. What cannot be understood is the object's matter: BV_OK.
static enum bv_status take(struct receiving *r, struct bv_arrival *a, struct taken *t,
                           struct bv_error *err)
{
    struct bv_error why = {0};
    struct bv_arena arena = {0};
    struct bv_record record = {0};
    (void)snprintf(t->name, sizeof t->name, "received object %zu", ++r->n_objects);
    enum bv_status status =
        bv_record_from_dicom(&record, a->bytes, a->size, t->name, false, &arena, &why);
    if (status == BV_OK && strcmp(record.id, a->sop) != 0) {
        bv_record_clear(&record);
        status = bv_fail(&why, BV_ERR_FORMAT, "%s: its identifier is not the one it came under",
                         t->name);
    }
    if (status == BV_ERR_UNSUPPORTED) {
        set_outcome(a, status, "neither image nor report: not kept");
        status = BV_OK;
    } else if (status != BV_OK) {
        bv_ingest_fail(r->ingest, t->name, status, why.text);
        set_outcome(a, status, status == BV_ERR_NOMEM ? "no memory" : "it cannot be read");
        status = BV_OK;
    } else {
        record.outcome = &t->outcome;
        t->image = record.has_image && !record.ours;
        status = bv_ingest_put(r->ingest, &record, err);
        bv_record_clear(&record);
    }
    bv_arena_free(&arena);
    return status;
}

// After a failure of the index nothing of the batch is in it: their senders may try again.
static void refuse_all(struct receiving *r, struct bv_arrival *const *arrivals, size_t n,
                       enum bv_status status, const char *text)
{
    bv_observe_failed(r->options->observer, "the index", status, text);
    for (size_t i = 0; i < n; i++) {
        if (arrivals[i]->status == BV_OK)
            set_outcome(arrivals[i], BV_ERR_IO, "the index cannot be written at present");
    }
}

// Scores an image that was taken. One that cannot be scored stays taken.
static void score(struct receiving *r, struct bv_arrival *a, const struct taken *t)
{
    struct bv_error why = {0};
    enum bv_status status = answer(r, a->bytes, a->size, t->name, &why);
    if (status == BV_OK)
        return;
    bv_observe_failed(r->options->observer, t->name, status, why.text);
    if (status == BV_ERR_IO || status == BV_ERR_NOMEM)
        set_outcome(a, BV_ERR_IO, "its result cannot be kept"); // the sender may try again
}

// All objects are committed together, and their answers on disk, before their senders hear of
// success.
static void receive(void *arg, struct bv_arrival *const *arrivals, size_t n)
{
    struct receiving *r = arg;
    struct taken taken[BATCH] = {0};
    struct bv_error err = {0};
    for (size_t first = 0; first < n; first += BATCH) {
        size_t some = n - first < BATCH ? n - first : BATCH;
        struct bv_arrival *const *a = arrivals + first;
        enum bv_status status = BV_OK;
        memset(taken, 0, sizeof taken);
        for (size_t i = 0; i < some && status == BV_OK; i++)
            status = take(r, a[i], &taken[i], &err);
        struct bv_ingest_counts added = {0};
        if (status == BV_OK)
            status = bv_ingest_finish(r->ingest, &added, &err);
        if (status != BV_OK) {
            refuse_all(r, a, some, status, err.text);
            continue;
        }
        atomic_store(&r->metrics.images, added.images);
        atomic_store(&r->metrics.reports, added.reports);
        for (size_t i = 0; i < some; i++) {
            if (a[i]->status == BV_OK && taken[i].outcome != BV_OK)
                set_outcome(a[i], taken[i].outcome,
                            taken[i].outcome == BV_ERR_REFUSED
                                ? "another object has this identifier"
                                : "it cannot be read");
            if (a[i]->status == BV_OK && r->sender && taken[i].image)
                score(r, a[i], &taken[i]);
        }
    }
}

static bool holds(void *arg, const char *sop)
{
    const struct receiving *r = arg;
    struct bv_error ignored = {0};
    bool has = false;
    return bv_ingest_holds(r->ingest, sop, &has, &ignored) == BV_OK && has;
}

static void event(void *arg, const char *line)
{
    const struct receiving *r = arg;
    bv_observe_log(r->options->observer, BV_LOG_INFO, "%s", line);
}

static void idle(void *arg)
{
    struct receiving *r = arg;
    struct bv_error why = {0};
    if (r->sender) {
        atomic_store(&r->metrics.results_sent, bv_sender_sent(r->sender));
        atomic_store(&r->metrics.results_waiting, bv_sender_waiting(r->sender));
    }
    if (r->sender && bv_sender_failure(r->sender, &why) != BV_OK)
        bv_observe_failed(r->options->observer, "results", why.status, why.text);
    if (bv_observe_progress(r->options->observer, r->n_objects, 0, &why) != BV_OK)
        r->stop = 1;
}

static void ready(void *arg)
{
    const struct receiving *r = arg;
    const struct bv_receiver_options *o = &r->options->receiver;
    bv_observe_log(r->options->observer, BV_LOG_INFO,
                   "{\"event\":\"listening\",\"title\":\"%s\",\"port\":%d,\"tls\":%s}", o->title,
                   o->port, o->tls ? "true" : "false");
}

static enum bv_status start_sender(struct receiving *r, const char *store, struct bv_error *err)
{
    char folder[4096];
    if (!r->options->answer)
        return BV_OK;
    int n = snprintf(folder, sizeof folder, "%s.outbox", store);
    if (n < 0 || (size_t)n >= sizeof folder)
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than 4095 bytes");
    return bv_sender_start(&r->sender, folder, r->options->send_to, &r->options->archive, err);
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
    const struct bv_ingest_options ingest = {
        .pool = pool, .observer = &failures, .frame = options->frame};
    struct bv_receiver_options receiver = options->receiver;
    receiver.received = receive;
    receiver.holds = holds;
    receiver.event = options->observer && options->observer->log ? event : NULL;
    receiver.idle = idle;
    receiver.ready = ready;
    receiver.arg = &r;
    receiver.counts = &r.counts;
    r.metrics.receiver = &r.counts;
    receiver.stop = &r.stop;
    struct bv_metrics_port *metrics = NULL;
    enum bv_status status = options->metrics_port
                                ? bv_metrics_start(&metrics, options->metrics_port, &r.metrics, err)
                                : BV_OK;
    if (status == BV_OK)
        status = start_sender(&r, bv_store_path(store), err);
    if (status == BV_OK)
        status = bv_ingest_open(&r.ingest, store, session, key, &ingest, err);
    if (status == BV_OK)
        status = bv_listen(&receiver, err);
    if (status == BV_OK)
        status = bv_ingest_finish(r.ingest, &counts->ingest, err);
    bv_ingest_close(&r.ingest);
    counts->waiting = 0;
    if (r.sender) {
        counts->sent = bv_sender_sent(r.sender);
        counts->waiting = bv_sender_waiting(r.sender);
    }
    bv_sender_stop(&r.sender);
    bv_metrics_stop(&metrics);
    return status;
}
