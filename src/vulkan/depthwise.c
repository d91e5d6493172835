// depthwise.c: conv2d with one channel in each group, which no matrix product suits.
#include <assert.h>

#include "shaders/lib/args.h"
#include "vulkan/kernel.h"

static_assert(sizeof(struct bv_depthwise_args) <= BV_VK_PUSH_BYTES, "push constants");

enum { threads = 128 };

bool bv_vk_is_depthwise(const struct bv_node *node)
{
    int64_t channels = node->in[0]->dim[3];
    return node->params.conv2d.groups == channels && node->in[1]->dim[0] == channels &&
           channels > 1;
}

static struct bv_depthwise_args arguments(const struct bv_node *node)
{
    const struct bv_tensor *x = node->in[0], *w = node->in[1], *out = node->out;
    const struct bv_conv2d_params *c = &node->params.conv2d;
    return (struct bv_depthwise_args){
        .h = (uint32_t)x->dim[1],
        .w = (uint32_t)x->dim[2],
        .c = (uint32_t)x->dim[3],
        .out_h = (uint32_t)out->dim[1],
        .out_w = (uint32_t)out->dim[2],
        .kh = (int)w->dim[1],
        .kw = (int)w->dim[2],
        .stride_h = c->stride_h,
        .stride_w = c->stride_w,
        .pad_h = c->pad_h,
        .pad_w = c->pad_w,
        .dilation_h = c->dilation_h,
        .dilation_w = c->dilation_w,
    };
}

// The weight stays f32: it is small, and its rounding would shift a channel everywhere.
enum bv_status bv_vk_encode_depthwise(struct bv_vk_recorder *r, const struct bv_node *node,
                                      struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *w = node->in[1], *out = node->out;
    uint64_t images = (uint64_t)x->dim[0], per_out = (uint64_t)bv_elements(out) / images;
    uint32_t width = x->dim[3] % 4 == 0 ? 4 : 1;
    struct bv_vk_job job = {
        .node = node,
        .kernel = {.shader = "depthwise",
                   .n_constants = 6,
                   .constant = {0, threads, node->in[2] != NULL, node->in[3] != NULL,
                                (uint32_t)node->params.conv2d.activation, width == 4}},
        .n_operands = 5,
        .output = 4,
        .units = images,
        .flops = 2.0 * (double)bv_elements(out) * (double)(w->dim[1] * w->dim[2])};
    BV_TRY(bv_vk_operand(r, x, false, (uint64_t)bv_elements(x) / images, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, w, false, 0, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->in[2], false, 0, &job.operand[2], err));
    BV_TRY(bv_vk_operand(r, node->in[3], false, per_out, &job.operand[3], err));
    BV_TRY(bv_vk_operand(r, out, false, per_out, &job.operand[4], err));
    uint64_t step = 0, each = (uint64_t)threads * width;
    BV_TRY(bv_vk_job_step(r, &job, &step, err));
    struct bv_depthwise_args args = arguments(node);
    for (uint64_t at = 0; at < images; at += step) {
        uint64_t count = images - at < step ? images - at : step;
        args.count = (uint32_t)(count * per_out);
        BV_TRY(bv_vk_job_emit(r, &job, at, count, (args.count + each - 1) / each, &args,
                              sizeof args, err));
    }
    return BV_OK;
}
