// server.h: what the parts of the receiver share: associations on their threads, and the queue to
// the caller's thread. Used inside src/pacs only.
#ifndef BV_PACS_SERVER_H
#define BV_PACS_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"
#include "pacs/listen.h"
#include "pacs/pdu.h"
#include "pacs/wire.h"

enum {
    BV_SERVER_REFUSERS = 32, // threads beyond the limit, which only say that it is reached
    BV_SERVER_EVENTS = 1024, // lines that may wait
    BV_SERVER_BATCH = 16,    // objects handed over at a time
};

// Something that only the caller's thread can do, and the association that waits for it.
struct bv_job {
    struct bv_job *next;
    struct bv_arrival *arrival; // NULL: a question whether sop is held
    const char *sop;
    bool held;
    bool done;
};

struct bv_server_worker {
    struct bv_server *server;
    pthread_t thread;
    int socket;
    struct sockaddr_storage address;
    bool used, ended, busy; // busy: only to say that no more are served
};

struct bv_server {
    const struct bv_receiver_options *options;
    struct bv_tls *tls;                            // NULL: none
    struct bv_receiver_counts *counts, own_counts; // the caller's, or our own
    size_t max_associations, max_object, max_memory;
    int64_t associate_ms, idle_ms, object_ms;
    int wake; // readable when all is to end

    pthread_mutex_t mutex; // of everything below
    pthread_cond_t asked, answered;
    struct bv_job *first, **last;
    size_t memory; // bytes of objects on their way
    char *events[BV_SERVER_EVENTS];
    size_t n_events, n_lost_events;
    struct bv_server_worker *workers; // [max_associations + BV_SERVER_REFUSERS]
    size_t n_served;                  // associations that are served
};

// Hands a job to the caller's thread and waits until it is done.
void bv_server_ask(struct bv_server *server, struct bv_job *job);

// Takes bytes of the memory for objects, or gives them back (negative). For
// struct bv_receive_limits.
bool bv_server_claim(void *server, int64_t bytes);

// Serves one connection from its first byte to its last; the thread of a worker.
void bv_server_serve(struct bv_server_worker *worker);

// Counts and tells of a connection that becomes no association; the caller closes it.
void bv_server_turn_away(struct bv_server *server, const struct sockaddr *address, const char *why);

// Notes what happened, for the caller's thread. fields is the inside of a JSON object after the
// time, already escaped.
void bv_server_event(struct bv_server *server, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// A text as a JSON string without quotes; what is not printable ASCII becomes '?'.
const char *bv_event_text(const char *text, char out[80]);

// commitment.c: what a request for storage commitment asks, and the report that answers it (PS3.4
// annex J). Used inside src/pacs only.

#define BV_COMMITMENT_CLASS "1.2.840.10008.1.20.1"
#define BV_COMMITMENT_INSTANCE "1.2.840.10008.1.20.1.1"

struct bv_commitment {
    uint8_t *report; // the data set of the report
    size_t size;
    size_t n_held, n_failed;
};

// Makes the report of a request's data set: holds is asked about every object. BV_ERR_FORMAT when
// there is no transaction or no object in it. bv_commitment_free() releases.
enum bv_status bv_commitment_make(struct bv_commitment *commitment, const uint8_t *request,
                                  size_t size, bool implicit,
                                  bool (*holds)(void *arg, const char *sop), void *arg,
                                  struct bv_error *err);
void bv_commitment_free(struct bv_commitment *commitment);

#endif
