// DICOMweb (PS3.18): QIDO-RS finds, WADO-RS fetches, STOW-RS stores.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pacs/archive.h"
#include "pacs/http.h"
#include "pacs/pdu.h"
#include "pacs/wire.h"

// Archives that know no limit answer with all they have at once. A whole search may find so much,
// and take so many times the time without progress.
enum { PAGE = 200, MAX_ANSWER = 100000, MAX_FOUND = 500000, SEARCH_TIMES = 400 };

static const size_t max_list = (size_t)16 << 20; // bytes of one page of a QIDO answer

struct dicomweb {
    struct bv_http *http;
    const struct bv_archive_options *options;
    char root[1024];
};

static void web_close(void *self)
{
    struct dicomweb *w = self;
    bv_http_close(&w->http);
    free(w);
}

// The first value of an attribute in DICOM JSON (PS3.18 F.2), "" when there is none.
static const char *attribute(const json_t *object, const char *tag)
{
    const json_t *values = json_object_get(json_object_get(object, tag), "Value");
    const char *text = json_string_value(json_array_get(values, 0));
    return text ? text : "";
}

static bool read_uid(const json_t *object, const char *tag, char uid[BV_UID_SIZE])
{
    const char *text = attribute(object, tag);
    if (!bv_uid_valid(text))
        return false;
    memcpy(uid, text, strlen(text) + 1);
    return true;
}

// One page of a search; *list is a new reference to an array, empty at the end.
static enum bv_status find_page(struct dicomweb *w, const char *path, const char *query,
                                size_t offset, json_t **list, struct bv_error *err)
{
    char url[4096];
    int n = snprintf(url, sizeof url, "%s/%s?%slimit=%d&offset=%zu", w->root, path, query, PAGE,
                     offset);
    if (n < 0 || (size_t)n >= sizeof url)
        return bv_fail(err, BV_ERR_LIMIT, "a query too long");
    struct bv_http_request request = {
        .url = url, .accept = "application/dicom+json", .max_answer = max_list};
    struct bv_http_answer answer;
    BV_TRY(bv_http_run(w->http, &request, &answer, err));
    enum bv_status status = BV_OK;
    json_t *page = NULL;
    if (answer.code == 204 || answer.size == 0) {
        page = json_array();
    } else if (answer.code >= 300) {
        status = bv_fail(err, BV_ERR_IO, "the archive has no search at its address (HTTP %ld)",
                         answer.code);
    } else {
        status = bv_answer_json(&answer, &page, err);
        if (status == BV_OK && !json_is_array(page))
            status = bv_fail(err, BV_ERR_FORMAT, "the archive's answer is no list");
        else if (status == BV_OK && json_array_size(page) > MAX_ANSWER)
            status = bv_fail(err, BV_ERR_LIMIT, "the archive's answer is a list of more than %d",
                             MAX_ANSWER);
    }
    free(answer.body);
    if (status == BV_OK)
        *list = page;
    else
        json_decref(page);
    return status;
}

// Calls visit for each object of a search, page by page. An archive that ignores the offset would
// answer with the same page for ever: a page that begins as the last one did ends the search.
static enum bv_status find_all(struct dicomweb *w, const char *path, const char *query,
                               enum bv_status (*visit)(void *, const json_t *, struct bv_error *),
                               void *arg, struct bv_error *err)
{
    json_t *last = NULL;
    enum bv_status status = BV_OK;
    const int64_t deadline = bv_now_ms() + (int64_t)SEARCH_TIMES * 1000 * w->options->timeout_s;
    for (size_t offset = 0; status == BV_OK;) {
        json_t *list = NULL;
        if (offset > MAX_FOUND || bv_now_ms() > deadline) {
            status = bv_fail(err, BV_ERR_LIMIT,
                             "the archive's list does not end within %d entries and %d s: ask for "
                             "less at a time, by dates",
                             MAX_FOUND, SEARCH_TIMES * w->options->timeout_s);
            break;
        }
        if ((status = find_page(w, path, query, offset, &list, err)) != BV_OK)
            break;
        size_t n = json_array_size(list);
        json_t *first = json_array_get(list, 0);
        bool repeats = last && first && json_equal(last, first);
        for (size_t i = 0; i < n && !repeats && status == BV_OK; i++)
            status = visit(arg, json_array_get(list, i), err);
        json_decref(last);
        last = json_incref(first);
        json_decref(list);
        offset += n;
        if (n < PAGE || repeats)
            break;
    }
    json_decref(last);
    return status;
}

