#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum bv_status bv_graph_create(struct bv_graph **out, struct bv_weights *weights,
                               struct bv_error *err)
{
    struct bv_graph *g = calloc(1, sizeof *g);
    if (!g)
        return bv_fail_nomem(err, "a graph");
    g->weights = weights;
    *out = g;
    return BV_OK;
}

void bv_graph_destroy(struct bv_graph **out)
{
    struct bv_graph *g = *out;
    if (!g)
        return;
    free(g->tensors);
    free(g->missing);
    bv_arena_free(&g->arena);
    free(g);
    *out = NULL;
}

// One sentence with the names of the missing weights, as many as fit.
static enum bv_status fail_missing(const struct bv_graph *g, struct bv_error *err)
{
    char list[1600];
    size_t used = 0;
    int shown = 0;
    for (; shown < g->n_missing; shown++) {
        size_t n = strlen(g->missing[shown]);
        if (used + n + 3 > sizeof list)
            break;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", shown ? ", " : "",
                                 g->missing[shown]);
    }
    return bv_fail(err, BV_ERR_MODEL, "the model lacks %d tensor%s: %.*s%s", g->n_missing,
                   g->n_missing == 1 ? "" : "s", (int)used, list,
                   shown < g->n_missing ? ", …" : "");
}

enum bv_status bv_graph_status(const struct bv_graph *g, struct bv_error *err)
{
    if (g->n_missing > 0)
        return fail_missing(g, err);
    if (g->status != BV_OK && err)
        *err = g->error;
    return g->status;
}

static void note_missing(struct bv_graph *g, const char *name)
{
    for (int i = 0; i < g->n_missing; i++)
        if (strcmp(g->missing[i], name) == 0)
            return;
    if (g->n_missing == g->missing_room) {
        int room = g->missing_room ? 2 * g->missing_room : 64;
        const char **list = realloc(g->missing, (size_t)room * sizeof *list);
        if (!list) {
            (void)bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a graph");
            return;
        }
        g->missing = list;
        g->missing_room = room;
    }
    const char *copy = bv_arena_strdup(&g->arena, name);
    if (copy)
        g->missing[g->n_missing++] = copy;
}

struct bv_tensor *bv_graph_fail(struct bv_graph *g, enum bv_status status, const char *format, ...)
{
    if (g->status == BV_OK) {
        va_list args;
        va_start(args, format);
        g->status = g->error.status = status;
        (void)vsnprintf(g->error.text, sizeof g->error.text, format, args);
        va_end(args);
    }
    return NULL;
}

static struct bv_tensor *new_tensor(struct bv_graph *g, const char *name, enum bv_role role)
{
    if (g->status != BV_OK)
        return NULL;
    if (g->n_tensors == g->tensor_room) {
        int room = g->tensor_room ? 2 * g->tensor_room : 512;
        struct bv_tensor **list = realloc(g->tensors, (size_t)room * sizeof *list);
        if (!list)
            return bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a graph");
        g->tensors = list;
        g->tensor_room = room;
    }
    struct bv_tensor *t = bv_arena_alloc(&g->arena, sizeof *t);
    if (!t)
        return bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a graph");
    t->name = name;
    t->role = role;
    t->id = g->n_tensors;
    g->tensors[g->n_tensors++] = t;
    return t;
}

// Checks that a shape is positive and its element count fits; records the failure otherwise.
static bool shape_ok(struct bv_graph *g, const char *what, int rank, const int64_t *dim)
{
    int64_t n = 1;
    bool ok = rank >= 0 && rank <= BV_MAX_RANK;
    for (int i = 0; ok && i < rank; i++)
        ok = dim[i] > 0 && bv_mul_i64(n, dim[i], &n) && n < INT64_MAX / 16;
    if (!ok)
        (void)bv_graph_fail(g, BV_ERR_MODEL, "%s: impossible shape", what);
    return ok;
}

struct bv_tensor *bv_graph_input(struct bv_graph *g, const char *name, enum bv_dtype dtype,
                                 int rank, const int64_t *dim)
{
    if (g->status != BV_OK || !shape_ok(g, name, rank, dim))
        return NULL;
    if (g->n_inputs == BV_MAX_GRAPH_INPUTS)
        return bv_graph_fail(g, BV_ERR_LIMIT, "more than %d graph inputs", BV_MAX_GRAPH_INPUTS);
    struct bv_tensor *t = new_tensor(g, bv_arena_strdup(&g->arena, name), BV_ROLE_INPUT);
    if (!t)
        return NULL;
    t->dtype = dtype;
    t->rank = rank;
    memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
    g->inputs[g->n_inputs++] = t;
    return t;
}

struct bv_tensor *bv_graph_output(struct bv_graph *g, struct bv_tensor *t, const char *name)
{
    if (g->status != BV_OK || !t)
        return NULL;
    if (g->n_outputs == BV_MAX_GRAPH_OUTPUTS)
        return bv_graph_fail(g, BV_ERR_LIMIT, "more than %d graph outputs", BV_MAX_GRAPH_OUTPUTS);
    if (t->role == BV_ROLE_WEIGHT || t->dtype != BV_F32)
        return bv_graph_fail(g, BV_ERR_MODEL, "output \"%s\" is not computed in f32", name);
    const char *copy = bv_arena_strdup(&g->arena, name);
    if (!copy)
        return bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a graph");
    bv_storage_of(t)->is_output = true;
    g->output_names[g->n_outputs] = copy;
    g->outputs[g->n_outputs++] = t;
    return t;
}

