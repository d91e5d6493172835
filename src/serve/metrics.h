// metrics.h: numbers about the service in Prometheus' text format. No data of patients.
#ifndef BV_SERVE_METRICS_H
#define BV_SERVE_METRICS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct bv_route;
struct bv_service;

enum { BV_ROUTES_MOST = 48, BV_TIME_BUCKETS = 12 };

// The answers of one route: by the hundreds of their status, and by the time that they took.
struct bv_route_counts {
    uint64_t status[6];
    uint64_t times[BV_TIME_BUCKETS + 1];
    double seconds;
};

struct bv_served_metrics {
    pthread_mutex_t lock;
    struct bv_route_counts routes[BV_ROUTES_MOST + 1]; // the last: of no route
    uint64_t n_batches, n_batched, n_images;
    double recent_ms; // smoothed, of an answer that took work
};

void bv_metrics_answer(struct bv_served_metrics *metrics, const struct bv_route *route,
                       unsigned status, double ms);
void bv_metrics_batch(struct bv_served_metrics *metrics, size_t n);
void bv_metrics_image(struct bv_served_metrics *metrics);

// Seconds after which a place in the queue is likely: 1 to 60.
int bv_metrics_retry(struct bv_served_metrics *metrics);

// The text, malloc'd; NULL where memory is out.
char *bv_metrics_text(struct bv_service *server, size_t *size);

#endif
