// A DICOMweb client with a server that answers every request with the input: the first byte says
// as what. Whatever comes, each call ends, and only UIDs are handed on as UIDs.
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answering_server.h"
#include "base/encoding.h"
#include "pacs/archive.h"

static void reply(int fd, const uint8_t *answer, size_t size)
{
    static const char *const types[] = {"application/dicom+json",
                                        "multipart/related; type=\"application/dicom\"; boundary=b",
                                        "application/json", "multipart/related; boundary="};
    char head[512];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n",
                     types[answer[0] & 3], size - 1);
    say(fd, head, (size_t)n);
    say(fd, answer + 1, size - 1);
}

static enum bv_status visit_study(void *arg, const struct bv_archive_study *study,
                                  struct bv_error *err)
{
    (void)arg;
    (void)err;
    if (!bv_uid_valid(study->uid) ||
        !bv_utf8_valid(study->description, strlen(study->description), NULL))
        abort();
    return BV_OK;
}

static enum bv_status visit_instance(void *arg, const struct bv_archive_instance *one,
                                     struct bv_error *err)
{
    (void)arg;
    (void)err;
    if (!bv_uid_valid(one->sop) || !bv_uid_valid(one->series) || !bv_uid_valid(one->study))
        abort();
    return BV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bv_archive_window everything = {.from = NULL};
    static const struct bv_archive_instance one = {"1.2", "1.3", "1.4", ""};
    struct bv_archive_options options = {.tries = 1, .timeout_s = 5, .max_object = 1 << 20};
    struct bv_archive *archive = NULL;
    struct bv_error err = {0};
    char url[64];
    uint8_t *bytes = NULL;
    size_t n;
    uint64_t next;
    bool done;
    if (size == 0 || size > MAX_ANSWER)
        return 0;
    set_answer(data, size);
    (void)snprintf(url, sizeof url, "dicomweb://127.0.0.1:%d/root/dicom-web",
                   answering_server(reply));
    if (bv_archive_open(&archive, url, &options, &err) != BV_OK)
        abort();
    (void)bv_archive_studies(archive, &everything, visit_study, NULL, &err);
    (void)bv_archive_instances(archive, "1.2", visit_instance, NULL, &err);
    (void)bv_archive_changes(archive, 3, visit_instance, NULL, &next, &done, &err);
    (void)bv_archive_store(archive, (const uint8_t *)"x", 1, &err);
    if (bv_archive_fetch(archive, &one, false, &bytes, &n, &err) == BV_OK)
        free(bytes);
    bv_archive_close(&archive);
    return 0;
}
