// The layer calls of graph.h: each looks up its weights and appends one node.
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"

#define MAX_NAME 480

// Formats a layer's name; false when it does not fit (the failure is recorded).
static bool format_name(struct bv_graph *g, char name[MAX_NAME], const char *format, va_list args)
{
    int n = vsnprintf(name, MAX_NAME, format, args);
    if (n >= 0 && n < MAX_NAME)
        return true;
    (void)bv_graph_fail(g, BV_ERR_MODEL, "layer name too long");
    return false;
}

// Declares name and fills it from the enclosing function's variable arguments.
#define NAME_FROM_ARGUMENTS(g, format)                                                             \
    char name[MAX_NAME];                                                                           \
    va_list args;                                                                                  \
    va_start(args, format);                                                                        \
    bool named_ok = format_name(g, name, format, args);                                            \
    va_end(args);                                                                                  \
    if (!named_ok)                                                                                 \
    return NULL

// Names a layer's result after the layer, so that taps and messages speak of the checkpoint.
static struct bv_tensor *named(struct bv_graph *g, struct bv_tensor *t, const char *name)
{
    if (t) {
        const char *copy = bv_arena_strdup(&g->arena, name);
        if (copy)
            t->name = copy;
    }
    return t;
}

// NULL where the layer's input is already missing; its weights have been looked up all the same, so
// that every missing one is found.
static struct bv_tensor *append(struct bv_graph *g, enum bv_op op, const union bv_params *params,
                                int n_inputs, struct bv_tensor *const *inputs)
{
    return inputs[0] ? bv_graph_append(g, op, params, n_inputs, inputs) : NULL;
}

struct bv_tensor *bv_linear(struct bv_graph *g, struct bv_tensor *x, const char *format, ...)
{
    NAME_FROM_ARGUMENTS(g, format);
    struct bv_tensor *in[] = {x, bv_weight(g, "%s.weight", name),
                              bv_weight_optional(g, "%s.bias", name)};
    union bv_params p = {.linear = {BV_ACT_NONE}};
    return named(g, append(g, BV_OP_linear, &p, 3, in), name);
}

static struct bv_tensor *conv2d(struct bv_graph *g, struct bv_tensor *x,
                                const struct bv_conv2d_params *params, const char *name)
{
    struct bv_tensor *in[] = {x, bv_weight(g, "%s.weight", name),
                              bv_weight_optional(g, "%s.bias", name)};
    union bv_params p = {.conv2d = *params};
    return named(g, append(g, BV_OP_conv2d, &p, 3, in), name);
}

struct bv_tensor *bv_conv2d(struct bv_graph *g, struct bv_tensor *x, int stride, int pad,
                            const char *format, ...)
{
    NAME_FROM_ARGUMENTS(g, format);
    struct bv_conv2d_params p = {stride, stride, pad, pad, 1, 1, 1, BV_ACT_NONE, 0, 0};
    return conv2d(g, x, &p, name);
}

struct bv_tensor *bv_conv2d_params(struct bv_graph *g, struct bv_tensor *x,
                                   const struct bv_conv2d_params *params, const char *format, ...)
{
    NAME_FROM_ARGUMENTS(g, format);
    return conv2d(g, x, params, name);
}

struct bv_tensor *bv_layer_norm(struct bv_graph *g, struct bv_tensor *x, float eps,
                                const char *format, ...)
{
    NAME_FROM_ARGUMENTS(g, format);
    struct bv_tensor *in[] = {x, bv_weight(g, "%s.weight", name), bv_weight(g, "%s.bias", name)};
    union bv_params p = {.layer_norm = {eps}};
    return named(g, append(g, BV_OP_layer_norm, &p, 3, in), name);
}

