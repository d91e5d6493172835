#include "serve/metrics.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "serve/routes.h"
#include "serve/server.h"

static const double bounds_ms[BV_TIME_BUCKETS] = {1,   2.5, 5,   10,   25,   50,
                                                  100, 250, 500, 1000, 2500, 10000};

void bv_metrics_answer(struct bv_served_metrics *m, const struct bv_route *route, unsigned status,
                       double ms)
{
    size_t at = route ? (size_t)(route - bv_routes) : BV_ROUTES_MOST;
    size_t bucket = 0;
    while (bucket < BV_TIME_BUCKETS && ms > bounds_ms[bucket])
        bucket++;
    (void)pthread_mutex_lock(&m->lock);
    struct bv_route_counts *counts = &m->routes[at < BV_ROUTES_MOST ? at : BV_ROUTES_MOST];
    counts->status[status / 100 < 6 ? status / 100 : 0]++;
    counts->times[bucket]++;
    counts->seconds += ms / 1000;
    if (route && route->reads && status == 200)
        m->recent_ms = m->recent_ms > 0 ? 0.9 * m->recent_ms + 0.1 * ms : ms;
    (void)pthread_mutex_unlock(&m->lock);
}

void bv_metrics_batch(struct bv_served_metrics *m, size_t n)
{
    (void)pthread_mutex_lock(&m->lock);
    m->n_batches++;
    m->n_batched += n;
    (void)pthread_mutex_unlock(&m->lock);
}

void bv_metrics_image(struct bv_served_metrics *m)
{
    (void)pthread_mutex_lock(&m->lock);
    m->n_images++;
    (void)pthread_mutex_unlock(&m->lock);
}

int bv_metrics_retry(struct bv_served_metrics *m)
{
    (void)pthread_mutex_lock(&m->lock);
    // An answer's time has its wait behind the others in it.
    double seconds = m->recent_ms / 1000;
    (void)pthread_mutex_unlock(&m->lock);
    return seconds < 1 ? 1 : seconds > 60 ? 60 : (int)(seconds + 0.5);
}

static void print_route(FILE *out, const char *method, const char *path,
                        const struct bv_route_counts *c)
{
    uint64_t sum = 0;
    for (size_t i = 1; i < 6; i++)
        if (c->status[i])
            (void)fprintf(
                out, "biovl_requests_total{method=\"%s\",route=\"%s\",status=\"%zuxx\"} %llu\n",
                method, path, i, (unsigned long long)c->status[i]);
    for (size_t i = 0; i <= BV_TIME_BUCKETS; i++)
        sum += c->times[i];
    if (sum == 0)
        return;
    uint64_t below = 0;
    for (size_t i = 0; i < BV_TIME_BUCKETS; i++) {
        below += c->times[i];
        (void)fprintf(out,
                      "biovl_request_seconds_bucket{method=\"%s\",route=\"%s\",le=\"%g\"} %llu\n",
                      method, path, bounds_ms[i] / 1000, (unsigned long long)below);
    }
    (void)fprintf(out,
                  "biovl_request_seconds_bucket{method=\"%s\",route=\"%s\",le=\"+Inf\"} %llu\n"
                  "biovl_request_seconds_sum{method=\"%s\",route=\"%s\"} %.6f\n"
                  "biovl_request_seconds_count{method=\"%s\",route=\"%s\"} %llu\n",
                  method, path, (unsigned long long)sum, method, path, c->seconds, method, path,
                  (unsigned long long)sum);
}

static void print_number(FILE *out, const char *name, const char *type, const char *help,
                         double value)
{
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.0f\n", name, help, name, type, name,
                  value);
}

static double resident_bytes(void)
{
    long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    (void)fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void print_all(FILE *out, struct bv_service *server)
{
    struct bv_served_metrics *m = &server->metrics;
    (void)fputs("# HELP biovl_requests_total Requests answered.\n"
                "# TYPE biovl_requests_total counter\n"
                "# HELP biovl_request_seconds Time from the headers to the answer.\n"
                "# TYPE biovl_request_seconds histogram\n",
                out);
    (void)pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < bv_n_routes; i++)
        print_route(out, bv_routes[i].method, bv_routes[i].path, &m->routes[i]);
    print_route(out, "", "", &m->routes[BV_ROUTES_MOST]);
    print_number(out, "biovl_images_total", "counter", "Images encoded.", (double)m->n_images);
    print_number(out, "biovl_batches_total", "counter", "Batches that models took.",
                 (double)m->n_batches);
    print_number(out, "biovl_batched_items_total", "counter", "Items in those batches.",
                 (double)m->n_batched);
    (void)pthread_mutex_unlock(&m->lock);
    print_number(out, "biovl_requests_waiting", "gauge", "Requests admitted and not yet answered.",
                 atomic_load(&server->n_waiting));
    print_number(out, "biovl_body_bytes", "gauge", "Bodies in memory.",
                 (double)atomic_load(&server->body_bytes));
    print_number(out, "biovl_connections", "gauge", "Open connections.", (double)server->peers.n);
    print_number(out, "biovl_connections_overdue_total", "counter",
                 "Connections ended for being slow.", (double)atomic_load(&server->peers.overdue));
    print_number(out, "biovl_clients_gone_total", "counter",
                 "Clients that went away before their answer.",
                 (double)atomic_load(&server->peers.gone));
    print_number(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
                 resident_bytes());
}

char *bv_metrics_text(struct bv_service *server, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out)
        return NULL;
    print_all(out, server);
    return fclose(out) == 0 ? text : NULL;
}
