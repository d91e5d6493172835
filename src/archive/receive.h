// receive.h: a receiver whose objects go into an index, and the results of whose images go back.
#ifndef BV_ARCHIVE_RECEIVE_H
#define BV_ARCHIVE_RECEIVE_H

#include "base/observer.h"
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
    int metrics_port;                   // 127.0.0.1, metrics.h; 0: none
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

#endif
