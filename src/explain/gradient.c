#include "explain/gradient.h"

#include <stdlib.h>
#include <string.h>

#include "explain/adjoint/adjoint.h"

static int place_of(struct bv_tensor *t)
{
    return bv_storage_of(t)->id;
}

// Which tensors lie between the targets and the score, by the id of their memory.
struct path {
    struct bv_graph *graph;
    struct bv_node **node; // in the order of execution
    unsigned char *between;
    int n_nodes;
};

static void path_free(struct path *p)
{
    free(p->node);
    free(p->between);
}

static bool depends(const struct path *p, const struct bv_node *node, const unsigned char *marked)
{
    (void)p;
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        if (node->in[i] && marked[place_of(node->in[i])])
            return true;
    return false;
}

// Marks what depends on a target, in order, then takes away what the score does not depend on.
static void mark(struct path *p, struct bv_tensor *score, struct bv_tensor *const *targets,
                 int n_targets, unsigned char *wanted)
{
    for (int i = 0; i < n_targets; i++)
        p->between[place_of(targets[i])] = 1;
    for (int i = 0; i < p->n_nodes; i++)
        if (depends(p, p->node[i], p->between))
            p->between[place_of(p->node[i]->out)] = 1;
    wanted[place_of(score)] = 1;
    for (int i = p->n_nodes; i-- > 0;)
        if (wanted[place_of(p->node[i]->out)])
            for (int k = 0; k < BV_MAX_INPUTS; k++)
                if (p->node[i]->in[k])
                    wanted[place_of(p->node[i]->in[k])] = 1;
    for (int i = 0; i < p->graph->n_tensors; i++)
        p->between[i] = p->between[i] && wanted[i];
}

static enum bv_status path_find(struct path *p, struct bv_graph *g, struct bv_tensor *score,
                                struct bv_tensor *const *targets, int n_targets,
                                struct bv_error *err)
{
    const size_t n = (size_t)g->n_tensors + 1;
    unsigned char *wanted = calloc(n, 1);
    *p = (struct path){.graph = g};
    p->node = calloc((size_t)g->n_nodes + 1, sizeof *p->node);
    p->between = calloc(n, 1);
    enum bv_status status = BV_OK;
    if (!wanted || !p->node || !p->between)
        status = bv_fail_nomem(err, "a derivative");
    if (status == BV_OK) {
        for (struct bv_node *node = g->first; node; node = node->next)
            p->node[p->n_nodes++] = node;
        mark(p, score, targets, n_targets, wanted);
    }
    for (int i = 0; status == BV_OK && i < n_targets; i++)
        if (!p->between[place_of(targets[i])])
            status = bv_fail(err, BV_ERR_MODEL, "the score does not depend on that layer");
    free(wanted);
    if (status != BV_OK)
        path_free(p);
    return status;
}

// A node whose gradient is passed on: one of its inputs lies between.
static bool passes(const struct path *p, const struct bv_node *node)
{
    return p->between[place_of(node->out)] && depends(p, node, p->between);
}

enum bv_status bv_gradient_needs(struct bv_graph *g, struct bv_tensor *score,
                                 struct bv_tensor *const *targets, int n_targets,
                                 bv_want_value *want, void *arg, struct bv_error *err)
{
    struct path p;
    BV_TRY(path_find(&p, g, score, targets, n_targets, err));
    enum bv_status status = BV_OK;
    for (int i = 0; status == BV_OK && i < p.n_nodes; i++) {
        const struct bv_node *node = p.node[i];
        if (!passes(&p, node))
            continue;
        if (!bv_adjoint_of(node->op))
            status = bv_fail(err, BV_ERR_UNSUPPORTED, "op %s has no derivative here",
                             bv_op_name(node->op));
        for (int k = 0; status == BV_OK && k < BV_MAX_INPUTS; k++)
            if (node->in[k] && node->in[k]->role != BV_ROLE_WEIGHT && bv_adjoint_reads(node->op, k))
                want(arg, node->in[k]);
    }
    path_free(&p);
    return status;
}

// ---- The walk ----

