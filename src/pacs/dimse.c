// DIMSE (PS3.7) as a client: C-FIND finds, C-GET fetches, C-STORE stores. C-GET needs no port that
// the archive can reach; archives without it move (C-MOVE) to one of ours.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/encoding.h"
#include "pacs/archive.h"
#include "pacs/dimse_link.h"
#include "pacs/pdu.h"

enum { TOTAL_TIMES = 20 }; // a whole answer may take so many times the time without progress

struct dimse {
    const struct bv_archive_options *options;
    char title[BV_TITLE_ROOM], host[256];
    struct bv_dimse_peer peer;
    struct bv_tls *tls; // NULL: none
    size_t n_retries;
    struct bv_association *link; // for finding and fetching; NULL when not connected
    struct bv_landing *landing;  // for moving; NULL otherwise
};

static void wait_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

// Runs an exchange until it succeeds, or fails for what will not pass. After trouble the open
// association is not used again.
static enum bv_status repeat(struct dimse *d,
                             enum bv_status (*run)(struct dimse *, void *, struct bv_error *),
                             void *arg, struct bv_error *err)
{
    long pause = d->options->pause_ms;
    for (int tries = 1;; tries++, pause *= 2) {
        struct bv_error why = {0};
        enum bv_status status = run(d, arg, &why);
        if (status == BV_OK)
            return BV_OK;
        bv_association_abort(&d->link);
        if (status != BV_ERR_IO || tries >= d->options->tries)
            return bv_fail(err, status, "%s:%d: %s%s", d->host, d->peer.port, why.text,
                           tries > 1 ? ", several times" : "");
        d->n_retries++;
        wait_ms(pause);
    }
}

static enum bv_status connect_once(struct dimse *d, struct bv_error *err)
{
    return d->link ? BV_OK : bv_dimse_connect(&d->link, &d->peer, err);
}

static void dimse_close(void *self)
{
    struct dimse *d = self;
    bv_association_release(&d->link, bv_now_ms() + d->peer.timeout_ms);
    bv_landing_close(&d->landing);
    bv_tls_close(&d->tls);
    free(d);
}

// Finding.

struct match {
    char uid[BV_UID_SIZE], sop_class[BV_UID_SIZE];
    struct bv_archive_study *study; // owned by the list; on the level of studies
};

struct matches {
    const struct bv_dimse_query *query;
    uint32_t wanted; // tag of the identifier of this level
    struct match *items;
    size_t n, room;
};

static long read_count(struct bv_elements match, uint32_t tag)
{
    char text[16], *end;
    bv_elements_text(match, tag, false, text, sizeof text);
    long n = strtol(text, &end, 10);
    return end != text && n >= 0 ? n : -1;
}

// Texts of other characters than ASCII are taken where they are UTF-8 and say so; else their bytes
// are shown as '?'.
static void read_study(struct bv_elements match, const char *uid, struct bv_archive_study *study)
{
    char set[32];
    bv_elements_text(match, 0x00080005, false, set, sizeof set);
    bool utf8 = strcmp(set, "ISO_IR 192") == 0;
    memcpy(study->uid, uid, sizeof study->uid);
    bv_elements_text(match, 0x00080020, false, study->date, sizeof study->date);
    bv_elements_text(match, 0x00080050, false, study->accession, sizeof study->accession);
    bv_elements_text(match, 0x00080061, false, study->modalities, sizeof study->modalities);
    bv_elements_text(match, 0x00081030, utf8, study->description, sizeof study->description);
    if (utf8 && !bv_utf8_valid(study->description, strlen(study->description), NULL))
        bv_elements_text(match, 0x00081030, false, study->description, sizeof study->description);
    for (char *c = study->description; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    bv_elements_text(match, 0x00100020, false, study->patient, sizeof study->patient);
    for (char *c = study->modalities; *c; c++)
        if (*c == '\\')
            *c = '/';
    study->n_series = read_count(match, 0x00201206);
    study->n_instances = read_count(match, 0x00201208);
}

static enum bv_status add_match(void *arg, struct bv_elements match, struct bv_error *err)
{
    struct matches *list = arg;
    struct match one = {.study = NULL};
    bv_elements_text(match, list->wanted, false, one.uid, sizeof one.uid);
    bv_elements_text(match, 0x00080016, false, one.sop_class, sizeof one.sop_class);
    if (!bv_uid_valid(one.uid))
        return BV_OK;
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct match *more = realloc(list->items, room * sizeof *more);
        if (!more)
            return bv_fail_nomem(err, "what an archive found");
        list->items = more;
        list->room = room;
    }
    if (strcmp(list->query->level, "STUDY") == 0) {
        one.study = calloc(1, sizeof *one.study);
        if (!one.study)
            return bv_fail_nomem(err, "what an archive found");
        read_study(match, one.uid, one.study);
    }
    list->items[list->n++] = one;
    return BV_OK;
}

