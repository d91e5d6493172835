// matrix.c: the ops that are matrix products: which tile, which arguments, which parts.
//
// linear, matmul and conv2d all become one of two families of shaders. The portable one
// (lib/tile.glsl) takes any shape and storage. The one for matrix units (lib/matrix_tile.glsl, as
// KHR, NV or emulated fragments) is taken where the device has them and the product is large enough
// for a tile: with both operands in f16 and an inner dimension that is a multiple of 8, or, in
// conv2d, with a weight in f16; its sums are f32 too. Either way bias, residual and activation are
// the shader's epilogue, chosen by specialization constants, so that a result is written once.
//
// A product is not always one dispatch. What is larger than a descriptor may bind is split: the
// units of a job (rows of the left side, matrices of a batch, images of a convolution; as many as
// bv_vk_job_step says), and before that the columns of a weight. conv2d gathers its windows while
// it copies a slab, so no im2col matrix exists; k runs over taps and channels, and the arguments
// say where a window's first pixel is.
#include <assert.h>

#include "shaders/lib/args.h"
#include "vulkan/kernel.h"

static_assert(sizeof(struct bv_gemm_args) <= BV_VK_PUSH_BYTES, "push constants");
static_assert(sizeof(struct bv_conv2d_args) <= BV_VK_PUSH_BYTES, "push constants");

