#include "model/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/session_run.h"

#define MAX_PROGRAMS 24 // compiled shapes kept; the least recently used goes first
#define MAX_TOWERS 8    // of a model

struct cached {
    struct bv_tower_key key;
    struct bv_program *program;
    uint64_t last_used;
};

struct bv_session {
    const struct bv_model *model;
    struct bv_pool *pool;
    struct bv_backend *backend;
    const char *precision;
    bool may_fall_back; // device "auto": the CPU takes over when the GPU fails
    struct cached programs[MAX_PROGRAMS];
    int n_programs;
    uint64_t clock;
    struct bv_error fallback;                  // why, once it has happened
    const struct bv_tower *in_use[MAX_TOWERS]; // those that have run or will run several times
    int n_in_use;
    float *scratch; // pixels of a batch
    size_t scratch_floats;
};

static void drop_programs(struct bv_session *s)
{
    for (int i = 0; i < s->n_programs; i++)
        bv_program_destroy(&s->programs[i].program);
    s->n_programs = 0;
}

static void drop_backend(struct bv_session *s)
{
    drop_programs(s);
    bv_backend_destroy(&s->backend);
}

static void drop_scratch(struct bv_session *s)
{
    free(s->scratch);
    s->scratch = NULL;
    s->scratch_floats = 0;
}

enum bv_status bv_session_scratch(struct bv_session *s, size_t n, float **scratch,
                                  struct bv_error *err)
{
    if (n > s->scratch_floats) {
        drop_scratch(s); // its content is of no use
        s->scratch = malloc(n * sizeof *s->scratch);
        if (!s->scratch)
            return bv_fail_nomem(err, "a batch of images");
        s->scratch_floats = n;
    }
    *scratch = s->scratch;
    return BV_OK;
}

void bv_session_rest(struct bv_session *s)
{
    drop_scratch(s);
    drop_programs(s);
    if (s->backend && s->backend->ops->forget)
        s->backend->ops->forget(s->backend);
}

enum bv_status bv_session_open(struct bv_session **out, const struct bv_model *model,
                               const struct bv_session_options *options, struct bv_error *err)
{
    struct bv_session *s = calloc(1, sizeof *s);
    if (!s)
        return bv_fail_nomem(err, "a session");
    s->model = model;
    s->pool = options->pool;
    bv_weights_hold(model->weights);
    s->precision = options->precision ? options->precision : "auto";
    const char *device = options->device ? options->device : "auto";
    s->may_fall_back = strcmp(device, "auto") == 0;
    enum bv_status status = bv_device_open(&s->backend, model->weights, device, &s->precision,
                                           s->pool, &s->fallback, err);
    if (status != BV_OK)
        bv_session_close(&s);
    else
        *out = s;
    return status;
}

void bv_session_close(struct bv_session **out)
{
    struct bv_session *s = *out;
    if (!s)
        return;
    drop_backend(s);
    drop_scratch(s);
    bv_weights_unhold(s->model->weights);
    free(s);
    *out = NULL;
}

const struct bv_model *bv_session_model(const struct bv_session *s)
{
    return s->model;
}

struct bv_pool *bv_session_pool(const struct bv_session *s)
{
    return s->pool;
}

const char *bv_session_device(const struct bv_session *s)
{
    return s->backend->ops->describe(s->backend);
}

const char *bv_session_precision(const struct bv_session *s)
{
    return s->precision;
}

const struct bv_backend *bv_session_backend(const struct bv_session *s)
{
    return s->backend;
}

const char *bv_session_fallback(const struct bv_session *s)
{
    return s->fallback.text[0] ? s->fallback.text : NULL;
}

static bool is_in_use(const struct bv_session *s, const struct bv_tower *tower)
{
    for (int i = 0; i < s->n_in_use; i++)
        if (s->in_use[i] == tower)
            return true;
    return false;
}

void bv_session_expect_runs(struct bv_session *s, const struct bv_tower *tower)
{
    if (!is_in_use(s, tower) && s->n_in_use < MAX_TOWERS)
        s->in_use[s->n_in_use++] = tower;
}

struct build {
    const struct bv_model *model;
    const struct bv_tower_key *key;
};

static enum bv_status build_tower(const void *arg, int64_t batch, struct bv_graph **graph,
                                  struct bv_error *err)
{
    const struct build *b = arg;
    int64_t size[BV_TOWER_SIZES];
    memcpy(size, b->key->size, sizeof size);
    if (b->key->tower->batched)
        size[0] = batch;
    return b->key->tower->build(b->model, size, graph, err);
}

static struct cached *oldest(struct bv_session *s)
{
    struct cached *c = &s->programs[0];
    for (int i = 1; i < s->n_programs; i++)
        if (s->programs[i].last_used < c->last_used)
            c = &s->programs[i];
    return c;
}

static bool same_key(const struct bv_tower_key *a, const struct bv_tower_key *b)
{
    return a->tower == b->tower && memcmp(a->size, b->size, sizeof a->size) == 0;
}