struct study_visit {
    bv_study_visit *visit;
    void *arg;
};

// A text of an attribute, without what is not printable, cut between characters.
static void read_text(const json_t *object, const char *tag, char *out, size_t room)
{
    const char *text = attribute(object, tag);
    size_t n = 0;
    while (text[n] && n + 1 < room)
        n++;
    while (n > 0 && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    out[n] = 0;
}

// IS values are numbers in JSON, or texts of them.
static long read_count(const json_t *object, const char *tag)
{
    const json_t *values = json_object_get(json_object_get(object, tag), "Value");
    const json_t *value = json_array_get(values, 0);
    char *end;
    if (json_is_integer(value))
        return json_integer_value(value) < 0 ? -1 : (long)json_integer_value(value);
    const char *text = json_string_value(value);
    long n = text ? strtol(text, &end, 10) : -1;
    return text && end != text && n >= 0 ? n : -1;
}

static void read_modalities(const json_t *object, char *out, size_t room)
{
    const json_t *values = json_object_get(json_object_get(object, "00080061"), "Value");
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < json_array_size(values); i++) {
        const char *text = json_string_value(json_array_get(values, i));
        if (!text || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(text) ||
            used + strlen(text) + 2 > room)
            continue;
        used += (size_t)snprintf(out + used, room - used, "%s%s", used ? "/" : "", text);
    }
}

static enum bv_status visit_study(void *arg, const json_t *object, struct bv_error *err)
{
    const struct study_visit *v = arg;
    struct bv_archive_study study = {.n_series = read_count(object, "00201206"),
                                     .n_instances = read_count(object, "00201208")};
    if (!read_uid(object, "0020000D", study.uid))
        return BV_OK;
    read_text(object, "00080020", study.date, sizeof study.date);
    read_text(object, "00081030", study.description, sizeof study.description);
    read_text(object, "00080050", study.accession, sizeof study.accession);
    read_text(object, "00100020", study.patient, sizeof study.patient);
    read_modalities(object, study.modalities, sizeof study.modalities);
    return v->visit(v->arg, &study, err);
}

// Adds a query parameter whose value may hold any printable character.
static size_t add_parameter(char *query, size_t room, size_t used, const char *name,
                            const char *value)
{
    used += (size_t)snprintf(query + used, room - used, "%s=", name);
    for (; *value && used + 5 < room; value++) {
        bool plain = isalnum((unsigned char)*value) || strchr("-._~", *value);
        used += (size_t)snprintf(query + used, room - used, plain ? "%c" : "%%%02X",
                                 (unsigned char)*value);
    }
    return used + (size_t)snprintf(query + used, room - used, "&");
}

static enum bv_status web_studies(void *self, const struct bv_archive_window *window,
                                  bv_study_visit *visit, void *arg, struct bv_error *err)
{
    char query[1024] = "includefield=00081030&includefield=00201206&includefield=00201208&";
    size_t used = strlen(query);
    const char *from = window->from ? window->from : "", *to = window->to ? window->to : "";
    if (*from || *to)
        used += (size_t)snprintf(query + used, sizeof query - used, "StudyDate=%s-%s&", from, to);
    if (window->modality)
        used += (size_t)snprintf(query + used, sizeof query - used, "ModalitiesInStudy=%s&",
                                 window->modality);
    if (window->accession)
        used = add_parameter(query, sizeof query, used, "AccessionNumber", window->accession);
    if (window->patient)
        used = add_parameter(query, sizeof query, used, "PatientID", window->patient);
    if (window->study)
        (void)snprintf(query + used, sizeof query - used, "StudyInstanceUID=%s&", window->study);
    struct study_visit v = {visit, arg};
    return find_all(self, "studies", query, visit_study, &v, err);
}

