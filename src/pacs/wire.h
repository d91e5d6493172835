// wire.h: connections: sockets, and TLS over them.
#ifndef BV_PACS_WIRE_H
#define BV_PACS_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"

// tls.c: TLS by the profile of BCP 195 (PS3.15 B.9): version 1.2 or later, forward secrecy and
// authenticated encryption only. Used inside src/pacs only.

struct bv_tls;

struct bv_tls_options {
    const char *certificate; // PEM, with its chain; NULL: none, a client's choice
    const char *key;         // PEM, without a passphrase
    const char *ca_file;     // authorities whose certificates are believed; NULL: the system's
    bool server;
    bool demand; // server: refuse clients without a certificate of these authorities
};

// BV_ERR_IO or BV_ERR_FORMAT when a file cannot be read, BV_ERR_ARG when one is missing.
enum bv_status bv_tls_open(struct bv_tls **tls, const struct bv_tls_options *options,
                           struct bv_error *err);
void bv_tls_close(struct bv_tls **tls); // accepts NULL

// The state of one connection, which must end before tls is closed; host is the name that a server
// must prove, NULL for servers. NULL when memory is out.
SSL *bv_tls_new(struct bv_tls *tls, int fd, const char *host);

// Why a handshake failed: BV_ERR_REFUSED.
enum bv_status bv_tls_fail(SSL *ssl, struct bv_error *err);

// wire.c: a TCP connection, with or without TLS, whose every wait has an end. Used inside src/pacs.

struct bv_wire;
struct bv_tls;

// Milliseconds of a clock that nobody sets; deadlines are times of it.
int64_t bv_now_ms(void);

// Connects before the deadline; tls (borrowed, NULL: none) as a client that checks the name of the
// host. BV_ERR_IO when there is no connection, BV_ERR_REFUSED when TLS fails.
enum bv_status bv_wire_connect(struct bv_wire **wire, const char *host, int port,
                               struct bv_tls *tls, int64_t deadline, struct bv_error *err);

// Takes over an accepted socket, which it closes in any case; tls as a server. When wake (a file
// descriptor, -1: none) becomes readable, bv_wire_wait() ends with BV_ERR_CANCELLED, and what is
// under way has 3 seconds left.
enum bv_status bv_wire_accept(struct bv_wire **wire, int socket, struct bv_tls *tls, int wake,
                              int64_t deadline, struct bv_error *err);

void bv_wire_close(struct bv_wire **wire); // accepts NULL

// Exactly n bytes. BV_ERR_IO: the peer closed or was too slow.
enum bv_status bv_wire_read(struct bv_wire *wire, void *bytes, size_t n, int64_t deadline,
                            struct bv_error *err);

// Whether something can be read before the deadline; BV_ERR_CANCELLED when it woke.
enum bv_status bv_wire_wait(struct bv_wire *wire, int64_t deadline, bool *readable,
                            struct bv_error *err);

enum bv_status bv_wire_write(struct bv_wire *wire, const void *bytes, size_t n, int64_t deadline,
                             struct bv_error *err);

#endif
