// meter.h: the progress of an evaluation on a terminal (images done, rate and remaining time), and
// how it ended.
#ifndef BV_TOOLS_METER_H
#define BV_TOOLS_METER_H

#include <stdbool.h>
#include <time.h>

#include "biovl/eval.h"

struct meter {
    struct timespec began;
    bool shown;
};

typedef void meter_show(void *meter, const struct bv_eval_counts *counts);

// Starts the clock. What is to be called with the meter at each step; NULL where stderr is no
// terminal.
meter_show *begin_meter(struct meter *meter);
void clear_meter(struct meter *meter);

// Says how many rows failed and, unless quiet, how many images have warnings, where any do; the
// exit code.
int report_rows(const struct bv_eval_counts *counts, const char *folder, bool quiet);

#endif
