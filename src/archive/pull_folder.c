// Pulling into a folder: one file per object, named by the keyed hash of its UID.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/pull.h"
#include "base/file.h"
#include "base/json.h"

enum { MAX_NOTES = 1 << 20 };

struct folder_sink {
    const char *folder;
    struct bv_sitekey key;
    json_t *notes; // an object
    struct bv_pull_counts counts;
    const struct bv_observer *observer;
};

static enum bv_status path_in(const struct folder_sink *s, const char *name, const char *suffix,
                              char path[4096], struct bv_error *err)
{
    int n = snprintf(path, 4096, "%s/%s%s", s->folder, name, suffix);
    return n > 0 && n < 4096 ? BV_OK : bv_fail(err, BV_ERR_LIMIT, "a path of more than 4095 bytes");
}

static enum bv_status sink_has(void *self, const char *uid, bool *has, struct bv_error *err)
{
    struct folder_sink *s = self;
    char name[BV_SITEKEY_NAME], path[4096];
    bv_sitekey_hash(&s->key, uid, name);
    BV_TRY(path_in(s, name, ".dcm", path, err));
    *has = access(path, F_OK) == 0;
    s->counts.skipped += *has;
    return BV_OK;
}

static void sink_fail(void *self, const char *name, enum bv_status status, const char *text)
{
    struct folder_sink *s = self;
    s->counts.failed++;
    bv_observe_failed(s->observer, name, status, text);
}

static enum bv_status sink_put(void *self, const uint8_t *bytes, size_t size, const char *name,
                               struct bv_error *err)
{
    struct folder_sink *s = self;
    struct bv_error why = {0};
    char path[4096];
    if (bv_object_check(bytes, size, &why) != BV_OK) {
        (void)bv_fail_prefix(&why, "object %s", name);
        sink_fail(s, name, why.status, why.text);
        return BV_OK;
    }
    BV_TRY(path_in(s, name, ".dcm", path, err));
    BV_TRY(bv_write_file(path, bytes, size, err));
    s->counts.objects++;
    return BV_OK;
}

static enum bv_status sink_flush(void *self, struct bv_error *err)
{
    (void)self; // every file is durable when it is written
    (void)err;
    return BV_OK;
}

static enum bv_status sink_set_note(void *self, const char *key, const char *value,
                                    struct bv_error *err)
{
    const struct folder_sink *s = self;
    char path[4096];
    char *text = NULL;
    BV_TRY(path_in(s, ".pull", ".json", path, err));
    if (json_object_set_new(s->notes, key, json_string(value)) == 0)
        text = json_dumps(s->notes, JSON_SORT_KEYS | JSON_INDENT(1));
    if (!text)
        return bv_fail_nomem(err, "notes");
    enum bv_status status = bv_write_file(path, text, strlen(text), err);
    free(text);
    return status;
}

static enum bv_status sink_get_note(void *self, const char *key, struct bv_arena *arena,
                                    const char **value, struct bv_error *err)
{
    const struct folder_sink *s = self;
    const char *text = json_string_value(json_object_get(s->notes, key));
    *value = text ? bv_arena_strdup(arena, text) : NULL;
    return !text || *value ? BV_OK : bv_fail_nomem(err, "a note");
}

static const struct bv_pull_sink into_folder = {sink_has,   sink_put,      sink_fail,
                                                sink_flush, sink_set_note, sink_get_note};

// Notes that are missing or damaged only cost time: everything is listed again.
static enum bv_status read_notes(struct folder_sink *s, struct bv_error *err)
{
    char path[4096];
    char *text = NULL;
    size_t size;
    struct bv_error ignored = {0};
    BV_TRY(path_in(s, ".pull", ".json", path, err));
    if (bv_read_all(path, MAX_NOTES, &text, &size, &ignored) == BV_OK)
        (void)bv_json_parse(&s->notes, text, size, path, &ignored);
    free(text);
    if (!json_is_object(s->notes)) {
        json_decref(s->notes);
        s->notes = json_object();
    }
    return s->notes ? BV_OK : bv_fail_nomem(err, "notes");
}

enum bv_status bv_pull_to_folder(const struct bv_pull_options *options, const char *folder,
                                 const char *key_file, struct bv_pull_counts *counts,
                                 struct bv_error *err)
{
    struct folder_sink sink = {.folder = folder, .observer = options->observer};
    char beside[4096];
    int n = snprintf(beside, sizeof beside, "%s.key", folder);
    if (n < 0 || (size_t)n >= sizeof beside)
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than 4095 bytes");
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return bv_fail(err, BV_ERR_IO, "%s: %s", folder, strerror(errno));
    BV_TRY(bv_sitekey_load(&sink.key, key_file ? key_file : beside, true, err));
    enum bv_status status = read_notes(&sink, err);
    if (status == BV_OK)
        status = bv_pull_run(&into_folder, &sink, &sink.key, options, &sink.counts.retries, err);
    json_decref(sink.notes);
    *counts = sink.counts;
    return status;
}
