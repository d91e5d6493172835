// server.h: the parts of a running service.
#ifndef BV_SERVE_SERVER_H
#define BV_SERVE_SERVER_H

#include <stdatomic.h>

#include "serve/guard.h"
#include "serve/images.h"
#include "serve/intake.h"
#include "serve/metrics.h"
#include "serve/page.h"
#include "serve/peers.h"
#include "serve/serve.h"
#include "serve/served.h"

struct MHD_Daemon;

struct bv_service {
    struct bv_serve_options options; // with the defaults filled in
    struct MHD_Daemon *daemon;
    struct bv_guard guard;
    struct bv_peers peers;
    struct bv_intake intake;
    struct bv_served *models; // options.n_models
    struct bv_served_metrics metrics;
    struct bv_page page;
    struct bv_kept_images images;
    char *certificate, *key; // PEM texts
    int root;                // file descriptor, -1: none
    int listening;           // socket, -1: none, or the daemon's
    int port;
    atomic_int n_waiting;    // admitted calls
    atomic_llong body_bytes; // of all bodies in memory
    atomic_llong last_asked; // milliseconds
    atomic_bool stopping;    // no further requests
    atomic_bool ending;      // streams end too
};

#endif
