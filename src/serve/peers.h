// peers.h: the open connections and by when each must have moved on. libmicrohttpd knows how long
// a connection has been silent; a client that sends a byte now and then is ended here.
#ifndef BV_SERVE_PEERS_H
#define BV_SERVE_PEERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bv_call;

struct bv_peer {
    struct bv_peer *next, *previous;
    int fd;
    int64_t deadline;     // milliseconds; 0: none, the service is at work
    struct bv_call *call; // being worked on: cancelled when the client goes away
};

struct bv_peers {
    pthread_mutex_t lock; // made by the owner
    struct bv_peer *first;
    size_t n;
    pthread_t watch;
    bool started;
    atomic_bool stop;
    atomic_ullong overdue, gone; // connections ended, clients that went away
    void (*tick)(void *arg);     // four times a second
    void *arg;
};

// Of the monotonic clock.
int64_t bv_now_us(void);
int64_t bv_now_ms(void);

enum bv_status bv_peers_start(struct bv_peers *peers, void (*tick)(void *arg), void *arg,
                              struct bv_error *err);
void bv_peers_stop(struct bv_peers *peers);   // joins the thread, if there is one
void bv_peers_cancel(struct bv_peers *peers); // the work for all of them

// NULL where memory is out. A new peer has the time of a head.
struct bv_peer *bv_peer_add(struct bv_peers *peers, int fd);
void bv_peer_remove(struct bv_peers *peers, struct bv_peer *peer);

// What a peer may take its time for.
enum bv_phase {
    BV_PHASE_HEAD, // until the headers of the next request are there
    BV_PHASE_BODY, // until its n bytes are
    BV_PHASE_WORK, // no deadline; call is cancelled if the client goes away
    BV_PHASE_SEND, // until n bytes are sent
    BV_PHASE_END,  // to read the answer, after which the connection ends
};

void bv_peer_phase(struct bv_peers *peers, struct bv_peer *peer, enum bv_phase phase, size_t n,
                   struct bv_call *call);

#endif
