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

static void show(void *arg, const struct bv_eval_counts *counts)
{
    struct meter *meter = arg;
    double elapsed = seconds_since(&meter->began);
    double rate = elapsed > 0 ? (double)(counts->done - counts->resumed) / elapsed : 0;
    double left = rate > 0 ? (double)(counts->rows - counts->done) / rate : 0;
    (void)fprintf(stderr, "\r\033[K%llu of %llu images, %llu failed, %.1f/s, %02d:%02d:%02d left",
                  (unsigned long long)counts->done, (unsigned long long)counts->rows,
                  (unsigned long long)counts->failed, rate, (int)(left / 3600),
                  (int)(left / 60) % 60, (int)left % 60);
    meter->shown = true;
}

meter_show *begin_meter(struct meter *meter)
{
    meter->shown = false;
    (void)clock_gettime(CLOCK_MONOTONIC, &meter->began);
    return isatty(STDERR_FILENO) ? show : NULL;
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
