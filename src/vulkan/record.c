// record.c: compiles a graph: plans its memory, turns nodes into dispatches, and records command
// buffers that every run submits again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vulkan/program.h"

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

static uint64_t tensor_bytes(const struct bv_tensor *t)
{
    return (uint64_t)bv_elements(t) * bv_dtype_size(t->dtype);
}

// ---- memory ------------------------------------------------------------------------------------

static enum bv_status make_buffers(struct bv_vk_program *p, struct bv_error *err)
{
    const struct bv_graph *g = p->base.graph;
    uint64_t in = 0, out = 0;
    for (int i = 0; i < g->n_inputs; i++) {
        p->input_at[i] = in;
        in += round_up(tensor_bytes(g->inputs[i]), 16);
    }
    for (int i = 0; i < g->n_outputs; i++) {
        p->output_at[i] = out;
        out += round_up(tensor_bytes(g->outputs[i]), 16);
    }
    // A run may read a whole binding of the last tensor: the arena ends on the alignment.
    uint64_t arena = round_up(p->base.plan.arena_bytes, BV_VK_OFFSET_ALIGNMENT);
    BV_TRY(bv_vk_buffer_create(p->vk, arena ? arena : BV_VK_OFFSET_ALIGNMENT, BV_VK_MEMORY_DEVICE,
                               "activations", &p->activations, err));
    BV_TRY(
        bv_vk_buffer_create(p->vk, in ? in : 16, BV_VK_MEMORY_STAGING, "inputs", &p->upload, err));
    return bv_vk_buffer_create(p->vk, out ? out : 16, BV_VK_MEMORY_READBACK, "outputs",
                               &p->download, err);
}

// ---- descriptors -------------------------------------------------------------------------------

static enum bv_status make_pool(struct bv_vk_program *p, struct bv_error *err)
{
    struct bv_vk *vk = p->vk;
    uint32_t n = (uint32_t)p->recorder.n;
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, n * BV_VK_BINDINGS};
    VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = n,
                                       .poolSizeCount = 1,
                                       .pPoolSizes = &size};
    p->sets = calloc((size_t)n + 1, sizeof *p->sets);
    VkDescriptorSetLayout *layouts = calloc((size_t)n + 1, sizeof *layouts);
    if (!p->sets || !layouts) {
        free(layouts);
        return bv_fail_nomem(err, "descriptors");
    }
    for (uint32_t i = 0; i < n; i++)
        layouts[i] = vk->set_layout;
    VkDescriptorSetAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                            .descriptorSetCount = n,
                                            .pSetLayouts = layouts};
    VkResult result = VK_SUCCESS;
    if (n > 0)
        result = vk->instance.api.CreateDescriptorPool(vk->device, &info, NULL, &p->pool);
    allocate.descriptorPool = p->pool;
    if (n > 0 && result == VK_SUCCESS)
        result = vk->instance.api.AllocateDescriptorSets(vk->device, &allocate, p->sets);
    free(layouts);
    return bv_vk_check(vk, result, "making descriptors", err);
}

static void write_sets(struct bv_vk_program *p)
{
    for (int i = 0; i < p->recorder.n; i++) {
        const struct bv_vk_dispatch *d = &p->recorder.dispatches[i];
        VkDescriptorBufferInfo buffers[BV_VK_BINDINGS];
        VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                      .dstSet = p->sets[i],
                                      .descriptorCount = (uint32_t)d->n_bindings,
                                      .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      .pBufferInfo = buffers};
        for (int k = 0; k < d->n_bindings; k++)
            buffers[k] = (VkDescriptorBufferInfo){d->binding[k].buffer, d->binding[k].offset,
                                                  d->binding[k].bytes};
        p->vk->instance.api.UpdateDescriptorSets(p->vk->device, 1, &write, 0, NULL);
    }
}

// ---- commands ----------------------------------------------------------------------------------

