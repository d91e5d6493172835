// The client among archives that hand out what was not asked for, never end, or are not who they
// say; and both ends over TLS.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "pacs/archive.h"
#include "pacs/elements.h"
#include "pacs/pdu.h"
#include "pacs/wire.h"
#include "receiving.h"
#include "support/check.h"

enum deed {
    HONEST,
    OTHER_OBJECT, // under its own name
    LIAR,         // under the name that was asked for
    HUGE,
    SILENT,
    ENDLESS, // matches without end
    MUDDLED, // another service's answer
};

struct archive {
    enum deed deed;
    int listener, port;
    pthread_t thread;
};

// A data set of a class and an identifier; freed by the caller.
static struct bv_element_writer data_set(const char *sop)
{
    struct bv_element_writer w = {.implicit = false};
    bv_element_write(&w, 0x00080016, "UI", CR_CLASS);
    bv_element_write(&w, 0x00080018, "UI", sop);
    assert_non_null(w.bytes);
    return w;
}

static enum bv_status say(struct bv_association *a, const struct bv_message *m, uint16_t field,
                          uint16_t status, const void *data, size_t size)
{
    const struct bv_command c = {.field = field,
                                 .message_id = m->command.message_id,
                                 .status = status,
                                 .has_data = size > 0};
    struct bv_error ignored = {0};
    return bv_association_send(a, m->context, &c, data, size, bv_now_ms() + 5000, &ignored);
}

static void find(enum deed deed, struct bv_association *a, const struct bv_message *m)
{
    static char match[100000];
    struct bv_element_writer w = {.implicit = false};
    bv_element_write(&w, 0x0020000D, "UI", "1.2");
    memset(match, 0, sizeof match);
    memcpy(match, w.bytes, w.n);
    memcpy(match + w.n, "\x20\0\0\x40LT", 6); // a comment that fills the rest
    match[w.n + 6] = (char)(50000 & 0xff);
    match[w.n + 7] = (char)(50000 >> 8);
    size_t size = deed == ENDLESS ? w.n + 50008 : w.n;
    do {
        if (say(a, m, BV_C_FIND_RSP, 0xFF00, match, size) != BV_OK)
            break;
    } while (deed == ENDLESS);
    free(w.bytes);
    (void)say(a, m, BV_C_FIND_RSP, 0, NULL, 0);
}

static void get(enum deed deed, struct bv_association *a, const struct bv_message *m)
{
    const struct bv_receive_limits limits = {.max_data = 1 << 20, .message_ms = 5000};
    static uint8_t huge[200000];
    struct bv_error ignored = {0};
    struct bv_message answer;
    struct bv_element_writer w = data_set(deed == HONEST ? "1.4" : "1.5");
    struct bv_command store = {
        .field = BV_C_STORE_RQ, .message_id = 9, .has_data = true, .sop_class = CR_CLASS};
    (void)snprintf(store.sop, sizeof store.sop, "%s", deed == OTHER_OBJECT ? "1.5" : "1.4");
    uint8_t context = bv_association_context(a, CR_CLASS, "1.2.840.10008.1.2.1");
    (void)bv_association_send(a, context, &store, deed == HUGE ? huge : w.bytes,
                              deed == HUGE ? sizeof huge : w.n, bv_now_ms() + 5000, &ignored);
    free(w.bytes);
    if (bv_association_receive(a, &limits, bv_now_ms() + 5000, &answer, &ignored) == BV_OK)
        (void)say(a, m, BV_C_GET_RSP, 0, NULL, 0);
    bv_message_free(&answer);
}

