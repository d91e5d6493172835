#include "serve/served.h"

#include <stdlib.h>
#include <string.h>

#include "biovl/fusion.h"
#include "serve/evaluation.h"
#include "serve/server.h"

// How many items wait for a model before readers wait with the next; a large image waits alone.
static const size_t room_bytes = (size_t)128 << 20;
enum { ROOM = 64, MOST_TEXTS = 64, MOST_BATCH = 64 };

static void work_on(struct bv_served *s, struct bv_asked *const *items, size_t n)
{
    switch (items[0]->call->work) {
    case BV_WORK_CLASSIFY:
        bv_work_classify(s, items, n);
        break;
    case BV_WORK_EMBED:
        if (items[0]->image)
            bv_work_embed_images(s, items, n);
        else
            bv_work_embed_texts(s, items, n);
        break;
    case BV_WORK_SEARCH:
        bv_work_search(s, items[0]);
        break;
    case BV_WORK_MATCH:
        bv_work_match(s, items[0]);
        break;
    case BV_WORK_ASK:
        bv_work_ask(s, items[0]);
        break;
    case BV_WORK_EXPLAIN:
        bv_work_explain(s, items[0]);
        break;
    }
}

// Batches.

static bool go_together(const struct bv_asked *a, const struct bv_asked *b)
{
    if (a->call->work != b->call->work || (a->image == NULL) != (b->image == NULL))
        return false;
    if (a->call->work == BV_WORK_CLASSIFY)
        return a->call == b->call || strcmp(a->call->key, b->call->key) == 0;
    return a->call->work == BV_WORK_EMBED;
}

// The first item that waits and those that go with it, taken from the queue.
static size_t take(struct bv_served *s, struct bv_asked **items)
{
    size_t n = 0, most = (size_t)s->server->options.batch;
    struct bv_asked *last = NULL;
    for (struct bv_asked **at = &s->first; *at;) {
        struct bv_asked *item = *at;
        if (n == 0 && !item->image)
            most = MOST_TEXTS;
        if (n < most && (n == 0 || go_together(items[0], item))) {
            *at = item->next;
            item->next = NULL;
            s->bytes_waiting -= item->bytes;
            items[n++] = item;
        } else {
            last = item;
            at = &item->next;
        }
    }
    s->last = last;
    s->n_waiting -= n;
    return n;
}

// Takes out of a batch what nobody waits for any more.
static size_t keep_wanted(struct bv_asked **items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (atomic_load(&items[i]->call->cancelled))
            bv_item_fail(items[i], BV_ERR_CANCELLED, "the client went away");
        else
            items[kept++] = items[i];
    }
    return kept;
}

static void *run(void *arg)
{
    struct bv_served *s = arg;
    struct bv_asked *items[MOST_BATCH];
    for (;;) {
        (void)pthread_mutex_lock(&s->lock);
        while (!s->first && !s->stop)
            (void)pthread_cond_wait(&s->some, &s->lock);
        size_t n = take(s, items);
        (void)pthread_cond_broadcast(&s->room);
        (void)pthread_mutex_unlock(&s->lock);
        if (n == 0)
            return NULL;
        n = keep_wanted(items, n);
        if (n == 0)
            continue;
        bv_metrics_batch(&s->server->metrics, n);
        work_on(s, items, n);
    }
}

static bool is_full(const struct bv_served *s, size_t bytes)
{
    return s->n_waiting >= ROOM || (s->n_waiting > 0 && s->bytes_waiting + bytes > room_bytes);
}

