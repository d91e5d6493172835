// tls.h: TLS by the profile of BCP 195 (PS3.15 B.9): version 1.2 or later, forward secrecy and
// authenticated encryption only. Used inside src/pacs only.
#ifndef BV_PACS_TLS_H
#define BV_PACS_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/status.h"

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

bool bv_tls_peer_is_known(SSL *ssl);

#endif