static void serve(enum deed deed, int socket)
{
    const struct bv_receive_limits limits = {.max_data = 1 << 20, .message_ms = 5000};
    struct bv_arena arena = {0};
    struct bv_error ignored = {0};
    struct bv_associate *request = bv_arena_alloc(&arena, sizeof *request);
    struct bv_association *a = NULL;
    struct bv_wire *wire = NULL;
    int64_t deadline = bv_now_ms() + 5000;
    enum bv_status status = bv_wire_accept(&wire, socket, NULL, -1, deadline, &ignored);
    if (status == BV_OK)
        status = bv_association_await(&a, wire, &arena, request, deadline, &ignored);
    for (size_t i = 0; status == BV_OK && i < request->n_contexts; i++)
        request->contexts[i].n_syntaxes = 1;
    if (status == BV_OK)
        status = bv_association_accept(a, request, deadline, &ignored);
    while (status == BV_OK) {
        struct bv_message m;
        status = bv_association_receive(a, &limits, bv_now_ms() + 5000, &m, &ignored);
        bool over = m.released;
        if (status == BV_OK && !over && deed == MUDDLED)
            (void)say(a, &m, BV_C_ECHO_RSP, 0, NULL, 0);
        else if (status == BV_OK && !over && m.command.field == BV_C_FIND_RQ)
            find(deed, a, &m);
        else if (status == BV_OK && !over && deed != SILENT)
            get(deed, a, &m);
        bv_message_free(&m);
        if (over)
            break;
    }
    bv_association_close(&a);
    bv_arena_free(&arena);
}

static void *run(void *arg)
{
    struct archive *archive = arg;
    int socket = accept(archive->listener, NULL, NULL);
    if (socket >= 0)
        serve(archive->deed, socket);
    return NULL;
}

