#include "pacs/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/dicom_dataset.h"
#include "pacs/elements.h"
#include "pacs/pdu.h"

#define SOP_INSTANCE 0x00080018

struct bv_archive {
    const struct bv_archive_protocol *protocol;
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

static bool is_dimse(const char *url)
{
    return starts(url, "dicom://") || starts(url, "dicoms://");
}

bool bv_archive_is_url(const char *text)
{
    return is_dicomweb(text) || is_dimse(text);
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
           keep(&a->arena, &o->ca_file) && keep(&a->arena, &o->own_title) &&
           keep(&a->arena, &o->proxy) && keep(&a->arena, &o->tls_certificate) &&
           keep(&a->arena, &o->tls_key);
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
    o->max_object = o->max_object > 0 ? o->max_object : (size_t)512 << 20;
    enum bv_status status;
    if (!keep_options(a))
        status = bv_fail_nomem(err, "an archive");
    else if (is_dicomweb(url))
        status = bv_dicomweb_open(&a->protocol, &a->self, url, o, err);
    else if (is_dimse(url))
        status = bv_dimse_open(&a->protocol, &a->self, url, o, err);
    else
        status =
            bv_fail(err, BV_ERR_ARG,
                    "\"%.200s\" is no archive: dicomweb://host:port/root, dicom://TITLE@host:port, "
                    "or dicomwebs://…, dicoms://… over TLS",
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

// A day of a calendar, YYYYMMDD.
static bool is_date(const char *text)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (strlen(text) != 8 || strspn(text, "0123456789") != 8)
        return false;
    int month = (text[4] - '0') * 10 + text[5] - '0', day = (text[6] - '0') * 10 + text[7] - '0';
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

// What can be matched as it is: an archive takes * and ? for wildcards. NULL: nothing is matched.
static bool is_identifier(const char *text)
{
    size_t n = text ? strlen(text) : 1;
    for (const char *c = text; c && *c; c++)
        if (*c < ' ' || *c > '~' || strchr("*?\\", *c))
            return false;
    return n > 0 && n <= 64;
}

static enum bv_status check_window(const struct bv_archive_window *w, struct bv_error *err)
{
    if ((w->from && *w->from && !is_date(w->from)) || (w->to && *w->to && !is_date(w->to)))
        return bv_fail(err, BV_ERR_ARG, "a date is YYYYMMDD");
    if (w->study && !bv_uid_valid(w->study))
        return bv_fail(err, BV_ERR_ARG, "a study is named by its UID");
    if (!is_identifier(w->accession) || !is_identifier(w->patient))
        return bv_fail(err, BV_ERR_ARG,
                       "an accession number or patient's identifier is up to 64 printable "
                       "characters, without * ? and \\");
    if (w->modality && (strlen(w->modality) > 16 ||
                        strspn(w->modality, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(w->modality)))
        return bv_fail(err, BV_ERR_ARG, "a modality is CR, DX, SR, …");
    return BV_OK;
}

struct asked {
    const struct bv_archive_window *window;
    bv_study_visit *visit;
    void *arg;
};

// Archives answer with everything where they do not know what they are asked by.
static bool is_other(const char *asked, const char *answered)
{
    return asked && *answered && strcmp(asked, answered) != 0;
}

static enum bv_status visit_asked(void *arg, const struct bv_archive_study *study,
                                  struct bv_error *err)
{
    const struct asked *a = arg;
    if (is_other(a->window->study, study->uid) ||
        is_other(a->window->accession, study->accession) ||
        is_other(a->window->patient, study->patient))
        return BV_OK;
    return a->visit(a->arg, study, err);
}

enum bv_status bv_archive_studies(struct bv_archive *a, const struct bv_archive_window *window,
                                  bv_study_visit *visit, void *arg, struct bv_error *err)
{
    struct asked asked = {window, visit, arg};
    BV_TRY(check_window(window, err));
    return a->protocol->studies(a->self, window, visit_asked, &asked, err);
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

// Whether an object bears the identifier that was asked for, in its head and in its data set. One
// that cannot be read at all is for its reader to refuse.
static bool is_asked_for(const struct bv_archive_instance *one, const uint8_t *bytes, size_t size)
{
    struct bv_dataset *dataset = NULL;
    struct bv_part10 file;
    struct bv_error ignored = {0};
    char sop[BV_UID_SIZE] = "";
    bool implicit = false;
    if (bv_part10_read(bytes, size, &file, &ignored) == BV_OK) {
        if (strcmp(file.sop, one->sop) != 0)
            return false;
        implicit = strcmp(file.syntax, "1.2.840.10008.1.2") == 0;
        bv_elements_text(bv_elements_of(file.data, file.size, implicit), SOP_INSTANCE, false, sop,
                         sizeof sop);
        if (strcmp(sop, one->sop) == 0)
            return true;
    }
    if (bv_dataset_open((struct bv_bytes){bytes, size}, false, &dataset, &ignored) != BV_OK)
        return true;
    bool same =
        bv_dataset_text(dataset, SOP_INSTANCE, 0, sop, sizeof sop) && strcmp(sop, one->sop) == 0;
    bv_dataset_close(&dataset);
    return same;
}

enum bv_status bv_archive_fetch(struct bv_archive *a, const struct bv_archive_instance *one,
                                bool transcode, uint8_t **bytes, size_t *size, struct bv_error *err)
{
    BV_TRY(a->protocol->fetch(a->self, one, transcode, bytes, size, err));
    if (is_asked_for(one, *bytes, *size))
        return BV_OK;
    free(*bytes);
    *bytes = NULL;
    return bv_fail(err, BV_ERR_FORMAT, "the archive handed out another object");
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