static uint64_t divide_up(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

// What a product's epilogue does.
struct epilogue {
    bool bias, residual;
    enum bv_activation activation;
};

// vector: rows of both operands are multiples of four elements.
static struct bv_vk_kernel tiled_kernel(const char *shader, const struct bv_vk_tile *t,
                                        bool rhs_rows, bool vector, struct epilogue e)
{
    return (struct bv_vk_kernel){
        .shader = shader,
        .n_constants = 12,
        .constant = {0, bv_vk_tile_threads(t), t->m, t->n, t->k, t->thread_m, t->thread_n, rhs_rows,
                     e.bias, e.residual, (uint32_t)e.activation, vector},
    };
}

static struct bv_vk_kernel matrix_kernel(const struct bv_vk *vk, const char *shader,
                                         const struct bv_vk_matrix_tile *t, bool vector,
                                         struct epilogue e)
{
    return (struct bv_vk_kernel){
        .shader = shader,
        .matrix = true,
        .n_constants = 15,
        .constant = {0, bv_vk_matrix_subgroups(t) * vk->subgroup, t->m, t->n, BV_VK_MATRIX_TILE_K,
                     t->warp_m, t->warp_n, vector, e.bias, e.residual, (uint32_t)e.activation,
                     vk->fragment.m, vk->fragment.n, vk->fragment.k, vk->subgroup},
        .subgroup_size = vk->path == BV_VK_PATH_EMU ? 0 : vk->subgroup,
    };
}

// A product of rows: a [M,K] (each row a unit), b [N,K].
struct product {
    const struct bv_node *node;
    const struct bv_tensor *a, *b, *bias, *residual;
    uint64_t M, N, K;
    bool rhs_rows; // b is [N,K], else [K,N]
    float alpha;
    enum bv_activation activation;
};

// n columns of the product; job's operands start at the first of them.
static enum bv_status emit_columns(struct bv_vk_recorder *r, const struct product *p,
                                   struct bv_vk_job *job, uint64_t n, struct bv_error *err)
{
    const struct bv_vk_tile *t = NULL;
    BV_TRY(bv_vk_choose_tile(r->vk, p->M, n, &t, err));
    struct epilogue e = {p->bias, p->residual, p->activation};
    job->kernel = tiled_kernel("gemm", t, p->rhs_rows, p->K % 4 == 0, e);
    uint32_t tile_m = t->m, tile_n = t->n;
    const struct bv_vk_matrix_tile *wide = bv_vk_choose_matrix_tile(r->vk, p->M, n);
    if (wide && p->rhs_rows && p->K % 8 == 0 && job->operand[0].region.half &&
        job->operand[1].region.half) {
        job->kernel = matrix_kernel(r->vk, "gemm_matrix", wide, true, e);
        tile_m = wide->m;
        tile_n = wide->n;
    }
    job->flops = 2.0 * (double)p->M * (double)n * (double)p->K;
    uint64_t step = 0;
    BV_TRY(bv_vk_job_step(r, job, &step, err));
    for (uint64_t at = 0; at < p->M; at += step) {
        uint64_t rows = p->M - at < step ? p->M - at : step;
        struct bv_gemm_args args = {.tiles_m = (uint32_t)divide_up(rows, tile_m),
                                    .tiles_n = (uint32_t)divide_up(n, tile_n),
                                    .m = (uint32_t)rows,
                                    .n = (uint32_t)n,
                                    .k = (uint32_t)p->K,
                                    .lda = (uint32_t)p->K,
                                    .ldb = (uint32_t)(p->rhs_rows ? p->K : p->N),
                                    .ldc = (uint32_t)p->N,
                                    .alpha = p->alpha};
        BV_TRY(bv_vk_job_emit(r, job, at, rows, (uint64_t)args.tiles_m * args.tiles_n, &args,
                              sizeof args, err));
    }
    return BV_OK;
}

static void skip_columns(struct bv_vk_operand *o, uint64_t columns)
{
    uint64_t bytes = columns * (o->region.half ? 2 : 4);
    if (o->present) {
        o->region.offset += bytes;
        o->region.bytes -= bytes;
    }
}

static enum bv_status encode_product(struct bv_vk_recorder *r, const struct product *p,
                                     struct bv_error *err)
{
    struct bv_vk_job whole = {.node = p->node, .n_operands = 5, .output = 4, .units = p->M};
    BV_TRY(bv_vk_operand(r, p->a, true, p->K, &whole.operand[0], err));
    BV_TRY(bv_vk_operand(r, p->b, true, 0, &whole.operand[1], err));
    BV_TRY(bv_vk_operand(r, p->bias, false, 0, &whole.operand[2], err));
    BV_TRY(bv_vk_operand(r, p->residual, false, p->N, &whole.operand[3], err));
    BV_TRY(bv_vk_operand(r, p->node->out, false, p->N, &whole.operand[4], err));
    // A weight larger than a descriptor range is taken some output columns at a time.
    uint64_t row_bytes = p->K * (whole.operand[1].region.half ? 2 : 4), columns = p->N;
    if (p->rhs_rows && whole.operand[1].region.bytes > r->vk->max_range)
        columns = r->vk->max_range / row_bytes / 128 * 128;
    if (columns == 0)
        return bv_fail(err, BV_ERR_LIMIT, "%s \"%s\": rows of %llu bytes are too large for %s",
                       bv_op_name(p->node->op), p->node->out->name, (unsigned long long)row_bytes,
                       r->vk->info.name);
    for (uint64_t n0 = 0; n0 < p->N; n0 += columns) {
        uint64_t n = p->N - n0 < columns ? p->N - n0 : columns;
        struct bv_vk_job job = whole;
        if (n < p->N) {
            job.operand[1].region.offset += n0 * row_bytes;
            job.operand[1].region.bytes = n * row_bytes;
            for (int i = 2; i < 5; i++)
                skip_columns(&job.operand[i], n0);
        }
        BV_TRY(emit_columns(r, p, &job, n, err));
    }
    return BV_OK;
}

enum bv_status bv_vk_encode_linear(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err)
{
    struct product p = {.node = node,
                        .a = node->in[0],
                        .b = node->in[1],
                        .bias = node->in[2],
                        .residual = node->in[3],
                        .M = (uint64_t)bv_rows(node->in[0]),
                        .N = (uint64_t)bv_last_dim(node->out),
                        .K = (uint64_t)bv_last_dim(node->in[0]),
                        .rhs_rows = true,
                        .alpha = 1,
                        .activation = node->params.linear.activation};
    return encode_product(r, &p, err);
}

static enum bv_status encode_batched(struct bv_vk_recorder *r, const struct bv_node *node,
                                     uint64_t M, uint64_t N, uint64_t K, struct bv_error *err)
{
    bool rhs_rows = node->params.matmul.transpose_b;
    uint64_t batches = (uint64_t)bv_elements(node->in[0]) / (M * K);
    struct bv_vk_job job = {.node = node, .n_operands = 5, .output = 4, .units = batches};
    BV_TRY(bv_vk_operand(r, node->in[0], true, M * K, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, node->in[1], true, N * K, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->out, false, M * N, &job.operand[4], err));
    const struct bv_vk_tile *t = NULL;
    BV_TRY(bv_vk_choose_tile(r->vk, M, N, &t, err));
    const struct epilogue none = {.activation = BV_ACT_NONE};
    job.kernel = tiled_kernel("gemm", t, rhs_rows, K % 4 == 0, none);
    uint32_t tile_m = t->m, tile_n = t->n;
    const struct bv_vk_matrix_tile *wide = bv_vk_choose_matrix_tile(r->vk, M, N);
    if (wide && rhs_rows && K % 8 == 0 && job.operand[0].region.half &&
        job.operand[1].region.half) {
        job.kernel = matrix_kernel(r->vk, "gemm_matrix", wide, true, none);
        tile_m = wide->m;
        tile_n = wide->n;
    }
    job.flops = 2.0 * (double)batches * (double)M * (double)N * (double)K;
    uint64_t step = 0;
    BV_TRY(bv_vk_job_step(r, &job, &step, err));
    for (uint64_t at = 0; at < batches; at += step) {
        uint64_t count = batches - at < step ? batches - at : step;
        struct bv_gemm_args args = {.tiles_m = (uint32_t)divide_up(M, tile_m),
                                    .tiles_n = (uint32_t)divide_up(N, tile_n),
                                    .m = (uint32_t)M,
                                    .n = (uint32_t)N,
                                    .k = (uint32_t)K,
                                    .lda = (uint32_t)K,
                                    .ldb = (uint32_t)(rhs_rows ? K : N),
                                    .ldc = (uint32_t)N,
                                    .a_batch = (uint32_t)(M * K),
                                    .b_batch = (uint32_t)(N * K),
                                    .c_batch = (uint32_t)(M * N),
                                    .alpha = node->params.matmul.scale};
        BV_TRY(bv_vk_job_emit(r, &job, at, count, count * args.tiles_m * args.tiles_n, &args,
                              sizeof args, err));
    }
    return BV_OK;
}

enum bv_status bv_vk_encode_matmul(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err)
{
    const struct bv_tensor *a = node->in[0], *b = node->in[1];
    uint64_t M = (uint64_t)a->dim[a->rank - 2], K = (uint64_t)bv_last_dim(a),
             N = (uint64_t)bv_last_dim(node->out);
    if (b->rank > 2)
        return encode_batched(r, node, M, N, K, err);
    struct product p = {.node = node,
                        .a = a,
                        .b = b,
                        .M = (uint64_t)bv_rows(a),
                        .N = N,
                        .K = K,
                        .rhs_rows = node->params.matmul.transpose_b,
                        .alpha = node->params.matmul.scale};
    return encode_product(r, &p, err);
}

// A 1×1 convolution that neither strides nor pads is a matrix product over the pixels.
static bool is_product(const struct bv_node *node)
{
    const struct bv_conv2d_params *c = &node->params.conv2d;
    const struct bv_tensor *w = node->in[1];
    return w->dim[1] == 1 && w->dim[2] == 1 && c->stride_h == 1 && c->stride_w == 1 &&
           c->pad_h == 0 && c->pad_w == 0 && c->more_h == 0 && c->more_w == 0 && c->groups == 1;
}

static struct bv_conv2d_args conv2d_args(const struct bv_node *node, uint32_t tile_m,
                                         uint32_t tile_n, uint64_t images)
{
    const struct bv_tensor *x = node->in[0], *w = node->in[1], *out = node->out;
    const struct bv_conv2d_params *c = &node->params.conv2d;
    struct bv_conv2d_args args = {
        .m = (uint32_t)(images * (uint64_t)(out->dim[1] * out->dim[2])),
        .n = (uint32_t)(w->dim[0] / c->groups),
        .k = (uint32_t)(w->dim[1] * w->dim[2] * w->dim[3]),
        .h = (uint32_t)x->dim[1],
        .w = (uint32_t)x->dim[2],
        .channels = (uint32_t)x->dim[3],
        .c = (uint32_t)w->dim[3],
        .out_h = (uint32_t)out->dim[1],
        .out_w = (uint32_t)out->dim[2],
        .out_channels = (uint32_t)w->dim[0],
        .kw = (uint32_t)w->dim[2],
        .stride_h = c->stride_h,
        .stride_w = c->stride_w,
        .pad_h = c->pad_h,
        .pad_w = c->pad_w,
        .dilation_h = c->dilation_h,
        .dilation_w = c->dilation_w,
    };
    args.tiles_m = (uint32_t)divide_up(args.m, tile_m);
    args.tiles_n = (uint32_t)divide_up(args.n, tile_n);
    return args;
}

// Weights that multiply pixels stay f32: pixels are far from zero on average, so that what rounding
// takes from a weight shifts its channel everywhere.
static bool may_halve(const struct bv_tensor *x)
{
    return x->role != BV_ROLE_INPUT || x->dim[3] > 4;
}

enum bv_status bv_vk_encode_conv2d(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *w = node->in[1], *out = node->out;
    const struct bv_conv2d_params *c = &node->params.conv2d;
    uint64_t images = (uint64_t)x->dim[0], per_in = (uint64_t)bv_elements(x) / images,
             per_out = (uint64_t)bv_elements(out) / images;
    if (bv_vk_is_depthwise(node))
        return bv_vk_encode_depthwise(r, node, err);
    if (is_product(node)) {
        struct product p = {.node = node,
                            .a = x,
                            .b = w,
                            .bias = node->in[2],
                            .residual = node->in[3],
                            .M = (uint64_t)bv_rows(x),
                            .N = (uint64_t)w->dim[0],
                            .K = (uint64_t)w->dim[3],
                            .rhs_rows = true,
                            .alpha = 1,
                            .activation = c->activation};
        return encode_product(r, &p, err);
    }
    struct bv_vk_job job = {.node = node, .n_operands = 5, .output = 4, .units = images};
    BV_TRY(bv_vk_operand(r, x, true, per_in, &job.operand[0], err));
    BV_TRY(bv_vk_operand(r, w, may_halve(x), 0, &job.operand[1], err));
    BV_TRY(bv_vk_operand(r, node->in[2], false, 0, &job.operand[2], err));
    BV_TRY(bv_vk_operand(r, node->in[3], false, per_out, &job.operand[3], err));
    BV_TRY(bv_vk_operand(r, out, false, per_out, &job.operand[4], err));
    const struct bv_vk_tile *t = NULL;
    BV_TRY(bv_vk_choose_tile(r->vk, (uint64_t)bv_rows(out), (uint64_t)(w->dim[0] / c->groups), &t,
                             err));
    struct epilogue e = {node->in[2], node->in[3], c->activation};
    job.kernel = tiled_kernel("conv2d", t, true, w->dim[3] % 4 == 0, e);
    uint32_t tile_m = t->m, tile_n = t->n;
    const struct bv_vk_matrix_tile *wide =
        bv_vk_choose_matrix_tile(r->vk, (uint64_t)bv_rows(out), (uint64_t)(w->dim[0] / c->groups));
    if (wide && job.operand[1].region.half) {
        bool vector = w->dim[3] % 8 == 0 && job.operand[0].region.half;
        job.kernel = matrix_kernel(r->vk, "conv2d_matrix", wide, vector, e);
        tile_m = wide->m;
        tile_n = wide->n;
    }
    job.flops = 2.0 * (double)bv_elements(out) * (double)(bv_elements(w) / w->dim[0]);
    uint64_t step = 0;
    BV_TRY(bv_vk_job_step(r, &job, &step, err));
    for (uint64_t at = 0; at < images; at += step) {
        uint64_t count = images - at < step ? images - at : step;
        struct bv_conv2d_args args = conv2d_args(node, tile_m, tile_n, count);
        BV_TRY(bv_vk_job_emit(r, &job, at, count, (uint64_t)c->groups * args.tiles_m * args.tiles_n,
                              &args, sizeof args, err));
    }
    return BV_OK;
}
