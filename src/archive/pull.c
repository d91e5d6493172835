#include "archive/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/dicom_dataset.h"

enum { LOST_CONNECTIONS = 5 }; // in a row, before a pull gives up

struct run {
    const struct bv_pull_sink *sink;
    void *self; // the sink's
    const struct bv_sitekey *key;
    const struct bv_pull_options *options;
    struct bv_archive *archive;
    int lost;      // connections in a row
    size_t n_lost; // connections in all
    size_t n_done; // for progress
    bool broken;   // the sink or the whole pull failed, not one object
};

// Objects.

// Whether the image layer decodes what this transfer syntax makes of pixels.
static bool decodes(const uint8_t *bytes, size_t size)
{
    char uid[65];
    size_t data_set;
    if (!bv_dicom_meta((struct bv_bytes){bytes, size}, uid, &data_set))
        return true; // the decoder will say
    const struct bv_transfer_syntax *syntax = bv_transfer_syntax_find(uid);
    return syntax && syntax->codec != BV_CODEC_NONE;
}

enum bv_status bv_object_check(const uint8_t *bytes, size_t size, struct bv_error *err)
{
    struct bv_dataset *dataset = NULL;
    char syntax[65] = "";
    size_t start;
    if (!bv_dicom_meta((struct bv_bytes){bytes, size}, syntax, &start))
        return bv_fail(err, BV_ERR_FORMAT, "not a DICOM file with a preamble");
    if (strcmp(syntax, BV_DEFLATED_LITTLE_ENDIAN) == 0)
        return BV_OK;
    BV_TRY(bv_dataset_open((struct bv_bytes){bytes, size}, false, &dataset, err));
    bv_dataset_close(&dataset);
    return BV_OK;
}

// Counts a failed transfer. Too many lost connections in a row are an error of the whole pull.
static enum bv_status note_failure(struct run *r, const char *uid, const struct bv_error *why,
                                   struct bv_error *err)
{
    char hash[BV_SITEKEY_NAME], name[64], text[2200];
    bv_sitekey_hash(r->key, uid, hash);
    (void)snprintf(name, sizeof name, "%s %s", why->status == BV_ERR_ARG ? "name" : "object", hash);
    (void)snprintf(text, sizeof text, "%s: %s", name, why->text);
    r->sink->fail(r->self, name, why->status, text);
    r->lost = why->status == BV_ERR_IO ? r->lost + 1 : 0;
    r->n_lost += why->status == BV_ERR_IO;
    if (r->lost >= LOST_CONNECTIONS)
        return bv_fail(err, BV_ERR_IO, "%s; given up after %d failures in a row", why->text,
                       LOST_CONNECTIONS);
    return BV_OK;
}

enum bv_status bv_archive_fetch_decodable(struct bv_archive *archive,
                                          const struct bv_archive_instance *one, uint8_t **bytes,
                                          size_t *size, struct bv_error *err)
{
    BV_TRY(bv_archive_fetch(archive, one, false, bytes, size, err));
    if (decodes(*bytes, *size))
        return BV_OK;
    free(*bytes);
    *bytes = NULL;
    return bv_archive_fetch(archive, one, true, bytes, size, err);
}

static enum bv_status pull_one(struct run *r, const struct bv_archive_instance *one,
                               struct bv_error *err)
{
    struct bv_error why = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    char name[BV_SITEKEY_NAME];
    bool has = false;
    // Presentation states hold no pixels and no report.
    if (strncmp(one->sop_class, "1.2.840.10008.5.1.4.1.1.11.", 27) == 0)
        return BV_OK;
    BV_TRY(r->sink->has(r->self, one->sop, &has, err));
    if (has)
        return BV_OK;
    if (bv_archive_fetch_decodable(r->archive, one, &bytes, &size, &why) != BV_OK)
        return note_failure(r, one->sop, &why, err);
    r->lost = 0;
    bv_sitekey_hash(r->key, one->sop, name);
    enum bv_status status = r->sink->put(r->self, bytes, size, name, err);
    free(bytes);
    return status;
}

static enum bv_status pull_instance(void *arg, const struct bv_archive_instance *one,
                                    struct bv_error *err)
{
    struct run *r = arg;
    enum bv_status status = pull_one(r, one, err);
    r->broken = status != BV_OK;
    return status;
}

// Studies.

struct study_list {
    struct bv_archive_study *items;
    size_t n, room;
};

static enum bv_status keep_study(void *arg, const struct bv_archive_study *study,
                                 struct bv_error *err)
{
    struct study_list *list = arg;
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 256;
        void *items = realloc(list->items, room * sizeof *list->items);
        if (!items)
            return bv_fail_nomem(err, "a list of studies");
        list->items = items;
        list->room = room;
    }
    list->items[list->n++] = *study;
    return BV_OK;
}

