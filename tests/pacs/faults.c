// An archive that misbehaves, on loopback: it drops connections, answers slowly, refuses, cuts its
// answers short and lies. What may pass is tried again; the rest is said clearly; nothing hangs.
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pacs/archive.h"
#include "pacs/http.h"
#include "support/check.h"

static const char object[] = "not really DICOM, but bytes \r\n--b with a line like a boundary's";

// What the server does with one connection.
enum deed {
    ANSWER,        // the object, properly
    DROP,          // closes without a word
    CUT,           // half of what it announced
    UNFINISHED,    // a whole HTTP answer whose part never ends
    BUSY,          // 503
    FORBIDDEN,     // 403
    MISSING,       // 404
    HANG,          // accepts and says nothing
    FLOOD,         // more than is allowed
    NOT_MULTIPART, // the object alone
    EMPTY,         // an answer of no bytes
    HERE,          // a redirect on the same host
    ELSEWHERE,     // a redirect to another one
    LATER,         // 503, again after a second
    BOMB,          // a small list that would be large in memory
    NOTHING_FOUND, // an empty list
};

static void say(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

static void say_answer(int fd, const char *type, const char *body, size_t announced, size_t sent)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n",
                     type, announced);
    say(fd, head, (size_t)n);
    say(fd, body, sent);
}

// A list of millions of empty objects: 12 MB here, gigabytes once parsed.
static void say_bomb(int fd)
{
    enum { N = 4000000 };
    char *list = malloc(3 * N + 1);
    if (!list)
        return;
    for (size_t i = 0; i < N; i++)
        memcpy(list + 3 * i, i == 0 ? "[{}" : ",{}", 3);
    list[3 * N] = ']';
    say_answer(fd, "application/dicom+json", list, 3 * N + 1, 3 * N + 1);
    free(list);
}

static void serve(int fd, enum deed deed)
{
    static const char type[] = "multipart/related; type=\"application/dicom\"; boundary=b";
    char request[4096], body[1024];
    if (deed == DROP || recv(fd, request, sizeof request, 0) <= 0)
        return;
    int n = snprintf(body, sizeof body, "--b\r\nContent-Type: application/dicom\r\n\r\n%s%s",
                     object, deed == UNFINISHED ? "" : "\r\n--b--\r\n");
    static const char busy[] =
        "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    static const char no[] = "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    static const char missing[] =
        "HTTP/1.1 404 None\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    static const char here[] = "HTTP/1.1 302 Found\r\nLocation: /elsewhere/1\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n";
    static const char elsewhere[] = "HTTP/1.1 302 Found\r\nLocation: http://localhost:9/1\r\n"
                                    "Content-Length: 0\r\nConnection: close\r\n\r\n";
    static const char later[] = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n"
                                "Content-Length: 0\r\nConnection: close\r\n\r\n";
    switch (deed) {
    case BUSY:
        say(fd, busy, sizeof busy - 1);
        break;
    case FORBIDDEN:
        say(fd, no, sizeof no - 1);
        break;
    case MISSING:
        say(fd, missing, sizeof missing - 1);
        break;
    case HANG:
        while (recv(fd, request, sizeof request, 0) > 0) // until the client has had enough
            continue;
        break;
    case FLOOD:
        for (int i = 0; i < 2000; i++)
            say(fd, body, sizeof body); // no header at all at first
        break;
    case NOT_MULTIPART:
        say_answer(fd, "application/dicom", object, sizeof object - 1, sizeof object - 1);
        break;
    case HERE:
        say(fd, here, sizeof here - 1);
        break;
    case ELSEWHERE:
        say(fd, elsewhere, sizeof elsewhere - 1);
        break;
    case LATER:
        say(fd, later, sizeof later - 1);
        break;
    case BOMB:
        say_bomb(fd);
        break;
    case NOTHING_FOUND:
        say_answer(fd, "application/dicom+json", "[]", 2, 2);
        break;
    case EMPTY:
        say_answer(fd, "application/dicom", "", 0, 0);
        break;
    default:
        say_answer(fd, type, body, (size_t)n, deed == CUT ? (size_t)n / 2 : (size_t)n);
    }
}

// A child that serves one connection per deed, the last one again and again; *port is where.
static pid_t start_server(const enum deed *deeds, size_t n, int *port)
{
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(listening >= 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 8), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (size_t i = 0;; i++) {
            int fd = accept(listening, NULL, NULL);
            if (fd < 0)
                _exit(0);
            serve(fd, deeds[i < n ? i : n - 1]);
            (void)close(fd);
        }
    }
    (void)close(listening);
    return pid;
}

struct outcome {
    enum bv_status status;
    size_t retries;
    double seconds;
    bool right;
    struct bv_error error;
};

