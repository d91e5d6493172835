// vulkan.h: the backend that runs on a GPU of any vendor through Vulkan.
//
// The loader is opened at run time: a build with this backend starts on machines without Vulkan,
// and a build without it (BIOVL_VULKAN=OFF, or no glslang) has the same calls, which then answer
// BV_ERR_DEVICE. How to debug, and every environment variable: docs/vulkan.md.
#ifndef BV_VULKAN_VULKAN_H
#define BV_VULKAN_VULKAN_H

#include "graph/backend.h"

// How tensors are stored on the device. Sums are f32 in both.
enum bv_vk_precision {
    BV_VK_F32, // weights and activations f32
    BV_VK_F16, // weights and activations f16; inputs, outputs and residual sums f32
};

enum bv_vk_device_kind {
    BV_VK_DISCRETE,
    BV_VK_INTEGRATED,
    BV_VK_VIRTUAL,
    BV_VK_SOFTWARE, // runs on the processor: for tests
    BV_VK_OTHER,
};

// One matrix shape that a device multiplies in hardware: f16 inputs, f32 sums, subgroup scope.
struct bv_vk_matrix_shape {
    uint32_t m, n, k;
};

#define BV_VK_MAX_SHAPES 16

// What `biovl info --devices` shows. Sizes in bytes.
struct bv_vk_device_info {
    int index; // what "vulkan:<index>" selects
    char name[256];
    char driver[516]; // driver name and version as the driver words them; may be empty
    enum bv_vk_device_kind kind;
    uint32_t vendor_id, device_id, driver_version, api_version;
    uint32_t driver_id;     // VkDriverId
    uint8_t cache_uuid[16]; // pipelineCacheUUID
    bool usable;            // has what the backend needs
    char why_not[128];      // else what is missing
    uint64_t heap_bytes, max_buffer_range, max_allocation;
    uint32_t max_invocations; // threads of a workgroup, which has one dimension
    uint32_t shared_bytes, push_constant_bytes, max_groups[3];
    uint32_t subgroup_size, subgroup_min, subgroup_max; // min = max = 0: not controllable
    bool subgroup_required; // a compute shader may ask for a size between them
    bool subgroup_full;     // a compute shader may ask that no subgroup lacks threads
    bool f16_storage, f16_arithmetic, subgroup_arithmetic, timestamps, vulkan_memory_model;
    bool executable_properties; // compiled pipelines can be asked about
    bool matrix_khr, matrix_nv; // cooperative matrices through either extension
    int n_shapes;
    struct bv_vk_matrix_shape shapes[BV_VK_MAX_SHAPES];
};

// Whether this build contains the backend.
bool bv_vk_built(void);

// Every device of the Vulkan drivers present, software ones too. The caller frees *devices.
// BV_ERR_DEVICE when there is no loader or no driver; *n may be 0.
enum bv_status bv_vk_list_devices(struct bv_vk_device_info **devices, int *n, struct bv_error *err);

// Creates a backend over a model's weights (which must outlive it). device: NULL, "" or "vulkan"
// picks the best GPU; "1" or "vulkan:1" an index of bv_vk_list_devices(); any other text, with or
// without "vulkan:", the first device whose name contains it, case ignored. Software devices are
// taken only when named or indexed, or with BIOVL_ALLOW_SOFTWARE=1. BV_ERR_DEVICE: no loader, no
// driver, no such device, or it lacks what the precision needs.
//
// Programs return BV_ERR_OOM_DEVICE when device memory is out, BV_ERR_LIMIT when a tensor exceeds a
// limit of the device that cannot be split around, and BV_ERR_DEVICE_LOST when the device fails or
// does not answer in time; every later call on the backend then returns BV_ERR_DEVICE_LOST.
enum bv_status bv_vk_create(struct bv_backend **backend, struct bv_weights *weights,
                            const char *device, enum bv_vk_precision precision,
                            struct bv_error *err);

// A backend that only compiles: its programs have no memory and cannot run (BV_ERR_UNSUPPORTED),
// its weights need shapes only. No shape of matrices is checked: the largest that the device lists
// and the tiles have room for is taken.
enum bv_status bv_vk_create_survey(struct bv_backend **backend, struct bv_weights *weights,
                                   const char *device, enum bv_vk_precision precision,
                                   struct bv_error *err);

// One figure of a driver's compiler, in the driver's words.
struct bv_vk_statistic {
    char name[64];
    double value;
};

#define BV_VK_MAX_STATISTICS 48

// A pipeline that the graphs compiled so far asked for.
struct bv_vk_surveyed {
    const char *shader;
    const uint32_t *constants; // of specialization: what they are is the shader's
    int n_constants;
    bool refused;      // by the driver
    uint32_t subgroup; // threads; 0: the driver does not say
    // What moves between registers and memory, in the driver's unit (instructions or bytes).
    double spills;
    // None where the driver has no VK_KHR_pipeline_executable_properties.
    struct bv_vk_statistic statistics[BV_VK_MAX_STATISTICS];
    int n_statistics;
};

// The i-th pipeline of a survey; false beyond the last one. Valid until the backend is destroyed.
bool bv_vk_survey_at(const struct bv_backend *backend, int i, struct bv_vk_surveyed *surveyed);

// The device of a backend made by bv_vk_create(); borrowed.
const struct bv_vk_device_info *bv_vk_device(const struct bv_backend *backend);

// How it multiplies matrices: "scalar", "khr", "nv" or "emu", the last three with fragments of the
// shape that *fragment receives (zero for scalar).
const char *bv_vk_matrix_path(const struct bv_backend *backend,
                              struct bv_vk_matrix_shape *fragment);

// Validation messages since the backend was created (BIOVL_VK_VALIDATE=1), for tests; -1 when the
// validation layer is not active. *first is the text of the first one (borrowed).
int bv_vk_validation_messages(const struct bv_backend *backend, const char **first);

// The time of one node on the device, from timestamps around it.
struct bv_vk_timing {
    const char *op, *name; // the op and the name of its result; valid as long as the program
    const char *kernel;    // shader and tile, as "gemm 64x64x16"
    double seconds, flops; // flops: multiplications and additions of the node, 0 for moves
};

// Compile programs from now on with a timestamp after each node (which orders the nodes fully, so
// the whole is a little slower). BV_ERR_UNSUPPORTED when the device has no timestamps.
enum bv_status bv_vk_enable_timing(struct bv_backend *backend, struct bv_error *err);

// The timings of the last run of a program compiled after bv_vk_enable_timing(): *timings borrowed
// until the next run, *n of them in execution order.
enum bv_status bv_vk_timings(struct bv_program *program, const struct bv_vk_timing **timings,
                             int *n, struct bv_error *err);

#endif
