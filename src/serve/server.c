#include "serve/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "serve/call.h"
#include "serve/http.h"
#include "serve/read_only.h"
#include "serve/root.h"

// How long requests that are there may take once the service is told to end.
enum { GRACE_MS = 20000 };

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static enum bv_status check_options(struct bv_serve_options *o, struct bv_error *err)
{
    o->address = o->address ? o->address : "127.0.0.1";
    o->queue = o->queue ? o->queue : 64;
    o->batch = o->batch ? o->batch : 16;
    o->connections = o->connections ? o->connections : 256;
    o->body_mb = o->body_mb ? o->body_mb : 64;
    if (o->queue < 1 || o->queue > 4096 || o->batch < 1 || o->batch > BV_MAX_IMAGES ||
        o->connections < 1 || o->connections > 4096 || o->body_mb < 1 || o->body_mb > 1024 ||
        o->port < 0 || o->port > 65535 || o->idle_minutes < 0)
        return bv_fail(
            err, BV_ERR_ARG,
            "at most port 65535, a queue of 4096, a batch of %d, 4096 connections, bodies "
            "of 1024 MB",
            BV_MAX_IMAGES);
    if (!o->certificate != !o->key)
        return bv_fail(err, BV_ERR_ARG, "a certificate and its key go together");
    if (!is_loopback(o->address) && (!o->certificate || !o->token_file))
        return bv_fail(err, BV_ERR_ARG,
                       "%s is reached from other machines: that needs a certificate with its key, "
                       "and a token file",
                       o->address);
    return BV_OK;
}

static enum bv_status close_files(const struct bv_serve_options *o, struct bv_error *err)
{
    if (!o->read_only)
        return BV_OK;
    if (o->token_file && access(o->token_file, F_OK) != 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s, and a service that only reads makes none",
                       o->token_file, strerror(errno));
    return bv_only_read(err);
}

static enum bv_status read_pem(const char *path, char **text, struct bv_error *err)
{
    size_t size = 0;
    return path ? bv_read_all(path, 1 << 20, text, &size, err) : BV_OK;
}

static enum bv_status start_models(struct bv_service *server, struct bv_error *err)
{
    const struct bv_serve_options *o = &server->options;
    bool indexed = false;
    server->models = calloc(o->n_models, sizeof *server->models);
    if (!server->models)
        return bv_fail_nomem(err, "models");
    for (size_t i = 0; i < o->n_models; i++) {
        BV_TRY(bv_served_start(&server->models[i], server, o->models[i], err));
        for (size_t k = 0; k < i; k++)
            if (strcmp(server->models[k].name, server->models[i].name) == 0)
                return bv_fail(err, BV_ERR_ARG, "two models are called \"%s\"",
                               server->models[i].name);
        indexed = indexed || server->models[i].index;
    }
    if (o->index && !indexed)
        return bv_fail(err, BV_ERR_REFUSED, "%s was made with another model than those served",
                       o->index);
    return BV_OK;
}

static void tick(void *arg)
{
    struct bv_service *server = arg;
    bv_images_expire(&server->images, false);
}

static enum bv_status start(struct bv_service *server, struct bv_error *err)
{
    const struct bv_serve_options *o = &server->options;
    BV_TRY(check_options(&server->options, err));
    BV_TRY(close_files(o, err));
    BV_TRY(bv_guard_open(&server->guard, o->token_file, err));
    BV_TRY(read_pem(o->certificate, &server->certificate, err));
    BV_TRY(read_pem(o->key, &server->key, err));
    BV_TRY(bv_page_open(&server->page, err));
    if (o->root)
        BV_TRY(bv_root_open(o->root, &server->root, err));
    BV_TRY(bv_http_listen(server, err));
    BV_TRY(bv_guard_name(&server->guard, o->address, server->port, is_loopback(o->address),
                         o->hosts, o->n_hosts, err));
    BV_TRY(start_models(server, err));
    BV_TRY(bv_intake_start(&server->intake, (size_t)o->queue + 1, err));
    BV_TRY(bv_peers_start(&server->peers, tick, server, err));
    return bv_http_start(server, err);
}

static void tell_opening(struct bv_service *server)
{
    const struct bv_serve_options *o = &server->options;
    char line[512];
    bool v6 = strchr(o->address, ':') != NULL;
    (void)pthread_mutex_lock(&server->guard.lock); // requests are answered already
    (void)snprintf(line, sizeof line, "%s://%s%s%s:%d/?token=%s",
                   server->certificate ? "https" : "http", v6 ? "[" : "", o->address, v6 ? "]" : "",
                   server->port, server->guard.opening);
    (void)pthread_mutex_unlock(&server->guard.lock);
    o->tell(o->arg, line);
}

static void wait_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    (void)nanosleep(&time, NULL);
}

static bool is_idle(const struct bv_service *server)
{
    int64_t most = (int64_t)server->options.idle_minutes * 60000;
    return most > 0 && bv_now_ms() - atomic_load(&server->last_asked) > most &&
           atomic_load(&server->n_waiting) == 0;
}

static void serve(struct bv_service *server)
{
    const volatile sig_atomic_t *stop = server->options.stop;
    atomic_store(&server->last_asked, bv_now_ms());
    tell_opening(server);
    while (!(stop && *stop) && !is_idle(server))
        wait_ms(50);
    atomic_store(&server->stopping, true);
    bv_http_quiesce(server);
    for (int64_t end = bv_now_ms() + GRACE_MS;
         atomic_load(&server->n_waiting) > 0 && bv_now_ms() < end;)
        wait_ms(20);
}

// Readers end first, then models: what they still had is answered, so that no connection sleeps
// when HTTP ends.
static void stop(struct bv_service *server)
{
    atomic_store(&server->stopping, true);
    atomic_store(&server->ending, true);
    bv_peers_cancel(&server->peers);
    bv_intake_stop(&server->intake);
    for (size_t i = 0; server->models && i < server->options.n_models; i++)
        bv_served_stop(&server->models[i]);
    bv_http_stop(server);
    bv_intake_free(&server->intake);
    bv_peers_stop(&server->peers);
    bv_images_expire(&server->images, true);
    free(server->models);
    bv_page_close(&server->page);
    bv_guard_close(&server->guard);
    free(server->certificate);
    free(server->key);
    if (server->root >= 0)
        (void)close(server->root);
    (void)pthread_mutex_destroy(&server->metrics.lock);
    (void)pthread_mutex_destroy(&server->guard.lock);
    (void)pthread_mutex_destroy(&server->peers.lock);
    (void)pthread_mutex_destroy(&server->images.lock);
}

enum bv_status bv_serve(const struct bv_serve_options *options, struct bv_error *err)
{
    struct bv_service *server = calloc(1, sizeof *server);
    if (!server)
        return bv_fail_nomem(err, "a service");
    server->options = *options;
    server->root = -1;
    server->listening = -1;
    (void)pthread_mutex_init(&server->metrics.lock, NULL);
    (void)pthread_mutex_init(&server->guard.lock, NULL);
    (void)pthread_mutex_init(&server->peers.lock, NULL);
    (void)pthread_mutex_init(&server->images.lock, NULL);
    enum bv_status status = start(server, err);
    if (status == BV_OK)
        serve(server);
    stop(server);
    free(server);
    return status;
}
