#include "receiving.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"

static void received(void *arg, struct bv_arrival *const *arrivals, size_t n)
{
    struct receiving *r = arg;
    if (r->delay_ms > 0)
        (void)nanosleep(&(struct timespec){r->delay_ms / 1000, r->delay_ms % 1000 * 1000000}, NULL);
    for (size_t i = 0; i < n; i++) {
        arrivals[i]->status = r->answer;
        if (r->answer == BV_OK) {
            r->n_received++;
            r->n_bytes += arrivals[i]->size;
        }
    }
}

static bool holds(void *arg, const char *sop)
{
    (void)arg;
    return strcmp(sop, "1.2.3.4") == 0;
}

static void event(void *arg, const char *line)
{
    struct receiving *r = arg;
    size_t used = strlen(r->events);
    (void)snprintf(r->events + used, sizeof r->events - used, "%s\n", line);
}

static void ready(void *arg)
{
    struct receiving *r = arg;
    (void)pthread_mutex_lock(&r->mutex);
    r->open = true;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
}

static void *run(void *arg)
{
    struct receiving *r = arg;
    r->ended = bv_listen(&r->options, &r->error);
    ready(r);
    return NULL;
}

// A port that nobody listens on.
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

void prepare_receiving(struct receiving *r)
{
    memset(r, 0, sizeof *r);
    (void)pthread_mutex_init(&r->mutex, NULL);
    (void)pthread_cond_init(&r->changed, NULL);
    r->options = (struct bv_receiver_options){.title = "BIOVL",
                                              .port = free_port(),
                                              .received = received,
                                              .holds = holds,
                                              .event = event,
                                              .ready = ready,
                                              .arg = r,
                                              .stop = &r->stop};
}

void start_receiving(struct receiving *r)
{
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
    (void)pthread_mutex_lock(&r->mutex);
    while (!r->open)
        (void)pthread_cond_wait(&r->changed, &r->mutex);
    (void)pthread_mutex_unlock(&r->mutex);
}

double stop_receiving(struct receiving *r)
{
    int64_t began = bv_now_ms();
    __atomic_store_n(&r->stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    assert_ok(r->ended, r->error);
    return (double)(bv_now_ms() - began) / 1000;
}

int connect_plainly(const struct receiving *r)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)r->options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

struct bv_association *call_receiver(const struct receiving *r, const char *title,
                                     const char *sop_class, struct bv_tls *tls, unsigned *rejection)
{
    static const char *syntaxes[] = {"1.2.840.10008.1.2.1"};
    static struct bv_associate request;
    struct bv_error err = {0};
    struct bv_wire *wire = NULL;
    struct bv_association *a = NULL;
    int64_t deadline = bv_now_ms() + 20000;
    memset(&request, 0, sizeof request);
    (void)snprintf(request.called, sizeof request.called, "BIOVL");
    (void)snprintf(request.calling, sizeof request.calling, "%s", title);
    request.max_pdu = BV_MAX_PDU;
    request.n_contexts = 2;
    request.contexts[0] = (struct bv_context_item){.id = 1, .syntaxes = syntaxes, .n_syntaxes = 1};
    request.contexts[1] = (struct bv_context_item){.id = 3, .syntaxes = syntaxes, .n_syntaxes = 1};
    (void)snprintf(request.contexts[0].abstract, sizeof request.contexts[0].abstract, "%s",
                   sop_class);
    (void)snprintf(request.contexts[1].abstract, sizeof request.contexts[1].abstract,
                   "1.2.840.10008.1.1");
    *rejection = 0;
    if (bv_wire_connect(&wire, "localhost", r->options.port, tls, deadline, &err) != BV_OK)
        return NULL;
    if (bv_association_request(&a, wire, &request, deadline, rejection, &err) != BV_OK)
        return NULL;
    return a;
}

static uint16_t exchange(struct bv_association *a, uint8_t context, const struct bv_command *c,
                         const void *data, size_t size)
{
    const struct bv_receive_limits limits = {.max_data = 1 << 20, .message_ms = 20000};
    struct bv_error err = {0};
    struct bv_message answer;
    if (bv_association_send(a, context, c, data, size, bv_now_ms() + 20000, &err) != BV_OK)
        return 0xffff;
    enum bv_status status = bv_association_receive(a, &limits, bv_now_ms() + 20000, &answer, &err);
    uint16_t code = status == BV_OK && answer.command.has_status ? answer.command.status : 0xffff;
    bv_message_free(&answer);
    return code;
}

uint16_t send_echo(struct bv_association *a)
{
    const struct bv_command c = {
        .field = BV_C_ECHO_RQ, .message_id = 1, .sop_class = "1.2.840.10008.1.1"};
    return exchange(a, 3, &c, NULL, 0);
}

uint16_t send_object(struct bv_association *a, const char *sop_class, const char *sop,
                     const void *data, size_t size)
{
    struct bv_command c = {.field = BV_C_STORE_RQ, .message_id = 2, .has_data = true};
    (void)snprintf(c.sop_class, sizeof c.sop_class, "%s", sop_class);
    (void)snprintf(c.sop, sizeof c.sop, "%s", sop);
    return exchange(a, 1, &c, data, size);
}