static void clear_matches(struct matches *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].study);
    list->n = 0;
}

static enum bv_status run_find(struct dimse *d, void *arg, struct bv_error *err)
{
    struct matches *list = arg;
    clear_matches(list);
    BV_TRY(connect_once(d, err));
    return bv_dimse_find(d->link, &d->peer, list->query, add_match, list, err);
}

// The caller frees list->items in any case.
static enum bv_status find(struct dimse *d, const struct bv_dimse_query *query, uint32_t wanted,
                           struct matches *list, struct bv_error *err)
{
    *list = (struct matches){.query = query, .wanted = wanted};
    return repeat(d, run_find, list, err);
}

static enum bv_status dimse_studies(void *self, const struct bv_archive_window *window,
                                    bv_study_visit *visit, void *arg, struct bv_error *err)
{
    char dates[2 * 8 + 2] = "";
    struct matches list;
    if (window->from || window->to)
        (void)snprintf(dates, sizeof dates, "%.8s-%.8s", window->from ? window->from : "",
                       window->to ? window->to : "");
    const struct bv_dimse_query query = {.level = "STUDY",
                                         .dates = dates,
                                         .modality = window->modality ? window->modality : "",
                                         .study = window->study ? window->study : "",
                                         .accession = window->accession ? window->accession : "",
                                         .patient = window->patient ? window->patient : ""};
    enum bv_status status = find(self, &query, 0x0020000D, &list, err);
    for (size_t i = 0; i < list.n && status == BV_OK; i++)
        status = visit(arg, list.items[i].study, err);
    clear_matches(&list);
    free(list.items);
    return status;
}

struct visitor {
    enum bv_status (*visit)(void *, const struct bv_archive_instance *, struct bv_error *);
    void *arg;
};

static enum bv_status visit_series(struct dimse *d, const char *study, const char *series,
                                   const struct visitor *v, struct bv_error *err)
{
    const struct bv_dimse_query query = {
        .level = "IMAGE", .study = study, .series = series, .sop = ""};
    struct matches list;
    enum bv_status status = find(d, &query, 0x00080018, &list, err);
    for (size_t i = 0; i < list.n && status == BV_OK; i++) {
        struct bv_archive_instance one = {.sop_class = ""};
        (void)snprintf(one.study, sizeof one.study, "%s", study);
        (void)snprintf(one.series, sizeof one.series, "%s", series);
        memcpy(one.sop, list.items[i].uid, sizeof one.sop);
        if (bv_uid_valid(list.items[i].sop_class))
            memcpy(one.sop_class, list.items[i].sop_class, sizeof one.sop_class);
        status = v->visit(v->arg, &one, err);
    }
    free(list.items);
    return status;
}

static enum bv_status dimse_instances(void *self, const char *study,
                                      enum bv_status (*visit)(void *,
                                                              const struct bv_archive_instance *,
                                                              struct bv_error *),
                                      void *arg, struct bv_error *err)
{
    const struct visitor v = {visit, arg};
    const struct bv_dimse_query query = {.level = "SERIES", .study = study, .series = ""};
    struct matches list;
    enum bv_status status = find(self, &query, 0x0020000E, &list, err);
    for (size_t i = 0; i < list.n && status == BV_OK; i++)
        status = visit_series(self, study, list.items[i].uid, &v, err);
    free(list.items);
    return status;
}

// Fetching.

struct fetching {
    const struct bv_archive_instance *one;
    uint8_t *bytes; // NULL: nothing came
    size_t size;
    uint16_t code; // the archive's last status
};

static enum bv_status run_get(struct dimse *d, void *arg, struct bv_error *err)
{
    struct fetching *f = arg;
    BV_TRY(connect_once(d, err));
    return bv_dimse_get(d->link, &d->peer, f->one, &f->bytes, &f->size, &f->code, err);
}

static enum bv_status run_move(struct dimse *d, void *arg, struct bv_error *err)
{
    struct fetching *f = arg;
    bv_landing_clear(d->landing);
    BV_TRY(connect_once(d, err));
    BV_TRY(bv_dimse_move(d->link, &d->peer, f->one, &f->code, err));
    bv_landing_take(d->landing, &f->bytes, &f->size);
    return BV_OK;
}

static enum bv_status dimse_fetch(void *self, const struct bv_archive_instance *one, bool transcode,
                                  uint8_t **bytes, size_t *size, struct bv_error *err)
{
    struct dimse *d = self;
    struct fetching f = {.one = one};
    (void)transcode; // the archive chooses among what was agreed
    BV_TRY(repeat(d, d->landing ? run_move : run_get, &f, err));
    if (!f.bytes && d->landing && f.code != 0)
        return bv_fail(err, BV_ERR_REFUSED,
                       "the archive could not move an object to %s: it does not know that title, "
                       "or cannot reach its port %d (status %04x)",
                       d->options->own_title, d->options->move_port, f.code);
    if (!f.bytes)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "the archive does not hand out an object of this class or compression");
    *bytes = f.bytes;
    *size = f.size;
    return BV_OK;
}

