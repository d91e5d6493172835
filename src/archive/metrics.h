// metrics.h: numbers about a receiver over HTTP on this machine, in Prometheus' text format. No
// data of patients.
#ifndef BV_ARCHIVE_METRICS_H
#define BV_ARCHIVE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/status.h"
#include "pacs/listen.h"

struct bv_metrics_port;

// What is counted outside the receiver; read by the metrics' thread at any time.
struct bv_metrics_source {
    const struct bv_receiver_counts *receiver;
    atomic_ullong images, reports, results_sent, results_waiting;
};

// Answers on 127.0.0.1:port on a thread of its own, one request at a time, each within two seconds.
// source is borrowed until the stop.
enum bv_status bv_metrics_start(struct bv_metrics_port **metrics, int port,
                                const struct bv_metrics_source *source, struct bv_error *err);
void bv_metrics_stop(struct bv_metrics_port **metrics); // accepts NULL

#endif
