#include "pacs/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct bv_archive {
    const struct bv_protocol *protocol;
    void *self;
    struct bv_archive_options options;
    struct bv_arena arena;
};

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_dicomweb(const char *url)
{
    return starts(url, "dicomweb://") || starts(url, "dicomwebs://");
}

bool bv_archive_is_url(const char *text)
{
    return is_dicomweb(text) || starts(text, "dicom://");
}

// Replaces a text by a copy in the arena; false when memory is out.
static bool keep(struct bv_arena *arena, const char **text)
{
    if (*text)
        *text = bv_arena_strdup(arena, *text);
    else
        return true;
    return *text != NULL;
}

static bool keep_options(struct bv_archive *a)
{
    struct bv_archive_options *o = &a->options;
    return keep(&a->arena, &o->user_password) && keep(&a->arena, &o->token) &&
           keep(&a->arena, &o->ca_file) && keep(&a->arena, &o->own_title);
}

enum bv_status bv_archive_open(struct bv_archive **out, const char *url,
                               const struct bv_archive_options *options, struct bv_error *err)
{
    struct bv_archive *a = calloc(1, sizeof *a);
    if (!a)
        return bv_fail_nomem(err, "an archive");
    struct bv_archive_options *o = &a->options;
    if (options)
        *o = *options;
    if (!o->own_title)
        o->own_title = "BIOVL";
    o->timeout_s = o->timeout_s > 0 ? o->timeout_s : 30;
    o->tries = o->tries > 0 ? o->tries : 4;
    o->pause_ms = o->pause_ms > 0 ? o->pause_ms : 500;
    o->max_object = o->max_object > 0 ? o->max_object : (size_t)1 << 30;
    enum bv_status status;
    if (!keep_options(a))
        status = bv_fail_nomem(err, "an archive");
    else if (is_dicomweb(url))
        status = bv_dicomweb_open(&a->protocol, &a->self, url, o, err);
    else if (starts(url, "dicom://"))
        status = bv_dimse_open(&a->protocol, &a->self, url, o, err);
    else
        status = bv_fail(err, BV_ERR_ARG,
                         "\"%.200s\" is no archive: dicomweb://host:port/root, dicomwebs://… or "
                         "dicom://TITLE@host:port",
                         url);
    if (status == BV_OK)
        *out = a;
    else
        bv_archive_close(&a);
    return status;
}

void bv_archive_close(struct bv_archive **archive)
{
    if (!archive || !*archive)
        return;
    if ((*archive)->self)
        (*archive)->protocol->close((*archive)->self);
    bv_arena_free(&(*archive)->arena);
    free(*archive);
    *archive = NULL;
}

enum bv_status bv_archive_studies(struct bv_archive *a, const struct bv_archive_window *window,
                                  enum bv_status (*visit)(void *arg, const char *study,
                                                          struct bv_error *err),
                                  void *arg, struct bv_error *err)
{
    return a->protocol->studies(a->self, window, visit, arg, err);
}

enum bv_status bv_archive_instances(struct bv_archive *a, const char *study,
                                    enum bv_status (*visit)(void *arg,
                                                            const struct bv_archive_instance *one,
                                                            struct bv_error *err),
                                    void *arg, struct bv_error *err)
{
    if (!bv_uid_valid(study))
        return bv_fail(err, BV_ERR_ARG, "a study that is named by no UID");
    return a->protocol->instances(a->self, study, visit, arg, err);
}

enum bv_status bv_archive_changes(struct bv_archive *a, uint64_t since,
                                  enum bv_status (*visit)(void *arg,
                                                          const struct bv_archive_instance *one,
                                                          struct bv_error *err),
                                  void *arg, uint64_t *next, bool *done, struct bv_error *err)
{
    if (!a->protocol->changes)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "changes are listed by Orthanc over DICOMweb only, not over DIMSE");
    return a->protocol->changes(a->self, since, visit, arg, next, done, err);
}

enum bv_status bv_archive_fetch(struct bv_archive *a, const struct bv_archive_instance *one,
                                bool transcode, uint8_t **bytes, size_t *size, struct bv_error *err)
{
    return a->protocol->fetch(a->self, one, transcode, bytes, size, err);
}

enum bv_status bv_archive_store(struct bv_archive *a, const uint8_t *bytes, size_t size,
                                struct bv_error *err)
{
    return a->protocol->store(a->self, bytes, size, err);
}

size_t bv_archive_retries(const struct bv_archive *a)
{
    return a->protocol->retries(a->self);
}
