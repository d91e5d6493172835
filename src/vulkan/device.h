// device.h: a Vulkan device in use, and what the files of this folder share of it.
#ifndef BV_VULKAN_DEVICE_H
#define BV_VULKAN_DEVICE_H

#include "vulkan/loader.h"
#include "vulkan/memory.h"
#include "vulkan/vulkan.h"

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
