// kernel.c: the table of ops: how each becomes dispatches. Matrix products are in matrix.c.
#include "vulkan/kernel.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "shaders/lib/args.h"

#define BV_PUSH_FITS(name)                                                                         \
    static_assert(sizeof(struct bv_##name##_args) <= BV_VK_PUSH_BYTES, "push constants")
BV_PUSH_FITS(attention);
BV_PUSH_FITS(rows);
BV_PUSH_FITS(pointwise);
BV_PUSH_FITS(batch_norm);
BV_PUSH_FITS(group_norm);
BV_PUSH_FITS(glu);
BV_PUSH_FITS(rope);
BV_PUSH_FITS(pool2d);
BV_PUSH_FITS(reduce);
BV_PUSH_FITS(gather);
BV_PUSH_FITS(move);
BV_PUSH_FITS(interpolate);

enum { pointwise_threads = 128 };

#define KERNEL(name, ...)                                                                          \
    (struct bv_vk_kernel)                                                                          \
    {                                                                                              \
        .shader = (name), .n_constants = (int)(sizeof((uint32_t[]){__VA_ARGS__}) / 4) + 1,         \
        .constant = {                                                                              \
            0,                                                                                     \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static uint64_t divide_up(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

static uint64_t elements(const struct bv_tensor *t)
{
    return (uint64_t)bv_elements(t);
}

// emit_elements() writes the element count of all these: their second member.
#define COUNT_IS_SECOND(name)                                                                      \
    static_assert(offsetof(struct bv_##name##_args, count) == sizeof(uint32_t), "count")
COUNT_IS_SECOND(pointwise);
COUNT_IS_SECOND(batch_norm);
COUNT_IS_SECOND(glu);
COUNT_IS_SECOND(rope);
COUNT_IS_SECOND(pool2d);
COUNT_IS_SECOND(reduce);
COUNT_IS_SECOND(gather);
COUNT_IS_SECOND(move);
COUNT_IS_SECOND(interpolate);

// Emits a job of one thread per output element (per_unit of them in each unit).
static enum bv_status emit_elements(struct bv_vk_recorder *r, const struct bv_vk_job *job,
                                    void *args, size_t args_bytes, struct bv_error *err)
{
    uint64_t step = 0, per_unit = job->operand[job->output].per_unit;
    BV_TRY(bv_vk_job_step(r, job, &step, err));
    for (uint64_t at = 0; at < job->units; at += step) {
        uint64_t units = job->units - at < step ? job->units - at : step;
        uint32_t count = (uint32_t)(units * per_unit);
        memcpy((char *)args + sizeof(uint32_t), &count, sizeof count);
        BV_TRY(bv_vk_job_emit(r, job, at, units, divide_up(count, pointwise_threads), args,
                              args_bytes, err));
    }
    return BV_OK;
}

// Threads of a workgroup that works on a row of c elements: a power of two.
static uint32_t row_threads(const struct bv_vk *vk, uint64_t c)
{
    return c > 512 && vk->info.max_invocations >= 256 ? 256 : 64;
}

static enum bv_status emit_rows(struct bv_vk_recorder *r, const struct bv_vk_job *job, uint64_t c,
                                float value, struct bv_error *err)
{
    uint64_t step = 0;
    BV_TRY(bv_vk_job_step(r, job, &step, err));
    struct bv_rows_args args = {.c = (uint32_t)c, .value = value};
    for (uint64_t at = 0; at < job->units; at += step) {
        uint64_t rows = job->units - at < step ? job->units - at : step;
        BV_TRY(bv_vk_job_emit(r, job, at, rows, rows, &args, sizeof args, err));
    }
    return BV_OK;
}

static enum bv_status encode_layer_norm(struct bv_vk_recorder *r, const struct bv_node *node,
                                        struct bv_error *err)
{
    uint64_t c = (uint64_t)bv_last_dim(node->out);
    uint32_t threads = row_threads(r->vk, c);
    uint32_t cached = c <= 4096 && 4 * c + 1024 <= r->vk->shared_bytes ? (uint32_t)c : 0;
    if (cached < 8)
        cached = 8; // arrays of one element are misplaced by some drivers
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("layer_norm", threads, cached, node->in[3] != NULL),
                            .n_operands = 5,
                            .output = 4,
                            .units = (uint64_t)bv_rows(node->out),
                            .flops = 8.0 * (double)bv_elements(node->out)};
    BV_TRY(bv_vk_operand(r, node->in[0], false, c, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, node->in[1], false, 0, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->in[2], false, 0, &job.operand[2], err));
    BV_TRY(bv_vk_operand(r, node->in[3], false, c, &job.operand[3], err));
    BV_TRY(bv_vk_operand(r, node->out, false, c, &job.operand[4], err));
    return emit_rows(r, &job, c, node->params.layer_norm.eps, err);
}

static enum bv_status encode_row_op(struct bv_vk_recorder *r, const struct bv_node *node,
                                    const char *shader, float value, struct bv_error *err)
{
    uint64_t c = (uint64_t)bv_last_dim(node->out);
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL(shader, row_threads(r->vk, c)),
                            .n_operands = 2,
                            .output = 1,
                            .units = (uint64_t)bv_rows(node->out),
                            .flops = 4.0 * (double)bv_elements(node->out)};
    BV_TRY(bv_vk_operand(r, node->in[0], false, c, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, node->out, false, c, &job.operand[1], err));
    return emit_rows(r, &job, c, value, err);
}

static enum bv_status encode_softmax(struct bv_vk_recorder *r, const struct bv_node *node,
                                     struct bv_error *err)
{
    return encode_row_op(r, node, "softmax", node->params.softmax.scale, err);
}

static enum bv_status encode_l2_normalize(struct bv_vk_recorder *r, const struct bv_node *node,
                                          struct bv_error *err)
{
    return encode_row_op(r, node, "l2_normalize", node->params.l2_normalize.eps, err);
}

// Shared memory of attention.comp.
static uint32_t attention_bytes(uint32_t d, uint32_t q_rows, uint32_t keys, uint32_t lanes)
{
    return 4 * ((q_rows + keys) * (d + 3) + q_rows * (keys + 3 + 2 * lanes));
}

// Whether the rows of every head begin at a multiple of four elements.
static bool attention_in_fours(const struct bv_attention_params *p, const struct bv_node *node)
{
    bool aligned = p->head_dim % 4 == 0 && p->q_offset % 4 == 0 && p->k_offset % 4 == 0 &&
                   p->v_offset % 4 == 0;
    for (int i = 0; i < 3; i++)
        aligned = aligned && node->in[i]->dim[2] % 4 == 0;
    return aligned;
}

// The most queries and keys of a block whose tiles fit into shared memory.
static enum bv_status fit_attention(const struct bv_vk *vk, uint32_t d, uint32_t lanes,
                                    uint32_t *q_rows, uint32_t *keys, struct bv_error *err)
{
    while (attention_bytes(d, *q_rows, *keys, lanes) > vk->shared_bytes && *q_rows > 4) {
        if (*keys >= *q_rows)
            *keys /= 2;
        else
            *q_rows /= 2;
    }
    if (attention_bytes(d, *q_rows, *keys, lanes) > vk->shared_bytes)
        return bv_fail(err, BV_ERR_LIMIT,
                       "%s has too little shared memory for heads of %u channels", vk->info.name,
                       d);
    return BV_OK;
}

static enum bv_status encode_attention(struct bv_vk_recorder *r, const struct bv_node *node,
                                       struct bv_error *err)
{
    const struct bv_attention_params *p = &node->params.attention;
    const struct bv_tensor *q = node->in[0], *k = node->in[1], *v = node->in[2],
                           *bias = node->in[3];
    const uint32_t threads = 128, d = (uint32_t)p->head_dim;
    uint32_t q_rows = 16, keys = 32;
    const uint32_t lanes = threads / q_rows; // that share the softmax of a query
    BV_TRY(fit_attention(r->vk, d, lanes, &q_rows, &keys, err));
    uint64_t batch = (uint64_t)q->dim[0], windows = 1;
    uint64_t tq = (uint64_t)q->dim[1], tk = (uint64_t)k->dim[1];
    if (p->window) {
        tq = tk = (uint64_t)p->window * (uint64_t)p->window;
        windows = (uint64_t)q->dim[1] / tq;
    }
    bool bias_varies = bias && bias->rank == 4 && bias->dim[0] != 1; // by batch
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("attention", threads, d, q_rows, keys, bias != NULL,
                                             node->in[4] != NULL, p->causal, p->window > 0,
                                             (q_rows * d + threads - 1) / threads, lanes,
                                             attention_in_fours(p, node)),
                            .n_operands = 6,
                            .output = 5,
                            .units = batch,
                            .flops = 4.0 * (double)(batch * windows * tq * tk) * p->heads * d};
    BV_TRY(bv_vk_operand(r, q, false, elements(q) / batch, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, k, false, elements(k) / batch, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, v, false, elements(v) / batch, &job.operand[2], err));
    BV_TRY(bv_vk_operand(r, bias, false, bias_varies ? elements(bias) / batch : 0, &job.operand[3],
                         err));
    BV_TRY(bv_vk_operand(r, node->in[4], false, 1, &job.operand[4], err));
    BV_TRY(bv_vk_operand(r, node->out, false, elements(node->out) / batch, &job.operand[5], err));
    struct bv_attention_args args = {
        .q_blocks = (uint32_t)divide_up(tq, q_rows),
        .heads = (uint32_t)p->heads,
        .tq = (uint32_t)tq,
        .tk = (uint32_t)tk,
        .ldq = (uint32_t)q->dim[2],
        .ldk = (uint32_t)k->dim[2],
        .ldv = (uint32_t)v->dim[2],
        .q_offset = (uint32_t)p->q_offset,
        .k_offset = (uint32_t)p->k_offset,
        .v_offset = (uint32_t)p->v_offset,
        .bias_head = bias && bias->dim[bias->rank - 3] != 1 ? (uint32_t)(tq * tk) : 0,
        .bias_batch = bias_varies ? (uint32_t)(elements(bias) / batch) : 0,
        .scale = p->scale,
        .window = (uint32_t)p->window,
        .shift = (uint32_t)p->shift,
        .grid_h = (uint32_t)p->grid_h,
        .grid_w = (uint32_t)p->grid_w,
    };
    uint64_t step = 0;
    BV_TRY(bv_vk_job_step(r, &job, &step, err));
    for (uint64_t at = 0; at < batch; at += step) {
        uint64_t count = batch - at < step ? batch - at : step;
        BV_TRY(bv_vk_job_emit(r, &job, at, count, count * windows * args.heads * args.q_blocks,
                              &args, sizeof args, err));
    }
    return BV_OK;
}

static enum bv_status encode_batch_norm(struct bv_vk_recorder *r, const struct bv_node *node,
                                        struct bv_error *err)
{
    uint64_t c = (uint64_t)bv_last_dim(node->out);
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("batch_norm", pointwise_threads, node->in[3] != NULL,
                                             node->in[4] != NULL,
                                             (uint32_t)node->params.batch_norm.activation),
                            .n_operands = 6,
                            .output = 5,
                            .units = (uint64_t)bv_rows(node->out),
                            .flops = 4.0 * (double)bv_elements(node->out)};
    BV_TRY(bv_vk_operand(r, node->in[0], false, c, &job.operand[0], err));
    for (int i = 1; i < 5; i++)
        BV_TRY(bv_vk_operand(r, node->in[i], false, 0, &job.operand[i], err));
    BV_TRY(bv_vk_operand(r, node->out, false, c, &job.operand[5], err));
    struct bv_batch_norm_args args = {.c = (uint32_t)c, .eps = node->params.batch_norm.eps};
    return emit_elements(r, &job, &args, sizeof args, err);
}

static enum bv_status encode_group_norm(struct bv_vk_recorder *r, const struct bv_node *node,
                                        struct bv_error *err)
{
    const struct bv_group_norm_params *p = &node->params.group_norm;
    uint64_t images = (uint64_t)node->out->dim[0], c = (uint64_t)bv_last_dim(node->out);
    uint64_t per_image = elements(node->out) / images;
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("group_norm", row_threads(r->vk, per_image),
                                             node->in[3] != NULL, (uint32_t)p->activation),
                            .n_operands = 5,
                            .output = 4,
                            .units = images,
                            .flops = 8.0 * (double)elements(node->out)};
    BV_TRY(bv_vk_operand(r, node->in[0], false, per_image, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, node->in[1], false, 0, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->in[2], false, 0, &job.operand[2], err));
    BV_TRY(bv_vk_operand(r, node->in[3], false, c, &job.operand[3], err));
    BV_TRY(bv_vk_operand(r, node->out, false, per_image, &job.operand[4], err));
    struct bv_group_norm_args args = {.c = (uint32_t)c,
                                      .size = (uint32_t)c / (uint32_t)p->groups,
                                      .rows = (uint32_t)(per_image / c),
                                      .eps = p->eps};
    uint64_t step = 0;
    BV_TRY(bv_vk_job_step(r, &job, &step, err));
    for (uint64_t at = 0; at < images; at += step) {
        uint64_t count = images - at < step ? images - at : step;
        BV_TRY(bv_vk_job_emit(r, &job, at, count, count * (uint64_t)p->groups, &args, sizeof args,
                              err));
    }
    return BV_OK;
}

static enum bv_status encode_glu(struct bv_vk_recorder *r, const struct bv_node *node,
                                 struct bv_error *err)
{
    const struct bv_glu_params *p = &node->params.glu;
    uint64_t c = (uint64_t)bv_last_dim(node->out);
    struct bv_vk_job job = {
        .node = node,
        .kernel = KERNEL("glu", pointwise_threads, (uint32_t)p->activation, p->gate_last),
        .n_operands = 2,
        .output = 1,
        .units = (uint64_t)bv_rows(node->out),
        .flops = 4.0 * (double)elements(node->out)};
    BV_TRY(bv_vk_operand(r, node->in[0], false, 2 * c, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, node->out, false, c, &job.operand[1], err));
    struct bv_glu_args args = {.c = (uint32_t)c};
    return emit_elements(r, &job, &args, sizeof args, err);
}

static enum bv_status encode_rope(struct bv_vk_recorder *r, const struct bv_node *node,
                                  struct bv_error *err)
{
    const struct bv_rope_params *p = &node->params.rope;
    const struct bv_tensor *x = node->in[0];
    uint64_t batch = (uint64_t)x->dim[0];
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("rope", pointwise_threads),
                            .n_operands = 3,
                            .output = 2,
                            .units = batch,
                            .flops = 3.0 * (double)elements(node->out)};
    BV_TRY(bv_vk_operand(r, x, false, elements(x) / batch, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, node->in[1], false, 0, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->out, false, elements(node->out) / batch, &job.operand[2], err));
    struct bv_rope_args args = {.c = (uint32_t)bv_last_dim(node->out),
                                .tokens = (uint32_t)x->dim[1],
                                .ld = (uint32_t)x->dim[2],
                                .offset = (uint32_t)p->offset,
                                .d = (uint32_t)p->head_dim,
                                .skip = (uint32_t)p->skip};
    return emit_elements(r, &job, &args, sizeof args, err);
}

// FUNCTION of pointwise.comp.
enum function { FUNCTION_COPY, FUNCTION_SCALE, FUNCTION_ADD, FUNCTION_MUL };
// BROADCAST of pointwise.comp.
enum broadcast { BROADCAST_NONE, BROADCAST_PERIOD, BROADCAST_STRIDES };

// The dimensions of a and the strides of b under broadcasting, aligned at the last of five.
static void broadcast_strides(const struct bv_tensor *a, const struct bv_tensor *b,
                              uint32_t dim[BV_MAX_RANK], uint32_t stride[BV_MAX_RANK])
{
    uint64_t step = 1;
    for (int i = 0; i < BV_MAX_RANK; i++) {
        int in_a = a->rank - 1 - i, in_b = b->rank - 1 - i, to = BV_MAX_RANK - 1 - i;
        dim[to] = in_a >= 0 ? (uint32_t)a->dim[in_a] : 1;
        stride[to] = in_b >= 0 && b->dim[in_b] != 1 ? (uint32_t)step : 0;
        step *= in_b >= 0 ? (uint64_t)b->dim[in_b] : 1;
    }
}

// Whether b, written once after another, covers a: its dimensions are a's last ones, after ones.
static bool repeats(const struct bv_tensor *a, const struct bv_tensor *b)
{
    int i = a->rank - 1, k = b->rank - 1;
    while (k >= 0 && b->dim[k] == a->dim[i]) {
        k--;
        i--;
    }
    while (k >= 0 && b->dim[k] == 1)
        k--;
    return k < 0;
}

static enum bv_status encode_pointwise(struct bv_vk_recorder *r, const struct bv_node *node,
                                       enum function function, enum bv_activation activation,
                                       struct bv_pointwise_args *args, struct bv_error *err)
{
    const struct bv_tensor *a = node->in[0];
    const struct bv_tensor *b = function >= FUNCTION_ADD ? node->in[1] : NULL;
    enum broadcast broadcast = BROADCAST_NONE;
    uint64_t per_unit = 1, n = elements(a);
    if (b && elements(b) != n) {
        broadcast = repeats(a, b) ? BROADCAST_PERIOD : BROADCAST_STRIDES;
        per_unit = broadcast == BROADCAST_PERIOD ? elements(b) : n;
        args->period = (uint32_t)per_unit;
        broadcast_strides(a, b, args->dim, args->stride);
    }
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("pointwise", pointwise_threads, (uint32_t)function,
                                             (uint32_t)broadcast, (uint32_t)activation),
                            .n_operands = 3,
                            .output = 2,
                            .units = n / per_unit,
                            .flops = (double)n};
    BV_TRY(bv_vk_operand(r, a, false, per_unit, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, b, false, broadcast == BROADCAST_NONE ? per_unit : 0, &job.operand[1],
                         err));
    BV_TRY(bv_vk_operand(r, node->out, false, per_unit, &job.operand[2], err));
    return emit_elements(r, &job, args, sizeof *args, err);
}

