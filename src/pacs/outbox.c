#include "pacs/archive.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

enum { PAUSE_MS = 5000, MAX_DOUBLINGS = 6, NAME_ROOM = 64, PATIENCE_S = 86400 };

static const char suffix[] = ".dcm";

struct bv_outbox {
    struct bv_archive *archive;
    char *folder;
    int pause_ms, n_failures; // rounds that failed, since one went well
    struct timespec rest_until;
};

enum bv_status bv_outbox_open(struct bv_outbox **out, const char *folder, const char *url,
                              const struct bv_archive_options *options, struct bv_error *err)
{
    struct bv_outbox *outbox = calloc(1, sizeof *outbox);
    if (!outbox || !(outbox->folder = strdup(folder))) {
        bv_outbox_close(&outbox);
        return bv_fail_nomem(err, "an outbox");
    }
    struct bv_archive_options once = *options; // the outbox has a patience of its own
    once.tries = 1;
    outbox->pause_ms = options->pause_ms > 0 ? options->pause_ms : PAUSE_MS;
    enum bv_status status = BV_OK;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        status = bv_fail(err, BV_ERR_IO, "%s: %s", folder, strerror(errno));
    if (status == BV_OK)
        status = bv_archive_open(&outbox->archive, url, &once, err);
    if (status == BV_OK)
        *out = outbox;
    else
        bv_outbox_close(&outbox);
    return status;
}

void bv_outbox_close(struct bv_outbox **outbox)
{
    if (!outbox || !*outbox)
        return;
    bv_archive_close(&(*outbox)->archive);
    free((*outbox)->folder);
    free(*outbox);
    *outbox = NULL;
}

static bool path_of(const struct bv_outbox *outbox, const char *file, char path[4096])
{
    int n = snprintf(path, 4096, "%s/%s", outbox->folder, file);
    return n > 0 && n < 4096;
}

enum bv_status bv_outbox_put(struct bv_outbox *outbox, const char *name, const uint8_t *bytes,
                             size_t size, struct bv_error *err)
{
    char file_name[NAME_ROOM + sizeof suffix], path[4096];
    if (strlen(name) >= NAME_ROOM)
        return bv_fail(err, BV_ERR_ARG, "an object's name of more than %d bytes", NAME_ROOM - 1);
    (void)snprintf(file_name, sizeof file_name, "%s%s", name, suffix);
    if (!path_of(outbox, file_name, path))
        return bv_fail(err, BV_ERR_LIMIT, "%s: a path too long", outbox->folder);
    return bv_write_file(path, bytes, size, err);
}

// The next object of a listing; half-written files have other endings.
static const struct dirent *next_object(DIR *folder)
{
    for (const struct dirent *e; (e = readdir(folder));) {
        size_t n = strlen(e->d_name);
        if (n >= sizeof suffix && strcmp(e->d_name + n - (sizeof suffix - 1), suffix) == 0)
            return e;
    }
    return NULL;
}

size_t bv_outbox_waiting(const struct bv_outbox *outbox)
{
    DIR *folder = opendir(outbox->folder);
    size_t n = 0;
    while (folder && next_object(folder))
        n++;
    if (folder)
        (void)closedir(folder);
    return n;
}

static bool rests(const struct bv_outbox *outbox)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec < outbox->rest_until.tv_sec ||
           (now.tv_sec == outbox->rest_until.tv_sec && now.tv_nsec < outbox->rest_until.tv_nsec);
}

static void rest(struct bv_outbox *outbox)
{
    long ms = (long)outbox->pause_ms << outbox->n_failures;
    if (outbox->n_failures < MAX_DOUBLINGS)
        outbox->n_failures++;
    (void)clock_gettime(CLOCK_MONOTONIC, &outbox->rest_until);
    long ns = outbox->rest_until.tv_nsec + ms % 1000 * 1000000;
    outbox->rest_until.tv_sec += ms / 1000 + ns / 1000000000;
    outbox->rest_until.tv_nsec = ns % 1000000000;
}

static enum bv_status send_file(struct bv_outbox *outbox, const char *path, struct bv_error *err)
{
    struct bv_mapping file = {0};
    BV_TRY(bv_mapping_open(&file, path, (size_t)1 << 30, err));
    enum bv_status status = bv_archive_store(outbox->archive, file.data, file.size, err);
    bv_mapping_close(&file);
    if (status == BV_OK && unlink(path) != 0)
        status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    return status;
}

// What the archive has refused for a day is put aside, and no longer sent.
static void put_aside(const struct bv_outbox *outbox, const char *path, const char *file)
{
    char aside[4096 + 16];
    struct stat info;
    if (stat(path, &info) != 0 || time(NULL) - info.st_mtime < PATIENCE_S)
        return;
    (void)snprintf(aside, sizeof aside, "%s/refused", outbox->folder);
    (void)mkdir(aside, 0700);
    int n = snprintf(aside, sizeof aside, "%s/refused/%s", outbox->folder, file);
    if (n > 0 && (size_t)n < sizeof aside)
        (void)rename(path, aside);
}

enum bv_status bv_outbox_send(struct bv_outbox *outbox, size_t *n_sent, struct bv_error *err)
{
    char path[4096];
    enum bv_status status = BV_OK;
    *n_sent = 0;
    if (rests(outbox))
        return BV_OK;
    DIR *folder = opendir(outbox->folder);
    if (!folder)
        return bv_fail(err, BV_ERR_IO, "%s: %s", outbox->folder, strerror(errno));
    for (const struct dirent *e; status != BV_ERR_IO && (e = next_object(folder));) {
        if (!path_of(outbox, e->d_name, path))
            continue;
        enum bv_status one = send_file(outbox, path, err);
        *n_sent += one == BV_OK;
        if (one != BV_OK && one != BV_ERR_IO && one != BV_ERR_NOMEM)
            put_aside(outbox, path, e->d_name);
        status = one != BV_OK ? one : status;
    }
    (void)closedir(folder);
    if (status == BV_OK)
        outbox->n_failures = 0;
    else
        rest(outbox);
    return status;
}
