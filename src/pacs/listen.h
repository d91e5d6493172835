// listen.h: a receiver of objects that archives and modalities send (C-STORE), of C-ECHO, and of
// requests for storage commitment.
//
// Associations are served side by side, each on a thread of its own; what they bring is handed over
// on the caller's thread, as much as waits at a time. Nothing of an object is parsed here.
#ifndef BV_PACS_LISTEN_H
#define BV_PACS_LISTEN_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"

// One object: a DICOM file in memory. Everything is borrowed until the call returns.
struct bv_arrival {
    const uint8_t *bytes;
    size_t size;
    const char *sop_class, *sop; // as the sender names them
    // The answer, at first BV_OK: success. BV_ERR_UNSUPPORTED: a warning, the object is neither
    // image nor report and was not kept. BV_ERR_IO, BV_ERR_NOMEM: the sender may try again.
    // BV_ERR_REFUSED: another object has this identifier. Others: it cannot be understood.
    enum bv_status status;
    char comment[65]; // in English, without data of the object
};

// What has happened since the start; written by the receiver, read by any thread.
struct bv_receiver_counts {
    atomic_ullong accepted, rejected, no_association, open; // associations
    atomic_ullong stored, not_kept, refused, bytes;         // objects
};

struct bv_receiver_peers;
struct bv_tls_options; // wire.h

struct bv_receiver_options {
    const char *title; // own application entity title; calls to another are refused
    int port;
    const char *bind;                      // address to listen on; NULL: this machine's own only
    bool any_host;                         // false: only connections from this machine are answered
    const char *caller;                    // the one calling title that is accepted; NULL: any
    const struct bv_receiver_peers *peers; // who may call, instead of any_host and caller; NULL
    const struct bv_tls_options *tls;      // NULL: none
    size_t max_associations;               // at once; 0: 16. Others are told to try later
    size_t max_object;                     // bytes; 0: 512 MiB
    int associate_s, idle_s, object_s;     // for the request, between messages, for one object;
                                           // 0: 10, 60, 300
    // Called on the caller's thread with all objects that wait.
    void (*received)(void *arg, struct bv_arrival *const *arrivals, size_t n);
    // Whether an object was stored and committed; NULL: storage commitment is not offered.
    bool (*holds)(void *arg, const char *sop);
    // A line of JSON about what happened: no data of patients. NULL: none.
    void (*event)(void *arg, const char *line);
    struct bv_receiver_counts *counts; // goes up with what happens; NULL: not counted
    // About once a second; may be NULL.
    void (*idle)(void *arg);
    void (*ready)(void *arg); // once, when the port is open; may be NULL
    void *arg;
    // Becomes non-zero, in a signal handler or by another thread: objects that are on their way
    // are finished within seconds, then the call returns.
    const volatile sig_atomic_t *stop;
};

// Serves until told to stop. BV_ERR_IO when the port cannot be had.
enum bv_status bv_listen(const struct bv_receiver_options *options, struct bv_error *err);

// peers.c: who may call the receiver, by a file.
//
// One peer a line: TITLE ADDRESS RIGHTS. ADDRESS is an IPv4 or IPv6 address or network
// (192.168.1.0/24), RIGHTS store, commit or both joined by a comma. # begins a comment.

struct bv_receiver_peers;

struct bv_rights {
    bool store, commit;
};

// BV_ERR_FORMAT names the line that cannot be read.
enum bv_status bv_peers_read(struct bv_receiver_peers **peers, const char *path,
                             struct bv_error *err);
void bv_peers_free(struct bv_receiver_peers **peers); // accepts NULL

// Whether any peer has this address: others are turned away before anything of theirs is read.
bool bv_peers_know(const struct bv_receiver_peers *peers, const struct sockaddr *address);

// What the peer of a title at an address may do; nothing when it is none.
struct bv_rights bv_peers_rights(const struct bv_receiver_peers *peers,
                                 const struct sockaddr *address, const char *title);

#endif