static enum bv_status encode_activation(struct bv_vk_recorder *r, const struct bv_node *node,
                                        struct bv_error *err)
{
    struct bv_pointwise_args args = {0};
    return encode_pointwise(r, node, FUNCTION_COPY, node->params.activation.activation, &args, err);
}

static enum bv_status encode_scale(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err)
{
    struct bv_pointwise_args args = {.factor = node->params.scale.factor,
                                     .offset = node->params.scale.offset};
    return encode_pointwise(r, node, FUNCTION_SCALE, BV_ACT_NONE, &args, err);
}

static enum bv_status encode_add(struct bv_vk_recorder *r, const struct bv_node *node,
                                 struct bv_error *err)
{
    struct bv_pointwise_args args = {0};
    return encode_pointwise(r, node, FUNCTION_ADD, node->params.add.activation, &args, err);
}

static enum bv_status encode_mul(struct bv_vk_recorder *r, const struct bv_node *node,
                                 struct bv_error *err)
{
    struct bv_pointwise_args args = {0};
    return encode_pointwise(r, node, FUNCTION_MUL, BV_ACT_NONE, &args, err);
}

static enum bv_status encode_pool2d(struct bv_vk_recorder *r, const struct bv_node *node,
                                    struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *out = node->out;
    const struct bv_pool2d_params *p = &node->params.pool2d;
    uint64_t images = (uint64_t)x->dim[0];
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("pool2d", pointwise_threads, p->kind == BV_POOL_MEAN),
                            .n_operands = 2,
                            .output = 1,
                            .units = images,
                            .flops = (double)elements(out) * p->kernel_h * p->kernel_w};
    BV_TRY(bv_vk_operand(r, x, false, elements(x) / images, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, out, false, elements(out) / images, &job.operand[1], err));
    struct bv_pool2d_args args = {.h = (uint32_t)x->dim[1],
                                  .w = (uint32_t)x->dim[2],
                                  .c = (uint32_t)x->dim[3],
                                  .out_h = (uint32_t)out->dim[1],
                                  .out_w = (uint32_t)out->dim[2],
                                  .kernel_h = p->kernel_h,
                                  .kernel_w = p->kernel_w,
                                  .stride_h = p->stride_h,
                                  .stride_w = p->stride_w,
                                  .pad_h = p->pad_h,
                                  .pad_w = p->pad_w};
    return emit_elements(r, &job, &args, sizeof args, err);
}