static bool overlap(const struct bv_vk_region *a, const struct bv_vk_region *b)
{
    return a->buffer == b->buffer && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

// Whether d must wait for e: one of the two writes what the other touches. The dispatches of one
// node write different elements.
static bool conflicts(const struct bv_vk_dispatch *d, const struct bv_vk_dispatch *e)
{
    if (d->node == e->node)
        return false;
    for (int i = 0; i < d->n_bindings; i++)
        if (overlap(&d->binding[i], &e->binding[e->output]))
            return true;
    for (int i = 0; i < e->n_bindings; i++)
        if (overlap(&e->binding[i], &d->binding[d->output]))
            return true;
    return false;
}

static void barrier(const struct bv_vk_program *p, VkCommandBuffer c, VkPipelineStageFlags from,
                    VkAccessFlags written, VkPipelineStageFlags to, VkAccessFlags accessed)
{
    VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                              .srcAccessMask = written,
                              .dstAccessMask = accessed};
    p->vk->instance.api.CmdPipelineBarrier(c, from, to, 0, 1, &memory, 0, NULL, 0, NULL);
}

static void compute_barrier(const struct bv_vk_program *p, VkCommandBuffer c)
{
    barrier(p, c, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
            VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
}

static void record_uploads(const struct bv_vk_program *p, VkCommandBuffer c)
{
    const struct bv_vk_api *api = &p->vk->instance.api;
    const struct bv_graph *g = p->base.graph;
    const VkPipelineStageFlags transfer = VK_PIPELINE_STAGE_TRANSFER_BIT;
    if (p->vk->instance.switches.poison) { // NaN as f32 and as f16, -1 as i32
        api->CmdFillBuffer(c, p->activations.handle, 0, VK_WHOLE_SIZE, 0xffffffff);
        barrier(p, c, transfer, VK_ACCESS_TRANSFER_WRITE_BIT, transfer,
                VK_ACCESS_TRANSFER_WRITE_BIT);
    }
    for (int i = 0; i < g->n_inputs; i++) {
        VkBufferCopy copy = {p->input_at[i], p->base.plan.offset[g->inputs[i]->id],
                             tensor_bytes(g->inputs[i])};
        api->CmdCopyBuffer(c, p->upload.handle, p->activations.handle, 1, &copy);
    }
    barrier(p, c, transfer, VK_ACCESS_TRANSFER_WRITE_BIT,
            VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | transfer,
            VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT);
}

static void record_downloads(const struct bv_vk_program *p, VkCommandBuffer c)
{
    const struct bv_graph *g = p->base.graph;
    barrier(p, c, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
            VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    for (int i = 0; i < g->n_outputs; i++) {
        VkBufferCopy copy = {p->base.plan.offset[g->outputs[i]->id], p->output_at[i],
                             tensor_bytes(g->outputs[i])};
        p->vk->instance.api.CmdCopyBuffer(c, p->activations.handle, p->download.handle, 1, &copy);
    }
    barrier(p, c, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
            VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
}

static void record_dispatch(const struct bv_vk_program *p, VkCommandBuffer c, int i)
{
    const struct bv_vk_api *api = &p->vk->instance.api;
    const struct bv_vk_dispatch *d = &p->recorder.dispatches[i];
    api->CmdBindPipeline(c, VK_PIPELINE_BIND_POINT_COMPUTE, d->pipeline);
    api->CmdBindDescriptorSets(c, VK_PIPELINE_BIND_POINT_COMPUTE, p->vk->pipeline_layout, 0, 1,
                               &p->sets[i], 0, NULL);
    api->CmdPushConstants(c, p->vk->pipeline_layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, d->push_bytes,
                          d->push);
    api->CmdDispatch(c, d->groups[0], d->groups[1], d->groups[2]);
}

static void record_timestamp(const struct bv_vk_program *p, VkCommandBuffer c, int query)
{
    if (p->queries)
        p->vk->instance.api.CmdWriteTimestamp(c, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, p->queries,
                                              (uint32_t)query);
}

// Whether dispatch i needs a barrier before it, the last one having been before `since`.
static bool needs_barrier(const struct bv_vk_program *p, int i, int since)
{
    const struct bv_vk_dispatch *list = p->recorder.dispatches;
    if (i > since && p->queries && list[i].node != list[i - 1].node)
        return true; // timestamps enclose one node
    for (int k = since; k < i; k++)
        if (conflicts(&list[i], &list[k]))
            return true;
    return false;
}

static enum bv_status record_submission(struct bv_vk_program *p, int which, struct bv_error *err)
{
    const struct bv_vk_api *api = &p->vk->instance.api;
    struct bv_vk_submission *s = &p->submissions[which];
    const struct bv_vk_dispatch *list = p->recorder.dispatches;
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    BV_VK_TRY(p->vk, api->BeginCommandBuffer(s->commands, &begin), "recording", err);
    if (which == 0) {
        if (p->queries)
            api->CmdResetQueryPool(s->commands, p->queries, 0, (uint32_t)p->base.plan.n_nodes + 1);
        record_uploads(p, s->commands);
        record_timestamp(p, s->commands, 0);
    } else {
        compute_barrier(p, s->commands);
    }
    int since = s->first;
    for (int i = s->first; i < s->end; i++) {
        if (needs_barrier(p, i, since)) {
            compute_barrier(p, s->commands);
            since = i;
        }
        record_dispatch(p, s->commands, i);
        if (i + 1 == p->recorder.n || list[i + 1].node != list[i].node)
            record_timestamp(p, s->commands, list[i].node->index + 1);
    }
    if (which == p->n_submissions - 1)
        record_downloads(p, s->commands);
    return bv_vk_check(p->vk, api->EndCommandBuffer(s->commands), "recording", err);
}

// Cuts the dispatches so that no submission holds much more work than the device's cap.
static void cut_submissions(struct bv_vk_program *p)
{
    double cap = p->vk->instance.switches.serial ? 0 : (double)p->vk->submit_flops, work = 0;
    int n = 0;
    p->submissions[0].first = 0;
    for (int i = 0; i < p->recorder.n; i++) {
        double flops = p->recorder.dispatches[i].flops;
        if (i > p->submissions[n].first && work + flops > cap) {
            p->submissions[n].end = i;
            p->submissions[++n].first = i;
            work = 0;
        }
        work += flops;
    }
    p->submissions[n].end = p->recorder.n;
    p->n_submissions = n + 1;
}

static enum bv_status make_commands(struct bv_vk_program *p, struct bv_error *err)
{
    struct bv_vk *vk = p->vk;
    const struct bv_vk_api *api = &vk->instance.api;
    p->submissions = calloc((size_t)p->recorder.n + 1, sizeof *p->submissions);
    if (!p->submissions)
        return bv_fail_nomem(err, "a command list");
    cut_submissions(p);
    VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = vk->commands,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
    for (int i = 0; i < p->n_submissions; i++) {
        BV_VK_TRY(vk,
                  api->AllocateCommandBuffers(vk->device, &allocate, &p->submissions[i].commands),
                  "making a command buffer", err);
        BV_TRY(record_submission(p, i, err));
    }
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    return bv_vk_check(vk, api->CreateFence(vk->device, &fence, NULL, &p->fence), "making a fence",
                       err);
}

// ---- timing ------------------------------------------------------------------------------------

static void name_kernel(const struct bv_vk_dispatch *d, char name[40])
{
    const uint32_t *c = d->kernel.constant;
    if (d->kernel.matrix || strcmp(d->kernel.shader, "gemm") == 0 ||
        strcmp(d->kernel.shader, "conv2d") == 0)
        (void)snprintf(name, 40, "%s %ux%ux%u", d->kernel.shader, c[2], c[3], c[4]);
    else
        (void)snprintf(name, 40, "%s", d->kernel.shader);
}

static enum bv_status make_timings(struct bv_vk_program *p, struct bv_error *err)
{
    struct bv_vk *vk = p->vk;
    size_t n = (size_t)p->base.plan.n_nodes;
    if (!vk->timing || n == 0)
        return BV_OK;
    p->timings = calloc(n, sizeof *p->timings);
    p->ticks = calloc(n + 1, sizeof *p->ticks);
    p->kernel_names = calloc(n, sizeof *p->kernel_names);
    if (!p->timings || !p->ticks || !p->kernel_names)
        return bv_fail_nomem(err, "timings");
    for (int i = 0; i < p->recorder.n; i++) {
        const struct bv_vk_dispatch *d = &p->recorder.dispatches[i];
        int at = d->node->index;
        struct bv_vk_timing *t = &p->timings[at];
        t->op = bv_op_name(d->node->op);
        t->name = d->node->out->name;
        t->flops += d->flops;
        t->kernel = p->kernel_names[at];
        name_kernel(d, p->kernel_names[at]);
    }
    VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                  .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                  .queryCount = (uint32_t)n + 1};
    return bv_vk_check(vk, vk->instance.api.CreateQueryPool(vk->device, &info, NULL, &p->queries),
                       "making timestamps", err);
}

// ---- the program -------------------------------------------------------------------------------

static enum bv_status encode(struct bv_vk_program *p, struct bv_error *err)
{
    p->recorder.plan = &p->base.plan;
    p->recorder.activations = p->activations.handle;
    for (const struct bv_node *node = p->base.graph->first; node; node = node->next)
        BV_TRY(bv_vk_encode(&p->recorder, node, err));
    return BV_OK;
}

static enum bv_status build(struct bv_vk_program *p, struct bv_error *err)
{
    struct bv_graph *g = p->base.graph;
    if (p->vk->precision == BV_VK_F16)
        bv_vk_choose_storage(g, p->vk->path != BV_VK_PATH_SCALAR);
    BV_TRY(bv_plan_make(&p->base.plan, g,
                        &(struct bv_plan_rules){.alignment = BV_VK_OFFSET_ALIGNMENT}, err));
    if (p->vk->survey)
        return encode(p, err);
    BV_TRY(make_buffers(p, err));
    BV_TRY(encode(p, err));
    BV_TRY(bv_vk_weights_finish(p->vk, err));
    BV_TRY(make_pool(p, err));
    write_sets(p);
    BV_TRY(make_timings(p, err));
    return make_commands(p, err);
}

enum bv_status bv_vk_compile(struct bv_backend *backend, struct bv_graph *graph,
                             struct bv_program **program, struct bv_error *err)
{
    struct bv_vk *vk = (struct bv_vk *)backend;
    if (vk->lost)
        return bv_fail(err, BV_ERR_DEVICE_LOST, "%s was lost earlier", vk->info.name);
    struct bv_vk_program *p = calloc(1, sizeof *p);
    if (!p)
        return bv_fail_nomem(err, "a program");
    p->vk = vk;
    p->base.backend = backend;
    p->base.graph = graph;
    p->base.n_items = 1;
    p->recorder.vk = vk;
    enum bv_status status = build(p, err);
    if (status != BV_OK) {
        bv_plan_free(&p->base.plan);
        bv_vk_destroy_program(&p->base);
        return status;
    }
    *program = &p->base;
    return BV_OK;
}

void bv_vk_destroy_program(struct bv_program *program)
{
    struct bv_vk_program *p = (struct bv_vk_program *)program;
    struct bv_vk *vk = p->vk;
    const struct bv_vk_api *api = &vk->instance.api;
    if (!vk->hung) { // see bv_vk_device_close()
        for (int i = 0; i < p->n_submissions; i++)
            if (p->submissions[i].commands)
                api->FreeCommandBuffers(vk->device, vk->commands, 1, &p->submissions[i].commands);
        if (p->fence)
            api->DestroyFence(vk->device, p->fence, NULL);
        if (p->queries)
            api->DestroyQueryPool(vk->device, p->queries, NULL);
        if (p->pool)
            api->DestroyDescriptorPool(vk->device, p->pool, NULL);
        bv_vk_buffer_destroy(vk, &p->activations);
        bv_vk_buffer_destroy(vk, &p->upload);
        bv_vk_buffer_destroy(vk, &p->download);
    }
    free(p->recorder.dispatches);
    free(p->sets);
    free(p->submissions);
    free(p->timings);
    free(p->ticks);
    free(p->kernel_names);
    free(p);
}
