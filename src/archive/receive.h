// receive.h: a receiver whose objects go into an index, and the results of whose images go back.
#ifndef BV_ARCHIVE_RECEIVE_H
#define BV_ARCHIVE_RECEIVE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/observer.h"
#include "base/status.h"
#include "pacs/archive.h"
#include "pacs/listen.h"
#include "retrieval/ingest.h"

// A DICOM object that goes back: the caller frees bytes.
struct bv_answer {
    uint8_t *bytes;
    size_t size;
};

enum { BV_ANSWER_REPORT, BV_ANSWER_CAPTURE, BV_ANSWERS };

struct bv_receive_options {
    struct bv_receiver_options receiver; // its functions and stop are set by bv_receive()
    // Makes what goes back for an image, or leaves answers as they are, all zero. NULL: nothing.
    enum bv_status (*answer)(void *arg, const uint8_t *bytes, size_t size, const char *name,
                             struct bv_answer answers[BV_ANSWERS], struct bv_error *err);
    void *arg;
    const char *send_to; // URL of the archive that the answers go to; NULL without answer
    struct bv_archive_options archive;
    int metrics_port;                   // 127.0.0.1, metrics.c; 0: none
    int frame;                          // of multi-frame objects, as in bv_ingest_options
    const struct bv_observer *observer; // its progress counts objects, and ends the receiver
};

struct bv_receive_counts {
    struct bv_ingest_counts ingest;
    size_t sent, waiting; // answers
};

// Receives until the observer asks for an end; answers wait in the folder INDEX.outbox until the
// archive has taken them. BV_ERR_IO when the port cannot be had.
enum bv_status bv_receive(struct bv_store *store, struct bv_session *session,
                          const struct bv_sitekey *key, struct bv_pool *pool,
                          const struct bv_receive_options *options,
                          struct bv_receive_counts *counts, struct bv_error *err);

// metrics.c: numbers about a receiver over HTTP on this machine, in Prometheus' text format. No
// data of patients.

struct bv_metrics_port;

// What is counted outside the receiver; read by the metrics' thread at any time.
struct bv_metrics_source {
    const struct bv_receiver_counts *receiver;
    atomic_ullong images, reports, results_sent, results_waiting;
};

// Answers on 127.0.0.1:port on a thread of its own, one request at a time, each within two seconds.
// source is borrowed until the stop.
enum bv_status bv_metrics_start(struct bv_metrics_port **metrics, int port,
                                const struct bv_metrics_source *source, struct bv_error *err);
void bv_metrics_stop(struct bv_metrics_port **metrics); // accepts NULL

// sender.c: results on their way to an archive, on a thread of their own: an archive that is slow,
// or away, holds up nothing else.

struct bv_sender;

// Starts to send what is put into the folder, and what waits there. BV_ERR_IO when the folder
// cannot be had.
enum bv_status bv_sender_start(struct bv_sender **sender, const char *folder, const char *url,
                               const struct bv_archive_options *options, struct bv_error *err);

// Puts an object into the folder; it is durable when the call returns.
enum bv_status bv_sender_put(struct bv_sender *sender, const char *name, const uint8_t *bytes,
                             size_t size, struct bv_error *err);

// What could not be sent since the last call; BV_OK when everything could.
enum bv_status bv_sender_failure(struct bv_sender *sender, struct bv_error *err);

size_t bv_sender_sent(struct bv_sender *sender);
size_t bv_sender_waiting(const struct bv_sender *sender);

// Ends when the current transfer has ended; what waits stays. Accepts NULL.
void bv_sender_stop(struct bv_sender **sender);

#endif
