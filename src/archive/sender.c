#include "archive/receive.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { STOP_S = 2 };

struct bv_sender {
    struct bv_outbox *outbox;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stop, ended;
    bool abandoned; // nobody waits any more: the thread frees what is left
    size_t n_sent;
    struct bv_error failure; // status BV_OK: none
};

static void free_sender(struct bv_sender *s)
{
    bv_outbox_close(&s->outbox);
    (void)pthread_mutex_destroy(&s->mutex);
    (void)pthread_cond_destroy(&s->changed);
    free(s);
}

static void *run(void *arg)
{
    struct bv_sender *s = arg;
    (void)pthread_mutex_lock(&s->mutex);
    while (!s->stop) {
        struct bv_error why = {0};
        size_t n = 0;
        (void)pthread_mutex_unlock(&s->mutex);
        enum bv_status status = bv_outbox_send(s->outbox, &n, &why);
        (void)pthread_mutex_lock(&s->mutex);
        s->n_sent += n;
        if (status != BV_OK)
            s->failure = why;
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        if (!s->stop)
            (void)pthread_cond_timedwait(&s->changed, &s->mutex, &until);
    }
    s->ended = true;
    bool abandoned = s->abandoned;
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
    if (abandoned)
        free_sender(s);
    return NULL;
}

enum bv_status bv_sender_start(struct bv_sender **out, const char *folder, const char *url,
                               const struct bv_archive_options *options, struct bv_error *err)
{
    struct bv_sender *s = calloc(1, sizeof *s);
    sigset_t all, before;
    if (!s)
        return bv_fail_nomem(err, "an outbox");
    enum bv_status status = bv_outbox_open(&s->outbox, folder, url, options, err);
    if (status != BV_OK) {
        free(s);
        return status;
    }
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before); // signals are the caller's thread's
    int code = pthread_create(&s->thread, NULL, run, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        bv_outbox_close(&s->outbox);
        free(s);
        return bv_fail(err, BV_ERR_IO, "a thread cannot be started");
    }
    *out = s;
    return BV_OK;
}

enum bv_status bv_sender_put(struct bv_sender *s, const char *name, const uint8_t *bytes,
                             size_t size, struct bv_error *err)
{
    BV_TRY(bv_outbox_put(s->outbox, name, bytes, size, err)); // files only: any thread's
    (void)pthread_mutex_lock(&s->mutex);
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
    return BV_OK;
}

enum bv_status bv_sender_failure(struct bv_sender *s, struct bv_error *err)
{
    (void)pthread_mutex_lock(&s->mutex);
    *err = s->failure;
    s->failure = (struct bv_error){0};
    (void)pthread_mutex_unlock(&s->mutex);
    return err->status;
}

size_t bv_sender_sent(struct bv_sender *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    size_t n = s->n_sent;
    (void)pthread_mutex_unlock(&s->mutex);
    return n;
}

size_t bv_sender_waiting(const struct bv_sender *s)
{
    return bv_outbox_waiting(s->outbox);
}

void bv_sender_stop(struct bv_sender **sender)
{
    struct bv_sender *s = sender ? *sender : NULL;
    if (!s)
        return;
    *sender = NULL;
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_S;
    (void)pthread_mutex_lock(&s->mutex);
    s->stop = true;
    (void)pthread_cond_signal(&s->changed);
    int code = 0;
    while (!s->ended && code == 0)
        code = pthread_cond_timedwait(&s->changed, &s->mutex, &until);
    bool ended = s->ended;
    s->abandoned = !ended;
    pthread_t thread = s->thread;
    (void)pthread_mutex_unlock(&s->mutex);
    if (ended) {
        (void)pthread_join(thread, NULL);
        free_sender(s);
    } else {
        (void)pthread_detach(thread);
    }
}
