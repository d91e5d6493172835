// A DICOMweb client with a server that answers every request with the input: the first byte says
// as what. Whatever comes, each call ends, and only UIDs are handed on as UIDs.
#include "target.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pacs/archive.h"

enum { MAX_ANSWER = 1 << 16 };

static int listening = -1, port;
// Copied, for a client may leave before the server has said everything.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t answer[MAX_ANSWER];
static size_t answer_size;

static void say(int fd, const void *bytes, size_t n)
{
    for (const char *p = bytes; n > 0;) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

// One request after the other.
static void *serve(void *arg)
{
    (void)arg;
    static uint8_t mine[MAX_ANSWER];
    static const char *const types[] = {"application/dicom+json",
                                        "multipart/related; type=\"application/dicom\"; boundary=b",
                                        "application/json", "multipart/related; boundary="};
    for (;;) {
        char request[8192], head[512];
        int fd = accept(listening, NULL, NULL);
        if (fd < 0)
            return NULL;
        if (recv(fd, request, sizeof request, 0) > 0) {
            (void)pthread_mutex_lock(&lock);
            size_t size = answer_size;
            memcpy(mine, answer, size);
            (void)pthread_mutex_unlock(&lock);
            int n = snprintf(head, sizeof head,
                             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                             "Connection: close\r\n\r\n",
                             types[mine[0] & 3], size - 1);
            say(fd, head, (size_t)n);
            say(fd, mine + 1, size - 1);
        }
        (void)close(fd);
    }
}

static void start_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    pthread_t thread;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listening = socket(AF_INET, SOCK_STREAM, 0);
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listening, 8) != 0 ||
        getsockname(listening, (struct sockaddr *)&address, &length) != 0 ||
        pthread_create(&thread, NULL, serve, NULL) != 0)
        abort();
    port = ntohs(address.sin_port);
}

static enum bv_status visit_study(void *arg, const char *study, struct bv_error *err)
{
    (void)arg;
    (void)err;
    if (!bv_uid_valid(study))
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
    static const struct bv_archive_window everything = {NULL, NULL, NULL, NULL};
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
    if (listening < 0)
        start_server();
    (void)pthread_mutex_lock(&lock);
    memcpy(answer, data, size);
    answer_size = size;
    (void)pthread_mutex_unlock(&lock);
    (void)snprintf(url, sizeof url, "dicomweb://127.0.0.1:%d/root/dicom-web", port);
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
