// wire.h: a TCP connection, with or without TLS, whose every wait has an end. Used inside src/pacs.
#ifndef BV_PACS_WIRE_H
#define BV_PACS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"

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

// The subject of the peer's certificate has been checked against the authorities.
bool bv_wire_is_authenticated(const struct bv_wire *wire);

#endif
