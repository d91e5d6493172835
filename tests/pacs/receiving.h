// receiving.h: a receiver on a thread of its own for a test, and peers that call it.
#ifndef BV_TESTS_PACS_RECEIVING_H
#define BV_TESTS_PACS_RECEIVING_H

#include <pthread.h>

#include "pacs/association.h"
#include "pacs/listen.h"

struct receiving {
    struct bv_receiver_options options; // may be changed before start_receiving()
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open;
    volatile sig_atomic_t stop;
    size_t n_received, n_bytes; // objects that were accepted
    enum bv_status answer;      // given to every object
    int delay_ms;               // before it
    char events[65536];         // lines
    struct bv_error error;
    enum bv_status ended; // what bv_listen() returned
};

// Options of a receiver on some free port of this machine.
void prepare_receiving(struct receiving *r);
void start_receiving(struct receiving *r);
// Seconds that the receiver took to end.
double stop_receiving(struct receiving *r);

// An association from title to the receiver with one context (id 1) of a class in explicit little
// endian, and verification (id 3). NULL when it is refused; *rejection says how.
struct bv_association *call_receiver(const struct receiving *r, const char *title,
                                     const char *sop_class, struct bv_tls *tls,
                                     unsigned *rejection);
// Status of the answer, 0xffff when there is none.
uint16_t send_echo(struct bv_association *a);
uint16_t send_object(struct bv_association *a, const char *sop_class, const char *sop,
                     const void *data, size_t size);

int connect_plainly(const struct receiving *r); // a TCP connection

#define CR_CLASS "1.2.840.10008.5.1.4.1.1.1"

#endif
