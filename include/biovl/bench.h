// biovl/bench.h: how long encoders take on a device.
#ifndef BIOVL_BENCH_H
#define BIOVL_BENCH_H

#include "biovl/biovl.h"

#ifdef __cplusplus
extern "C" {
#endif

// Zero or NULL is the default of every field but size and arch or model.
struct bv_bench_options {
    size_t size;      // sizeof (struct bv_bench_options)
    const char *arch; // "resnet50", "vit-b16", "vit-b32", "swin-t", "bert-base" with seeded
                      // random weights; NULL: the model
    const struct bv_model *model; // its image encoder, or its text encoder when tokens > 0
    const char *device;           // as in bv_engine_open(); NULL: "auto"
    const char *precision;        // NULL: "auto"
    int threads;                  // 0: all processors
    int batch;                    // images or texts at once
    int tokens;                   // of each text
    double seconds;               // how long to repeat, at least 5 runs
    int ops;                      // nonzero: times per op, where the device has timestamps
};

// Measures one configuration. *json:
// {"arch","device","precision","threads","batch","tokens","runs", "ms_per_item","sd","min_ms",
// "cpu_ms"}, wall milliseconds per image or text with the deviation over runs, and processor
// milliseconds of all threads, which a busy machine disturbs less; "ops" as
// [{"op","name","kernel","ms","gflops"}]. BV_ERR_ARG, BV_ERR_DEVICE, BV_ERR_UNSUPPORTED (the device
// does not offer the precision).
BV_API enum bv_status bv_bench(struct bv_context *context, const struct bv_bench_options *options,
                               char **json);

// Compiles every kernel that the standard architectures need (batch 1 and 64, f16 and f32) with the
// driver of a Vulkan device (as in bv_engine_open(); not "cpu"), and runs none. *json:
// {"device","driver","statistics","pipelines":[{"shader","constants","graph","subgroup","refused",
// "spills","statistics":{}}],"refused","spilling"}: the driver's own figures of each pipeline where
// it gives them ("statistics": true), what it moves between registers and memory, how many it
// refused, and how many spill. Takes minutes with some drivers. BV_ERR_DEVICE.
BV_API enum bv_status bv_survey_kernels(struct bv_context *context, const char *device,
                                        char **json);

#ifdef __cplusplus
}
#endif
#endif