static struct outcome fetch_from(const enum deed *deeds, size_t n)
{
    struct outcome o = {0};
    struct bv_archive *archive = NULL;
    struct bv_archive_options options = {
        .timeout_s = 1, .tries = 3, .pause_ms = 20, .max_object = 100000};
    struct bv_archive_instance one = {"1.2", "1.3", "1.4", ""};
    char url[64];
    int port;
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct timespec start, end;
    pid_t server = start_server(deeds, n, &port);
    (void)snprintf(url, sizeof url, "dicomweb://127.0.0.1:%d/root/", port);
    assert_ok(bv_archive_open(&archive, url, &options, &o.error), o.error);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    o.status = bv_archive_fetch(archive, &one, false, &bytes, &size, &o.error);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    o.seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    o.retries = bv_archive_retries(archive);
    o.right = o.status == BV_OK && size == sizeof object - 1 && memcmp(bytes, object, size) == 0;
    free(bytes);
    bv_archive_close(&archive);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    return o;
}

#define FETCH(...)                                                                                 \
    fetch_from((const enum deed[]){__VA_ARGS__},                                                   \
               sizeof((const enum deed[]){__VA_ARGS__}) / sizeof(enum deed))

static void test_passing_trouble(void **state)
{
    (void)state;
    struct outcome o = FETCH(ANSWER);
    assert_true(o.right && o.retries == 0);
    o = FETCH(DROP, CUT, ANSWER);
    assert_true(o.right && o.retries == 2);
    o = FETCH(BUSY, ANSWER);
    assert_true(o.right && o.retries == 1);
    o = FETCH(HANG, ANSWER);
    assert_true(o.right && o.retries == 1);
    o = FETCH(HERE, ANSWER);
    assert_true(o.right && o.retries == 0);
    o = FETCH(LATER, ANSWER);
    assert_true(o.right && o.retries == 1 && o.seconds >= 1);
    o = FETCH(NOT_MULTIPART);
    assert_true(o.right);
}