static enum bv_status encode_reduce(struct bv_vk_recorder *r, const struct bv_node *node,
                                    struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    uint64_t t = (uint64_t)x->dim[1], c = (uint64_t)x->dim[2];
    struct bv_vk_job job = {.node = node,
                            .kernel =
                                KERNEL("reduce", pointwise_threads,
                                       (uint32_t)node->params.reduce.kind, node->in[1] != NULL),
                            .n_operands = 3,
                            .output = 2,
                            .units = (uint64_t)x->dim[0],
                            .flops = (double)elements(x)};
    BV_TRY(bv_vk_operand(r, x, false, t * c, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, node->in[1], false, 1, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->out, false, c, &job.operand[2], err));
    struct bv_reduce_args args = {.t = (uint32_t)t, .c = (uint32_t)c};
    return emit_elements(r, &job, &args, sizeof args, err);
}

// A table larger than a descriptor range is read in parts of whole rows; each part's dispatch
// writes the rows it holds.
static enum bv_status encode_embed(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err)
{
    const struct bv_tensor *ids = node->in[0], *table = node->in[1];
    uint64_t rows = (uint64_t)table->dim[0], c = (uint64_t)table->dim[1];
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("gather", pointwise_threads),
                            .n_operands = 3,
                            .output = 2,
                            .units = elements(ids)};
    struct bv_vk_operand whole;
    BV_TRY(bv_vk_operand(r, table, true, 0, &whole, err));
    BV_TRY(bv_vk_operand(r, ids, false, 1, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->out, false, c, &job.operand[2], err));
    struct bv_vk_job parts = {.node = node, .n_operands = 1, .units = rows};
    parts.operand[0] = whole;
    parts.operand[0].per_unit = c;
    uint64_t step = 0, row_bytes = c * (whole.region.half ? 2 : 4);
    BV_TRY(bv_vk_job_step(r, &parts, &step, err));
    for (uint64_t at = 0; at < rows; at += step) {
        uint64_t count = rows - at < step ? rows - at : step;
        job.operand[0] = whole;
        job.operand[0].region.offset += at * row_bytes;
        job.operand[0].region.bytes = count * row_bytes;
        struct bv_gather_args args = {
            .c = (uint32_t)c, .first = (uint32_t)at, .rows = (uint32_t)count, .per_batch = 1};
        BV_TRY(emit_elements(r, &job, &args, sizeof args, err));
    }
    return BV_OK;
}

