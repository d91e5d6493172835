#include "serve/intake.h"

#include <stdlib.h>

#include "serve/call.h"
#include "serve/routes.h"

static _Thread_local struct bv_context *reader_context;

struct bv_context *bv_reader_context(void)
{
    return reader_context;
}

static struct bv_call *take(struct bv_intake *intake)
{
    struct bv_call *call = NULL;
    (void)pthread_mutex_lock(&intake->lock);
    while (intake->n == 0 && !intake->stop)
        (void)pthread_cond_wait(&intake->some, &intake->lock);
    if (intake->n > 0) {
        call = intake->calls[intake->first];
        intake->first = (intake->first + 1) % intake->room;
        intake->n--;
    }
    (void)pthread_mutex_unlock(&intake->lock);
    return call;
}

static void *read_calls(void *arg)
{
    struct bv_reader *reader = arg;
    struct bv_call *call;
    reader_context = reader->context;
    while ((call = take(reader->intake)) != NULL) {
        bool answered = true;
        if (atomic_load(&call->cancelled))
            bv_call_refuse(call, 503, "cancelled", "the client went away");
        else
            answered = call->route->answer(call);
        if (answered)
            bv_call_finish(call);
    }
    return NULL;
}

enum bv_status bv_intake_start(struct bv_intake *intake, size_t room, struct bv_error *err)
{
    intake->room = room;
    intake->calls = calloc(room, sizeof *intake->calls);
    if (!intake->calls)
        return bv_fail_nomem(err, "a queue");
    (void)pthread_mutex_init(&intake->lock, NULL);
    (void)pthread_cond_init(&intake->some, NULL);
    for (size_t i = 0; i < BV_READERS; i++) {
        struct bv_reader *reader = &intake->readers[i];
        reader->intake = intake;
        enum bv_status status = bv_context_open(&reader->context, 1);
        if (status != BV_OK)
            return bv_fail(err, status, "%s", bv_last_error(NULL));
        if (pthread_create(&reader->thread, NULL, read_calls, reader) != 0) {
            bv_context_close(&reader->context);
            return bv_fail(err, BV_ERR_NOMEM, "cannot start a thread");
        }
        intake->n_readers++;
    }
    return BV_OK;
}

void bv_intake_stop(struct bv_intake *intake)
{
    if (!intake->calls)
        return;
    (void)pthread_mutex_lock(&intake->lock);
    intake->stop = true;
    (void)pthread_cond_broadcast(&intake->some);
    (void)pthread_mutex_unlock(&intake->lock);
    for (size_t i = 0; i < intake->n_readers; i++) {
        (void)pthread_join(intake->readers[i].thread, NULL);
        bv_context_close(&intake->readers[i].context);
    }
}

void bv_intake_free(struct bv_intake *intake)
{
    if (!intake->calls)
        return;
    (void)pthread_cond_destroy(&intake->some);
    (void)pthread_mutex_destroy(&intake->lock);
    free(intake->calls);
}

bool bv_intake_push(struct bv_intake *intake, struct bv_call *call)
{
    (void)pthread_mutex_lock(&intake->lock);
    bool fits = intake->n < intake->room && !intake->stop;
    if (fits) {
        intake->calls[(intake->first + intake->n) % intake->room] = call;
        intake->n++;
        (void)pthread_cond_signal(&intake->some);
    }
    (void)pthread_mutex_unlock(&intake->lock);
    return fits;
}
