#define _GNU_SOURCE
#include "pacs/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "pacs/server.h"
#include "pacs/wire.h"

enum { MAX_LISTENERS = 8, BACKLOG = 128, TICK_MS = 200, IDLE_MS = 1000, NO_ROOM_MS = 100 };

struct listeners {
    struct pollfd fds[MAX_LISTENERS + 1]; // the last one wakes
    nfds_t n;
    struct bv_server *server;
};

static void *work(void *arg)
{
    struct bv_server_worker *w = arg;
    struct bv_server *s = w->server;
    bv_server_serve(w);
    (void)pthread_mutex_lock(&s->mutex);
    w->ended = true;
    s->n_served -= !w->busy;
    (void)pthread_mutex_unlock(&s->mutex);
    return NULL;
}

// A place for a connection: NULL when even those who are only told to wait are too many.
static struct bv_server_worker *find_place(struct bv_server *s)
{
    struct bv_server_worker *found = NULL;
    for (size_t i = 0; i < s->max_associations + BV_SERVER_REFUSERS; i++) {
        struct bv_server_worker *w = &s->workers[i];
        if (w->used && w->ended) {
            (void)pthread_join(w->thread, NULL);
            w->used = false;
        }
        if (!w->used && !found)
            found = w;
    }
    return found;
}

// False when there is no room for one more file descriptor: the connection waits.
static bool take_connection(struct bv_server *s, int listener)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);
    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    (void)pthread_mutex_lock(&s->mutex);
    struct bv_server_worker *w = find_place(s);
    if (w) {
        *w = (struct bv_server_worker){.server = s, .socket = fd, .address = address, .used = true};
        w->busy = s->n_served >= s->max_associations;
        s->n_served += !w->busy;
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            s->n_served -= !w->busy;
            w->used = false;
            w = NULL;
        }
    }
    (void)pthread_mutex_unlock(&s->mutex);
    if (w)
        return true;
    (void)close(fd);
    bv_server_turn_away(s, (const struct sockaddr *)&address, "too many connections");
    return true;
}

static void *accept_all(void *arg)
{
    struct listeners *l = arg;
    for (;;) {
        if (poll(l->fds, l->n + 1, -1) < 0 && errno != EINTR)
            break;
        if (l->fds[l->n].revents)
            break;
        bool room = true;
        for (nfds_t i = 0; i < l->n; i++) {
            if (l->fds[i].revents)
                room = take_connection(l->server, l->fds[i].fd) && room;
        }
        if (!room) // what still waits would be found again at once
            (void)poll(&l->fds[l->n], 1, NO_ROOM_MS);
    }
    return NULL;
}

// Opens one address; -1 when it cannot be had.
static int open_listener(const struct addrinfo *a)
{
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int code = errno;
    (void)close(fd);
    errno = code;
    return -1;
}

static enum bv_status open_listeners(struct listeners *l, const struct bv_receiver_options *o,
                                     struct bv_error *err)
{
    const struct addrinfo hints = {.ai_family = o->bind ? AF_UNSPEC : AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    struct addrinfo *list = NULL;
    char service[8];
    (void)snprintf(service, sizeof service, "%d", o->port);
    const char *address = !o->bind ? "127.0.0.1" : strcmp(o->bind, "*") == 0 ? NULL : o->bind;
    if (getaddrinfo(address, service, &hints, &list) != 0)
        return bv_fail(err, BV_ERR_ARG, "%s: no address of this machine", o->bind);
    int code = 0;
    for (const struct addrinfo *a = list; a && l->n < MAX_LISTENERS; a = a->ai_next) {
        int fd = open_listener(a);
        if (fd >= 0)
            l->fds[l->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
        else
            code = errno;
    }
    freeaddrinfo(list);
    return l->n > 0 ? BV_OK : bv_fail(err, BV_ERR_IO, "port %d: %s", o->port, strerror(code));
}

// Jobs that wait, at most a batch of objects; none when the time is over.
static size_t take_jobs(struct bv_server *s, struct bv_job *jobs[BV_SERVER_BATCH])
{
    struct timespec until;
    size_t n = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&s->mutex);
    if (!s->first)
        (void)pthread_cond_timedwait(&s->asked, &s->mutex, &until);
    while (s->first && n < BV_SERVER_BATCH) {
        jobs[n++] = s->first;
        s->first = s->first->next;
    }
    if (!s->first)
        s->last = &s->first;
    (void)pthread_mutex_unlock(&s->mutex);
    return n;
}

static void do_jobs(struct bv_server *s, struct bv_job **jobs, size_t n)
{
    const struct bv_receiver_options *o = s->options;
    struct bv_arrival *arrivals[BV_SERVER_BATCH];
    size_t n_arrivals = 0;
    for (size_t i = 0; i < n; i++) {
        if (jobs[i]->arrival)
            arrivals[n_arrivals++] = jobs[i]->arrival;
    }
    if (n_arrivals > 0)
        o->received(o->arg, arrivals, n_arrivals);
    for (size_t i = 0; i < n; i++) {
        if (!jobs[i]->arrival)
            jobs[i]->held = o->holds(o->arg, jobs[i]->sop);
    }
    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < n; i++)
        jobs[i]->done = true;
    (void)pthread_cond_broadcast(&s->answered);
    (void)pthread_mutex_unlock(&s->mutex);
}

