#define _GNU_SOURCE // POLLRDHUP
#include "serve/peers.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "serve/call.h"

// A head within 15 s; a body and an answer within 30 s and what they take at 64 kB/s.
enum { HEAD_MS = 15000, END_MS = 1000, BODY_MS = 30000, BYTES_PER_MS = 64, TICK_MS = 250 };

int64_t bv_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t bv_now_ms(void)
{
    return bv_now_us() / 1000;
}

static bool is_gone(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) > 0 && poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void watch_all(struct bv_peers *peers)
{
    int64_t now = bv_now_ms();
    (void)pthread_mutex_lock(&peers->lock);
    for (struct bv_peer *p = peers->first; p; p = p->next) {
        if (p->deadline && now > p->deadline) {
            // libmicrohttpd sees the end and closes.
            (void)shutdown(p->fd, SHUT_RDWR);
            p->deadline = 0;
            (void)atomic_fetch_add(&peers->overdue, 1);
        } else if (p->call && !atomic_load(&p->call->cancelled) && is_gone(p->fd)) {
            atomic_store(&p->call->cancelled, true);
            (void)atomic_fetch_add(&peers->gone, 1);
        }
    }
    (void)pthread_mutex_unlock(&peers->lock);
}

static void *watch(void *arg)
{
    struct bv_peers *peers = arg;
    const struct timespec tick = {0, TICK_MS * 1000000L};
    while (!atomic_load(&peers->stop)) {
        watch_all(peers);
        peers->tick(peers->arg);
        (void)nanosleep(&tick, NULL);
    }
    return NULL;
}

enum bv_status bv_peers_start(struct bv_peers *peers, void (*tick)(void *arg), void *arg,
                              struct bv_error *err)
{
    peers->tick = tick;
    peers->arg = arg;
    if (pthread_create(&peers->watch, NULL, watch, peers) != 0)
        return bv_fail(err, BV_ERR_NOMEM, "cannot start a thread");
    peers->started = true;
    return BV_OK;
}

void bv_peers_stop(struct bv_peers *peers)
{
    atomic_store(&peers->stop, true);
    if (peers->started)
        (void)pthread_join(peers->watch, NULL);
}

void bv_peers_cancel(struct bv_peers *peers)
{
    (void)pthread_mutex_lock(&peers->lock);
    for (struct bv_peer *p = peers->first; p; p = p->next)
        if (p->call)
            atomic_store(&p->call->cancelled, true);
    (void)pthread_mutex_unlock(&peers->lock);
}

struct bv_peer *bv_peer_add(struct bv_peers *peers, int fd)
{
    struct bv_peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->fd = fd;
    peer->deadline = bv_now_ms() + HEAD_MS;
    (void)pthread_mutex_lock(&peers->lock);
    peer->next = peers->first;
    if (peer->next)
        peer->next->previous = peer;
    peers->first = peer;
    peers->n++;
    (void)pthread_mutex_unlock(&peers->lock);
    return peer;
}

void bv_peer_remove(struct bv_peers *peers, struct bv_peer *peer)
{
    (void)pthread_mutex_lock(&peers->lock);
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        peers->first = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
    peers->n--;
    (void)pthread_mutex_unlock(&peers->lock);
    free(peer);
}

void bv_peer_phase(struct bv_peers *peers, struct bv_peer *peer, enum bv_phase phase, size_t n,
                   struct bv_call *call)
{
    int64_t now = bv_now_ms();
    if (!peer)
        return;
    (void)pthread_mutex_lock(&peers->lock);
    peer->call = call;
    peer->deadline = phase == BV_PHASE_WORK   ? 0
                     : phase == BV_PHASE_HEAD ? now + HEAD_MS
                     : phase == BV_PHASE_END  ? now + END_MS
                                              : now + BODY_MS + (int64_t)(n / BYTES_PER_MS);
    (void)pthread_mutex_unlock(&peers->lock);
}