void bv_served_push(struct bv_served *s, struct bv_asked *item)
{
    item->bytes = item->image ? bv_image_bytes(item->image) : 0;
    (void)pthread_mutex_lock(&s->lock);
    while (is_full(s, item->bytes) && !s->stop)
        (void)pthread_cond_wait(&s->room, &s->lock);
    bool stopped = s->stop;
    if (!stopped) {
        if (s->last)
            s->last->next = item;
        else
            s->first = item;
        s->last = item;
        s->n_waiting++;
        s->bytes_waiting += item->bytes;
        (void)pthread_cond_signal(&s->some);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (stopped)
        bv_item_fail(item, BV_ERR_CANCELLED, "the service is ending");
}

// Start and stop.

// The file's name without folder and ending.
static enum bv_status name_model(struct bv_served *s, const char *path, struct bv_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    if (n > 12 && strcmp(name + n - 12, ".safetensors") == 0)
        n -= 12;
    if (n == 0 || n >= sizeof s->name)
        return bv_fail(err, BV_ERR_ARG, "%s: a model is named by its file, which is too long",
                       path);
    for (size_t i = 0; i < n; i++) // names stand in addresses
        s->name[i] = strchr("/?#%& \"<>\\{}", name[i]) || name[i] < 33 ? '_' : name[i];
    s->name[n] = 0;
    return BV_OK;
}

static enum bv_status open_engine(struct bv_served *s, const char *path)
{
    const struct bv_serve_options *o = &s->server->options;
    const struct bv_engine_options engine = {
        .size = sizeof engine, .device = o->device, .precision = o->precision};
    enum bv_status status = bv_model_open(s->context, path, &s->model);
    if (status == BV_OK)
        status = bv_engine_open(s->context, s->model, &engine, &s->engine);
    if (status != BV_OK)
        return status;
    s->facts.size = sizeof s->facts;
    s->can_match = bv_model_can(s->model, "match") != 0;
    s->can_ask = bv_model_can(s->model, "answer") != 0;
    s->can_embed = bv_engine_image_dim(s->engine) > 0;
    return bv_model_facts(s->model, &s->facts);
}

// The index belongs to the thread of the model that it was made with.
static enum bv_status open_index(struct bv_served *s)
{
    const struct bv_serve_options *o = &s->server->options;
    const struct bv_index_query probe = {.size = sizeof probe, .text = "a", .k = 1};
    struct bv_hits *hits = NULL;
    if (!o->index || !s->can_embed || !s->facts.has_text)
        return BV_OK;
    enum bv_status status = bv_index_open(s->context, o->index, o->index_key, 0, &s->index);
    if (status == BV_OK)
        status = bv_index_search(s->index, s->engine, &probe, &hits);
    bv_hits_free(&hits);
    if (status != BV_ERR_REFUSED)
        return status;
    bv_index_close(&s->index);
    return BV_OK;
}

enum bv_status bv_served_start(struct bv_served *s, struct bv_service *server, const char *path,
                               struct bv_error *err)
{
    s->server = server;
    BV_TRY(name_model(s, path, err));
    enum bv_status status = bv_context_open(&s->context, server->options.threads);
    if (status != BV_OK)
        return bv_fail(err, status, "%s", bv_last_error(NULL));
    status = open_engine(s, path);
    if (status == BV_OK)
        status = open_index(s);
    if (status != BV_OK)
        return bv_fail(err, status, "%s", bv_last_error(s->context));
    BV_TRY(bv_evaluation_read(path, s->facts.sha256, &s->evaluation, err));
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->some, NULL);
    (void)pthread_cond_init(&s->room, NULL);
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        return bv_fail(err, BV_ERR_NOMEM, "cannot start a thread");
    s->started = true;
    return BV_OK;
}

void bv_served_stop(struct bv_served *s)
{
    if (s->started) {
        (void)pthread_mutex_lock(&s->lock);
        s->stop = true;
        (void)pthread_cond_broadcast(&s->some);
        (void)pthread_cond_broadcast(&s->room);
        (void)pthread_mutex_unlock(&s->lock);
        (void)pthread_join(s->thread, NULL);
        (void)pthread_cond_destroy(&s->some);
        (void)pthread_cond_destroy(&s->room);
        (void)pthread_mutex_destroy(&s->lock);
    }
    for (size_t i = 0; i < BV_CLASSIFIERS; i++) {
        bv_zero_shot_close(&s->prepared[i].zero_shot);
        free(s->prepared[i].key);
    }
    json_decref(s->evaluation);
    bv_index_close(&s->index);
    bv_engine_close(&s->engine);
    bv_model_close(&s->model);
    bv_context_close(&s->context);
}