struct bv_tensor *bv_batch_norm(struct bv_graph *g, struct bv_tensor *x, float eps,
                                const char *format, ...)
{
    NAME_FROM_ARGUMENTS(g, format);
    struct bv_tensor *in[] = {
        x, bv_weight(g, "%s.running_mean", name), bv_weight(g, "%s.running_var", name),
        bv_weight_optional(g, "%s.weight", name), bv_weight_optional(g, "%s.bias", name)};
    union bv_params p = {.batch_norm = {eps, BV_ACT_NONE}};
    return named(g, append(g, BV_OP_batch_norm, &p, 5, in), name);
}

struct bv_tensor *bv_group_norm(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *offset,
                                int groups, float eps, const char *format, ...)
{
    NAME_FROM_ARGUMENTS(g, format);
    struct bv_tensor *in[] = {x, bv_weight(g, "%s.weight", name), bv_weight(g, "%s.bias", name),
                              offset};
    union bv_params p = {.group_norm = {groups, eps, BV_ACT_NONE}};
    return named(g, append(g, BV_OP_group_norm, &p, 4, in), name);
}

struct bv_tensor *bv_embed(struct bv_graph *g, struct bv_tensor *ids, const char *format, ...)
{
    NAME_FROM_ARGUMENTS(g, format);
    struct bv_tensor *in[] = {ids, bv_weight(g, "%s", name)};
    union bv_params p = {.embed = {0}};
    return named(g, append(g, BV_OP_embed, &p, 2, in), name);
}

struct bv_tensor *bv_attention(struct bv_graph *g, struct bv_tensor *q, struct bv_tensor *k,
                               struct bv_tensor *v, struct bv_tensor *bias,
                               struct bv_tensor *lengths, const struct bv_attention_params *params)
{
    if (!q || !k || !v)
        return NULL;
    struct bv_tensor *in[] = {q, k, v, bias, lengths};
    union bv_params p = {.attention = *params};
    return bv_graph_append(g, BV_OP_attention, &p, 5, in);
}

static struct bv_tensor *append1(struct bv_graph *g, enum bv_op op, const union bv_params *p,
                                 struct bv_tensor *x)
{
    return x ? bv_graph_append(g, op, p, 1, &x) : NULL;
}

static struct bv_tensor *append2(struct bv_graph *g, enum bv_op op, const union bv_params *p,
                                 struct bv_tensor *a, struct bv_tensor *b)
{
    struct bv_tensor *in[] = {a, b};
    return a && b ? bv_graph_append(g, op, p, 2, in) : NULL;
}

struct bv_tensor *bv_matmul(struct bv_graph *g, struct bv_tensor *a, struct bv_tensor *b,
                            bool transpose_b, float scale)
{
    union bv_params p = {.matmul = {transpose_b, scale}};
    return append2(g, BV_OP_matmul, &p, a, b);
}

struct bv_tensor *bv_softmax(struct bv_graph *g, struct bv_tensor *x, float scale)
{
    union bv_params p = {.softmax = {scale}};
    return append1(g, BV_OP_softmax, &p, x);
}

struct bv_tensor *bv_activate(struct bv_graph *g, struct bv_tensor *x, enum bv_activation act)
{
    union bv_params p = {.activation = {act}};
    return append1(g, BV_OP_activation, &p, x);
}

struct bv_tensor *bv_add(struct bv_graph *g, struct bv_tensor *a, struct bv_tensor *b)
{
    union bv_params p = {.add = {BV_ACT_NONE}};
    if (a && b && bv_elements(b) > bv_elements(a))
        return append2(g, BV_OP_add, &p, b, a);
    return append2(g, BV_OP_add, &p, a, b);
}

struct bv_tensor *bv_mul(struct bv_graph *g, struct bv_tensor *a, struct bv_tensor *b)
{
    union bv_params p = {.mul = {0}};
    if (a && b && bv_elements(b) > bv_elements(a))
        return append2(g, BV_OP_mul, &p, b, a);
    return append2(g, BV_OP_mul, &p, a, b);
}

struct bv_tensor *bv_glu(struct bv_graph *g, struct bv_tensor *x, enum bv_activation act,
                         bool gate_last)
{
    union bv_params p = {.glu = {act, gate_last}};
    return append1(g, BV_OP_glu, &p, x);
}

