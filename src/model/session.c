#include "model/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/device.h"
#include "model/fusion_session.h"
#include "model/session_run.h"

#define MAX_PROGRAMS 24 // compiled shapes kept; the least recently used goes first
#define TOKEN_STEP 8    // sequences are padded to a multiple of this within a batch, never further

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
    struct bv_error fallback; // why, once it has happened
    bool in_use[BV_TOWERS];   // towers that have run or will run several times
    float *scratch;           // pixels of a batch
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

struct tower {
    const struct bv_model *model;
    const struct bv_tower_key *key;
};

static enum bv_status build_tower(const void *arg, int64_t batch, struct bv_graph **graph,
                                  struct bv_error *err)
{
    const struct tower *s = arg;
    const struct bv_tower_key *key = s->key;
    const int64_t *dim = key->dim;
    if (key->tower == BV_TOWER_TEXT && !bv_model_has_text(s->model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no text encoder", s->model->name);
    if (key->tower != BV_TOWER_TEXT && !bv_model_has_image(s->model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no image encoder", s->model->name);
    if (key->tower == BV_TOWER_PAIR && !bv_model_takes_prior(s->model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" takes no prior image", s->model->name);
    if (key->tower == BV_TOWER_PAIR)
        return bv_model_pair_graph(s->model, batch, dim[1], dim[2], dim[3], graph, err);
    return key->tower == BV_TOWER_IMAGE
               ? bv_model_image_graph(s->model, batch, dim[1], dim[2], dim[3], graph, err)
               : bv_model_text_graph(s->model, batch, dim[1], graph, err);
}

static enum bv_status compile_fusion(struct bv_session *s, const struct bv_tower_key *key,
                                     struct bv_program **program, struct bv_error *err)
{
    struct bv_fusion_shape shape;
    memcpy(&shape, key->dim, sizeof shape);
    struct bv_graph *graph = NULL;
    enum bv_status status = bv_model_fusion_graph(s->model, &shape, &graph, err);
    if (status == BV_OK)
        return bv_program_compile(s->backend, &graph, program, err);
    bv_graph_destroy(&graph);
    return status;
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
    return a->tower == b->tower && memcmp(a->dim, b->dim, sizeof a->dim) == 0;
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
    const struct tower tower = {s->model, key};
    if (key->tower == BV_TOWER_FUSION)
        BV_TRY(compile_fusion(s, key, program, err));
    else
        BV_TRY(
            bv_program_compile_batch(s->backend, build_tower, &tower, key->dim[0], program, err));
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
                               const void *const *inputs, const struct bv_wanted *wanted,
                               int n_wanted, struct bv_error *err)
{
    struct bv_program *p = NULL;
    float *outputs[BV_MAX_GRAPH_OUTPUTS];
    BV_TRY(program_for(s, key, &p, err));
    BV_TRY(arrange(s, p, wanted, n_wanted, outputs, err));
    // A fusion encoder mostly meets more texts than a batch holds.
    p->once = !s->in_use[key->tower] && key->tower != BV_TOWER_FUSION;
    s->in_use[key->tower] = true;
    BV_TRY(bv_program_run(p, inputs, outputs, err));
    return check_range(s, p, outputs, err);
}

enum bv_status bv_session_run(struct bv_session *s, const struct bv_tower_key *key,
                              const void *const *inputs, const struct bv_wanted *wanted,
                              int n_wanted, struct bv_error *err)
{
    struct bv_error reason = {0};
    enum bv_status status = run_once(s, key, inputs, wanted, n_wanted, &reason);
    if (is_device_failure(status) && s->may_fall_back && !s->fallback.text[0]) {
        struct bv_error unused = {0};
        s->fallback = reason;
        drop_backend(s);
        s->precision = "auto";
        BV_TRY(bv_device_open(&s->backend, s->model->weights, "cpu", &s->precision, s->pool,
                              &unused, err));
        return run_once(s, key, inputs, wanted, n_wanted, err);
    }
    if (status != BV_OK && err)
        *err = reason;
    return status;
}

enum bv_status bv_session_encode_pixels(struct bv_session *s, const float *pixels, int64_t N,
                                        int64_t H, int64_t W, int64_t C,
                                        const struct bv_wanted *wanted, int n_wanted,
                                        struct bv_error *err)
{
    const void *inputs[] = {pixels};
    struct bv_tower_key key = {BV_TOWER_IMAGE, {N, H, W, C}};
    return bv_session_run(s, &key, inputs, wanted, n_wanted, err);
}

enum bv_status bv_session_encode_pair(struct bv_session *s, const float *pixels, const float *prior,
                                      int64_t N, int64_t H, int64_t W, int64_t C,
                                      const struct bv_wanted *wanted, int n_wanted,
                                      struct bv_error *err)
{
    const void *inputs[] = {pixels, prior};
    struct bv_tower_key key = {BV_TOWER_PAIR, {N, H, W, C}};
    return bv_session_run(s, &key, inputs, wanted, n_wanted, err);
}

// The inputs of one text batch.
struct text_batch {
    int32_t *ids;
    int32_t lengths[BV_BATCH_TEXTS], last[BV_BATCH_TEXTS], inner[BV_BATCH_TEXTS];
    int64_t B, T;
};

static enum bv_status run_text(struct bv_session *s, struct text_batch *b,
                               const struct bv_wanted *wanted, int n_wanted, struct bv_error *err)
{
    const void *inputs[] = {b->ids, b->lengths, b->last, b->inner};
    struct bv_tower_key key = {BV_TOWER_TEXT, {b->B, b->T}};
    return bv_session_run(s, &key, inputs, wanted, n_wanted, err);
}

static void put_text(struct text_batch *b, int64_t row, const struct bv_tokens *text)
{
    memcpy(b->ids + row * b->T, text->ids, text->n * sizeof *b->ids);
    b->lengths[row] = (int32_t)text->n;
    b->last[row] = (int32_t)text->n - 1;
    b->inner[row] = text->n > 2 ? (int32_t)text->n - 2 : 1;
}

enum bv_status bv_check_length(const struct bv_model *model, const struct bv_tokens *text,
                               struct bv_error *err)
{
    if (text->n == 0 || (model->max_tokens > 0 && (int64_t)text->n > model->max_tokens))
        return bv_fail(err, BV_ERR_ARG, "a text of %zu tokens; model \"%s\" takes 1 to %lld",
                       text->n, model->name, (long long)model->max_tokens);
    return BV_OK;
}

static int compare_length(const void *a, const void *b)
{
    const struct bv_by_length *x = a, *y = b;
    if (x->n_tokens != y->n_tokens)
        return x->n_tokens < y->n_tokens ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

enum bv_status bv_order_by_length(const struct bv_tokens *const *texts, size_t n,
                                  struct bv_by_length **out, struct bv_error *err)
{
    struct bv_by_length *order = calloc(n, sizeof *order);
    if (!order)
        return bv_fail_nomem(err, "a list of texts");
    for (size_t i = 0; i < n; i++)
        order[i] = (struct bv_by_length){texts[i]->n, i};
    qsort(order, n, sizeof *order, compare_length);
    *out = order;
    return BV_OK;
}

int64_t bv_padded_length(const struct bv_model *model, size_t n)
{
    int64_t T = ((int64_t)n + TOKEN_STEP - 1) / TOKEN_STEP * TOKEN_STEP;
    return model->max_tokens > 0 && T > model->max_tokens ? model->max_tokens : T;
}

// One batch of B texts padded to T tokens; results go to their places in out.
static enum bv_status encode_batch(struct bv_session *s, const struct bv_tokens *const *texts,
                                   const struct bv_by_length *order, int64_t B, int64_t T,
                                   const char *output, int64_t D, float *out, struct bv_error *err)
{
    struct text_batch b = {.B = B, .T = T};
    b.ids = calloc((size_t)(B * b.T), sizeof *b.ids);
    float *rows = calloc((size_t)(B * D), sizeof *rows);
    enum bv_status status = BV_OK;
    if (!b.ids || !rows)
        status = bv_fail_nomem(err, "a batch of texts");
    for (int64_t i = 0; status == BV_OK && i < B; i++)
        put_text(&b, i, texts[order[i].index]);
    struct bv_wanted wanted = {output, rows, (size_t)(B * D)};
    if (status == BV_OK)
        status = run_text(s, &b, &wanted, 1, err);
    for (int64_t i = 0; status == BV_OK && i < B; i++)
        memcpy(out + order[i].index * (size_t)D, rows + i * D, (size_t)D * sizeof *out);
    free(rows);
    free(b.ids);
    return status;
}

static enum bv_status pooled_dim(const struct bv_model *m, const char *output, int64_t *D,
                                 struct bv_error *err)
{
    struct bv_output_shape shape = {.rank = 1, .dim = {m->text_dim}};
    if (strcmp(output, "global") != 0 || m->text_dim == 0)
        BV_TRY(bv_model_text_shape(m, output, bv_padded_length(m, 1), &shape, err));
    if (shape.rank != 1)
        return bv_fail(err, BV_ERR_ARG, "output \"%s\" is not one vector per text", output);
    *D = shape.dim[0];
    return BV_OK;
}

// In batches of texts of similar lengths, or, with T > 0, all padded to T tokens.
static enum bv_status encode_all(struct bv_session *s, const struct bv_tokens *const *texts,
                                 size_t n, int64_t T, const struct bv_wanted *wanted,
                                 struct bv_error *err)
{
    int64_t D = 0;
    BV_TRY(pooled_dim(s->model, wanted->output, &D, err));
    BV_TRY(bv_check_wanted(wanted, (int64_t)n * D, s->model, err));
    struct bv_by_length *order = NULL;
    BV_TRY(bv_order_by_length(texts, n, &order, err));
    enum bv_status status = BV_OK;
    if (n > BV_BATCH_TEXTS)
        s->in_use[BV_TOWER_TEXT] = true;
    for (size_t first = 0; status == BV_OK && first < n; first += BV_BATCH_TEXTS) {
        size_t B = n - first < BV_BATCH_TEXTS ? n - first : BV_BATCH_TEXTS;
        int64_t length = T > 0 ? T : bv_padded_length(s->model, order[first + B - 1].n_tokens);
        status = encode_batch(s, texts, order + first, (int64_t)B, length, wanted->output, D,
                              wanted->out, err);
    }
    free(order);
    return status;
}

enum bv_status bv_session_encode_tokens(struct bv_session *s, const struct bv_tokens *const *texts,
                                        size_t n, const struct bv_wanted *wanted,
                                        struct bv_error *err)
{
    for (size_t i = 0; i < n; i++)
        BV_TRY(bv_check_length(s->model, texts[i], err));
    return n == 0 ? BV_OK : encode_all(s, texts, n, 0, wanted, err);
}

enum bv_status bv_session_encode_padded(struct bv_session *s, const struct bv_tokens *const *texts,
                                        size_t n, const struct bv_wanted *wanted,
                                        struct bv_error *err)
{
    int64_t T = 0;
    for (size_t i = 0; i < n; i++) {
        BV_TRY(bv_check_length(s->model, texts[i], err));
        T = (int64_t)texts[i]->n > T ? (int64_t)texts[i]->n : T;
    }
    return n == 0 ? BV_OK : encode_all(s, texts, n, T, wanted, err);
}

enum bv_status bv_session_encode_sequence(struct bv_session *s, const struct bv_tokens *text,
                                          const struct bv_wanted *wanted, int n_wanted,
                                          struct bv_error *err)
{
    BV_TRY(bv_check_length(s->model, text, err));
    struct text_batch b = {.B = 1, .T = (int64_t)text->n};
    b.ids = calloc(text->n, sizeof *b.ids);
    if (!b.ids)
        return bv_fail_nomem(err, "a text");
    put_text(&b, 0, text);
    enum bv_status status = run_text(s, &b, wanted, n_wanted, err);
    free(b.ids);
    return status;
}
