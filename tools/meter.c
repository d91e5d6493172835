#include "meter.h"

#include <stdio.h>
#include <unistd.h>

#include "command.h"

static double seconds_since(const struct timespec *began)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began->tv_sec) + 1e-9 * (double)(now.tv_nsec - began->tv_nsec);
}

static int show(void *arg, size_t done, size_t total)
{
    struct meter *meter = arg;
    if (!meter->started)
        meter->first = done;
    meter->started = true;
    double elapsed = seconds_since(&meter->began);
    double rate = elapsed > 0 ? (double)(done - meter->first) / elapsed : 0;
    double left = rate > 0 ? (double)(total - done) / rate : 0;
    (void)fprintf(stderr, "\r\033[K%zu of %zu images, %zu failed, %.1f/s, %02d:%02d:%02d left",
                  done, total, meter->failed, rate, (int)(left / 3600), (int)(left / 60) % 60,
                  (int)left % 60);
    meter->shown = true;
    return 0;
}

static void count_failure(void *arg, const char *name, enum bv_status status, const char *text)
{
    struct meter *meter = arg;
    (void)name;
    (void)status;
    (void)text;
    meter->failed++; // errors.csv has it
}

static void log_line(void *arg, enum bv_log_level level, const char *text)
{
    clear_meter(arg);
    print_log(NULL, level, text);
}

enum bv_status begin_meter(struct meter *meter, struct bv_context *context)
{
    const struct bv_observer observer = {.size = sizeof observer,
                                         .arg = meter,
                                         .log = log_line,
                                         .progress = isatty(STDERR_FILENO) ? show : NULL,
                                         .failed = count_failure};
    *meter = (struct meter){.failed = 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &meter->began);
    return bv_context_observe(context, &observer);
}

void clear_meter(struct meter *meter)
{
    if (meter->shown)
        (void)fputs("\r\033[K", stderr);
    meter->shown = false;
}

int report_rows(const struct bv_eval_counts *c, const char *folder, bool quiet)
{
    if (c->warned && !quiet)
        (void)fprintf(stderr, "biovl: %llu images have warnings: see %s/warnings.csv\n",
                      (unsigned long long)c->warned, folder);
    if (!c->failed)
        return EXIT_OK;
    (void)fprintf(stderr, "biovl: %llu of %llu rows failed: see %s/errors.csv\n",
                  (unsigned long long)c->failed, (unsigned long long)c->done, folder);
    return c->failed < c->done ? EXIT_SOME_FAILED : EXIT_INPUT;
}
