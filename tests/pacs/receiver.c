// The receiver among peers that are slow, idle, greedy or wrong: others are served meanwhile, sizes
// and times are bounded, and it ends when it is told to.
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "pacs/elements.h"
#include "pacs/listen.h"
#include "pacs/server.h"
#include "pacs/wire.h"
#include "receiving.h"
#include "support/check.h"

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

// Seconds until a well-behaved peer is answered.
static double serve_another(const struct receiving *r)
{
    unsigned rejection;
    int64_t began = bv_now_ms();
    struct bv_association *a = call_receiver(r, "GOOD", CR_CLASS, NULL, &rejection);
    assert_non_null(a);
    assert_int_equal(send_echo(a), 0);
    bv_association_release(&a, bv_now_ms() + 5000);
    return (double)(bv_now_ms() - began) / 1000;
}

static void test_slow_peers(void **state)
{
    (void)state;
    struct receiving r;
    int idle[20];
    unsigned rejection;
    prepare_receiving(&r);
    r.options.max_associations = 32;
    start_receiving(&r);
    for (int i = 0; i < 20; i++) // they say nothing, or half a word
    {
        idle[i] = connect_plainly(&r);
        if (i % 2)
            (void)send(idle[i], "\1\0\0\0\1", 5, 0);
    }
    struct bv_association *a = call_receiver(&r, "IDLE", CR_CLASS, NULL, &rejection);
    assert_non_null(a);
    assert_true(serve_another(&r) < 3); // 0.00 when this was written
    bv_association_close(&a);
    for (int i = 0; i < 20; i++)
        (void)close(idle[i]);
    assert_true(stop_receiving(&r) < 5);
}

static void test_deadlines(void **state)
{
    (void)state;
    struct receiving r;
    char byte;
    unsigned rejection;
    prepare_receiving(&r);
    r.options.associate_s = r.options.idle_s = r.options.object_s = 1;
    start_receiving(&r);
    int half_open = connect_plainly(&r), dripping = connect_plainly(&r);
    struct bv_association *idle = call_receiver(&r, "IDLE", CR_CLASS, NULL, &rejection);
    struct bv_association *unfinished = call_receiver(&r, "HALF", CR_CLASS, NULL, &rejection);
    struct bv_error err = {0};
    assert_non_null(idle);
    assert_non_null(unfinished);
    // A message that never ends: a byte now and then.
    static const uint8_t begin[] = {4, 0, 0, 0, 1, 0};
    assert_ok(bv_wire_write(bv_association_wire(unfinished), begin, sizeof begin,
                            bv_now_ms() + 1000, &err),
              err);
    for (int i = 0; i < 12; i++) {
        (void)send(dripping, "\1", 1, MSG_NOSIGNAL);
        (void)bv_wire_write(bv_association_wire(unfinished), "\0", 1, bv_now_ms() + 1000, &err);
        pause_ms(250);
    }
    assert_true(recv(half_open, &byte, 1, 0) <= 0);
    assert_int_equal(send_echo(idle), 0xffff);
    assert_int_equal(send_echo(unfinished), 0xffff);
    (void)close(half_open);
    (void)close(dripping);
    bv_association_close(&idle);
    bv_association_close(&unfinished);
    assert_true(stop_receiving(&r) < 5);
}

static void test_stop(void **state)
{
    (void)state;
    struct receiving r;
    unsigned rejection;
    prepare_receiving(&r);
    r.delay_ms = 1000;
    start_receiving(&r);
    int half_open = connect_plainly(&r);
    struct bv_association *idle = call_receiver(&r, "IDLE", CR_CLASS, NULL, &rejection);
    struct bv_association *storing = call_receiver(&r, "STORE", CR_CLASS, NULL, &rejection);
    struct bv_error err = {0};
    const struct bv_command c = {.field = BV_C_STORE_RQ,
                                 .message_id = 2,
                                 .has_data = true,
                                 .sop_class = CR_CLASS,
                                 .sop = "1.2.3"};
    assert_ok(bv_association_send(storing, 1, &c, "data", 4, bv_now_ms() + 1000, &err), err);
    pause_ms(100);
    assert_true(stop_receiving(&r) < 5);
    // The object in hand was finished, and its sender told.
    const struct bv_receive_limits limits = {.max_data = 1 << 20, .message_ms = 1000};
    struct bv_message answer;
    assert_ok(bv_association_receive(storing, &limits, bv_now_ms() + 1000, &answer, &err), err);
    assert_int_equal(answer.command.status, 0);
    assert_int_equal(r.n_received, 1);
    bv_message_free(&answer);
    bv_association_close(&idle);
    bv_association_close(&storing);
    (void)close(half_open);
}

