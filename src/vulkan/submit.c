// submit.c: runs a compiled program.
#include <string.h>

#include "vulkan/program.h"

static size_t tensor_bytes(const struct bv_tensor *t)
{
    return (size_t)bv_elements(t) * bv_dtype_size(t->dtype);
}

// Puts the name of the node (or nodes) at work in front of a failure.
static enum bv_status name_culprit(const struct bv_vk_program *p, const struct bv_vk_submission *s,
                                   struct bv_error *err)
{
    const struct bv_vk_dispatch *list = p->recorder.dispatches;
    if (s->end <= s->first)
        return bv_fail_prefix(err, "copying");
    const struct bv_node *first = list[s->first].node, *last = list[s->end - 1].node;
    return bv_fail_prefix(err, "%s \"%s\" to %s \"%s\"", bv_op_name(first->op), first->out->name,
                          bv_op_name(last->op), last->out->name);
}

static enum bv_status submit(struct bv_vk_program *p, const struct bv_vk_submission *s, bool fence,
                             struct bv_error *err)
{
    struct bv_vk *vk = p->vk;
    const struct bv_vk_api *api = &vk->instance.api;
    if (vk->instance.switches.lose == ++vk->n_submitted) {
        (void)api->DeviceWaitIdle(vk->device); // of a device that is truly lost, nothing runs on
        return bv_vk_check(vk, VK_ERROR_DEVICE_LOST, "submitting (as BIOVL_VK_LOSE asks)", err);
    }
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .commandBufferCount = 1,
                         .pCommandBuffers = &s->commands};
    return bv_vk_check(vk, api->QueueSubmit(vk->queue, 1, &info, fence ? p->fence : VK_NULL_HANDLE),
                       "submitting", err);
}

static enum bv_status wait(struct bv_vk_program *p, struct bv_error *err)
{
    BV_TRY(bv_vk_wait(p->vk, p->fence, "running", err));
    return bv_vk_check(p->vk, p->vk->instance.api.ResetFences(p->vk->device, 1, &p->fence),
                       "resetting a fence", err);
}

// All submissions in order, and waits for the last; one by one when BIOVL_VK_SERIAL asks.
static enum bv_status submit_all(struct bv_vk_program *p, struct bv_error *err)
{
    bool serial = p->vk->instance.switches.serial;
    for (int i = 0; i < p->n_submissions; i++) {
        const struct bv_vk_submission *s = &p->submissions[i];
        bool last = i == p->n_submissions - 1;
        enum bv_status status = submit(p, s, serial || last, err);
        if (status == BV_OK && (serial || last))
            status = wait(p, err);
        if (status != BV_OK) {
            if (i > 0 && !p->vk->lost) // what is under way must end before its memory is freed
                (void)p->vk->instance.api.DeviceWaitIdle(p->vk->device);
            return serial || p->n_submissions == 1 ? (name_culprit(p, s, err), status) : status;
        }
    }
    return BV_OK;
}

static enum bv_status read_timings(struct bv_vk_program *p, struct bv_error *err)
{
    struct bv_vk *vk = p->vk;
    if (!p->queries)
        return BV_OK;
    uint32_t n = (uint32_t)p->base.plan.n_nodes;
    BV_VK_TRY(vk,
              vk->instance.api.GetQueryPoolResults(
                  vk->device, p->queries, 0, n + 1, (n + 1) * sizeof *p->ticks, p->ticks,
                  sizeof *p->ticks, VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT),
              "reading timestamps", err);
    uint64_t mask = vk->timestamp_bits >= 64 ? UINT64_MAX : (1ull << vk->timestamp_bits) - 1;
    for (uint32_t i = 0; i < n; i++)
        p->timings[i].seconds =
            (double)((p->ticks[i + 1] - p->ticks[i]) & mask) * vk->timestamp_seconds;
    return BV_OK;
}

enum bv_status bv_vk_run(struct bv_program *program, const void *const *inputs,
                         float *const *outputs, struct bv_error *err)
{
    struct bv_vk_program *p = (struct bv_vk_program *)program;
    const struct bv_graph *g = program->graph;
    if (p->vk->lost)
        return bv_fail(err, BV_ERR_DEVICE_LOST, "%s was lost earlier", p->vk->info.name);
    for (int i = 0; i < g->n_inputs; i++)
        memcpy(p->upload.mapped + p->input_at[i], inputs[i], tensor_bytes(g->inputs[i]));
    BV_TRY(bv_vk_buffer_flush(p->vk, &p->upload, err));
    BV_TRY(submit_all(p, err));
    BV_TRY(bv_vk_buffer_invalidate(p->vk, &p->download, err));
    for (int i = 0; i < g->n_outputs; i++)
        if (outputs[i])
            memcpy(outputs[i], p->download.mapped + p->output_at[i], tensor_bytes(g->outputs[i]));
    return read_timings(p, err);
}
