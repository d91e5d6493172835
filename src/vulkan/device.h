// device.h: a Vulkan device in use: its memory, its faults, and what the files of this folder share
// of it.
#ifndef BV_VULKAN_DEVICE_H
#define BV_VULKAN_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "graph/tensor.h"
#include "vulkan/loader.h"
#include "vulkan/vulkan.h"

// memory.c: buffers with memory of their own, and the arena of uploaded weights.
//
// Three kinds of memory, no general allocator: weights (blocks that live as long as the device),
// activations (one buffer per program, laid out by the plan) and staging (mapped).

struct bv_vk;

enum bv_vk_memory_kind {
    BV_VK_MEMORY_DEVICE,  // device-local
    BV_VK_MEMORY_DIRECT,  // device-local and mapped, where the device has that for all its memory
    BV_VK_MEMORY_STAGING, // mapped, for the device to read
    BV_VK_MEMORY_READBACK // mapped, for the host to read
};

struct bv_vk_buffer {
    VkBuffer handle;
    VkDeviceMemory memory;
    uint64_t bytes;
    char *mapped; // or NULL
    bool coherent;
};

// what names the thing in the error ("1.2 MB of activations"): BV_ERR_OOM_DEVICE, BV_ERR_LIMIT.
enum bv_status bv_vk_buffer_create(struct bv_vk *vk, uint64_t bytes, enum bv_vk_memory_kind kind,
                                   const char *what, struct bv_vk_buffer *buffer,
                                   struct bv_error *err);
void bv_vk_buffer_destroy(struct bv_vk *vk, struct bv_vk_buffer *buffer); // accepts a zeroed one

// Makes host writes visible to the device, or device writes to the host.
enum bv_status bv_vk_buffer_flush(struct bv_vk *vk, const struct bv_vk_buffer *buffer,
                                  struct bv_error *err);
enum bv_status bv_vk_buffer_invalidate(struct bv_vk *vk, const struct bv_vk_buffer *buffer,
                                       struct bv_error *err);

// Part of a buffer that holds a tensor.
struct bv_vk_region {
    VkBuffer buffer;
    uint64_t offset, bytes;
    bool half; // f16, else 4-byte elements
};

struct bv_vk_weight_entry {
    const void *data; // what the tensor pointed to, and how much of it: row ranges share pointers
    int64_t elements;
    bool half_wanted;
    struct bv_vk_region region;
};

struct bv_vk_weight_block {
    struct bv_vk_buffer buffer;
    uint64_t used;
};

// Zero-initialise. Filled tensor by tensor as programs are compiled; a weight used by several
// programs is uploaded once.
struct bv_vk_weight_arena {
    struct bv_vk_weight_block *blocks;
    int n_blocks;
    struct bv_vk_weight_entry *entries;
    int n_entries, entry_room;
    struct bv_vk_buffer staging[2];
    VkFence fence[2];
    VkCommandBuffer commands[2];
    bool in_flight[2];
    int next;
};

// Where a weight lies on the device, uploading it first where needed. half asks for f16 storage;
// tensors with values beyond f16 stay f32 (region->half says).
enum bv_status bv_vk_weight(struct bv_vk *vk, const struct bv_tensor *tensor, bool half,
                            struct bv_vk_region *region, struct bv_error *err);
// Waits for the uploads under way.
enum bv_status bv_vk_weights_finish(struct bv_vk *vk, struct bv_error *err);
// No program may be using them. Of a hung device only the lists are freed.
void bv_vk_weights_free(struct bv_vk *vk);

// quirk.c: what is known to be wrong with particular devices and drivers, as data.

// What to do about it.
struct bv_vk_quirks {
    bool no_matrix;        // do not use cooperative matrices
    bool few_registers;    // a thread holds few sums
    uint64_t submit_gflop; // most work of one submission, in 10⁹ floating-point operations
    const char *why[4];    // the symptoms that applied, NULL-terminated
};

// The union of all table entries that match the device.
struct bv_vk_quirks bv_vk_quirks_of(const struct bv_vk_device_info *info);

// device.c: a Vulkan device in use, and what the files of this folder share of it.

#define BV_VK_BINDINGS 6           // storage buffers of every shader
#define BV_VK_PUSH_BYTES 128       // what every device has
#define BV_VK_OFFSET_ALIGNMENT 256 // the largest minStorageBufferOffsetAlignment allowed

enum { BV_VK_AMD = 0x1002, BV_VK_NVIDIA = 0x10de, BV_VK_ARM = 0x13b5, BV_VK_INTEL = 0x8086 };

// What the environment asks for; docs/vulkan.md describes each.
struct bv_vk_switches {
    bool validate, serial, timing, poison, force_staging, allow_software;
    enum bv_vk_path {
        BV_VK_PATH_AUTO,
        BV_VK_PATH_SCALAR,
        BV_VK_PATH_KHR,
        BV_VK_PATH_NV,
        BV_VK_PATH_EMU
    } path;
    struct bv_vk_matrix_shape fragment;           // the only matrix shape to use; zero: any
    uint32_t tile_m, tile_n;                      // of matrix products where possible; 0: by size
    uint64_t max_range, max_groups, shared_bytes; // lower a limit of the device; 0: leave it
    uint64_t submit_mflop;                        // most work of a submission; 0: by device
    uint64_t timeout_ms;                          // of the watchdog on fences
    uint64_t lose; // which submission of a program finds the device lost; 0: none
};