// What is under way ends soon after waking, though there is always more to read.
static void test_waking(void **state)
{
    (void)state;
    int ends[2], wake[2];
    static uint8_t bytes[150000];
    struct bv_wire *wire = NULL;
    struct bv_error err = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(pipe(wake), 0);
    assert_ok(bv_wire_accept(&wire, ends[0], NULL, wake[0], bv_now_ms(), &err), err);
    assert_int_equal(send(ends[1], bytes, sizeof bytes, 0), sizeof bytes);
    assert_int_equal(write(wake[1], "", 1), 1);
    assert_ok(bv_wire_read(wire, bytes, 1000, bv_now_ms() + 60000, &err), err);
    pause_ms(3100);
    assert_int_equal(bv_wire_read(wire, bytes, 100000, bv_now_ms() + 60000, &err), BV_ERR_IO);
    bv_wire_close(&wire);
    (void)close(ends[1]);
    (void)close(wake[0]);
    (void)close(wake[1]);
}

static void test_limits(void **state)
{
    (void)state;
    struct receiving r;
    unsigned rejection;
    struct bv_association *a[4];
    prepare_receiving(&r);
    r.options.max_associations = 2;
    r.options.max_object = 1 << 20;
    start_receiving(&r);
    a[0] = call_receiver(&r, "A", CR_CLASS, NULL, &rejection);
    a[1] = call_receiver(&r, "B", CR_CLASS, NULL, &rejection);
    assert_true(a[0] && a[1]);
    assert_null(call_receiver(&r, "C", CR_CLASS, NULL, &rejection));
    assert_int_equal(rejection, BV_REJECT_BUSY);
    static char object[2 << 20];
    assert_int_equal(send_object(a[0], CR_CLASS, "1.2.3", object, 1 << 20), 0);
    assert_int_equal(send_object(a[0], CR_CLASS, "1.2.3", object, (1 << 20) + 2), 0xffff);
    bv_association_close(&a[0]);
    // Without a valid identifier, of another class than agreed, or without content.
    assert_int_equal(send_object(a[1], CR_CLASS, "../../etc/x", object, 100), 0xC000);
    assert_int_equal(send_object(a[1], "1.2.840.10008.5.1.4.1.1.2", "1.2", object, 100), 0xA900);
    assert_int_equal(send_object(a[1], CR_CLASS, "1.2.3", object, 0), 0xC000);
    r.answer = BV_ERR_IO;
    assert_int_equal(send_object(a[1], CR_CLASS, "1.2.3", object, 100), 0xA700);
    r.answer = BV_ERR_UNSUPPORTED;
    assert_int_equal(send_object(a[1], CR_CLASS, "1.2.3", object, 100), 0xB006);
    r.answer = BV_ERR_REFUSED;
    assert_int_equal(send_object(a[1], CR_CLASS, "1.2.3", object, 100), 0x0111);
    bv_association_release(&a[1], bv_now_ms() + 1000);
    assert_true(stop_receiving(&r) < 5);
    assert_int_equal(r.n_received, 1);
    // What happened is told, and nothing of the objects.
    assert_non_null(strstr(r.events, "\"outcome\":\"rejected\",\"why\":\"too many associations\""));
    assert_non_null(strstr(r.events, "\"outcome\":\"stored\",\"status\":\"0000\""));
    assert_null(strstr(r.events, "1.2.3\""));
}

// Those for whom there is not even a place to be told to wait are counted, too.
static void test_crowd(void **state)
{
    (void)state;
    enum { PLACES = 1 + 32, MORE = 5 };
    struct receiving r;
    struct bv_receiver_counts counts = {0};
    int idle[PLACES + MORE];
    prepare_receiving(&r);
    r.options.max_associations = 1;
    r.options.counts = &counts;
    start_receiving(&r);
    for (int i = 0; i < PLACES + MORE; i++)
        idle[i] = connect_plainly(&r);
    for (int i = 0; i < 100 && counts.no_association < MORE; i++)
        pause_ms(20);
    assert_int_equal(counts.no_association, MORE);
    for (int i = 0; i < PLACES + MORE; i++)
        (void)close(idle[i]);
    assert_true(stop_receiving(&r) < 5);
    assert_int_equal(counts.no_association, PLACES + MORE);
    assert_non_null(strstr(r.events, "\"why\":\"too many connections\",\"peer\":\"127.0.0.1\""));
}