int bv_graph_find_output(const struct bv_graph *g, const char *name)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (strcmp(g->output_names[i], name) == 0)
            return i;
    return -1;
}

static struct bv_tensor *weight_tensor(struct bv_graph *g, const struct bv_weight *w)
{
    // The same weight used twice is one tensor, so that backends upload and pack it once.
    for (int i = 0; i < g->n_tensors; i++)
        if (g->tensors[i]->role == BV_ROLE_WEIGHT && g->tensors[i]->data == w->data &&
            g->tensors[i]->name == w->name)
            return g->tensors[i];
    struct bv_tensor *t = new_tensor(g, w->name, BV_ROLE_WEIGHT);
    if (!t)
        return NULL;
    t->dtype = w->dtype;
    t->rank = w->rank;
    memcpy(t->dim, w->dim, sizeof t->dim);
    t->data = w->data;
    return t;
}

static struct bv_tensor *find_weight(struct bv_graph *g, bool required, const char *format,
                                     va_list args)
{
    char name[512];
    if (g->status != BV_OK)
        return NULL;
    int n = vsnprintf(name, sizeof name, format, args);
    if (n < 0 || (size_t)n >= sizeof name)
        return bv_graph_fail(g, BV_ERR_MODEL, "tensor name longer than %zu", sizeof name);
    const struct bv_weight *w = bv_weights_find(g->weights, name);
    if (w)
        return weight_tensor(g, w);
    if (required)
        note_missing(g, name);
    return NULL;
}

struct bv_tensor *bv_weight(struct bv_graph *g, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bv_tensor *t = find_weight(g, true, format, args);
    va_end(args);
    return t;
}

struct bv_tensor *bv_weight_optional(struct bv_graph *g, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bv_tensor *t = find_weight(g, false, format, args);
    va_end(args);
    return t;
}

struct bv_tensor *bv_weight_rows(struct bv_graph *g, struct bv_tensor *w, int64_t start,
                                 int64_t count)
{
    if (g->status != BV_OK || !w)
        return NULL;
    if (w->rank != 2 || start < 0 || count < 1 || start + count > w->dim[0])
        return bv_graph_fail(g, BV_ERR_MODEL, "\"%s\" has no rows %lld to %lld", w->name,
                             (long long)start, (long long)(start + count - 1));
    size_t row_bytes = (size_t)w->dim[1] * bv_dtype_size(w->dtype);
    const char *name = bv_arena_printf(&g->arena, "%s[%lld:%lld]", w->name, (long long)start,
                                       (long long)(start + count));
    struct bv_tensor *t = name ? new_tensor(g, name, BV_ROLE_WEIGHT) : NULL;
    if (!t)
        return NULL;
    t->dtype = w->dtype;
    t->rank = 2;
    t->dim[0] = count;
    t->dim[1] = w->dim[1];
    t->data = w->data ? (const char *)w->data + (size_t)start * row_bytes : NULL;
    return t;
}

struct bv_tensor *bv_graph_derived(struct bv_graph *g, const char *name, const void *data, int rank,
                                   const int64_t *dim)
{
    if (g->status != BV_OK || !shape_ok(g, name, rank, dim))
        return NULL;
    struct bv_tensor *t = new_tensor(g, bv_arena_strdup(&g->arena, name), BV_ROLE_WEIGHT);
    if (!t)
        return NULL;
    t->dtype = BV_F32;
    t->rank = rank;
    memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
    t->data = data;
    return t;
}

struct bv_tensor *bv_graph_computed(struct bv_graph *g, const char *name,
                                    void (*make)(struct bv_weights *, const void *, float *),
                                    const void *arg, size_t arg_size, int rank, const int64_t *dim)
{
    struct bv_tensor *t = bv_graph_derived(g, name, NULL, rank, dim);
    struct bv_weight_formula *formula = bv_arena_alloc(&g->arena, sizeof *formula);
    void *copy = bv_arena_alloc(&g->arena, arg_size);
    if (!t || !formula || !copy)
        return bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a graph");
    memcpy(copy, arg, arg_size);
    *formula = (struct bv_weight_formula){make, copy};
    t->formula = formula;
    return t;
}