// An instance of Vulkan: what listing devices needs.
struct bv_vk_instance {
    struct bv_vk_api api;
    VkInstance handle;
    VkDebugUtilsMessengerEXT messenger;
    bool validating;
    int messages; // of the validation layer
    char first_message[1024];
    struct bv_vk_switches switches;
    bv_vk_wrap *wrap;
    void *wrap_arg;
    int *count; // messages are counted here too; may be NULL
};

struct bv_vk_pipeline;
struct bv_vk_matrix_tile;

// Of tiles on matrix units: for products of many rows, of any, of few.
enum bv_vk_tile_size { BV_VK_TILE_LARGE, BV_VK_TILE_MEDIUM, BV_VK_TILE_SKINNY, BV_VK_TILE_SIZES };

struct bv_vk {
    struct bv_backend base;
    struct bv_vk_instance instance;
    struct bv_weights *weights; // borrowed
    enum bv_vk_precision precision;
    char description[300];
    struct bv_vk_device_info info;

    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    uint32_t queue_family;
    VkPhysicalDeviceMemoryProperties memory;
    double timestamp_seconds; // per tick; 0: none
    uint32_t timestamp_bits;

    // Limits as used: the device's, or lowered by a quirk or the environment.
    uint64_t max_range;
    uint32_t max_groups[3], shared_bytes;
    uint64_t submit_flops;
    enum bv_vk_path path;               // of matrix products
    struct bv_vk_matrix_shape fragment; // when path is not scalar
    uint32_t subgroup;                  // threads of a subgroup in matrix shaders
    const struct bv_vk_matrix_tile *matrix_tile[BV_VK_TILE_SIZES]; // NULL: none of this size
    bool few_registers;                                            // to a thread: small tiles

    VkCommandPool commands;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout pipeline_layout;
    VkPipelineCache cache;
    size_t cache_bytes; // as read from disk
    struct bv_vk_pipeline *pipelines;
    struct bv_vk_weight_arena weight_arena;
    bool subgroup_required, subgroup_full; // what matrix shaders may ask of their subgroups
    bool lost, hung;                       // failed; hung: without an end in sight
    uint64_t n_submitted;                  // submissions of programs so far
    bool timing;
    bool survey;     // compiles only
    bool statistics; // compiled pipelines can be asked about
};

struct bv_vk_options {
    const char *device; // as in bv_vk_create()
    enum bv_vk_precision precision;
    bv_vk_wrap *wrap; // tests; may be NULL
    void *wrap_arg;
    int *message_count; // of the validation layer, to the end of the backend; may be NULL
    bool survey;        // as bv_vk_create_survey()
};

// bv_vk_create() with a hand on the function table.
enum bv_status bv_vk_create_with(struct bv_backend **backend, struct bv_weights *weights,
                                 const struct bv_vk_options *options, struct bv_error *err);

// instance.c. destroy accepts a zeroed or half-made instance.
enum bv_status bv_vk_instance_create(struct bv_vk_instance *instance, bv_vk_wrap *wrap,
                                     void *wrap_arg, struct bv_error *err);
void bv_vk_instance_destroy(struct bv_vk_instance *instance);
// Ends the validation layer's messages: all that an instance left behind knows of this struct.
void bv_vk_messenger_destroy(struct bv_vk_instance *instance);

// select.c: the physical devices with their properties; both lists malloc'd and freed by the
// caller. The choice for a --device text: an index into infos.
enum bv_status bv_vk_enumerate(struct bv_vk_instance *instance, VkPhysicalDevice **handles,
                               struct bv_vk_device_info **infos, int *n, struct bv_error *err);
enum bv_status bv_vk_choose(const struct bv_vk_device_info *infos, int n, const char *device,
                            bool allow_software, int *chosen, struct bv_error *err);

// device.c: opens vk->physical and makes what all programs share. close accepts a half-made vk.
enum bv_status bv_vk_device_open(struct bv_vk *vk, struct bv_error *err);
void bv_vk_device_close(struct bv_vk *vk);

// selfcheck.c: multiplies small integers with each matrix shape on offer and takes the first that
// gives exactly the right result; when none does, path becomes scalar. Fails only when the device
// is lost or memory is out.
enum bv_status bv_vk_selfcheck(struct bv_vk *vk, struct bv_error *err);

// Takes the first shape that there are tiles for, unchecked.
void bv_vk_trust_shapes(struct bv_vk *vk);

// A VkResult as a status; doing completes "the GPU failed while …". Device lost sticks to vk.
enum bv_status bv_vk_check(struct bv_vk *vk, VkResult result, const char *doing,
                           struct bv_error *err);

// Waits for a fence. Past the watchdog's time the device counts as lost.
enum bv_status bv_vk_wait(struct bv_vk *vk, VkFence fence, const char *doing, struct bv_error *err);

#define BV_VK_TRY(vk, call, doing, err) BV_TRY(bv_vk_check((vk), (call), (doing), (err)))

#endif
