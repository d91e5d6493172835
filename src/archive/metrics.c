#define _GNU_SOURCE
#include "archive/receive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 1000, ROOM = 8192 };

struct bv_metrics_port {
    const struct bv_metrics_source *source;
    int listener, wake;
    pthread_t thread;
    time_t started;
};

struct text {
    char bytes[ROOM];
    size_t n;
};

static void put(struct text *t, const char *name, const char *labels, const char *type,
                const char *help, unsigned long long value)
{
    int n = 0;
    if (help)
        n = snprintf(t->bytes + t->n, ROOM - t->n, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                     type);
    t->n += n > 0 && (size_t)n < ROOM - t->n ? (size_t)n : 0;
    n = snprintf(t->bytes + t->n, ROOM - t->n, "%s%s %llu\n", name, labels, value);
    t->n += n > 0 && (size_t)n < ROOM - t->n ? (size_t)n : 0;
}

static void write_all(const struct bv_metrics_port *m, struct text *t)
{
    static const char associations[] = "biovl_associations_total",
                      objects[] = "biovl_objects_total", c[] = "counter", g[] = "gauge";
    const struct bv_metrics_source *s = m->source;
    const struct bv_receiver_counts *r = s->receiver;
    put(t, "biovl_start_time_seconds", "", g, "When the receiver started.",
        (unsigned long long)m->started);
    put(t, associations, "{outcome=\"accepted\"}", c, "Associations.", r->accepted);
    put(t, associations, "{outcome=\"rejected\"}", c, NULL, r->rejected);
    put(t, associations, "{outcome=\"none\"}", c, NULL, r->no_association);
    put(t, "biovl_associations_open", "", g, "Associations that are served.", r->open);
    put(t, objects, "{outcome=\"stored\"}", c, "Objects by the answer to them.", r->stored);
    put(t, objects, "{outcome=\"not_kept\"}", c, NULL, r->not_kept);
    put(t, objects, "{outcome=\"refused\"}", c, NULL, r->refused);
    put(t, "biovl_object_bytes_total", "", c, "Bytes of all objects.", r->bytes);
    put(t, "biovl_index_images_total", "", c, "Images added to the index.", s->images);
    put(t, "biovl_index_reports_total", "", c, "Reports added to the index.", s->reports);
    put(t, "biovl_results_sent_total", "", c, "Results that the archive took.", s->results_sent);
    put(t, "biovl_results_waiting", "", g, "Results that wait for the archive.",
        s->results_waiting);
}

// One request, whatever it asks for.
static void answer(const struct bv_metrics_port *m, int fd)
{
    char request[2048], head[160];
    struct text body = {.n = 0};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, WAIT_MS) != 1 || recv(fd, request, sizeof request, MSG_DONTWAIT) <= 0)
        return;
    bool right = strncmp(request, "GET /metrics ", 13) == 0 || strncmp(request, "GET / ", 6) == 0;
    if (right)
        write_all(m, &body);
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                     right ? "200 OK" : "404 Not Found", body.n);
    (void)send(fd, head, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)send(fd, body.bytes, body.n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void *run(void *arg)
{
    const struct bv_metrics_port *m = arg;
    for (;;) {
        struct pollfd fds[2] = {{.fd = m->listener, .events = POLLIN},
                                {.fd = m->wake, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[1].revents)
            return NULL;
        int fd =
            fds[0].revents ? accept4(m->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
        if (fd < 0)
            continue;
        answer(m, fd);
        (void)shutdown(fd, SHUT_WR);
        (void)close(fd);
    }
}

static void free_metrics(struct bv_metrics_port *m)
{
    if (m->listener >= 0)
        (void)close(m->listener);
    if (m->wake >= 0)
        (void)close(m->wake);
    free(m);
}

static enum bv_status open_port(struct bv_metrics_port *m, int port, struct bv_error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    m->wake = eventfd(0, EFD_CLOEXEC);
    m->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (m->listener >= 0)
        (void)setsockopt(m->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (m->wake < 0 || m->listener < 0 ||
        bind(m->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(m->listener, 16) != 0)
        return bv_fail(err, BV_ERR_IO, "metrics on port %d: %s", port, strerror(errno));
    return BV_OK;
}

enum bv_status bv_metrics_start(struct bv_metrics_port **out, int port,
                                const struct bv_metrics_source *source, struct bv_error *err)
{
    struct bv_metrics_port *m = calloc(1, sizeof *m);
    sigset_t all, before;
    if (!m)
        return bv_fail_nomem(err, "metrics");
    m->source = source;
    m->listener = m->wake = -1;
    m->started = time(NULL);
    enum bv_status status = open_port(m, port, err);
    if (status == BV_OK) {
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_BLOCK, &all, &before); // signals are the caller's thread's
        if (pthread_create(&m->thread, NULL, run, m) != 0)
            status = bv_fail(err, BV_ERR_IO, "a thread cannot be started");
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (status == BV_OK)
        *out = m;
    else
        free_metrics(m);
    return status;
}

void bv_metrics_stop(struct bv_metrics_port **metrics)
{
    struct bv_metrics_port *m = metrics ? *metrics : NULL;
    if (!m)
        return;
    (void)write(m->wake, &(uint64_t){1}, sizeof(uint64_t));
    (void)pthread_join(m->thread, NULL);
    free_metrics(m);
    *metrics = NULL;
}