// Storing.

struct storing {
    struct bv_part10 file;
    uint16_t code;
};

// One association per object: its class and compression are its context.
static enum bv_status run_store(struct dimse *d, void *arg, struct bv_error *err)
{
    struct storing *s = arg;
    struct bv_association *link = NULL;
    BV_TRY(bv_dimse_connect_to_store(&link, &d->peer, s->file.sop_class, s->file.syntax, err));
    enum bv_status status = bv_dimse_store(link, &d->peer, &s->file, &s->code, err);
    if (status == BV_OK)
        bv_association_release(&link, bv_now_ms() + d->peer.timeout_ms);
    else
        bv_association_abort(&link);
    if (status == BV_OK && s->code >> 8 == 0xA7)
        status = bv_fail(err, BV_ERR_IO, "the archive has no room (status %04x)", s->code);
    return status;
}

static enum bv_status dimse_store(void *self, const uint8_t *bytes, size_t size,
                                  struct bv_error *err)
{
    struct storing s = {.code = 0};
    BV_TRY(bv_part10_read(bytes, size, &s.file, err));
    BV_TRY(repeat(self, run_store, &s, err));
    if (s.code != 0 && s.code >> 12 != 0xB)
        return bv_fail(err, BV_ERR_REFUSED, "the archive did not store the object (status %04x)",
                       s.code);
    return BV_OK;
}

static size_t dimse_retries(const void *self)
{
    return ((const struct dimse *)self)->n_retries;
}

static const struct bv_archive_protocol protocol_table = {
    dimse_close, dimse_studies, dimse_instances, NULL, dimse_fetch, dimse_store, dimse_retries};

// Opening.

static enum bv_status read_url(struct dimse *d, const char *url, bool secure, struct bv_error *err)
{
    unsigned port = 0;
    int end = 0;
    const char *rest = url + (secure ? sizeof "dicoms://" : sizeof "dicom://") - 1;
    int n = sscanf(rest, "%16[^@/:]@[%255[0-9a-fA-F:.]]:%5u%n", d->title, d->host, &port, &end);
    if (n != 3)
        n = sscanf(rest, "%16[^@/:]@%255[^][:/@]:%5u%n", d->title, d->host, &port, &end);
    if (n != 3 || rest[end] || port == 0 || port > 65535 || strlen(d->options->own_title) > 16 ||
        d->options->move_port < 0 || d->options->move_port > 65535)
        return bv_fail(err, BV_ERR_ARG,
                       "an archive's address is dicom://TITLE@host:port, titles of 16 characters");
    d->peer.port = (int)port;
    return BV_OK;
}

static enum bv_status open_tls(struct dimse *d, bool secure, struct bv_error *err)
{
    const struct bv_archive_options *o = d->options;
    const struct bv_tls_options tls = {
        .certificate = o->tls_certificate, .key = o->tls_key, .ca_file = o->ca_file};
    if (!secure)
        return BV_OK;
    BV_TRY(bv_tls_open(&d->tls, &tls, err));
    d->peer.tls = d->tls;
    return BV_OK;
}

static enum bv_status open_landing(struct dimse *d, struct bv_error *err)
{
    bool local = strcmp(d->host, "127.0.0.1") == 0 || strcmp(d->host, "localhost") == 0 ||
                 strcmp(d->host, "::1") == 0;
    const struct bv_landing_options landing = {.title = d->options->own_title,
                                               .caller = d->title,
                                               .port = d->options->move_port,
                                               .any_host = !local,
                                               .max_object = d->options->max_object};
    return d->options->move_port ? bv_landing_open(&d->landing, &landing, err) : BV_OK;
}

enum bv_status bv_dimse_open(const struct bv_archive_protocol **protocol, void **self,
                             const char *url, const struct bv_archive_options *options,
                             struct bv_error *err)
{
    struct dimse *d = calloc(1, sizeof *d);
    bool secure = strncmp(url, "dicoms://", 9) == 0;
    if (!d)
        return bv_fail_nomem(err, "an archive");
    d->options = options;
    d->peer = (struct bv_dimse_peer){.title = d->title,
                                     .own_title = options->own_title,
                                     .host = d->host,
                                     .timeout_ms = 1000 * options->timeout_s,
                                     .total_ms = (int64_t)TOTAL_TIMES * 1000 * options->timeout_s,
                                     .max_object = options->max_object};
    enum bv_status status = read_url(d, url, secure, err);
    if (status == BV_OK)
        status = open_tls(d, secure, err);
    if (status == BV_OK)
        status = open_landing(d, err);
    if (status != BV_OK) {
        dimse_close(d);
        return status;
    }
    *protocol = &protocol_table;
    *self = d;
    return BV_OK;
}