struct walk {
    const struct bv_gradient *job;
    struct path path;
    struct bv_pool *pool;
    float **sum; // by memory: the gradient so far, [n, elements]
};

static enum bv_status buffer_of(struct walk *w, struct bv_tensor *t, float **buffer,
                                struct bv_error *err)
{
    const int place = place_of(t);
    if (!w->sum[place])
        w->sum[place] = calloc((size_t)(w->job->n * bv_elements(t)), sizeof **w->sum);
    *buffer = w->sum[place];
    return *buffer ? BV_OK : bv_fail_nomem(err, "a derivative");
}

static enum bv_status input_value(const struct walk *w, const struct bv_node *node, int i,
                                  const float **value, struct bv_error *err)
{
    struct bv_tensor *t = node->in[i];
    *value = NULL;
    if (!t)
        return BV_OK;
    if (bv_storage_of(t)->role == BV_ROLE_WEIGHT)
        return t->dtype == BV_I32
                   ? BV_OK
                   : bv_weights_f32(w->job->graph->weights, bv_storage_of(t), value, err);
    *value = w->job->values[place_of(t)];
    if (!*value && bv_adjoint_reads(node->op, i))
        return bv_fail(err, BV_ERR_INTERNAL, "a value that a derivative reads was not kept");
    return BV_OK;
}

static enum bv_status pass_back(struct walk *w, const struct bv_node *node, struct bv_error *err)
{
    struct bv_adjoint a = {.node = node, .pool = w->pool, .n = w->job->n};
    a.gradient = w->sum[place_of(node->out)];
    if (!a.gradient) // nothing arrived
        return BV_OK;
    for (int i = 0; i < BV_MAX_INPUTS; i++) {
        BV_TRY(input_value(w, node, i, &a.in[i], err));
        if (node->in[i] && w->path.between[place_of(node->in[i])])
            BV_TRY(buffer_of(w, node->in[i], &a.to[i], err));
    }
    return bv_adjoint_of(node->op)(&a, err);
}

static void keep_targets(struct walk *w, const struct bv_tensor *out)
{
    const struct bv_gradient *job = w->job;
    for (int i = 0; i < job->n_targets; i++)
        if (place_of(job->targets[i]) == out->id)
            memcpy(job->gradients[i], w->sum[out->id],
                   (size_t)(job->n * bv_elements(out)) * sizeof(float));
}

static enum bv_status walk_back(struct walk *w, struct bv_error *err)
{
    const struct bv_gradient *job = w->job;
    float *seed = NULL;
    BV_TRY(buffer_of(w, job->score, &seed, err));
    memcpy(seed, job->seeds, (size_t)(job->n * bv_elements(job->score)) * sizeof *seed);
    for (int i = w->path.n_nodes; i-- > 0;) {
        const struct bv_node *node = w->path.node[i];
        struct bv_tensor *out = bv_storage_of(node->out);
        if (!w->path.between[out->id])
            continue;
        if (passes(&w->path, node))
            BV_TRY(pass_back(w, node, err));
        if (w->sum[out->id])
            keep_targets(w, out);
        free(w->sum[out->id]);
        w->sum[out->id] = NULL;
    }
    return BV_OK;
}

enum bv_status bv_gradient_run(const struct bv_gradient *job, struct bv_pool *pool,
                               struct bv_error *err)
{
    struct walk w = {.job = job, .pool = pool};
    BV_TRY(path_find(&w.path, job->graph, job->score, job->targets, job->n_targets, err));
    for (int i = 0; i < job->n_targets; i++)
        memset(job->gradients[i], 0,
               (size_t)(job->n * bv_elements(job->targets[i])) * sizeof(float));
    w.sum = calloc((size_t)job->graph->n_tensors + 1, sizeof *w.sum);
    enum bv_status status = w.sum ? walk_back(&w, err) : bv_fail_nomem(err, "a derivative");
    for (int i = 0; w.sum && i < job->graph->n_tensors; i++)
        free(w.sum[i]);
    free(w.sum);
    path_free(&w.path);
    return status;
}
