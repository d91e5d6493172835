// meter.h: the progress of an evaluation on a terminal (images done, rate and remaining time), and
// how it ended.
#ifndef BV_TOOLS_METER_H
#define BV_TOOLS_METER_H

#include <stdbool.h>
#include <time.h>

#include "biovl/eval.h"

struct meter {
    struct timespec began;
    bool started, shown;
    size_t first, failed; // done before this process began; failed since
};

// Starts the clock. What is to observe the evaluation; it shows rows where stderr is a terminal,
// and prints what is logged.
enum bv_status begin_meter(struct meter *meter, struct bv_context *context);
void clear_meter(struct meter *meter);

// Says how many rows failed and, unless quiet, how many images have warnings, where any do; the
// exit code.
int report_rows(const struct bv_eval_counts *counts, const char *folder, bool quiet);

#endif
