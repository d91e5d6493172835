// serve.h: models behind HTTP, for the page and for programs, on the public calls of the library.
//
// docs/service.md describes what is answered. One thread speaks HTTP (libmicrohttpd); readers
// parse bodies and decode images; each model has a thread of its own, which takes what waits in
// batches across clients.
#ifndef BV_SERVE_SERVE_H
#define BV_SERVE_SERVE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

// Zero or NULL is the default of every field but models.
struct bv_serve_options {
    const char *const *models; // files, n_models of them, at least one
    size_t n_models;
    const char *device, *precision;
    int threads;                   // of each model; 0: all processors
    const char *index, *index_key; // what /v1/search asks
    const char *root;              // the folder whose files may be named; NULL: none may
    const char *address;           // to bind; NULL: 127.0.0.1
    int port;                      // 0: a free one
    const char *const *hosts;      // further names by which clients may call this service
    size_t n_hosts;
    const char *token_file;        // what programs send as their bearer token; made when missing
    const char *certificate, *key; // PEM; both or none
    int queue;                     // requests that may wait; 0: 64
    int batch;                     // images a model takes at once; 0: 16
    int connections;               // 0: 256
    int body_mb;                   // of a request at most; 0: 64
    int idle_minutes;              // without a request, after which the service ends; 0: never
    bool access_log;               // tell() a line for each request
    bool read_only;                // the kernel refuses this process every change of a file
    const volatile sig_atomic_t *stop;         // set when the service is to end
    void (*tell)(void *arg, const char *line); // from any thread; lines bear no data of patients
    void *arg;
};

// Serves until *stop is set, or nobody asked for idle_minutes. The first line told is the address
// to open, with a token that opens it once. BV_ERR_ARG for options that do not fit each other: an
// address beyond this machine without certificate and token file, a token file that others may
// read. BV_ERR_UNSUPPORTED where this build has no service, or the
// kernel cannot keep one from writing that is to be read-only, which lasts for the calling thread.
enum bv_status bv_serve(const struct bv_serve_options *options, struct bv_error *err);

#endif