enum bv_status bv_archive_list_studies(struct bv_archive *archive,
                                       const struct bv_archive_window *window,
                                       struct bv_archive_study **studies, size_t *n,
                                       struct bv_error *err)
{
    struct study_list list = {0};
    enum bv_status status = bv_archive_studies(archive, window, keep_study, &list, err);
    if (status != BV_OK) {
        free(list.items);
        return status;
    }
    *studies = list.items;
    *n = list.n;
    return BV_OK;
}

// A study whose list cannot be had fails alone; what fails within it has been counted.
static enum bv_status pull_study(struct run *r, const char *study, struct bv_error *err)
{
    struct bv_error why = {0};
    enum bv_status status = bv_archive_instances(r->archive, study, pull_instance, r, &why);
    if (status == BV_OK)
        return BV_OK;
    if (r->broken)
        return bv_fail(err, status, "%s", why.text);
    return note_failure(r, study, &why, err);
}

// *n_studies: how many the archive has there.
static enum bv_status pull_studies(struct run *r, const struct bv_archive_window *window,
                                   size_t *n_studies, struct bv_error *err)
{
    struct bv_archive_study *studies = NULL;
    size_t n = 0;
    // The whole list first: an archive that grows meanwhile would shift its pages.
    BV_TRY(bv_archive_list_studies(r->archive, window, &studies, &n, err));
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        status = bv_observe_progress(r->options->observer, r->n_done, 0, err);
        if (status == BV_OK)
            status = pull_study(r, studies[i].uid, err);
        r->n_done++;
    }
    free(studies);
    *n_studies = n;
    return status;
}

static enum bv_status pull_window(struct run *r, const char *from, const char *to,
                                  struct bv_error *err)
{
    struct bv_archive_window window = r->options->window;
    size_t n;
    window.from = from;
    window.to = to;
    return pull_studies(r, &window, &n, err);
}

// The studies of one name of a list.
static enum bv_status pull_named(void *arg, const struct bv_archive_window *window,
                                 const char *name, struct bv_error *err)
{
    struct run *r = arg;
    struct bv_error why = {0};
    size_t n = 0;
    enum bv_status status = pull_studies(r, window, &n, &why);
    if (status == BV_OK && n > 0)
        return BV_OK;
    if (status == BV_OK) {
        (void)bv_fail(&why, BV_ERR_ARG, "the archive has no such study");
        return note_failure(r, name, &why, err);
    }
    // A name that cannot be asked for fails alone.
    return status == BV_ERR_ARG ? note_failure(r, name, &why, err)
                                : bv_fail(err, status, "%s", why.text);
}

enum bv_status bv_each_named_window(const struct bv_archive_window *whole,
                                    const struct bv_study_names *names, bv_window_visit *visit,
                                    void *arg, struct bv_error *err)
{
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < names->n_studies && status == BV_OK; i++) {
        struct bv_archive_window window = *whole;
        window.study = names->studies[i];
        status = visit(arg, &window, names->studies[i], err);
    }
    for (size_t i = 0; i < names->n_accessions && status == BV_OK; i++) {
        struct bv_archive_window window = *whole;
        window.accession = names->accessions[i];
        status = visit(arg, &window, names->accessions[i], err);
    }
    for (size_t i = 0; i < names->n_patients && status == BV_OK; i++) {
        struct bv_archive_window window = *whole;
        window.patient = names->patients[i];
        status = visit(arg, &window, names->patients[i], err);
    }
    return status;
}

// Where a note of this pull is kept: what and the hash of whatever tells it from others.
static void name_note(const struct run *r, const char *what, char key[96])
{
    const struct bv_archive_window *w = &r->options->window;
    char text[2048], hash[BV_SITEKEY_NAME];
    (void)snprintf(text, sizeof text, "%s|%s|%s", r->options->url, w->modality ? w->modality : "",
                   w->study ? w->study : "");
    if (w->accession || w->patient) {
        size_t n = strlen(text);
        (void)snprintf(text + n, sizeof text - n, "|%s|%s", w->accession ? w->accession : "",
                       w->patient ? w->patient : "");
    }
    bv_sitekey_hash(r->key, text, hash);
    (void)snprintf(key, 96, "pull.%s.%s", what, hash);
}

// Days that need no further look.
struct days {
    long first, last;
};

// Those of an earlier run, "YYYYMMDD-YYYYMMDD", when they begin no later than this run's and reach
// it; else *done stays as it is.
static void read_days(const char *noted, struct days *done)
{
    struct days d;
    if (noted && strlen(noted) == 17 && bv_day_parse(noted, &d.first) &&
        bv_day_parse(noted + 9, &d.last) && d.first <= done->first && d.last > done->last)
        *done = d;
}

