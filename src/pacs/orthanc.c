#include "pacs/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { PAGE = 100, ID_SIZE = 65 };

static const size_t max_answer = (size_t)16 << 20;

// What a page's instances have in common is asked for once: they come series by series.
struct feed {
    struct bv_http *http;
    const char *root;
    char series_id[ID_SIZE]; // Orthanc's own
    char series[BV_UID_SIZE], study[BV_UID_SIZE];
};

// An answer in JSON; NULL with BV_OK when the resource is gone.
static enum bv_status get(const struct feed *f, const char *path, json_t **json,
                          struct bv_error *err)
{
    char url[2048];
    struct bv_http_answer answer;
    struct bv_http_request request = {
        .url = url, .accept = "application/json", .max_answer = max_answer};
    int n = snprintf(url, sizeof url, "%s%s", f->root, path);
    if (n < 0 || (size_t)n >= sizeof url)
        return bv_fail(err, BV_ERR_LIMIT, "a query too long");
    BV_TRY(bv_http_run(f->http, &request, &answer, err));
    enum bv_status status = BV_OK;
    *json = NULL;
    if (answer.code < 300)
        status = bv_answer_json(&answer, json, err);
    free(answer.body);
    return status;
}

// Orthanc's identifiers are hexadecimal digits and dashes.
static bool copy_id(const char *text, char id[ID_SIZE])
{
    size_t n = strlen(text);
    if (n == 0 || n >= ID_SIZE || strspn(text, "0123456789abcdef-") != n)
        return false;
    memcpy(id, text, n + 1);
    return true;
}

static bool copy_uid(const json_t *resource, const char *tag, char uid[BV_UID_SIZE])
{
    const char *text = bv_json_string(json_object_get(resource, "MainDicomTags"), tag, "");
    if (!bv_uid_valid(text))
        return false;
    memcpy(uid, text, strlen(text) + 1);
    return true;
}

// The UIDs of a series and its study into f; *found is false when the series is gone.
static enum bv_status find_series(struct feed *f, const char *id, bool *found, struct bv_error *err)
{
    char path[128];
    json_t *series = NULL, *study = NULL;
    *found = strcmp(f->series_id, id) == 0;
    if (*found)
        return BV_OK;
    f->series_id[0] = 0;
    (void)snprintf(path, sizeof path, "/series/%s", id);
    enum bv_status status = get(f, path, &series, err);
    (void)snprintf(path, sizeof path, "/series/%s/study", id);
    if (status == BV_OK && series)
        status = get(f, path, &study, err);
    if (status == BV_OK && study)
        *found = copy_uid(series, "SeriesInstanceUID", f->series) &&
                 copy_uid(study, "StudyInstanceUID", f->study) && copy_id(id, f->series_id);
    json_decref(series);
    json_decref(study);
    return status;
}

// One instance by Orthanc's identifier; one that was deleted meanwhile is left out.
static enum bv_status find_instance(struct feed *f, const char *id, struct bv_archive_instance *one,
                                    bool *found, struct bv_error *err)
{
    char path[128], series[ID_SIZE];
    json_t *instance = NULL;
    *found = false;
    (void)snprintf(path, sizeof path, "/instances/%s", id);
    BV_TRY(get(f, path, &instance, err));
    enum bv_status status = BV_OK;
    if (instance && copy_uid(instance, "SOPInstanceUID", one->sop) &&
        copy_id(bv_json_string(instance, "ParentSeries", ""), series))
        status = find_series(f, series, found, err);
    json_decref(instance);
    if (*found) {
        memcpy(one->series, f->series, sizeof one->series);
        memcpy(one->study, f->study, sizeof one->study);
    }
    return status;
}

static enum bv_status
visit_change(struct feed *f, const json_t *change,
             enum bv_status (*visit)(void *, const struct bv_archive_instance *, struct bv_error *),
             void *arg, struct bv_error *err)
{
    struct bv_archive_instance one = {0};
    char id[ID_SIZE];
    bool found = false;
    if (strcmp(bv_json_string(change, "ChangeType", ""), "NewInstance") != 0 ||
        !copy_id(bv_json_string(change, "ID", ""), id))
        return BV_OK;
    BV_TRY(find_instance(f, id, &one, &found, err));
    return found ? visit(arg, &one, err) : BV_OK;
}

// A feed whose last change comes before the one that was seen is another archive's, or that of one
// that was set up again.
static enum bv_status check_end(const struct feed *f, uint64_t since, uint64_t *next, bool *done,
                                struct bv_error *err)
{
    json_t *page = NULL;
    BV_TRY(get(f, "/changes?last", &page, err));
    if (page && bv_json_integer(page, "Last", 0) >= 0 &&
        (uint64_t)bv_json_integer(page, "Last", 0) < since) {
        *next = 0;
        *done = false;
    }
    json_decref(page);
    return BV_OK;
}

enum bv_status bv_orthanc_changes(struct bv_http *http, const char *root, uint64_t since,
                                  enum bv_status (*visit)(void *,
                                                          const struct bv_archive_instance *,
                                                          struct bv_error *),
                                  void *arg, uint64_t *next, bool *done, struct bv_error *err)
{
    struct feed f = {.http = http, .root = root};
    json_t *page = NULL;
    char path[96];
    (void)snprintf(path, sizeof path, "/changes?since=%llu&limit=%d", (unsigned long long)since,
                   PAGE);
    BV_TRY(get(&f, path, &page, err));
    const json_t *changes = json_object_get(page, "Changes");
    int64_t last = bv_json_integer(page, "Last", -1);
    enum bv_status status = BV_OK;
    if (!json_is_array(changes) || last < 0)
        status = bv_fail(err, BV_ERR_UNSUPPORTED,
                         "there is no change feed of Orthanc beside the DICOMweb root");
    size_t n = json_array_size(changes);
    if (n > PAGE)
        status = bv_fail(err, BV_ERR_FORMAT, "the archive's change feed gives more than was asked");
    for (size_t i = 0; i < n && status == BV_OK; i++)
        status = visit_change(&f, json_array_get(changes, i), visit, arg, err);
    if (status == BV_OK) {
        // A feed that neither ends nor moves on, or moves on with nothing, would be read for ever.
        *done = json_is_true(json_object_get(page, "Done")) || (uint64_t)last <= since || n == 0;
        *next = (uint64_t)last > since ? (uint64_t)last : since;
        if (n == 0 && since > 0)
            status = check_end(&f, since, next, done, err);
    }
    json_decref(page);
    return status;
}