static enum bv_status encode_gather(struct bv_vk_recorder *r, const struct bv_node *node,
                                    struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *index = node->in[1];
    uint64_t c = (uint64_t)x->dim[2], t = (uint64_t)x->dim[1], n = (uint64_t)index->dim[1];
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("gather", pointwise_threads),
                            .n_operands = 3,
                            .output = 2,
                            .units = (uint64_t)x->dim[0]};
    BV_TRY(bv_vk_operand(r, x, false, t * c, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, index, false, n, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->out, false, n * c, &job.operand[2], err));
    struct bv_gather_args args = {
        .c = (uint32_t)c, .rows = (uint32_t)t, .per_batch = (uint32_t)n, .batch_rows = (uint32_t)t};
    return emit_elements(r, &job, &args, sizeof args, err);
}

// A strided copy from x to node->out. units: how often the copy can be cut along the first of its
// five dimensions, each part contiguous in x and out (1: not at all).
static enum bv_status encode_move(struct bv_vk_recorder *r, const struct bv_node *node,
                                  const struct bv_tensor *x, struct bv_move_args *args,
                                  uint64_t units, struct bv_error *err)
{
    struct bv_vk_job job = {.node = node,
                            .kernel = KERNEL("move", pointwise_threads),
                            .n_operands = 2,
                            .output = 1,
                            .units = units};
    BV_TRY(bv_vk_operand(r, x, false, elements(x) / units, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, node->out, false, elements(node->out) / units, &job.operand[1], err));
    uint64_t step = 0, per_unit = 1;
    for (int d = 0; d < 5; d++)
        per_unit *= args->dim[d];
    per_unit /= units;
    BV_TRY(bv_vk_job_step(r, &job, &step, err));
    for (uint64_t at = 0; at < units; at += step) {
        uint64_t count = units - at < step ? units - at : step;
        args->count = (uint32_t)(count * per_unit);
        BV_TRY(bv_vk_job_emit(r, &job, at, count, divide_up(args->count, pointwise_threads), args,
                              sizeof *args, err));
    }
    return BV_OK;
}