static enum bv_status note_days(const struct run *r, const char *key, const struct days *done,
                                struct bv_error *err)
{
    char from[BV_DAY_SIZE], to[BV_DAY_SIZE], value[2 * BV_DAY_SIZE];
    bv_day_format(done->first, from);
    bv_day_format(done->last, to);
    (void)snprintf(value, sizeof value, "%s-%s", from, to);
    return r->sink->set_note(r->self, key, value, err);
}

// Windows of days, the oldest first. One that is over and lost nothing is not looked at again.
static enum bv_status pull_windows(struct run *r, struct bv_error *err)
{
    const struct bv_pull_options *o = r->options;
    const char *since = o->window.from, *until = o->window.to;
    struct bv_arena arena = {0};
    char key[96], from[BV_DAY_SIZE], to[BV_DAY_SIZE];
    const char *noted = NULL;
    long first, today = bv_day_today(), last = today;
    if (!since || !bv_day_parse(since, &first) || (until && !bv_day_parse(until, &last)))
        return bv_fail(err, BV_ERR_ARG, "windows of days need a first day, YYYYMMDD");
    struct days done = {first, first - 1};
    name_note(r, "days", key);
    enum bv_status status = r->sink->get_note(r->self, key, &arena, &noted, err);
    read_days(noted, &done);
    bv_arena_free(&arena);
    for (long begin = done.last + 1, end; status == BV_OK && begin <= last; begin = end + 1) {
        end = begin + o->window_days - 1 < last ? begin + o->window_days - 1 : last;
        bv_day_format(begin, from);
        bv_day_format(end, to);
        status = pull_window(r, from, to, err);
        if (status == BV_OK)
            status = r->sink->flush(r->self, err);
        done.last = end < today ? end : today - 1; // today's studies are still coming
        if (status == BV_OK && r->n_lost == 0 && done.last >= done.first)
            status = note_days(r, key, &done, err);
    }
    return status;
}

// Everything that arrived since the last time. The note moves on only as long as nothing was lost:
// what was is asked for again next time.
static enum bv_status pull_changes(struct run *r, struct bv_error *err)
{
    struct bv_arena arena = {0};
    char key[96], value[24];
    const char *noted = NULL;
    uint64_t since = 0;
    bool done = false, again = false; // again: it began anew, which it does once
    name_note(r, "change", key);
    enum bv_status status = r->sink->get_note(r->self, key, &arena, &noted, err);
    if (status == BV_OK && noted)
        since = strtoull(noted, NULL, 10);
    bv_arena_free(&arena);
    while (status == BV_OK && !done) {
        struct bv_error why = {0};
        const uint64_t before = since;
        status = bv_archive_changes(r->archive, since, pull_instance, r, &since, &done, &why);
        if (status != BV_OK)
            return bv_fail(err, status, "%s", why.text);
        if (since < before && again)
            return bv_fail(err, BV_ERR_FORMAT, "the archive's change feed goes in a circle");
        again |= since < before;
        status = r->sink->flush(r->self, err);
        (void)snprintf(value, sizeof value, "%llu", (unsigned long long)since);
        if (status == BV_OK && r->n_lost == 0)
            status = r->sink->set_note(r->self, key, value, err);
        if (status == BV_OK)
            status = bv_observe_progress(r->options->observer, ++r->n_done, 0, err);
    }
    return status;
}

enum bv_status bv_pull_run(const struct bv_pull_sink *sink, void *self,
                           const struct bv_sitekey *key, const struct bv_pull_options *options,
                           size_t *retries, struct bv_error *err)
{
    struct run r = {.sink = sink, .self = self, .key = key, .options = options};
    enum bv_status status = bv_archive_open(&r.archive, options->url, &options->archive, err);
    *retries = 0;
    if (status != BV_OK)
        return status;
    const struct bv_study_names *names = &options->names;
    bool listed = names->n_studies + names->n_accessions + names->n_patients > 0;
    if (listed && (options->changes || options->window_days > 0))
        status =
            bv_fail(err, BV_ERR_ARG, "names of studies go without changes and windows of days");
    else if (listed)
        status = bv_each_named_window(&options->window, names, pull_named, &r, err);
    else if (options->changes)
        status = pull_changes(&r, err);
    else if (options->window_days > 0)
        status = pull_windows(&r, err);
    else
        status = pull_window(&r, options->window.from, options->window.to, err);
    *retries = bv_archive_retries(r.archive);
    bv_archive_close(&r.archive);
    return status;
}