static struct bv_archive *open_archive(struct archive *archive, enum deed deed)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    struct bv_archive *client = NULL;
    struct bv_error err = {0};
    char url[64];
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    archive->deed = deed;
    archive->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(archive->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(archive->listener, 1), 0);
    assert_int_equal(getsockname(archive->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(pthread_create(&archive->thread, NULL, run, archive), 0);
    const struct bv_archive_options options = {.timeout_s = 1, .tries = 1, .max_object = 100000};
    (void)snprintf(url, sizeof url, "dicom://EVIL@127.0.0.1:%d", ntohs(address.sin_port));
    assert_ok(bv_archive_open(&client, url, &options, &err), err);
    return client;
}

static void close_archive(struct archive *archive, struct bv_archive **client)
{
    bv_archive_close(client);
    (void)close(archive->listener);
    assert_int_equal(pthread_join(archive->thread, NULL), 0);
}

static enum bv_status count(void *arg, const struct bv_archive_study *study, struct bv_error *err)
{
    (void)study;
    (void)err;
    ++*(size_t *)arg;
    return BV_OK;
}

static void test_archives(void **state)
{
    (void)state;
    static const struct {
        enum deed deed;
        enum bv_status found, fetched;
    } cases[] = {
        {HONEST, BV_OK, BV_OK},          {OTHER_OBJECT, BV_OK, BV_ERR_FORMAT},
        {LIAR, BV_OK, BV_ERR_FORMAT},    {HUGE, BV_OK, BV_ERR_LIMIT},
        {SILENT, BV_OK, BV_ERR_IO},      {ENDLESS, BV_ERR_LIMIT, BV_ERR_IO},
        {MUDDLED, BV_ERR_FORMAT, BV_OK}, // the second is not asked
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct bv_archive_window window = {0};
        const struct bv_archive_instance one = {"1.2", "1.3", "1.4", ""};
        struct bv_error err = {0};
        struct archive archive;
        struct bv_archive *client = open_archive(&archive, cases[i].deed);
        uint8_t *bytes = NULL;
        size_t size = 0, n = 0;
        int64_t began = bv_now_ms();
        assert_int_equal(bv_archive_studies(client, &window, count, &n, &err), cases[i].found);
        if (cases[i].found == BV_OK) {
            assert_int_equal(n, 1);
            assert_int_equal(bv_archive_fetch(client, &one, false, &bytes, &size, &err),
                             cases[i].fetched);
            assert_true((bytes != NULL) == (cases[i].fetched == BV_OK));
        }
        assert_true(bv_now_ms() - began < 20000); // 1 s while it is silent
        free(bytes);
        close_archive(&archive, &client);
    }
}

// A file of an object as an archive gets it; freed by the caller.
static uint8_t *object_file(size_t *size)
{
    struct bv_element_writer w = data_set("1.4");
    uint8_t *block = malloc(BV_PART10_ROOM + w.n);
    assert_non_null(block);
    memcpy(block + BV_PART10_ROOM, w.bytes, w.n);
    const uint8_t *head =
        bv_part10_head(block + BV_PART10_ROOM, CR_CLASS, "1.4", "1.2.840.10008.1.2.1");
    *size = w.n + (size_t)(block + BV_PART10_ROOM - head);
    memmove(block, head, *size);
    free(w.bytes);
    return block;
}

static enum bv_status store(const char *url, const char *certificate, const char *key,
                            const char *authority, struct bv_error *err)
{
    const struct bv_archive_options options = {.timeout_s = 5,
                                               .tries = 1,
                                               .tls_certificate = certificate,
                                               .tls_key = key,
                                               .ca_file = authority};
    struct bv_archive *client = NULL;
    size_t size;
    uint8_t *bytes = object_file(&size);
    enum bv_status status = bv_archive_open(&client, url, &options, err);
    if (status == BV_OK)
        status = bv_archive_store(client, bytes, size, err);
    bv_archive_close(&client);
    free(bytes);
    return status;
}

// An authority, certificates of it for the server and the client, and a stranger's.
static bool make_certificates(const char *folder)
{
    static const char script[] =
        "cd '%s' && exec 2>/dev/null && printf 'subjectAltName=DNS:localhost' >san &&"
        " for n in ca stranger; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        " -nodes -days 2 -subj /CN=$n -keyout $n.key -out $n.pem || exit 1; done &&"
        " for n in server client; do openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        " -nodes -subj /CN=$n -keyout $n.key -out $n.csr && openssl x509 -req -in $n.csr -CA"
        " ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out $n.pem || exit 1; done";
    char command[2048];
    (void)snprintf(command, sizeof command, script, folder);
    return system(command) == 0; // NOLINT(cert-env33-c): a fixed script
}

static void test_tls(void **state)
{
    struct receiving r;
    struct bv_error err = {0};
    char url[64], plain[64], ca[512], stranger[512], stranger_key[512];
    char server[512], server_key[512], client[512], client_key[512];
#define NAME(out, name) (void)snprintf(out, sizeof out, "%s", temporary_path(state, name))
    NAME(ca, "ca.pem");
    NAME(stranger, "stranger.pem");
    NAME(stranger_key, "stranger.key");
    NAME(server, "server.pem");
    NAME(server_key, "server.key");
    NAME(client, "client.pem");
    NAME(client_key, "client.key");
    if (!make_certificates(temporary_path(state, ""))) {
        print_message("skipped: no openssl command\n");
        skip();
    }
    const struct bv_tls_options tls = {
        .certificate = server, .key = server_key, .ca_file = ca, .server = true, .demand = true};
    prepare_receiving(&r);
    r.options.tls = &tls;
    start_receiving(&r);
    (void)snprintf(url, sizeof url, "dicoms://BIOVL@localhost:%d", r.options.port);
    (void)snprintf(plain, sizeof plain, "dicom://BIOVL@localhost:%d", r.options.port);
    assert_ok(store(url, client, client_key, ca, &err), err);
    assert_int_equal(r.n_received, 1);
    // Without a certificate, with a stranger's, without TLS; a server that is no one we believe.
    assert_int_not_equal(store(url, NULL, NULL, ca, &err), BV_OK);
    assert_int_not_equal(store(url, stranger, stranger_key, ca, &err), BV_OK);
    assert_int_equal(store(plain, NULL, NULL, NULL, &err), BV_ERR_IO);
    assert_int_equal(store(url, client, client_key, stranger, &err), BV_ERR_REFUSED);
    assert_non_null(strstr(err.text, "not believed"));
    // The name must be the certificate's.
    (void)snprintf(url, sizeof url, "dicoms://BIOVL@127.0.0.1:%d", r.options.port);
    assert_int_equal(store(url, client, client_key, ca, &err), BV_ERR_REFUSED);
    assert_int_equal(r.n_received, 1);
    // A peer that is gone raises no signal.
    const struct bv_tls_options own = {.certificate = client, .key = client_key, .ca_file = ca};
    struct bv_tls *client_tls = NULL;
    unsigned rejection;
    assert_ok(bv_tls_open(&client_tls, &own, &err), err);
    struct bv_association *a = call_receiver(&r, "CT", CR_CLASS, client_tls, &rejection);
    assert_non_null(a);
    assert_int_equal(send_echo(a), 0);
    assert_true(stop_receiving(&r) < 5);
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_echo(a), 0xffff);
    bv_association_close(&a);
    bv_tls_close(&client_tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archives),
        cmocka_unit_test_setup_teardown(test_tls, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