// The product of t's dimensions before and after an axis.
static void around(const struct bv_tensor *t, int axis, uint64_t *outer, uint64_t *inner)
{
    *outer = *inner = 1;
    for (int d = 0; d < axis; d++)
        *outer *= (uint64_t)t->dim[d];
    for (int d = axis + 1; d < t->rank; d++)
        *inner *= (uint64_t)t->dim[d];
}

static enum bv_status encode_concat(struct bv_vk_recorder *r, const struct bv_node *node,
                                    struct bv_error *err)
{
    int axis = node->params.concat.axis;
    uint64_t outer, inner, at = 0;
    around(node->out, axis, &outer, &inner);
    uint64_t out_row = (uint64_t)node->out->dim[axis] * inner;
    for (int i = 0; i < BV_MAX_INPUTS && node->in[i]; i++) {
        uint64_t row = (uint64_t)node->in[i]->dim[axis] * inner;
        struct bv_move_args args = {.dim = {(uint32_t)outer, 1, 1, 1, (uint32_t)row},
                                    .in_stride = {(uint32_t)row, 0, 0, 0, 1},
                                    .out_stride = {(uint32_t)out_row, 0, 0, 0, 1},
                                    .out_offset = (uint32_t)at};
        BV_TRY(encode_move(r, node, node->in[i], &args, outer, err));
        at += row;
    }
    return BV_OK;
}