struct instance_visit {
    enum bv_status (*visit)(void *, const struct bv_archive_instance *, struct bv_error *);
    void *arg;
    const char *study;
};

static enum bv_status visit_instance(void *arg, const json_t *object, struct bv_error *err)
{
    const struct instance_visit *v = arg;
    struct bv_archive_instance one = {0};
    (void)snprintf(one.study, sizeof one.study, "%s", v->study);
    (void)read_uid(object, "00080016", one.sop_class);
    // Without both identifiers it cannot be fetched.
    if (!read_uid(object, "0020000E", one.series) || !read_uid(object, "00080018", one.sop))
        return BV_OK;
    return v->visit(v->arg, &one, err);
}

static enum bv_status web_instances(void *self, const char *study,
                                    enum bv_status (*visit)(void *,
                                                            const struct bv_archive_instance *,
                                                            struct bv_error *),
                                    void *arg, struct bv_error *err)
{
    char path[128];
    (void)snprintf(path, sizeof path, "studies/%s/instances", study);
    struct instance_visit v = {visit, arg, study};
    return find_all(self, path, "", visit_instance, &v, err);
}

static enum bv_status
web_changes(void *self, uint64_t since,
            enum bv_status (*visit)(void *, const struct bv_archive_instance *, struct bv_error *),
            void *arg, uint64_t *next, bool *done, struct bv_error *err)
{
    struct dicomweb *w = self;
    char root[sizeof w->root];
    (void)snprintf(root, sizeof root, "%s", w->root);
    // The DICOMweb root is one step below that of the server's own interface.
    char *slash = strrchr(strstr(root, "://") + 3, '/');
    if (slash)
        *slash = 0;
    return bv_orthanc_changes(w->http, root, since, visit, arg, next, done, err);
}

static enum bv_status web_fetch(void *self, const struct bv_archive_instance *one, bool transcode,
                                uint8_t **bytes, size_t *size, struct bv_error *err)
{
    struct dicomweb *w = self;
    char url[2048], accept[128];
    (void)snprintf(url, sizeof url, "%s/studies/%s/series/%s/instances/%s", w->root, one->study,
                   one->series, one->sop);
    (void)snprintf(accept, sizeof accept,
                   "multipart/related; type=\"application/dicom\"; transfer-syntax=%s",
                   transcode ? "1.2.840.10008.1.2.1" : "*");
    struct bv_http_request request = {
        .url = url, .accept = accept, .max_answer = w->options->max_object + 65536};
    struct bv_http_answer answer;
    const uint8_t *part;
    size_t n;
    BV_TRY(bv_http_run(w->http, &request, &answer, err));
    enum bv_status status = BV_OK;
    if (answer.code == 406 && !transcode) {
        free(answer.body);
        return web_fetch(self, one, true, bytes, size, err);
    }
    if (answer.code >= 300)
        status = bv_fail(err, BV_ERR_IO, "the archive does not hand out an object (HTTP %ld)",
                         answer.code);
    if (status == BV_OK)
        status = bv_multipart_first(answer.body, answer.size, answer.content_type, &part, &n, err);
    if (status == BV_OK && n == 0)
        status = bv_fail(err, BV_ERR_FORMAT, "the archive's answer is empty");
    if (status != BV_OK) {
        free(answer.body);
        return status;
    }
    memmove(answer.body, part, n);
    *bytes = answer.body;
    *size = n;
    return BV_OK;
}

// The items of a sequence in DICOM JSON; NULL where there is none.
static const json_t *items_of(const json_t *object, const char *tag)
{
    return json_object_get(json_object_get(object, tag), "Value");
}

