// concat, slice, permute, expand, patch_merge: ops that copy elements give each gradient back to
// where its element came from.
#include "explain/adjoint/adjoint.h"

// Row-major coordinates of element k of t.
static void unravel(const struct bv_tensor *t, int64_t k, int64_t *at)
{
    for (int i = t->rank; i-- > 0; k /= t->dim[i])
        at[i] = k % t->dim[i];
}

static int64_t ravel(const struct bv_tensor *t, const int64_t *at)
{
    int64_t k = 0;
    for (int i = 0; i < t->rank; i++)
        k = k * t->dim[i] + at[i];
    return k;
}

// Where element k of the result was copied from, and from which input.
typedef int64_t origin(const struct bv_node *node, int64_t k, int *input);

static enum bv_status give_back(const struct bv_adjoint *a, origin *from)
{
    const int64_t each = bv_elements(a->node->out);
    for (int64_t k = 0; k < each; k++) {
        int input = 0;
        const int64_t source = from(a->node, k, &input);
        if (!a->to[input])
            continue;
        const int64_t there = bv_elements(a->node->in[input]);
        for (int64_t i = 0; i < a->n; i++)
            a->to[input][i * there + source] += a->gradient[i * each + k];
    }
    return BV_OK;
}

static int64_t origin_concat(const struct bv_node *node, int64_t k, int *input)
{
    int64_t at[BV_MAX_RANK];
    const int axis = node->params.concat.axis;
    unravel(node->out, k, at);
    while (at[axis] >= node->in[*input]->dim[axis])
        at[axis] -= node->in[(*input)++]->dim[axis];
    return ravel(node->in[*input], at);
}

static int64_t origin_slice(const struct bv_node *node, int64_t k, int *input)
{
    (void)input;
    int64_t at[BV_MAX_RANK];
    const struct bv_slice_params *p = &node->params.slice;
    unravel(node->out, k, at);
    at[p->axis] = p->start + at[p->axis] * p->step;
    return ravel(node->in[0], at);
}

static int64_t origin_permute(const struct bv_node *node, int64_t k, int *input)
{
    (void)input;
    int64_t at[BV_MAX_RANK], from[BV_MAX_RANK];
    unravel(node->out, k, at);
    for (int i = 0; i < node->out->rank; i++)
        from[node->params.permute.order[i]] = at[i];
    return ravel(node->in[0], from);
}

static int64_t origin_expand(const struct bv_node *node, int64_t k, int *input)
{
    (void)input;
    int64_t at[BV_MAX_RANK];
    unravel(node->out, k, at);
    for (int i = 0; i < node->out->rank; i++)
        at[i] = node->in[0]->dim[i] == 1 ? 0 : at[i];
    return ravel(node->in[0], at);
}

static int64_t origin_patch_merge(const struct bv_node *node, int64_t k, int *input)
{
    (void)input;
    int64_t at[BV_MAX_RANK];
    const int64_t C = bv_last_dim(node->in[0]);
    unravel(node->out, k, at);
    const int64_t part = at[3] / C;
    at[1] = 2 * at[1] + part % 2;
    at[2] = 2 * at[2] + part / 2;
    at[3] %= C;
    return ravel(node->in[0], at);
}

enum bv_status bv_adjoint_concat(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    return give_back(a, origin_concat);
}

enum bv_status bv_adjoint_slice(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    return give_back(a, origin_slice);
}

enum bv_status bv_adjoint_permute(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    return give_back(a, origin_permute);
}

enum bv_status bv_adjoint_expand(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    return give_back(a, origin_expand);
}

enum bv_status bv_adjoint_patch_merge(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    return give_back(a, origin_patch_merge);
}