static enum bv_status encode_slice(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err)
{
    const struct bv_slice_params *p = &node->params.slice;
    const struct bv_tensor *x = node->in[0];
    uint64_t outer, inner;
    around(x, p->axis, &outer, &inner);
    struct bv_move_args args = {
        .dim = {(uint32_t)outer, 1, 1, (uint32_t)p->count, (uint32_t)inner},
        .in_stride = {(uint32_t)((uint64_t)x->dim[p->axis] * inner), 0, 0,
                      (uint32_t)((uint64_t)p->step * inner), 1},
        .out_stride = {(uint32_t)((uint64_t)p->count * inner), 0, 0, (uint32_t)inner, 1},
        .in_offset = (uint32_t)((uint64_t)p->start * inner)};
    return encode_move(r, node, x, &args, outer, err);
}

// Row-major strides of the output, and dimensions, aligned at the last of five.
static void output_layout(const struct bv_tensor *out, struct bv_move_args *args)
{
    uint64_t step = 1;
    for (int d = BV_MAX_RANK - 1, k = out->rank - 1; d >= 0; d--, k--) {
        args->dim[d] = k >= 0 ? (uint32_t)out->dim[k] : 1;
        args->out_stride[d] = (uint32_t)step;
        step *= args->dim[d];
    }
}