// The program for a shape, compiled the first time.
static enum bv_status program_for(struct bv_session *s, const struct bv_tower_key *key,
                                  struct bv_program **program, struct bv_error *err)
{
    for (int i = 0; i < s->n_programs; i++) {
        struct cached *c = &s->programs[i];
        if (same_key(&c->key, key)) {
            c->last_used = ++s->clock;
            *program = c->program;
            return BV_OK;
        }
    }
    const struct build build = {s->model, key};
    BV_TRY(bv_program_compile_batch(s->backend, build_tower, &build,
                                    key->tower->batched ? key->size[0] : 1, program, err));
    struct cached *slot = s->n_programs < MAX_PROGRAMS ? &s->programs[s->n_programs++] : oldest(s);
    bv_program_destroy(&slot->program);
    slot->key = *key;
    slot->program = *program;
    slot->last_used = ++s->clock;
    return BV_OK;
}

static enum bv_status find_output(const struct bv_session *s, const struct bv_program *p,
                                  const char *name, int *index, struct bv_error *err)
{
    *index = bv_graph_find_output(p->graph, name);
    if (*index < 0)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no output \"%s\"", s->model->name, name);
    return BV_OK;
}

enum bv_status bv_check_wanted(const struct bv_wanted *wanted, int64_t n,
                               const struct bv_model *model, struct bv_error *err)
{
    if (wanted->out && (uint64_t)n == wanted->n_floats)
        return BV_OK;
    return bv_fail(err, BV_ERR_MODEL,
                   "output \"%s\" of model \"%s\" is %lld numbers, not the %zu that were expected",
                   wanted->output, model->name, (long long)n, wanted->n_floats);
}

// Puts the wanted outputs into the graph's order.
static enum bv_status arrange(const struct bv_session *s, const struct bv_program *p,
                              const struct bv_wanted *wanted, int n_wanted,
                              float *outputs[BV_MAX_GRAPH_OUTPUTS], struct bv_error *err)
{
    memset(outputs, 0, BV_MAX_GRAPH_OUTPUTS * sizeof *outputs);
    for (int i = 0; i < n_wanted; i++) {
        int index = 0;
        BV_TRY(find_output(s, p, wanted[i].output, &index, err));
        BV_TRY(bv_check_wanted(&wanted[i], p->n_items * bv_elements(p->graph->outputs[index]),
                               s->model, err));
        outputs[index] = wanted[i].out;
    }
    return BV_OK;
}

static bool is_device_failure(enum bv_status status)
{
    return status == BV_ERR_DEVICE || status == BV_ERR_DEVICE_LOST || status == BV_ERR_OOM_DEVICE;
}

// Activations beyond f16 reach the outputs as infinities and what follows from them: an error,
// never a result.
static enum bv_status check_range(const struct bv_session *s, const struct bv_program *p,
                                  float *const *outputs, struct bv_error *err)
{
    if (strcmp(s->precision, "f16") != 0)
        return BV_OK;
    for (int i = 0; i < p->graph->n_outputs; i++)
        for (int64_t k = 0, n = p->n_items * bv_elements(p->graph->outputs[i]); outputs[i] && k < n;
             k++)
            if (!isfinite(outputs[i][k]))
                return bv_fail(err, BV_ERR_LIMIT,
                               "values of model \"%s\" are beyond f16: use --precision f32",
                               s->model->name);
    return BV_OK;
}

// One attempt on the present backend.
static enum bv_status run_once(struct bv_session *s, const struct bv_tower_key *key,
                               const struct bv_input *inputs, int n_inputs,
                               const struct bv_wanted *wanted, int n_wanted, struct bv_error *err)
{
    struct bv_program *p = NULL;
    const void *bound[BV_MAX_GRAPH_INPUTS];
    float *outputs[BV_MAX_GRAPH_OUTPUTS];
    BV_TRY(program_for(s, key, &p, err));
    BV_TRY(bv_program_bind(p, inputs, n_inputs, bound, err));
    BV_TRY(arrange(s, p, wanted, n_wanted, outputs, err));
    p->once = !is_in_use(s, key->tower);
    bv_session_expect_runs(s, key->tower);
    BV_TRY(bv_program_run(p, bound, outputs, err));
    return check_range(s, p, outputs, err);
}

enum bv_status bv_session_run(struct bv_session *s, const struct bv_tower_key *key,
                              const struct bv_input *inputs, int n_inputs,
                              const struct bv_wanted *wanted, int n_wanted, struct bv_error *err)
{
    struct bv_error reason = {0};
    enum bv_status status = run_once(s, key, inputs, n_inputs, wanted, n_wanted, &reason);
    if (is_device_failure(status) && s->may_fall_back && !s->fallback.text[0]) {
        struct bv_error unused = {0};
        s->fallback = reason;
        drop_backend(s);
        s->precision = "auto";
        BV_TRY(bv_device_open(&s->backend, s->model->weights, "cpu", &s->precision, s->pool,
                              &unused, err));
        return run_once(s, key, inputs, n_inputs, wanted, n_wanted, err);
    }
    if (status != BV_OK && err)
        *err = reason;
    return status;
}
