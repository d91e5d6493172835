// call.h: one request from its headers to its answer.
//
// The HTTP thread makes a call, fills its body and suspends the connection; a reader and the
// models' threads work on it; whoever finishes it resumes the connection, and the HTTP thread
// sends the answer. A call is freed when the HTTP thread and its work have both let go of it.
#ifndef BV_SERVE_CALL_H
#define BV_SERVE_CALL_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "biovl/biovl.h"

struct MHD_Connection;
struct bv_call;
struct bv_peer;
struct bv_route;
struct bv_served;
struct bv_service;

#define BV_NAME_SIZE 128 // of a model, an image, a kind in a path, and a terminator

enum { BV_MAX_IMAGES = 64, BV_MAX_TEXTS = 2048, BV_MAX_LABELS = 512 };

// What a model's thread does with an item. Items of the first two kinds are taken together.
enum bv_work {
    BV_WORK_CLASSIFY,
    BV_WORK_EMBED, // images with images, texts with texts
    BV_WORK_SEARCH,
    BV_WORK_MATCH,
    BV_WORK_ASK,
    BV_WORK_EXPLAIN,
};

// The DICOM object that is asked for instead of JSON.
enum bv_object {
    BV_OBJECT_NONE,
    BV_OBJECT_SR,
    BV_OBJECT_SC,
};

// What an image was read of: bytes in the call's body, or owned (malloc'd).
struct bv_sent {
    const char *bytes;
    size_t size;
    char *owned;
    const char *name; // in the call's document or body; "" without one
};

// One image or text of a call. A model's thread fills the result.
struct bv_asked {
    struct bv_asked *next; // in a queue
    struct bv_call *call;
    size_t index;           // in the call
    struct bv_image *image; // NULL where there is none; released with the call
    size_t bytes;           // of its samples
    struct bv_sent source;  // where an object is made of it
    const char *text;       // in the call's document
    // The result: a value, or a failure.
    enum bv_status status;
    char *failure;   // malloc'd; where status is not BV_OK
    json_t *value;   // owned
    uint8_t *object; // DICOM, of n_object bytes, malloc'd
    size_t n_object;
    float *vector; // malloc'd, of an embedding
    size_t n_vector;
    size_t n_tokens;
};

// What is sent.
struct bv_reply {
    unsigned status; // of HTTP; 0: none yet
    const char *type;
    char *bytes; // malloc'd
    size_t size;
    const char *location; // of a redirection
    char cookie[192];     // Set-Cookie; empty: none
    int retry_after;      // seconds; 0: not sent
    char facts[320];      // JSON of what the bytes mean, in a header; empty: none
};

struct bv_call {
    struct bv_service *server;
    struct MHD_Connection *connection;
    struct bv_peer *peer;
    const struct bv_route *route;
    char name[BV_NAME_SIZE];              // the variable part of the path
    char model[BV_NAME_SIZE], path[1024]; // of the query
    int side;                             // of the query, 0: not there, -1: no such number
    char type[256];                       // Content-Type
    bool head;                            // answered without a body
    bool admitted;                        // counted among those that wait
    bool refused;                         // answered before the body, and the connection ends
    int64_t began;                        // microseconds

    char *body; // malloc'd
    size_t size, room;

    // The work.
    json_t *document; // what was asked, owned
    struct bv_served *served;
    enum bv_work work;
    enum bv_object object;
    char *key; // of a classification: prompt set, a byte 1, labels; malloc'd
    struct bv_asked *items;
    size_t n_items;
    atomic_size_t n_left;
    void (*compose)(struct bv_call *call); // makes the answer when all items are done
    atomic_bool cancelled;
    atomic_int references;

    // Server-sent events; guarded by lock.
    bool stream;  // the client reads events
    bool started; // the answer is a stream of them
    pthread_mutex_t lock;
    char *events;
    size_t n_events, events_room, n_sent, n_finished;
    bool waiting; // the connection is suspended until more comes
    bool ended;

    struct bv_reply answer;
};

struct bv_call *bv_call_make(struct bv_service *server);
void bv_call_drop(struct bv_call *call); // one reference
void bv_call_forget_body(struct bv_call *call);

// Answers with JSON, which is taken; with an error object; with a failure of the library.
void bv_call_json(struct bv_call *call, unsigned status, json_t *value);
void bv_call_refuse(struct bv_call *call, unsigned status, const char *type, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));
void bv_call_fail(struct bv_call *call, enum bv_status status, const char *text);

// Answers with the failure of the first item that failed; false when none did.
bool bv_call_failed(struct bv_call *call);

// {"error": {"type", "message"}} of a failed item, and the HTTP status for it.
json_t *bv_failure_json(enum bv_status status, const char *text);
unsigned bv_failure_status(enum bv_status status);

// Hands a call whose answer is complete back to the HTTP thread. The caller's reference ends.
void bv_call_finish(struct bv_call *call);

// Makes n items.
bool bv_call_items(struct bv_call *call, size_t n);

// An item is done or failed (text is copied, may be NULL); the last one composes and finishes the
// call.
void bv_item_fail(struct bv_asked *item, enum bv_status status, const char *text);
void bv_item_done(struct bv_asked *item);

// Answers with a stream of events from now on; before any item is handed on.
void bv_call_begin_stream(struct bv_call *call);

// Appends an event to a call's stream.
void bv_call_event(struct bv_call *call, const char *name, const json_t *value);

#endif