static enum bv_status encode_permute(struct bv_vk_recorder *r, const struct bv_node *node,
                                     struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    const int *order = node->params.permute.order;
    uint64_t stride[BV_MAX_RANK], step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        stride[d] = step;
        step *= (uint64_t)x->dim[d];
    }
    struct bv_move_args args = {0};
    output_layout(node->out, &args);
    for (int i = 0; i < x->rank; i++)
        args.in_stride[BV_MAX_RANK - x->rank + i] = (uint32_t)stride[order[i]];
    bool cuttable = x->rank == BV_MAX_RANK && order[0] == 0;
    return encode_move(r, node, x, &args, cuttable ? (uint64_t)x->dim[0] : 1, err);
}

static enum bv_status encode_expand(struct bv_vk_recorder *r, const struct bv_node *node,
                                    struct bv_error *err)
{
    struct bv_move_args args = {0};
    uint32_t dim[BV_MAX_RANK];
    output_layout(node->out, &args);
    broadcast_strides(node->out, node->in[0], dim, args.in_stride);
    return encode_move(r, node, node->in[0], &args, 1, err);
}

static enum bv_status encode_patch_merge(struct bv_vk_recorder *r, const struct bv_node *node,
                                         struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    uint32_t H = (uint32_t)x->dim[1], W = (uint32_t)x->dim[2], C = (uint32_t)x->dim[3];
    // x as [N·H/2, row, W/2, column, C] to [N·H/2, W/2, column, row, C]
    struct bv_move_args args = {.dim = {(uint32_t)x->dim[0] * H / 2, W / 2, 2, 2, C},
                                .in_stride = {2 * W * C, 2 * C, C, W * C, 1},
                                .out_stride = {2 * W * C, 4 * C, 2 * C, C, 1}};
    return encode_move(r, node, x, &args, (uint64_t)x->dim[0] * H / 2, err);
}

