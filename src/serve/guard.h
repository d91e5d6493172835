// guard.h: who may ask. What a request says of itself is checked before anything of it is read.
//
//     No header of these stands twice          against two readers who take different ones
//     The Host header names this service       against DNS rebinding
//     Origin and Sec-Fetch-Site, where sent    against other pages of the same browser
//     a cookie or a bearer token               against other users and programs
//     JSON or multipart, not compressed        against forms, against compressed bombs
//
// Nothing is ever answered with CORS headers.
#ifndef BV_SERVE_GUARD_H
#define BV_SERVE_GUARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define BV_TOKEN_SIZE 65 // 32 random bytes in hexadecimal, and a terminator

struct bv_guard {
    char *hosts[64]; // "127.0.0.1:8080", lower case
    size_t n_hosts;
    char cookie[32]; // its name: cookies are shared by the ports of a host
    char session[BV_TOKEN_SIZE];
    char opening[BV_TOKEN_SIZE]; // empty once used
    char *bearer;                // NULL without a token file
    pthread_mutex_t lock;        // of opening; made by the owner
};

// guard is zeroed. The token file is read (or, when missing, made with mode 0600 and a new token):
// 16 to 4096 printable characters, a line end after them not counted. BV_ERR_REFUSED where others
// than its owner may read it.
enum bv_status bv_guard_open(struct bv_guard *guard, const char *token_file, struct bv_error *err);

// The names by which clients call, once the port is known: those of this machine's loopback where
// loopback is set, the address and the names given. A name with a port stands as it is.
enum bv_status bv_guard_name(struct bv_guard *guard, const char *address, int port, bool loopback,
                             const char *const *hosts, size_t n_hosts, struct bv_error *err);
void bv_guard_close(struct bv_guard *guard);

// Headers of a request; NULL where absent.
struct bv_asker {
    bool changes;  // not GET or HEAD
    bool open;     // of a path that needs no token
    bool body;     // of a path that reads one
    bool repeated; // a header that may stand once stands again
    const char *host, *origin, *site, *cookie, *authorization;
    const char *type, *encoding, *length, *transfer;
};

// 0, or the status to answer with and *why.
unsigned bv_guard_check(const struct bv_guard *guard, const struct bv_asker *asker,
                        const char **why);

// Whether token is the one of the opening address, which then opens no more.
bool bv_guard_opens(struct bv_guard *guard, const char *token);

// Compares in a time that depends on the length of given alone.
bool bv_same_secret(const char *secret, const char *given, size_t n_given);

// 2·n random hexadecimal digits and a terminator.
enum bv_status bv_random_hex(char *out, size_t n, struct bv_error *err);

#endif
