// measure.h: how long encoders take. A measurement is one architecture or tower, device, precision,
// number of threads and batch.
#ifndef BV_MEASURE_MEASURE_H
#define BV_MEASURE_MEASURE_H

#include "base/json.h"
#include "model/model.h"

struct bv_measurement {
    const char *arch;             // a name of arch.h with random weights; NULL: model
    const struct bv_model *model; // its image tower, or its text tower when tokens > 0
    const char *device, *precision;
    int threads; // 0: all processors
    int batch;
    int tokens;     // for text encoders
    double seconds; // how long to repeat, at least 5 runs
    bool ops;       // per-op times too, where the device has timestamps
};

// Runs once to warm up, then repeatedly. *row receives {"arch","device","precision","threads",
// "batch","tokens","runs","ms_per_item","sd","min_ms"} (milliseconds of wall time per item; sd over
// the runs) and "ops": [{"op","name","kernel","ms","gflops"}]. The caller owns the reference.
enum bv_status bv_measure(const struct bv_measurement *measurement, json_t **row,
                          struct bv_error *err);

#endif
