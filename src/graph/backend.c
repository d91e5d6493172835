#include "graph/backend.h"

#include "graph/rewrite.h"

enum bv_status bv_program_compile(struct bv_backend *backend, struct bv_graph **graph,
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
        status = backend->ops->compile(backend, g, program, err);
    if (status != BV_OK)
        bv_graph_destroy(&g);
    return status;
}

static enum bv_status check_range(const struct bv_graph *g, const struct bv_tensor *t,
                                  const void *const *inputs, int64_t least, int64_t most,
                                  struct bv_error *err)
{
    int which = 0;
    while (which < g->n_inputs && g->inputs[which] != t)
        which++;
    if (!t || which == g->n_inputs)
        return BV_OK;
    const int32_t *values = inputs[which];
    for (int64_t i = 0; i < bv_elements(t); i++)
        if (values[i] < least || values[i] > most)
            return bv_fail(err, BV_ERR_ARG, "input \"%s\": %d is outside %lld to %lld", t->name,
                           values[i], (long long)least, (long long)most);
    return BV_OK;
}

enum bv_status bv_program_run(struct bv_program *program, const void *const *inputs,
                              float *const *outputs, struct bv_error *err)
{
    const struct bv_graph *g = program->graph;
    for (const struct bv_node *n = g->first; n; n = n->next) {
        if (n->op == BV_OP_embed)
            BV_TRY(check_range(g, bv_storage_of(n->in[0]), inputs, 0, n->in[1]->dim[0] - 1, err));
        else if (n->op == BV_OP_gather)
            BV_TRY(check_range(g, bv_storage_of(n->in[1]), inputs, 0, n->in[0]->dim[1] - 1, err));
        else if (n->op == BV_OP_attention && n->in[4])
            BV_TRY(check_range(g, n->in[4], inputs, 1, n->in[1]->dim[1], err));
        else if (n->op == BV_OP_reduce && n->in[1])
            BV_TRY(check_range(g, n->in[1], inputs, 1, n->in[0]->dim[1], err));
    }
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