// Without file descriptors a connection waits, and costs no time meanwhile.
static void test_no_descriptors(void **state)
{
    (void)state;
    enum { MOST = 64 };
    struct receiving r;
    struct rlimit before, few;
    int taken[MOST], n = 0;
    prepare_receiving(&r);
    start_receiving(&r);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){MOST, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < MOST && (taken[n] = dup(0)) >= 0)
        n++;
    assert_true(n > 0 && n < MOST);
    (void)close(taken[--n]);
    int peer = connect_plainly(&r); // with the last one
    clock_t began = clock();
    pause_ms(1000);
    double used = (double)(clock() - began) / CLOCKS_PER_SEC;
    while (n > 0)
        (void)close(taken[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(used < 0.03); // 0.0005 when this was written, 0.7 for a loop that does not wait
    assert_true(serve_another(&r) < 3);
    (void)close(peer);
    assert_true(stop_receiving(&r) < 5);
}

static void test_peers(void **state)
{
    struct receiving r;
    struct bv_error err = {0};
    struct bv_receiver_peers *peers = NULL;
    unsigned rejection;
    static const char text[] = "# who may call\n"
                               "CT 127.0.0.0/8 store\n"
                               "ARCHIVE ::1 store,commit\n"
                               "FAR 10.0.0.0/8 store # not here\n"
                               "KEEPER 127.0.0.1 commit\n";
    assert_ok(bv_peers_read(&peers, temporary_file(state, "peers", text, sizeof text - 1), &err),
              err);
    prepare_receiving(&r);
    r.options.peers = peers;
    start_receiving(&r);
    struct bv_association *a = call_receiver(&r, "CT", CR_CLASS, NULL, &rejection);
    assert_non_null(a);
    assert_int_equal(send_object(a, CR_CLASS, "1.2.3", "data", 4), 0);
    bv_association_release(&a, bv_now_ms() + 1000);
    static const char *const strangers[] = {"FAR", "ARCHIVE", "STRANGER"};
    for (size_t i = 0; i < 3; i++) {
        assert_null(call_receiver(&r, strangers[i], CR_CLASS, NULL, &rejection));
        assert_int_equal(rejection, BV_REJECT_CALLER);
    }
    // Who may only ask for commitment gets no context for storing.
    a = call_receiver(&r, "KEEPER", CR_CLASS, NULL, &rejection);
    assert_non_null(a);
    assert_int_equal(bv_association_context(a, CR_CLASS, NULL), 0);
    bv_association_release(&a, bv_now_ms() + 1000);
    assert_true(stop_receiving(&r) < 5);
    bv_peers_free(&peers);
    static const char *const bad[] = {"CT 127.0.0.1\n", "CT nowhere store\n",
                                      "CT 1.2.3.4/33 store\n", "CT 127.0.0.1 find\n",
                                      "CT 127.0.0.1 store more\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(
            bv_peers_read(&peers, temporary_file(state, "bad", bad[i], strlen(bad[i])), &err),
            BV_ERR_FORMAT);
        assert_non_null(strstr(err.text, "line 1"));
    }
}

// A request for commitment of two objects, of which one is held.
static void test_commitment(void **state)
{
    (void)state;
    struct receiving r;
    unsigned rejection;
    struct bv_error err = {0};
    struct bv_element_writer w = {.implicit = false};
    static const char *const sops[] = {"1.2.3.4", "1.2.3.5"};
    prepare_receiving(&r);
    start_receiving(&r);
    struct bv_association *a = call_receiver(&r, "ASKER", BV_COMMITMENT_CLASS, NULL, &rejection);
    assert_non_null(a);
    bv_element_write(&w, 0x00081195, "UI", "1.2.99");
    bv_element_begin(&w, 0x00081199);
    for (int i = 0; i < 2; i++) {
        bv_element_begin_item(&w);
        bv_element_write(&w, 0x00081150, "UI", CR_CLASS);
        bv_element_write(&w, 0x00081155, "UI", sops[i]);
        bv_element_end_item(&w);
    }
    bv_element_end(&w);
    const struct bv_command c = {.field = BV_N_ACTION_RQ,
                                 .message_id = 7,
                                 .has_data = true,
                                 .type = 1,
                                 .sop_class = BV_COMMITMENT_CLASS,
                                 .sop = BV_COMMITMENT_INSTANCE};
    const struct bv_receive_limits limits = {.max_data = 1 << 20, .message_ms = 5000};
    struct bv_message answer, report;
    assert_ok(bv_association_send(a, 1, &c, w.bytes, w.n, bv_now_ms() + 1000, &err), err);
    assert_ok(bv_association_receive(a, &limits, bv_now_ms() + 5000, &answer, &err), err);
    assert_int_equal(answer.command.field, BV_N_ACTION_RSP);
    assert_int_equal(answer.command.status, 0);
    assert_ok(bv_association_receive(a, &limits, bv_now_ms() + 5000, &report, &err), err);
    assert_int_equal(report.command.field, BV_N_EVENT_REPORT_RQ);
    assert_int_equal(report.command.type, 2); // some are missing
    struct bv_elements all = bv_elements_of(report.data, report.size, false);
    struct bv_element list, item;
    char text[65];
    bv_elements_text(all, 0x00081195, false, text, sizeof text);
    assert_string_equal(text, "1.2.99");
    for (int i = 0; i < 2; i++) { // held, missing
        assert_true(bv_elements_find(all, i == 0 ? 0x00081199 : 0x00081198, &list));
        struct bv_elements items = bv_elements_of(list.value, list.size, false);
        assert_true(bv_elements_next(&items, &item));
        bv_elements_text(bv_elements_of(item.value, item.size, false), 0x00081155, false, text,
                         sizeof text);
        assert_string_equal(text, sops[i]);
        assert_false(bv_elements_next(&items, &item));
    }
    bv_message_free(&answer);
    bv_message_free(&report);
    free(w.bytes);
    bv_association_release(&a, bv_now_ms() + 1000);
    assert_true(stop_receiving(&r) < 5);
}

int main(void)
{
#define WITH_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, temporary_folder, temporary_folder_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_peers),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_limits),
        WITH_FOLDER(test_peers),
        cmocka_unit_test(test_commitment),
        cmocka_unit_test(test_waking),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
