// http.h: between libmicrohttpd and the calls.
#ifndef BV_SERVE_HTTP_H
#define BV_SERVE_HTTP_H

#include "base/status.h"

struct bv_service;

// Binds the address; server->port becomes the port.
enum bv_status bv_http_listen(struct bv_service *server, struct bv_error *err);

// Answers until the stop.
enum bv_status bv_http_start(struct bv_service *server, struct bv_error *err);

// No further connections; those that are open go on.
void bv_http_quiesce(struct bv_service *server);

// Ends all connections. No call may be suspended any more.
void bv_http_stop(struct bv_service *server);

#endif