struct bv_tensor *bv_rope(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *table,
                          const struct bv_rope_params *params)
{
    union bv_params p = {.rope = *params};
    return append2(g, BV_OP_rope, &p, x, table);
}

struct bv_tensor *bv_scale(struct bv_graph *g, struct bv_tensor *x, float factor, float offset)
{
    union bv_params p = {.scale = {factor, offset}};
    return append1(g, BV_OP_scale, &p, x);
}

struct bv_tensor *bv_max_pool(struct bv_graph *g, struct bv_tensor *x, int kernel, int stride,
                              int pad)
{
    union bv_params p = {.pool2d = {BV_POOL_MAX, kernel, kernel, stride, stride, pad, pad}};
    return append1(g, BV_OP_pool2d, &p, x);
}

struct bv_tensor *bv_mean_pool(struct bv_graph *g, struct bv_tensor *x, int kernel, int stride)
{
    union bv_params p = {.pool2d = {BV_POOL_MEAN, kernel, kernel, stride, stride, 0, 0}};
    return append1(g, BV_OP_pool2d, &p, x);
}

struct bv_tensor *bv_reduce(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *lengths,
                            enum bv_reduce_kind kind)
{
    if (x && x->rank == 4)
        x = bv_reshape(g, x, 3, (int64_t[]){x->dim[0], -1, x->dim[3]});
    struct bv_tensor *in[] = {x, lengths};
    union bv_params p = {.reduce = {kind}};
    return x ? bv_graph_append(g, BV_OP_reduce, &p, 2, in) : NULL;
}

struct bv_tensor *bv_gather_rows(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *index)
{
    union bv_params p = {.gather = {0}};
    return append2(g, BV_OP_gather, &p, x, index);
}

struct bv_tensor *bv_concat(struct bv_graph *g, int n, struct bv_tensor *const *parts, int axis)
{
    union bv_params p = {.concat = {axis}};
    for (int i = 0; i < n; i++)
        if (!parts[i])
            return NULL;
    if (n < 1 || n > BV_MAX_INPUTS)
        return bv_graph_fail(g, BV_ERR_MODEL, "concat of %d parts", n);
    return bv_graph_append(g, BV_OP_concat, &p, n, parts);
}

struct bv_tensor *bv_slice(struct bv_graph *g, struct bv_tensor *x, int axis, int64_t start,
                           int64_t count)
{
    union bv_params p = {.slice = {axis, start, count, 1}};
    return append1(g, BV_OP_slice, &p, x);
}

struct bv_tensor *bv_permute(struct bv_graph *g, struct bv_tensor *x, const int *order)
{
    union bv_params p = {.permute = {{0}}};
    if (x)
        memcpy(p.permute.order, order, (size_t)x->rank * sizeof *order);
    return append1(g, BV_OP_permute, &p, x);
}

struct bv_tensor *bv_expand(struct bv_graph *g, struct bv_tensor *x, const int64_t *dim)
{
    union bv_params p = {.expand = {{0}}};
    if (x)
        memcpy(p.expand.dim, dim, (size_t)x->rank * sizeof *dim);
    return append1(g, BV_OP_expand, &p, x);
}

struct bv_tensor *bv_patch_merge(struct bv_graph *g, struct bv_tensor *x)
{
    union bv_params p = {.patch_merge = {0}};
    return append1(g, BV_OP_patch_merge, &p, x);
}

struct bv_tensor *bv_l2_normalize(struct bv_graph *g, struct bv_tensor *x, float eps)
{
    union bv_params p = {.l2_normalize = {eps}};
    return append1(g, BV_OP_l2_normalize, &p, x);
}

struct bv_tensor *bv_interpolate(struct bv_graph *g, struct bv_tensor *x, int out_h, int out_w,
                                 enum bv_interpolation mode, bool align_corners)
{
    union bv_params p = {.interpolate = {mode, align_corners, out_h, out_w}};
    return append1(g, BV_OP_interpolate, &p, x);
}