struct bv_tensor *bv_graph_append(struct bv_graph *g, enum bv_op op, const union bv_params *params,
                                  int n_inputs, struct bv_tensor *const *inputs)
{
    if (g->status != BV_OK)
        return NULL;
    struct bv_node *node = bv_arena_alloc(&g->arena, sizeof *node);
    if (!node)
        return bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a graph");
    node->op = op;
    node->params = *params;
    for (int i = 0; i < n_inputs; i++)
        node->in[i] = inputs[i];
    struct bv_tensor shape = {0};
    struct bv_error err = {0};
    if (!node->in[0])
        return bv_graph_fail(g, BV_ERR_INTERNAL, "%s: no input", bv_op_name(op));
    if (g->n_missing > 0) // an input may be absent for want of a weight: nothing to check
        return NULL;
    if (bv_infer_shape(node, &shape, &err) != BV_OK)
        return bv_graph_fail(g, err.status, "%s after \"%s\": %s", bv_op_name(op),
                             node->in[0]->name ? node->in[0]->name : "?", err.text);
    if (!shape_ok(g, bv_op_name(op), shape.rank, shape.dim))
        return NULL;
    struct bv_tensor *out = new_tensor(g, NULL, BV_ROLE_INTERMEDIATE);
    if (!out)
        return NULL;
    out->name = bv_arena_printf(&g->arena, "%s_%d", bv_op_name(op), g->n_nodes);
    out->dtype = shape.dtype;
    out->rank = shape.rank;
    memcpy(out->dim, shape.dim, sizeof out->dim);
    out->producer = node;
    node->out = out;
    node->index = g->n_nodes++;
    if (g->last)
        g->last->next = node;
    else
        g->first = node;
    g->last = node;
    return out;
}

struct bv_tensor *bv_reshape(struct bv_graph *g, struct bv_tensor *x, int rank, const int64_t *dim)
{
    if (g->status != BV_OK || !x)
        return NULL;
    if (rank < 0 || rank > BV_MAX_RANK)
        return bv_graph_fail(g, BV_ERR_MODEL, "reshape of \"%s\" to rank %d", x->name, rank);
    int64_t known = 1, full[BV_MAX_RANK] = {0};
    int open = -1;
    for (int i = 0; i < rank; i++) {
        full[i] = dim[i];
        if (dim[i] < 0)
            open = i;
        else
            known *= dim[i];
    }
    int64_t n = bv_elements(x);
    if (open >= 0)
        full[open] = known > 0 ? n / known : 0;
    int64_t total = 1;
    for (int i = 0; i < rank; i++)
        total *= full[i];
    if (total != n)
        return bv_graph_fail(g, BV_ERR_MODEL, "reshape of \"%s\": %lld elements do not fit",
                             x->name, (long long)n);
    struct bv_tensor *t = new_tensor(g, x->name, BV_ROLE_INTERMEDIATE);
    if (!t)
        return NULL;
    t->dtype = x->dtype;
    t->rank = rank;
    memcpy(t->dim, full, sizeof full);
    t->role = x->role;
    t->data = x->data;
    t->producer = x->producer;
    t->alias_of = x;
    return t;
}

void bv_graph_replace_uses(struct bv_graph *g, struct bv_tensor *from, struct bv_tensor *to)
{
    for (struct bv_node *n = g->first; n; n = n->next)
        for (int i = 0; i < BV_MAX_INPUTS; i++)
            if (n->in[i] == from && n->out != to)
                n->in[i] = to;
    for (int i = 0; i < g->n_tensors; i++)
        if (g->tensors[i]->alias_of == from && g->tensors[i] != to) {
            g->tensors[i]->alias_of = to;
            g->tensors[i]->producer = to->producer;
        }
    for (int i = 0; i < g->n_outputs; i++) {
        if (g->outputs[i] == from)
            g->outputs[i] = to;
        bv_storage_of(g->outputs[i])->is_output = true; // a reshape of `from` too
    }
}

int bv_graph_use_count(const struct bv_graph *g, const struct bv_tensor *t)
{
    int n = 0;
    for (const struct bv_node *node = g->first; node; node = node->next)
        for (int i = 0; i < BV_MAX_INPUTS; i++)
            n += node->in[i] == t;
    for (int i = 0; i < g->n_outputs; i++)
        n += g->outputs[i] == t;
    for (int i = 0; i < g->n_tensors; i++)
        if (g->tensors[i]->alias_of == t)
            n += bv_graph_use_count(g, g->tensors[i]);
    return n;
}

void bv_graph_sweep(struct bv_graph *g)
{
    bool *live = bv_arena_array(&g->arena, (size_t)g->n_tensors, sizeof *live);
    struct bv_node **order = bv_arena_array(&g->arena, (size_t)g->n_nodes + 1, sizeof *order);
    if (!live || !order) {
        (void)bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a graph");
        return;
    }
    for (int i = 0; i < g->n_outputs; i++)
        live[bv_storage_of(g->outputs[i])->id] = true;
    int n = 0;
    for (struct bv_node *node = g->first; node; node = node->next)
        order[n++] = node;
    struct bv_node *next = NULL;
    g->last = NULL;
    g->n_nodes = 0;
    for (int i = n - 1; i >= 0; i--) { // backwards: a node is live when its result is
        struct bv_node *node = order[i];
        if (!live[bv_storage_of(node->out)->id])
            continue;
        for (int k = 0; k < BV_MAX_INPUTS; k++)
            if (node->in[k])
                live[bv_storage_of(node->in[k])->id] = true;
        if (!g->last)
            g->last = node;
        node->next = next;
        next = node;
        g->n_nodes++;
    }
    g->first = next;
}
