// measure.h: timing: the encoders it runs, a model, the kernels of a GPU.
#ifndef BV_MEASURE_MEASURE_H
#define BV_MEASURE_MEASURE_H

#include "base/json.h"
#include "graph/graph.h"
#include "model/model.h"

// arch.c: the standard architectures with seeded random weights, for measuring.

// "resnet50", "vit-b16", "vit-b32", "swin-t" or "bert-base". Adds weights, which the store owns.
// BV_ERR_ARG for another name.
enum bv_status bv_arch_weights(const char *name, struct bv_weights *weights, struct bv_error *err);
// The same weights without values, for what only compiles: their data must not be read.
enum bv_status bv_arch_shapes(const char *name, struct bv_weights *weights, struct bv_error *err);

// The encoder over `batch` images of 224×224 (input 0), or texts of `tokens` ids (inputs: ids,
// lengths, last), with its pooled feature as output 0.
void bv_arch_build(const char *name, struct bv_graph *g, int64_t batch, int tokens);

// measure.c: how long encoders take. A measurement is one architecture or tower, device, precision,
// number of threads and batch.

struct bv_measurement {
    const char *arch;             // a name of arch.c with random weights; NULL: model
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

// survey.c: what a GPU's driver makes of the kernels, without running one.

// Compiles the standard architectures at batch 1 and 64, in f16 (where the device stores it) and in
// f32. *report: {"device","driver","pipelines":[{"shader","constants","graph","subgroup","refused",
// "spills","statistics":{name: value}}],"refused","spilling"}; the constants are those of
// specialization, the graph the first that asked; the caller owns the reference.
enum bv_status bv_survey(const char *device, json_t **report, struct bv_error *err);

#endif
