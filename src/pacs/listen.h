// listen.h: a receiver of objects that archives and modalities send (C-STORE), and of C-ECHO.
#ifndef BV_PACS_LISTEN_H
#define BV_PACS_LISTEN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bv_receiver_options {
    const char *title; // own application entity title; calls to another are refused
    int port;
    bool any_host;      // false: only connections from this machine are answered
    const char *caller; // the one calling title that is accepted; NULL: any
    // Called for every object, a DICOM file in memory. What it returns decides the answer: BV_OK
    // is success, anything else a failure that the sender may repeat.
    enum bv_status (*received)(void *arg, const uint8_t *bytes, size_t size, struct bv_error *err);
    // About once a second without a connection, and after each; may be NULL.
    void (*idle)(void *arg);
    void (*ready)(void *arg); // once, when the port is open; may be NULL
    void *arg;
    // Becomes non-zero, in a signal handler or by another thread: return after the association at
    // hand.
    const volatile sig_atomic_t *stop;
};

// Serves one association at a time until told to stop. BV_ERR_IO when the port cannot be had.
enum bv_status bv_listen(const struct bv_receiver_options *options, struct bv_error *err);

#endif