// Whether the answer to STOW-RS says that an object was taken: it lists no failure, and where it
// lists what was taken, the object is there. 202 means that something was not; an answer that is
// no JSON is believed otherwise.
static bool lists_success(const struct bv_http_answer *answer, const char *sop)
{
    json_t *json = NULL;
    struct bv_error ignored = {0};
    if (answer->size == 0)
        return answer->code != 202;
    enum bv_status status = bv_answer_json(answer, &json, &ignored);
    if (status != BV_OK)
        return status == BV_ERR_FORMAT && answer->code != 202;
    const json_t *taken = items_of(json, "00081199");
    bool listed = !taken || !sop, failed = json_array_size(items_of(json, "00081198")) > 0;
    for (size_t i = 0; i < json_array_size(taken); i++)
        listed = listed || strcmp(attribute(json_array_get(taken, i), "00081155"), sop) == 0;
    json_decref(json);
    return listed && !failed;
}

static enum bv_status web_store(void *self, const uint8_t *bytes, size_t size, struct bv_error *err)
{
    struct dicomweb *w = self;
    static const char boundary[] = "biovl-5c1f6a9e3b7d4208";
    static const char tail[] = "\r\n--biovl-5c1f6a9e3b7d4208--\r\n";
    char url[1100], type[128], head[128];
    (void)snprintf(url, sizeof url, "%s/studies", w->root);
    (void)snprintf(type, sizeof type, "multipart/related; type=\"application/dicom\"; boundary=%s",
                   boundary);
    int n_head =
        snprintf(head, sizeof head, "--%s\r\nContent-Type: application/dicom\r\n\r\n", boundary);
    size_t n = (size_t)n_head + size + sizeof tail - 1;
    uint8_t *body = malloc(n);
    if (!body)
        return bv_fail_nomem(err, "an object");
    memcpy(body, head, (size_t)n_head);
    memcpy(body + n_head, bytes, size);
    memcpy(body + (size_t)n_head + size, tail, sizeof tail - 1);
    struct bv_http_request request = {.url = url,
                                      .accept = "application/dicom+json",
                                      .content_type = type,
                                      .body = body,
                                      .body_size = n,
                                      .max_answer = max_list};
    struct bv_http_answer answer;
    struct bv_part10 file = {.data = NULL};
    struct bv_error ignored = {0};
    const bool named = bv_part10_read(bytes, size, &file, &ignored) == BV_OK;
    enum bv_status status = bv_http_run(w->http, &request, &answer, err);
    free(body);
    if (status != BV_OK)
        return status;
    if (answer.code >= 300 || !lists_success(&answer, named ? file.sop : NULL))
        status = bv_fail(err, BV_ERR_REFUSED, "the archive did not store the object (HTTP %ld)",
                         answer.code);
    free(answer.body);
    return status;
}

static size_t web_retries(const void *self)
{
    return bv_http_retries(((const struct dicomweb *)self)->http);
}

static const struct bv_archive_protocol dicomweb = {
    web_close, web_studies, web_instances, web_changes, web_fetch, web_store, web_retries};

enum bv_status bv_dicomweb_open(const struct bv_archive_protocol **protocol, void **self,
                                const char *url, const struct bv_archive_options *options,
                                struct bv_error *err)
{
    bool secure = strncmp(url, "dicomwebs", 9) == 0;
    const char *rest = strstr(url, "://") + 3;
    size_t n = strlen(rest);
    while (n > 0 && rest[n - 1] == '/')
        n--;
    if (n == 0 || n > 900 || memchr(rest, '@', n))
        return bv_fail(
            err, BV_ERR_ARG,
            "an archive's address is host[:port]/root; a password does not belong in it");
    struct dicomweb *w = calloc(1, sizeof *w);
    if (!w)
        return bv_fail_nomem(err, "an archive");
    w->options = options;
    (void)snprintf(w->root, sizeof w->root, "http%s://%.*s", secure ? "s" : "", (int)n, rest);
    enum bv_status status = bv_http_open(&w->http, options, err);
    if (status != BV_OK) {
        free(w);
        return status;
    }
    *protocol = &dicomweb;
    *self = w;
    return BV_OK;
}