static void tell_events(struct bv_server *s)
{
    char *lines[BV_SERVER_EVENTS];
    (void)pthread_mutex_lock(&s->mutex);
    size_t n = s->n_events, lost = s->n_lost_events;
    memcpy(lines, s->events, n * sizeof *lines);
    s->n_events = s->n_lost_events = 0;
    (void)pthread_mutex_unlock(&s->mutex);
    for (size_t i = 0; i < n; i++) {
        s->options->event(s->options->arg, lines[i]);
        free(lines[i]);
    }
    if (lost > 0)
        bv_server_event(s, "\"event\":\"events lost\",\"n\":%zu", lost);
}

// The caller's thread: until told to stop, and then until nothing is on its way.
static void serve_jobs(struct bv_server *s)
{
    const struct bv_receiver_options *o = s->options;
    int64_t last_idle = bv_now_ms();
    bool stopping = false;
    for (;;) {
        struct bv_job *jobs[BV_SERVER_BATCH];
        size_t n = take_jobs(s, jobs);
        if (n > 0)
            do_jobs(s, jobs, n);
        tell_events(s);
        if (o->idle && bv_now_ms() - last_idle >= IDLE_MS) {
            o->idle(o->arg);
            last_idle = bv_now_ms();
        }
        if (!stopping && __atomic_load_n(o->stop, __ATOMIC_RELAXED)) {
            stopping = true;
            (void)write(s->wake, &(uint64_t){1}, sizeof(uint64_t));
        }
        if (!stopping || n > 0)
            continue;
        (void)pthread_mutex_lock(&s->mutex);
        bool over = !s->first;
        for (size_t i = 0; i < s->max_associations + BV_SERVER_REFUSERS; i++)
            over = over && (!s->workers[i].used || s->workers[i].ended);
        (void)pthread_mutex_unlock(&s->mutex);
        if (over)
            return;
    }
}

static void set_limits(struct bv_server *s)
{
    const struct bv_receiver_options *o = s->options;
    s->max_associations = o->max_associations ? o->max_associations : 16;
    s->max_object = o->max_object ? o->max_object : (size_t)512 << 20;
    // Objects that grow double their memory: one of the largest size always finds room.
    s->max_memory = 4 * s->max_object;
    s->associate_ms = 1000 * (int64_t)(o->associate_s ? o->associate_s : 10);
    s->idle_ms = 1000 * (int64_t)(o->idle_s ? o->idle_s : 60);
    s->object_ms = 1000 * (int64_t)(o->object_s ? o->object_s : 300);
}

static enum bv_status start(struct bv_server *s, struct listeners *l, struct bv_error *err)
{
    pthread_condattr_t monotonic;
    s->last = &s->first;
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->asked, &monotonic);
    (void)pthread_cond_init(&s->answered, NULL);
    (void)pthread_condattr_destroy(&monotonic);
    s->wake = eventfd(0, EFD_CLOEXEC);
    s->workers = calloc(s->max_associations + BV_SERVER_REFUSERS, sizeof *s->workers);
    if (s->wake < 0 || !s->workers)
        return bv_fail_nomem(err, "a receiver");
    if (s->options->tls)
        BV_TRY(bv_tls_open(&s->tls, s->options->tls, err));
    BV_TRY(open_listeners(l, s->options, err));
    l->fds[l->n] = (struct pollfd){.fd = s->wake, .events = POLLIN};
    return BV_OK;
}

static void finish(struct bv_server *s, struct listeners *l)
{
    for (nfds_t i = 0; i < l->n; i++)
        (void)close(l->fds[i].fd);
    for (size_t i = 0; s->workers && i < s->max_associations + BV_SERVER_REFUSERS; i++) {
        if (s->workers[i].used)
            (void)pthread_join(s->workers[i].thread, NULL);
    }
    if (s->options->event)
        tell_events(s);
    for (size_t i = 0; i < s->n_events; i++)
        free(s->events[i]);
    if (s->wake >= 0)
        (void)close(s->wake);
    free(s->workers);
    bv_tls_close(&s->tls);
    (void)pthread_mutex_destroy(&s->mutex);
    (void)pthread_cond_destroy(&s->asked);
    (void)pthread_cond_destroy(&s->answered);
}

enum bv_status bv_listen(const struct bv_receiver_options *options, struct bv_error *err)
{
    struct bv_server *s = calloc(1, sizeof *s);
    struct listeners l = {.n = 0};
    pthread_t acceptor;
    sigset_t all, before;
    if (!s)
        return bv_fail_nomem(err, "a receiver");
    s->options = options;
    s->counts = options->counts ? options->counts : &s->own_counts;
    l.server = s;
    set_limits(s);
    enum bv_status status = start(s, &l, err);
    if (status == BV_OK) {
        // Signals are the caller's thread's.
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_BLOCK, &all, &before);
        int code = pthread_create(&acceptor, NULL, accept_all, &l);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        status = code == 0 ? BV_OK : bv_fail(err, BV_ERR_IO, "a thread: %s", strerror(code));
    }
    if (status == BV_OK) {
        if (options->ready)
            options->ready(options->arg);
        serve_jobs(s);
        (void)pthread_join(acceptor, NULL);
    }
    finish(s, &l);
    free(s);
    return status;
}