static void test_lasting_trouble(void **state)
{
    (void)state;
    static const struct {
        enum deed deed;
        enum bv_status status;
        size_t retries;
    } cases[] = {
        {DROP, BV_ERR_IO, 2},           {CUT, BV_ERR_IO, 2},       {BUSY, BV_ERR_IO, 2},
        {FORBIDDEN, BV_ERR_REFUSED, 0}, {MISSING, BV_ERR_IO, 0},   {UNFINISHED, BV_ERR_FORMAT, 0},
        {HANG, BV_ERR_IO, 2},           {EMPTY, BV_ERR_FORMAT, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = fetch_from(&cases[i].deed, 1);
        if (o.status != cases[i].status || o.retries != cases[i].retries)
            fail_msg("deed %d: %s after %zu retries: %s", (int)cases[i].deed,
                     bv_status_name(o.status), o.retries, o.error.text);
        // Three times a second of silence and two short pauses; 3.1 s were measured.
        assert_true(o.seconds < 10);
        assert_null(strstr(o.error.text, "1.2")); // no identifier in the message
    }
    assert_int_not_equal(FETCH(FLOOD).status, BV_OK);
}

static enum bv_status ignore_study(void *arg, const struct bv_archive_study *study,
                                   struct bv_error *err)
{
    (void)arg;
    (void)study;
    (void)err;
    return BV_OK;
}

// Neither our credentials nor our memory go where they should not.
static void test_malice(void **state)
{
    (void)state;
    static const enum deed bomb[] = {BOMB};
    struct outcome o = FETCH(ELSEWHERE);
    assert_int_equal(o.status, BV_ERR_REFUSED);
    assert_non_null(strstr(o.error.text, "another host"));
    const struct bv_archive_options options = {.timeout_s = 5, .tries = 1};
    const struct bv_archive_window window = {0};
    struct bv_archive *archive = NULL;
    struct bv_error err = {0};
    char url[64];
    int port;
    pid_t server = start_server(bomb, 1, &port);
    (void)snprintf(url, sizeof url, "dicomweb://127.0.0.1:%d/root", port);
    assert_ok(bv_archive_open(&archive, url, &options, &err), err);
    assert_int_equal(bv_archive_studies(archive, &window, ignore_study, NULL, &err), BV_ERR_LIMIT);
    bv_archive_close(&archive);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
}

// Proxies.

// A port that notes who calls and says nothing.
static int open_trap(int *port)
{
    int trap = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(trap >= 0);
    assert_int_equal(bind(trap, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(trap, 8), 0);
    assert_int_equal(getsockname(trap, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return trap;
}

// What the trap was asked since the last time, in text; false: nobody called.
static bool was_asked(int trap, char *text, size_t room)
{
    int fd = accept(trap, NULL, NULL);
    if (fd < 0)
        return false;
    ssize_t n = recv(fd, text, room - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = 0;
    (void)close(fd);
    return true;
}

static enum bv_status list_from(const char *host, int port, const char *proxy)
{
    const struct bv_archive_options options = {.timeout_s = 1, .tries = 1, .proxy = proxy};
    const struct bv_archive_window window = {0};
    struct bv_archive *archive = NULL;
    struct bv_error err = {0};
    char url[128];
    (void)snprintf(url, sizeof url, host, port);
    assert_ok(bv_archive_open(&archive, url, &options, &err), err);
    enum bv_status status = bv_archive_studies(archive, &window, ignore_study, NULL, &err);
    bv_archive_close(&archive);
    return status;
}

// 0.0.0.0 leads to this machine, but is not among the names for it: it stands for other machines.
static void test_proxy(void **state)
{
    (void)state;
    static const char *const variables[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                            "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
    static const char *const here[] = {
        "dicomweb://127.0.0.1:%d/root", "dicomweb://localhost:%d/root",
        "dicomweb://LOCALHOST:%d/root", "dicomweb://127.0.0.2:%d/root",
        "dicomweb://127.1:%d/root",     "dicomweb://[::1]:%d/root",
        "dicomwebs://127.0.0.1:%d/root"};
    static const enum deed deeds[] = {NOTHING_FOUND};
    char proxy[64], text[2048];
    int port, trap_port, trap = open_trap(&trap_port);
    pid_t server = start_server(deeds, 1, &port);
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", trap_port);
    // The environment's are not asked.
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_int_equal(setenv(variables[i], proxy, 1), 0);
    assert_int_equal(list_from("dicomweb://0.0.0.0:%d/root", port, NULL), BV_OK);
    assert_int_not_equal(list_from("dicomwebs://0.0.0.0:%d/root", port, NULL), BV_OK); // no TLS
    assert_false(was_asked(trap, text, sizeof text));
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_int_equal(unsetenv(variables[i]), 0);
    // The option's is, with and without TLS, but not for this machine.
    assert_int_equal(list_from("dicomweb://0.0.0.0:%d/root", port, proxy), BV_ERR_IO);
    assert_true(was_asked(trap, text, sizeof text));
    assert_non_null(strstr(text, "GET http://0.0.0.0:"));
    assert_int_equal(list_from("dicomwebs://0.0.0.0:%d/root", port, proxy), BV_ERR_IO);
    assert_true(was_asked(trap, text, sizeof text));
    assert_non_null(strstr(text, "CONNECT 0.0.0.0:"));
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        enum bv_status status = list_from(here[i], port, proxy);
        assert_true(i > 2 || status == BV_OK); // the server has one address
        if (was_asked(trap, text, sizeof text))
            fail_msg("%s: by way of the proxy", here[i]);
    }
    (void)close(trap);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
}

static void test_multipart(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body, *part; // part NULL: refused
    } cases[] = {
        {"multipart/related; boundary=b", "--b\r\n\r\n\r\nxyz\r\n--b--", "\r\nxyz"},
        {"multipart/related; boundary=\"b c\"; x=y", "junk--b c\r\nA: b\r\n\r\nxyz\r\n--b c--",
         "xyz"},
        {"multipart/related; boundary=b", "--b\r\nA: b\r\n\r\nx--by\r\n--b\r\n\r\nz\r\n--b--",
         "x--by"},
        {"multipart/related; boundary=b", "--b\r\nA: b\r\n\r\nxyz", NULL},
        {"multipart/related; boundary=b", "--b\r\nA: b", NULL},
        {"multipart/related; boundary=b", "", NULL},
        {"multipart/related; boundary=", "--\r\n\r\nxyz\r\n--", NULL},
        {"multipart/related", "--b\r\n\r\nxyz\r\n--b--", NULL},
        {"application/dicom", "xyz", "xyz"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        const uint8_t *part = NULL;
        size_t n = 0;
        enum bv_status status = bv_multipart_first(
            (const uint8_t *)cases[i].body, strlen(cases[i].body), cases[i].type, &part, &n, &err);
        assert_int_equal(status, cases[i].part ? BV_OK : BV_ERR_FORMAT);
        if (cases[i].part) {
            assert_int_equal(n, strlen(cases[i].part));
            assert_memory_equal(part, cases[i].part, n);
        }
    }
}

static void test_addresses(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_archive *archive = NULL;
    static const char *const bad[] = {"http://host", "dicomweb://", "dicomweb://u:p@host/", "x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bv_archive_open(&archive, bad[i], NULL, &err), BV_ERR_ARG);
    assert_true(bv_uid_valid("1.2.840.10008"));
    assert_false(bv_uid_valid("../1.2"));
    assert_false(bv_uid_valid(""));
    assert_false(
        bv_uid_valid("1.2345678901234567890123456789012345678901234567890123456789012345"));
}

static void wait_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

// An outbox whose archive does these deeds, one a connection.
static struct bv_outbox *open_outbox(const char *folder, const enum deed *deeds, size_t n,
                                     pid_t *server)
{
    struct bv_outbox *outbox = NULL;
    struct bv_archive_options options = {.timeout_s = 1, .pause_ms = 200};
    struct bv_error err = {0};
    char url[64];
    int port;
    *server = start_server(deeds, n, &port);
    (void)snprintf(url, sizeof url, "dicomweb://127.0.0.1:%d/root", port);
    assert_ok(bv_outbox_open(&outbox, folder, url, &options, &err), err);
    return outbox;
}

static void close_outbox(struct bv_outbox **outbox, pid_t server)
{
    bv_outbox_close(outbox);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
}

// Objects wait while the archive is away, rest between tries, outlive the outbox and go in the end;
// one that is refused does not hold up the other.
static void test_outbox(void **state)
{
    (void)state;
    static const enum deed trouble[] = {DROP, BUSY, FORBIDDEN, ANSWER}, fine[] = {ANSWER};
    char folder[] = "/tmp/biovl-outbox-XXXXXX";
    const uint8_t *bytes = (const uint8_t *)object;
    struct bv_error err = {0};
    pid_t server;
    size_t sent = 9;
    assert_non_null(mkdtemp(folder));
    struct bv_outbox *outbox = open_outbox(folder, trouble, 4, &server);
    assert_ok(bv_outbox_send(outbox, &sent, &err), err);
    assert_int_equal(sent, 0);
    assert_ok(bv_outbox_put(outbox, "a", bytes, sizeof object, &err), err);
    assert_ok(bv_outbox_put(outbox, "b", bytes, sizeof object, &err), err);
    assert_ok(bv_outbox_put(outbox, "b", bytes, sizeof object, &err), err);
    assert_int_equal(bv_outbox_waiting(outbox), 2);
    assert_int_equal(bv_outbox_send(outbox, &sent, &err), BV_ERR_IO); // DROP ends the round
    assert_ok(bv_outbox_send(outbox, &sent, &err), err);              // it rests: no connection
    wait_ms(250);
    assert_int_equal(bv_outbox_send(outbox, &sent, &err), BV_ERR_IO); // BUSY
    wait_ms(450);
    assert_int_equal(bv_outbox_send(outbox, &sent, &err), BV_ERR_REFUSED); // FORBIDDEN, ANSWER
    assert_int_equal(sent, 1);
    assert_int_equal(bv_outbox_waiting(outbox), 1);
    close_outbox(&outbox, server);

    outbox = open_outbox(folder, fine, 1, &server);
    assert_ok(bv_outbox_send(outbox, &sent, &err), err);
    assert_int_equal(sent, 1);
    assert_int_equal(bv_outbox_waiting(outbox), 0);
    close_outbox(&outbox, server);
    assert_int_equal(rmdir(folder), 0); // nothing is left, half-written files neither
}

// The same trouble for an archive that should speak DIMSE.
static void test_dimse_trouble(void **state)
{
    (void)state;
    static const enum deed deeds[] = {DROP, HANG, MISSING};
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        struct bv_archive *archive = NULL;
        struct bv_archive_options options = {.timeout_s = 1, .tries = 3, .pause_ms = 20};
        struct bv_archive_instance one = {"1.2", "1.3", "1.4", ""};
        struct bv_error err = {0};
        struct timespec start, end;
        char url[64];
        int port;
        uint8_t *bytes = NULL;
        size_t size = 0;
        pid_t server = start_server(&deeds[i], 1, &port);
        (void)snprintf(url, sizeof url, "dicom://ANY@127.0.0.1:%d", port);
        assert_ok(bv_archive_open(&archive, url, &options, &err), err);
        (void)clock_gettime(CLOCK_MONOTONIC, &start);
        assert_int_equal(bv_archive_fetch(archive, &one, false, &bytes, &size, &err), BV_ERR_IO);
        assert_int_equal(bv_archive_store(archive, bytes, 0, &err), BV_ERR_FORMAT);
        (void)clock_gettime(CLOCK_MONOTONIC, &end);
        assert_int_equal(bv_archive_retries(archive), 2);
        assert_null(strstr(err.text, "1.2"));
        assert_true(end.tv_sec - start.tv_sec < 10); // 3 s were measured while it hangs
        bv_archive_close(&archive);
        (void)kill(server, SIGKILL);
        (void)waitpid(server, NULL, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passing_trouble), cmocka_unit_test(test_lasting_trouble),
        cmocka_unit_test(test_dimse_trouble),   cmocka_unit_test(test_outbox),
        cmocka_unit_test(test_malice),          cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_multipart),       cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
