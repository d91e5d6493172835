// A DIMSE client with an archive that says the input, whatever it is asked; the first byte chooses
// the request. Each call ends, and only UIDs are handed on as UIDs.
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "answering_server.h"
#include "base/encoding.h"
#include "pacs/archive.h"

static void reply(int fd, const uint8_t *answer, size_t size)
{
    char rest[4096];
    say(fd, answer + 1, size - 1);
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, rest, sizeof rest, 0) > 0)
        ;
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
    struct bv_archive_options options = {.tries = 1, .timeout_s = 2, .max_object = 1 << 20};
    struct bv_archive *archive = NULL;
    struct bv_error err = {0};
    char url[64];
    uint8_t *bytes = NULL;
    size_t n;
    if (size == 0 || size > MAX_ANSWER)
        return 0;
    set_answer(data, size);
    (void)snprintf(url, sizeof url, "dicom://ARCHIVE@127.0.0.1:%d", answering_server(reply));
    if (bv_archive_open(&archive, url, &options, &err) != BV_OK)
        abort();
    switch (data[0] & 3) {
    case 0:
        (void)bv_archive_studies(archive, &everything, visit_study, NULL, &err);
        break;
    case 1:
        (void)bv_archive_instances(archive, "1.2", visit_instance, NULL, &err);
        break;
    default:
        if (bv_archive_fetch(archive, &one, false, &bytes, &n, &err) == BV_OK)
            free(bytes);
    }
    bv_archive_close(&archive);
    return 0;
}
