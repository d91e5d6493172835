#include "pacs/dimse_link.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "pacs/listen.h"

struct bv_landing {
    struct bv_receiver_options options;
    volatile sig_atomic_t stop;
    pthread_t thread;
    pthread_mutex_t mutex; // of what follows
    pthread_cond_t changed;
    bool is_open, ended;
    struct bv_error error;
    uint8_t *object; // NULL: none
    size_t size;
};

static void received(void *arg, struct bv_arrival *const *arrivals, size_t n)
{
    struct bv_landing *l = arg;
    (void)pthread_mutex_lock(&l->mutex);
    for (size_t i = 0; i < n; i++) {
        uint8_t *copy = malloc(arrivals[i]->size);
        if (!copy) {
            arrivals[i]->status = BV_ERR_NOMEM;
            continue;
        }
        memcpy(copy, arrivals[i]->bytes, arrivals[i]->size);
        free(l->object);
        l->object = copy;
        l->size = arrivals[i]->size;
    }
    (void)pthread_mutex_unlock(&l->mutex);
}

static void note(struct bv_landing *l, bool *what)
{
    (void)pthread_mutex_lock(&l->mutex);
    *what = true;
    (void)pthread_cond_broadcast(&l->changed);
    (void)pthread_mutex_unlock(&l->mutex);
}

static void ready(void *arg)
{
    struct bv_landing *l = arg;
    note(l, &l->is_open);
}

static void *run(void *arg)
{
    struct bv_landing *l = arg;
    (void)bv_listen(&l->options, &l->error);
    note(l, &l->ended);
    return NULL;
}

static void free_landing(struct bv_landing *l)
{
    free(l->object);
    (void)pthread_cond_destroy(&l->changed);
    (void)pthread_mutex_destroy(&l->mutex);
    free(l);
}

enum bv_status bv_landing_open(struct bv_landing **out, const struct bv_landing_options *o,
                               struct bv_error *err)
{
    struct bv_landing *l = calloc(1, sizeof *l);
    if (!l)
        return bv_fail_nomem(err, "a port to move to");
    (void)pthread_mutex_init(&l->mutex, NULL);
    (void)pthread_cond_init(&l->changed, NULL);
    l->options = (struct bv_receiver_options){.title = o->title,
                                              .caller = o->caller,
                                              .port = o->port,
                                              .any_host = o->any_host,
                                              .bind = o->any_host ? "*" : NULL,
                                              .max_object = o->max_object,
                                              .received = received,
                                              .ready = ready,
                                              .arg = l,
                                              .stop = &l->stop};
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        free_landing(l);
        return bv_fail(err, BV_ERR_IO, "a thread cannot be started");
    }
    (void)pthread_mutex_lock(&l->mutex);
    while (!l->is_open && !l->ended)
        (void)pthread_cond_wait(&l->changed, &l->mutex);
    bool failed = l->ended;
    (void)pthread_mutex_unlock(&l->mutex);
    if (!failed) {
        *out = l;
        return BV_OK;
    }
    (void)pthread_join(l->thread, NULL);
    enum bv_status status = bv_fail(err, l->error.status, "%s", l->error.text);
    free_landing(l);
    return status;
}

void bv_landing_close(struct bv_landing **landing)
{
    if (!landing || !*landing)
        return;
    __atomic_store_n(&(*landing)->stop, 1, __ATOMIC_RELAXED);
    (void)pthread_join((*landing)->thread, NULL);
    free_landing(*landing);
    *landing = NULL;
}

void bv_landing_clear(struct bv_landing *l)
{
    uint8_t *object;
    size_t size;
    bv_landing_take(l, &object, &size);
    free(object);
}

void bv_landing_take(struct bv_landing *l, uint8_t **bytes, size_t *size)
{
    (void)pthread_mutex_lock(&l->mutex);
    *bytes = l->object;
    *size = l->size;
    l->object = NULL;
    l->size = 0;
    (void)pthread_mutex_unlock(&l->mutex);
}
