#include "graph/backend.h"

#include <string.h>

#include "graph/rewrite.h"

// The integers that a node reads addresses from, and the range they must keep to; false when it has
// none.
static bool integers_of(const struct bv_node *n, struct bv_tensor **t, int64_t *least,
                        int64_t *most)
{
    *t = NULL;
    *least = n->op == BV_OP_attention || n->op == BV_OP_reduce ? 1 : 0;
    if (n->op == BV_OP_embed) {
        *t = n->in[0];
        *most = n->in[1]->dim[0] - 1;
    } else if (n->op == BV_OP_gather) {
        *t = n->in[1];
        *most = n->in[0]->dim[1] - 1;
    } else if (n->op == BV_OP_attention) {
        *t = n->in[4];
        *most = n->in[1]->dim[1];
    } else if (n->op == BV_OP_reduce) {
        *t = n->in[1];
        *most = n->in[0]->dim[1];
    }
    if (*t)
        *t = bv_storage_of(*t);
    return *t != NULL;
}

static int input_index(const struct bv_graph *g, const struct bv_tensor *t)
{
    int i = 0;
    while (i < g->n_inputs && g->inputs[i] != t)
        i++;
    return i;
}

// Only what the caller gives at each run can be checked at each run.
static enum bv_status check_integers_are_inputs(const struct bv_graph *g, struct bv_error *err)
{
    struct bv_tensor *t = NULL;
    int64_t least = 0, most = 0;
    for (const struct bv_node *n = g->first; n; n = n->next)
        if (integers_of(n, &t, &least, &most) && input_index(g, t) == g->n_inputs)
            return bv_fail(err, BV_ERR_MODEL, "%s: \"%s\" is not an input of the graph",
                           bv_op_name(n->op), t->name);
    return BV_OK;
}

static enum bv_status make_computed_weights(struct bv_graph *g, struct bv_error *err)
{
    for (struct bv_node *n = g->first; n; n = n->next)
        for (int i = 0; i < BV_MAX_INPUTS; i++)
            if (n->in[i] && n->in[i]->formula && !n->in[i]->data) {
                const float *data = NULL;
                BV_TRY(bv_weights_f32(g->weights, n->in[i], &data, err));
                n->in[i]->data = data;
                n->in[i]->formula = NULL;
            }
    return BV_OK;
}

static enum bv_status compile(struct bv_backend *backend, struct bv_graph **graph, int64_t n_items,
                              struct bv_program **program, struct bv_error *err)
{
    struct bv_graph *g = *graph;
    *graph = NULL;
    if (g->status == BV_OK)
        bv_rewrite_all(g);
    enum bv_status status = bv_graph_status(g, err);
    if (status == BV_OK && g->n_outputs == 0)
        status = bv_fail(err, BV_ERR_INTERNAL, "a graph without outputs");
    if (status == BV_OK)
        status = check_integers_are_inputs(g, err);
    if (status == BV_OK && !backend->ops->computes_weights)
        status = make_computed_weights(g, err);
    if (status == BV_OK)
        status = n_items == 1 ? backend->ops->compile(backend, g, program, err)
                              : backend->ops->compile_items(backend, g, n_items, program, err);
    if (status != BV_OK)
        bv_graph_destroy(&g);
    return status;
}

enum bv_status bv_program_compile(struct bv_backend *backend, struct bv_graph **graph,
                                  struct bv_program **program, struct bv_error *err)
{
    return compile(backend, graph, 1, program, err);
}

enum bv_status bv_program_compile_batch(struct bv_backend *backend, bv_build_batch *build,
                                        const void *arg, int64_t batch, struct bv_program **program,
                                        struct bv_error *err)
{
    const struct bv_backend_ops *ops = backend->ops;
    struct bv_graph *graph = NULL;
    bool by_items = false;
    enum bv_status status = BV_OK;
    if (ops->prefers_items && batch > 1) {
        status = build(arg, 1, &graph, err);
        by_items = status == BV_OK && ops->prefers_items(backend, graph, batch);
        if (!by_items)
            bv_graph_destroy(&graph);
    }
    if (status == BV_OK && !by_items)
        status = build(arg, batch, &graph, err);
    if (status == BV_OK)
        return compile(backend, &graph, by_items ? batch : 1, program, err);
    bv_graph_destroy(&graph);
    return status;
}

enum bv_status bv_program_bind(const struct bv_program *program, const struct bv_input *inputs,
                               int n_inputs, const void *bound[BV_MAX_GRAPH_INPUTS],
                               struct bv_error *err)
{
    const struct bv_graph *g = program->graph;
    for (int i = 0; i < g->n_inputs; i++) {
        int k = 0;
        while (k < n_inputs && (!inputs[k].data || strcmp(inputs[k].name, g->inputs[i]->name) != 0))
            k++;
        if (k == n_inputs)
            return bv_fail(err, BV_ERR_ARG, "input \"%s\" is not given", g->inputs[i]->name);
        bound[i] = inputs[k].data;
    }
    return BV_OK;
}

static enum bv_status check_range(const struct bv_tensor *t, const int32_t *values, int64_t n_items,
                                  int64_t least, int64_t most, struct bv_error *err)
{
    for (int64_t i = 0; i < n_items * bv_elements(t); i++)
        if (values[i] < least || values[i] > most)
            return bv_fail(err, BV_ERR_ARG, "input \"%s\": %d is outside %lld to %lld", t->name,
                           values[i], (long long)least, (long long)most);
    return BV_OK;
}

enum bv_status bv_program_run(struct bv_program *program, const void *const *inputs,
                              float *const *outputs, struct bv_error *err)
{
    const struct bv_graph *g = program->graph;
    struct bv_tensor *t = NULL;
    int64_t least = 0, most = 0;
    for (const struct bv_node *n = g->first; n; n = n->next)
        if (integers_of(n, &t, &least, &most))
            BV_TRY(check_range(t, inputs[input_index(g, t)], program->n_items, least, most, err));
    return program->backend->ops->run(program, inputs, outputs, err);
}

void bv_program_destroy(struct bv_program **program)
{
    struct bv_program *p = *program;
    if (!p)
        return;
    struct bv_graph *g = p->graph;
    bv_plan_free(&p->plan);
    p->backend->ops->destroy_program(p); // frees p
    bv_graph_destroy(&g);
    *program = NULL;
}

void bv_backend_destroy(struct bv_backend **backend)
{
    if (*backend)
        (*backend)->ops->destroy(*backend);
    *backend = NULL;
}