static enum bv_status encode_interpolate(struct bv_vk_recorder *r, const struct bv_node *node,
                                         struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *out = node->out;
    const struct bv_interpolate_params *p = &node->params.interpolate;
    uint64_t images = (uint64_t)x->dim[0];
    struct bv_vk_job job = {
        .node = node,
        .kernel = KERNEL("interpolate", pointwise_threads, (uint32_t)p->mode, p->align_corners),
        .n_operands = 2,
        .output = 1,
        .units = images,
        .flops = 32.0 * (double)elements(out)};
    BV_TRY(bv_vk_operand(r, x, false, elements(x) / images, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, out, false, elements(out) / images, &job.operand[1], err));
    float h = (float)x->dim[1], w = (float)x->dim[2];
    float out_h = (float)p->out_h, out_w = (float)p->out_w;
    struct bv_interpolate_args args = {.h = (uint32_t)x->dim[1],
                                       .w = (uint32_t)x->dim[2],
                                       .c = (uint32_t)x->dim[3],
                                       .out_h = (uint32_t)p->out_h,
                                       .out_w = (uint32_t)p->out_w};
    if (p->align_corners) {
        args.scale_h = p->out_h > 1 ? (h - 1) / (out_h - 1) : 0;
        args.scale_w = p->out_w > 1 ? (w - 1) / (out_w - 1) : 0;
    } else {
        args.scale_h = h / out_h;
        args.scale_w = w / out_w;
    }
    return emit_elements(r, &job, &args, sizeof args, err);
}

typedef enum bv_status encoder(struct bv_vk_recorder *r, const struct bv_node *node,
                               struct bv_error *err);

// An op without a line here does not link: the list names them all.
#define encode_linear bv_vk_encode_linear
#define encode_matmul bv_vk_encode_matmul
#define encode_conv2d bv_vk_encode_conv2d
static encoder *const encoders[BV_OP_COUNT] = {
#define BV_OP(name, inputs) [BV_OP_##name] = encode_##name,
#include "graph/oplist.h"
#undef BV_OP
};

enum bv_status bv_vk_encode(struct bv_vk_recorder *recorder, const struct bv_node *node,
                            struct bv_error *err)
{
    return encoders[node->op](recorder, node, err);
}
