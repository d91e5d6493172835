// intake.h: the readers: threads that parse bodies and decode images, so that the HTTP thread
// never does.
#ifndef BV_SERVE_INTAKE_H
#define BV_SERVE_INTAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "biovl/biovl.h"

struct bv_call;

enum { BV_READERS = 2 };

struct bv_reader {
    struct bv_intake *intake;
    struct bv_context *context; // of one thread
    pthread_t thread;
};

struct bv_intake {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct bv_call **calls; // a ring of `room`
    size_t room, first, n;
    bool stop;
    struct bv_reader readers[BV_READERS];
    size_t n_readers;
};

enum bv_status bv_intake_start(struct bv_intake *intake, size_t room, struct bv_error *err);
void bv_intake_stop(struct bv_intake *intake); // what waits is done first; then nothing is taken
void bv_intake_free(struct bv_intake *intake);

// Takes the caller's reference of a call; false when there is no room.
bool bv_intake_push(struct bv_intake *intake, struct bv_call *call);

// The context of the reader that runs on this thread.
struct bv_context *bv_reader_context(void);

#endif
