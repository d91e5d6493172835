// program.h: a graph compiled for a device: its memory and its recorded commands.
#ifndef BV_VULKAN_PROGRAM_H
#define BV_VULKAN_PROGRAM_H

#include "vulkan/kernel.h"

// Commands [first, end) of the dispatch list, recorded once and submitted at each run.
struct bv_vk_submission {
    VkCommandBuffer commands;
    int first, end;
};

struct bv_vk_program {
    struct bv_program base;
    struct bv_vk *vk;
    struct bv_vk_buffer activations, upload, download;
    uint64_t input_at[BV_MAX_GRAPH_INPUTS], output_at[BV_MAX_GRAPH_OUTPUTS]; // in the staging
    struct bv_vk_recorder recorder;
    VkDescriptorPool pool;
    VkDescriptorSet *sets; // one per dispatch
    struct bv_vk_submission *submissions;
    int n_submissions;
    VkFence fence;
    VkQueryPool queries; // one timestamp before the first node and one after each; or none
    struct bv_vk_timing *timings;
    uint64_t *ticks;
    char (*kernel_names)[40]; // of timings
};

// record.c: everything of compile(). On failure p is destroyed and the graph stays the caller's.
enum bv_status bv_vk_compile(struct bv_backend *backend, struct bv_graph *graph,
                             struct bv_program **program, struct bv_error *err);
void bv_vk_destroy_program(struct bv_program *program);

// submit.c
enum bv_status bv_vk_run(struct bv_program *program, const void *const *inputs,
                         float *const *outputs, struct bv_error *err);

// survey.c: the run of a program that only was compiled.
enum bv_status bv_vk_run_survey(struct bv_program *program, const void *const *inputs,
                                float *const *outputs, struct bv_error *err);

// storage.c: which intermediates are kept as f16 (their dtype becomes BV_F16). Outputs, the
// residual sums and small results stay f32; with matrix units those of convolutions do not.
void bv_vk_choose_storage(struct bv_graph *graph, bool matrix);

#endif
