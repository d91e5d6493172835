// Images of an index, read again from the archive that they came from.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/pull.h"
#include "base/json.h"

// A study of the archive and what the index calls it.
struct named_study {
    char name[BV_UID_SIZE], uid[BV_UID_SIZE];
};

struct bv_refetch {
    struct bv_archive *archive;
    struct bv_pull_options options;
    struct bv_sitekey key;
    struct named_study *studies; // by name
    size_t n_studies;
    bool listed;
};

enum bv_status bv_refetch_open(struct bv_refetch **out, const struct bv_pull_options *options,
                               const struct bv_sitekey *key, struct bv_error *err)
{
    struct bv_refetch *r = calloc(1, sizeof *r);
    if (!r)
        return bv_fail_nomem(err, "an archive");
    r->options = *options;
    r->key = *key;
    enum bv_status status = bv_archive_open(&r->archive, options->url, &options->archive, err);
    if (status == BV_OK)
        *out = r;
    else
        bv_refetch_close(&r);
    return status;
}

void bv_refetch_close(struct bv_refetch **refetch)
{
    if (!refetch || !*refetch)
        return;
    bv_archive_close(&(*refetch)->archive);
    free((*refetch)->studies);
    free(*refetch);
    *refetch = NULL;
}

// What the index calls a UID, or a frame of its object (0: the object).
static void name_uid(const struct bv_refetch *r, const char *uid, int frame,
                     char name[BV_UID_SIZE + 16])
{
    char text[BV_UID_SIZE + 16];
    (void)snprintf(text, sizeof text, frame ? "%s#%d" : "%s", uid, frame);
    if (r->key.keep_identifiers)
        memcpy(name, text, sizeof text);
    else
        bv_sitekey_hash(&r->key, text, name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named_study *)a)->name, ((const struct named_study *)b)->name);
}

static enum bv_status list_window(void *arg, const struct bv_archive_window *window,
                                  const char *asked, struct bv_error *err)
{
    struct bv_refetch *r = arg;
    struct bv_archive_study *found = NULL;
    size_t n = 0;
    (void)asked;
    BV_TRY(bv_archive_list_studies(r->archive, window, &found, &n, err));
    struct named_study *more =
        n ? realloc(r->studies, (r->n_studies + n) * sizeof *more) : r->studies;
    if (n && !more) {
        free(found);
        return bv_fail_nomem(err, "a list of studies");
    }
    r->studies = more;
    for (size_t i = 0; i < n; i++) {
        struct named_study *study = &r->studies[r->n_studies++];
        char name[BV_UID_SIZE + 16];
        name_uid(r, found[i].uid, 0, name);
        (void)snprintf(study->name, sizeof study->name, "%.64s", name);
        memcpy(study->uid, found[i].uid, sizeof study->uid);
    }
    free(found);
    return BV_OK;
}

static enum bv_status list_studies(struct bv_refetch *r, struct bv_error *err)
{
    const struct bv_study_names *names = &r->options.names;
    if (r->listed)
        return BV_OK;
    r->n_studies = 0;
    if (names->n_studies + names->n_accessions + names->n_patients > 0)
        BV_TRY(bv_each_named_window(&r->options.window, names, list_window, r, err));
    else
        BV_TRY(list_window(r, &r->options.window, NULL, err));
    if (r->n_studies > 1)
        qsort(r->studies, r->n_studies, sizeof *r->studies, by_name);
    r->listed = true;
    return BV_OK;
}

// The instance that an item is of, among those of its study.
struct wanted {
    const struct bv_refetch *refetch;
    const char *name;
    int frame;
    struct bv_archive_instance one;
    bool found;
};

static enum bv_status compare_instance(void *arg, const struct bv_archive_instance *one,
                                       struct bv_error *err)
{
    struct wanted *w = arg;
    char name[BV_UID_SIZE + 16];
    (void)err;
    name_uid(w->refetch, one->sop, w->frame, name);
    if (!w->found && strcmp(name, w->name) == 0) {
        w->one = *one;
        w->found = true;
    }
    return BV_OK;
}

static enum bv_status find_instance(struct bv_refetch *r, const char *study, struct wanted *w,
                                    struct bv_error *err)
{
    struct named_study asked;
    (void)snprintf(asked.name, sizeof asked.name, "%.64s", study);
    BV_TRY(list_studies(r, err));
    const struct named_study *known =
        r->n_studies ? bsearch(&asked, r->studies, r->n_studies, sizeof asked, by_name) : NULL;
    if (known)
        BV_TRY(bv_archive_instances(r->archive, known->uid, compare_instance, w, err));
    return w->found ? BV_OK
                    : bv_fail(err, BV_ERR_IO, "the archive has no %s that is image %s",
                              known ? "object" : "study", w->name);
}

// The number of its frame in an object of several; 0: it is the object.
static enum bv_status frame_of(const struct bv_entry *entry, int *frame, struct bv_error *err)
{
    json_t *metadata = NULL;
    BV_TRY(bv_json_parse(&metadata, entry->metadata, strlen(entry->metadata), "metadata", err));
    int64_t number = bv_json_integer(metadata, "frame", 0);
    *frame = number > 0 && number <= BV_INGEST_FRAMES ? (int)number : 0;
    json_decref(metadata);
    return BV_OK;
}

enum bv_status bv_refetch_image(void *refetch, const struct bv_entry *entry,
                                struct bv_image **image, struct bv_error *err)
{
    struct bv_refetch *r = refetch;
    struct wanted w = {.refetch = r, .name = entry->id};
    struct bv_decode_options how = BV_DECODE_DEFAULTS;
    uint8_t *bytes = NULL;
    size_t size = 0;
    BV_TRY(frame_of(entry, &w.frame, err));
    BV_TRY(find_instance(r, entry->study, &w, err));
    BV_TRY(bv_archive_fetch_decodable(r->archive, &w.one, &bytes, &size, err));
    how.frame = w.frame - 1;
    enum bv_status status = bv_image_decode(bytes, size, entry->id, &how, image, err);
    free(bytes);
    return status;
}
