#define _GNU_SOURCE
#include "pacs/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { AHEAD = 65536, GRACE_MS = 3000 };

struct bv_wire {
    int fd, wake;
    bool heeds;
    int64_t last_deadline; // after waking, what is under way may take until then
    SSL *ssl;              // NULL: none
    size_t at, n;          // what of ahead is not yet read
    uint8_t ahead[AHEAD];  // read ahead of what was asked for
};

int64_t bv_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Once woken, what is under way has only a little longer.
static void end_soon(struct bv_wire *w)
{
    w->heeds = false;
    w->last_deadline = bv_now_ms() + GRACE_MS;
}

// For a peer that sends so much that nothing is ever waited for.
static void look_at_wake(struct bv_wire *w)
{
    struct pollfd wake = {.fd = w->wake, .events = POLLIN};
    if (w->heeds && w->wake >= 0 && poll(&wake, 1, 0) > 0)
        end_soon(w);
}

// Waits for an event, or for the end; once woken, only for a little longer.
static enum bv_status wait_for(struct bv_wire *w, short events, int64_t deadline, bool *ready,
                               struct bv_error *err)
{
    *ready = false;
    for (;;) {
        struct pollfd fds[2] = {{.fd = w->fd, .events = events},
                                {.fd = w->heeds ? w->wake : -1, .events = POLLIN}};
        if (deadline > w->last_deadline)
            deadline = w->last_deadline;
        int64_t left = deadline - bv_now_ms();
        int n = poll(fds, 2, left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bv_fail(err, BV_ERR_IO, "a connection: %s", strerror(errno));
        if (fds[1].revents)
            end_soon(w);
        *ready = fds[0].revents != 0;
        if (*ready || left <= 0)
            return BV_OK;
    }
}

// Waits for what TLS wants next, or for the socket.
static enum bv_status need(struct bv_wire *w, short events, int64_t deadline, struct bv_error *err)
{
    bool ready = false;
    BV_TRY(wait_for(w, events, deadline, &ready, err));
    return ready ? BV_OK : bv_fail(err, BV_ERR_IO, "the peer is too slow");
}

// What SSL_read() and its like want before they are called again; BV_ERR_IO when the connection is
// over.
static enum bv_status after_tls(struct bv_wire *w, int code, int64_t deadline, struct bv_error *err)
{
    switch (SSL_get_error(w->ssl, code)) {
    case SSL_ERROR_WANT_READ:
        return need(w, POLLIN, deadline, err);
    case SSL_ERROR_WANT_WRITE:
        return need(w, POLLOUT, deadline, err);
    default:
        return bv_fail(err, BV_ERR_IO, "the peer closed the connection");
    }
}

static enum bv_status read_some(struct bv_wire *w, void *bytes, size_t room, size_t *n,
                                int64_t deadline, struct bv_error *err)
{
    for (;;) {
        if (w->ssl) {
            int code = SSL_read_ex(w->ssl, bytes, room, n);
            if (code == 1)
                return BV_OK;
            BV_TRY(after_tls(w, code, deadline, err));
            continue;
        }
        ssize_t got = recv(w->fd, bytes, room, MSG_DONTWAIT);
        if (got > 0) {
            *n = (size_t)got;
            return BV_OK;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return bv_fail(err, BV_ERR_IO, "the peer closed the connection");
        if (errno == EAGAIN)
            BV_TRY(need(w, POLLIN, deadline, err));
    }
}

enum bv_status bv_wire_read(struct bv_wire *w, void *bytes, size_t n, int64_t deadline,
                            struct bv_error *err)
{
    for (uint8_t *to = bytes; n > 0;) {
        size_t got = w->n - w->at;
        if (got > 0) {
            got = got < n ? got : n;
            memcpy(to, w->ahead + w->at, got);
            w->at += got;
            to += got;
            n -= got;
            continue;
        }
        // A peer that keeps on sending must not keep us beyond the deadline, nor from waking.
        look_at_wake(w);
        if (bv_now_ms() > (deadline < w->last_deadline ? deadline : w->last_deadline))
            return bv_fail(err, BV_ERR_IO, "the peer is too slow");
        if (n < AHEAD) {
            BV_TRY(read_some(w, w->ahead, AHEAD, &w->n, deadline, err));
            w->at = 0;
            continue;
        }
        BV_TRY(read_some(w, to, n, &got, deadline, err));
        to += got;
        n -= got;
    }
    return BV_OK;
}

enum bv_status bv_wire_wait(struct bv_wire *w, int64_t deadline, bool *readable,
                            struct bv_error *err)
{
    struct pollfd fds[2] = {{.fd = w->fd, .events = POLLIN}, {.fd = w->wake, .events = POLLIN}};
    bool ahead = w->n > w->at || (w->ssl && SSL_pending(w->ssl) > 0);
    for (;;) {
        int64_t left = ahead ? 0 : deadline - bv_now_ms();
        int n = poll(fds, 2, left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bv_fail(err, BV_ERR_IO, "a connection: %s", strerror(errno));
        if (fds[1].revents)
            return bv_fail(err, BV_ERR_CANCELLED, "stopped");
        *readable = ahead || fds[0].revents != 0;
        if (*readable || left <= 0)
            return BV_OK;
    }
}

enum bv_status bv_wire_write(struct bv_wire *w, const void *bytes, size_t n, int64_t deadline,
                             struct bv_error *err)
{
    for (const uint8_t *from = bytes; n > 0;) {
        size_t put = 0;
        if (w->ssl) {
            int code = SSL_write_ex(w->ssl, from, n, &put);
            if (code != 1) {
                BV_TRY(after_tls(w, code, deadline, err));
                continue;
            }
        } else {
            ssize_t sent = send(w->fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0 && errno == EAGAIN)
                BV_TRY(need(w, POLLOUT, deadline, err));
            else if (sent < 0 && errno != EINTR)
                return bv_fail(err, BV_ERR_IO, "the peer closed the connection");
            put = sent > 0 ? (size_t)sent : 0;
        }
        from += put;
        n -= put;
    }
    return BV_OK;
}

static enum bv_status shake_hands(struct bv_wire *w, struct bv_tls *tls, const char *host,
                                  int64_t deadline, struct bv_error *err)
{
    w->ssl = bv_tls_new(tls, w->fd, host);
    if (!w->ssl)
        return bv_fail_nomem(err, "TLS");
    for (;;) {
        int code = host ? SSL_connect(w->ssl) : SSL_accept(w->ssl);
        if (code == 1)
            return BV_OK;
        int why = SSL_get_error(w->ssl, code);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return bv_tls_fail(w->ssl, err);
        BV_TRY(need(w, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline, err));
    }
}

static struct bv_wire *new_wire(int fd, int wake)
{
    struct bv_wire *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->fd = fd;
    w->wake = wake;
    w->heeds = true;
    w->last_deadline = INT64_MAX;
    int on = 1;
    // Small messages go at once: waiting for more costs 40 ms of each exchange.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return w;
}

enum bv_status bv_wire_accept(struct bv_wire **wire, int socket, struct bv_tls *tls, int wake,
                              int64_t deadline, struct bv_error *err)
{
    struct bv_wire *w = new_wire(socket, wake);
    if (!w) {
        (void)close(socket);
        return bv_fail_nomem(err, "a connection");
    }
    enum bv_status status = tls ? shake_hands(w, tls, NULL, deadline, err) : BV_OK;
    if (status == BV_OK)
        *wire = w;
    else
        bv_wire_close(&w);
    return status;
}

// One address of a host.
static enum bv_status connect_to(struct bv_wire **wire, const struct addrinfo *address,
                                 int64_t deadline, struct bv_error *err)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct bv_wire *w = fd >= 0 ? new_wire(fd, -1) : NULL;
    if (!w) {
        if (fd >= 0)
            (void)close(fd);
        return bv_fail(err, BV_ERR_IO, "a socket: %s", strerror(errno));
    }
    int code = 0;
    socklen_t length = sizeof code;
    bool ready = false;
    enum bv_status status = BV_OK;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        code = errno;
        if (code == EINPROGRESS) {
            status = wait_for(w, POLLOUT, deadline, &ready, err);
            (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length);
            code = ready ? code : ETIMEDOUT;
        }
    }
    if (status == BV_OK && code != 0)
        status = bv_fail(err, BV_ERR_IO, "%s", strerror(code));
    if (status == BV_OK)
        *wire = w;
    else
        bv_wire_close(&w);
    return status;
}

enum bv_status bv_wire_connect(struct bv_wire **wire, const char *host, int port,
                               struct bv_tls *tls, int64_t deadline, struct bv_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    char service[8];
    (void)snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return bv_fail(err, BV_ERR_IO, "%s: no such host", host);
    enum bv_status status = BV_ERR_IO;
    struct bv_wire *w = NULL;
    for (const struct addrinfo *a = list; a && status != BV_OK; a = a->ai_next)
        status = connect_to(&w, a, deadline, err);
    freeaddrinfo(list);
    if (status == BV_OK && tls)
        status = shake_hands(w, tls, host, deadline, err);
    if (status == BV_OK)
        *wire = w;
    else
        bv_wire_close(&w);
    return status;
}

void bv_wire_close(struct bv_wire **wire)
{
    if (!wire || !*wire)
        return;
    if ((*wire)->ssl) {
        (void)SSL_shutdown((*wire)->ssl); // says goodbye, waits for nothing
        SSL_free((*wire)->ssl);
    }
    (void)close((*wire)->fd);
    free(*wire);
    *wire = NULL;
}
