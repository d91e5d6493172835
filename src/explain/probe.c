#include "explain/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/gradient.h"
#include "model/graphs.h"
#include "model/session_run.h"

static const struct bv_map_method *const methods[] = {
    &bv_method_similarity, &bv_method_gradcam, &bv_method_hirescam,  &bv_method_layercam,
    &bv_method_eigencam,   &bv_method_legrad,  &bv_method_gradeclip, &bv_method_surgery,
    &bv_method_maskclip,   &bv_method_rollout, &bv_method_occlusion, &bv_method_rise,
    &bv_method_attention,
};

#define N_METHODS (sizeof methods / sizeof *methods)

const struct bv_map_method *bv_method_at(size_t i)
{
    return i < N_METHODS ? methods[i] : NULL;
}

const struct bv_map_method *bv_method_find(const char *name)
{
    for (size_t i = 0; i < N_METHODS; i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

// ---- The instrumented graph ----

enum bv_status bv_probe_layers(struct bv_probe *p, int usual, int *n, struct bv_error *err)
{
    const int all = p->layout.n_blocks;
    if (p->layers < -1 || p->layers > all)
        return bv_fail(err, BV_ERR_ARG, "%d layers; the encoder has %d (-1: all of them)",
                       p->layers, all);
    *n = p->layers > 0 ? p->layers : p->layers == 0 && usual < all ? usual : all;
    p->layers = *n;
    return BV_OK;
}

void bv_probe_want(struct bv_probe *p, struct bv_tensor *t)
{
    t = bv_storage_of(t);
    for (int i = 0; i < p->n_taps; i++)
        if (p->tap[i] == t)
            return;
    if (t->role == BV_ROLE_WEIGHT)
        return;
    if (p->n_taps == BV_PROBE_TAPS)
        p->full = true;
    else
        p->tap[p->n_taps++] = t;
}

static void want(void *arg, struct bv_tensor *t)
{
    bv_probe_want(arg, t);
}

enum bv_status bv_probe_want_gradient(struct bv_probe *p, struct bv_tensor *score,
                                      struct bv_tensor *const *targets, int n_targets,
                                      struct bv_error *err)
{
    bv_probe_want(p, score);
    return bv_gradient_needs(p->graph, score, targets, n_targets, want, p, err);
}

// Whether a step of an output applies to each position by itself.
static bool is_local(const char *op)
{
    static const char *const local[] = {"linear",     "batch_norm", "layer_norm", "relu",
                                        "gelu",       "tanh",       "sigmoid",    "elu",
                                        "quick_gelu", "scale",      "l2"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (strcmp(local[i], op) == 0)
            return true;
    return false;
}

struct bv_tensor *bv_probe_embed(struct bv_probe *p, struct bv_tensor *x)
{
    json_t *steps = json_array();
    size_t i;
    const json_t *step;
    json_array_foreach(json_object_get(p->layout.global, "steps"), i, step)
    {
        const char *op = json_string_value(json_array_get(step, 0));
        if (op && (strcmp(op, "mean") == 0 || strcmp(op, "tokens") == 0))
            continue;
        if (!op || !is_local(op)) {
            json_decref(steps);
            return bv_graph_fail(p->graph, BV_ERR_UNSUPPORTED,
                                 "the encoder pools its positions by \"%s\"", op ? op : "?");
        }
        (void)json_array_append(steps, (json_t *)(uintptr_t)step);
    }
    struct bv_tensor *y = bv_steps_build(p->graph, steps, x, NULL);
    json_decref(steps);
    return y;
}

static enum bv_status make_probe(struct bv_probe *p, const struct bv_model *model,
                                 const struct bv_map_method *method, int layers, const char *output,
                                 const int64_t size[4], struct bv_error *err)
{
    p->model = model;
    p->method = method;
    p->layers = layers;
    BV_TRY(bv_model_image_features(model, size[0], size[1], size[2], size[3], &p->graph,
                                   &p->features, err));
    const int i = bv_graph_find_output(p->graph, output);
    if (i < 0)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no output \"%s\"", model->name, output);
    p->score = p->graph->outputs[i];
    BV_TRY(bv_layout_find(&p->layout, model, p->graph, &p->features, err));
    bv_probe_want(p, p->score);
    BV_TRY(method->prepare(p, err));
    BV_TRY(bv_graph_status(p->graph, err));
    if (p->full)
        return bv_fail(err, BV_ERR_LIMIT, "method %s reads more than %d values of this encoder",
                       method->name, BV_PROBE_TAPS);
    return BV_OK;
}

static void name_tap(int i, char name[24])
{
    (void)snprintf(name, 24, "tap.%d", i);
}

// The image tower of a session with taps; size: N, H, W, C, method, layers, output.
static enum bv_status build_tapped(const struct bv_model *model, const int64_t *size,
                                   struct bv_graph **graph, struct bv_error *err)
{
    struct bv_probe *p = calloc(1, sizeof *p);
    if (!p)
        return bv_fail_nomem(err, "a method");
    const char *output = size[6] ? "logits" : "global";
    enum bv_status status = make_probe(p, model, methods[size[4]], (int)size[5], output, size, err);
    *graph = p->graph;
    if (status == BV_OK)
        p->graph->n_outputs = 0; // only what the method reads
    for (int i = 0; status == BV_OK && i < p->n_taps; i++) {
        char name[24];
        name_tap(i, name);
        (void)bv_graph_output(p->graph, p->tap[i], name);
    }
    if (status == BV_OK)
        status = bv_graph_status(p->graph, err);
    free(p);
    return status;
}

static const struct bv_tower tapped_tower = {build_tapped, true};

// ---- Runs ----

struct values {
    float **by_id;
    int n;
};

static void values_free(struct values *v)
{
    for (int i = 0; v->by_id && i < v->n; i++)
        free(v->by_id[i]);
    free(v->by_id);
}

static enum bv_status values_make(struct values *v, const struct bv_probe *p,
                                  struct bv_wanted *wanted, char (*names)[24], struct bv_error *err)
{
    v->n = p->graph->n_tensors;
    v->by_id = calloc((size_t)v->n + 1, sizeof *v->by_id);
    if (!v->by_id)
        return bv_fail_nomem(err, "the values of an encoder");
    for (int i = 0; i < p->n_taps; i++) {
        const size_t n = (size_t)bv_elements(p->tap[i]);
        float *memory = calloc(n, sizeof *memory);
        if (!memory)
            return bv_fail_nomem(err, "the values of an encoder");
        v->by_id[p->tap[i]->id] = memory;
        name_tap(i, names[i]);
        wanted[i] = (struct bv_wanted){names[i], memory, n};
    }
    return BV_OK;
}

const float *bv_probe_value(const struct bv_probe_run *run, struct bv_tensor *t)
{
    return run->values[bv_storage_of(t)->id];
}

static double length_of(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum);
}

double bv_goal_score(const struct bv_goal *goal, size_t i, const float *e)
{
    double sum = 0;
    for (size_t d = 0; d < goal->D; d++)
        sum += (double)goal->direction[i * goal->D + d] * e[d];
    const double length = goal->linear ? 1 : length_of(e, goal->D);
    return length > 0 ? sum / length : 0;
}

// Of the scores with respect to the embedding e: t, or (t - s e/|e|) / |e| of a cosine s.
static void seed(const struct bv_goal *goal, const float *e, float *seeds)
{
    const size_t D = goal->D;
    const double length = goal->linear ? 1 : length_of(e, D);
    for (size_t i = 0; i < goal->n; i++) {
        const double s = goal->linear ? 0 : bv_goal_score(goal, i, e);
        for (size_t d = 0; d < D; d++)
            seeds[i * D + d] =
                length > 0 ? (float)((goal->direction[i * D + d] - s * e[d] / length) / length) : 0;
    }
}

enum bv_status bv_probe_gradient(const struct bv_probe_run *run, struct bv_tensor *embedding,
                                 struct bv_tensor *target, float **gradient, struct bv_error *err)
{
    const struct bv_goal *goal = run->goal;
    float *seeds = calloc(goal->n * goal->D + 1, sizeof *seeds);
    *gradient = calloc(goal->n * (size_t)bv_elements(target) + 1, sizeof **gradient);
    enum bv_status status = seeds && *gradient ? BV_OK : bv_fail_nomem(err, "a gradient");
    if (status == BV_OK) {
        seed(goal, bv_probe_value(run, embedding), seeds);
        const struct bv_gradient job = {.graph = run->probe->graph,
                                        .score = embedding,
                                        .targets = &target,
                                        .n_targets = 1,
                                        .values = run->values,
                                        .n = (int64_t)goal->n,
                                        .seeds = seeds,
                                        .gradients = gradient};
        status = bv_gradient_run(&job, run->pool, err);
    }
    free(seeds);
    if (status != BV_OK) {
        free(*gradient);
        *gradient = NULL;
    }
    return status;
}

void bv_maps_free(struct bv_maps *maps)
{
    free(maps->values);
    free(maps->errors);
    free(maps->scores);
    *maps = (struct bv_maps){0};
}

// All texts' maps, as many at a time as the method takes.
static enum bv_status map_texts(const struct bv_probe_run *run, struct bv_maps *maps,
                                struct bv_error *err)
{
    const struct bv_goal *all = run->goal;
    const struct bv_map_method *method = run->probe->method;
    const size_t most = method->at_once ? method->at_once : all->n;
    for (size_t first = 0; first < all->n; first += most) {
        struct bv_goal some = *all;
        struct bv_probe_run part = *run;
        some.direction += first * all->D;
        some.n = all->n - first < most ? all->n - first : most;
        part.goal = &some;
        BV_TRY(method->map(&part, maps->values + first * (size_t)(maps->h * maps->w), err));
    }
    return BV_OK;
}

static enum bv_status make_maps(const struct bv_probe_run *run, struct bv_maps *maps,
                                struct bv_error *err)
{
    const struct bv_goal *goal = run->goal;
    const struct bv_encoder_layout *l = &run->probe->layout;
    if ((size_t)bv_last_dim(run->probe->score) != goal->D)
        return bv_fail(err, BV_ERR_MODEL, "texts and images have different lengths");
    maps->h = l->h;
    maps->w = l->w;
    maps->layers = run->probe->method->reads_layers ? run->probe->layers : 0;
    maps->values = calloc(goal->n * (size_t)(l->h * l->w) + 1, sizeof *maps->values);
    maps->scores = calloc(goal->n + 1, sizeof *maps->scores);
    if (!maps->values || !maps->scores)
        return bv_fail_nomem(err, "heat maps");
    for (size_t i = 0; i < goal->n; i++)
        maps->scores[i] = bv_goal_score(goal, i, bv_probe_value(run, run->probe->score));
    return map_texts(run, maps, err);
}

static int64_t method_index(const struct bv_map_method *method)
{
    int64_t i = 0;
    while (methods[i] != method)
        i++;
    return i;
}

// Runs the tapped encoder over the pixels and lets the method read.
static enum bv_status run_probe(struct bv_session *session, struct bv_probe *p,
                                const struct bv_pixels *pixels, const struct bv_goal *goal,
                                struct bv_maps *maps, struct bv_error *err)
{
    const struct bv_tower_key key = {&tapped_tower,
                                     {1, pixels->height, pixels->width, pixels->channels,
                                      method_index(p->method), p->layers,
                                      strcmp(goal->output, "logits") == 0}};
    const struct bv_input inputs[] = {{"pixels", pixels->data}};
    struct bv_wanted wanted[BV_PROBE_TAPS] = {{0}};
    char names[BV_PROBE_TAPS][24];
    struct values v = {0};
    enum bv_status status = values_make(&v, p, wanted, names, err);
    if (status == BV_OK)
        status = bv_session_run(session, &key, inputs, 1, wanted, p->n_taps, err);
    if (status == BV_OK) {
        const struct bv_probe_run run = {p, bv_session_pool(session), (const float *const *)v.by_id,
                                         goal};
        status = make_maps(&run, maps, err);
    }
    values_free(&v);
    return status;
}

static enum bv_status look_inside(struct bv_session *session,
                                  const struct bv_probe_request *request, struct bv_maps *maps,
                                  struct bv_error *err)
{
    struct bv_probe *p = calloc(1, sizeof *p);
    const struct bv_pixels *pixels = request->pixels;
    const int64_t size[4] = {1, pixels->height, pixels->width, pixels->channels};
    if (!p)
        return bv_fail_nomem(err, "a method");
    enum bv_status status = make_probe(p, bv_session_model(session), request->method,
                                       request->layers, request->goal->output, size, err);
    if (status == BV_OK)
        status = run_probe(session, p, pixels, request->goal, maps, err);
    bv_graph_destroy(&p->graph);
    free(p);
    return status;
}

static enum bv_status check_layers(const struct bv_map_method *method, int layers,
                                   struct bv_error *err)
{
    if (layers && !method->reads_layers)
        return bv_fail(err, BV_ERR_ARG, "method %s reads no number of layers", method->name);
    return BV_OK;
}

enum bv_status bv_probe_maps(struct bv_session *session, const struct bv_probe_request *request,
                             struct bv_maps *maps, struct bv_error *err)
{
    struct bv_maps made = {0};
    BV_TRY(check_layers(request->method, request->layers, err));
    if (request->masks && request->method != &bv_method_rise)
        return bv_fail(err, BV_ERR_ARG, "method %s reads no masks", request->method->name);
    enum bv_status status = request->method->sweep
                                ? request->method->sweep(session, request, &made, err)
                                : look_inside(session, request, &made, err);
    if (status == BV_OK)
        *maps = made;
    else
        bv_maps_free(&made);
    return status;
}

bool bv_probe_of_decoder(const struct bv_model *model, const char *output)
{
    const char *rows = bv_json_string(bv_model_decoder_card(model), "image", NULL);
    return rows && strcmp(rows, output) == 0;
}

// Whether the encoder has an output at all; of a fusion encoder no image has one by itself.
static enum bv_status check_output(const struct bv_model *model, const struct bv_map_method *method,
                                   const char *output, struct bv_error *err)
{
    const json_t *outputs = json_object_get(json_object_get(model->card, "image"), "outputs");
    if (!bv_model_has_image(model))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "model \"%s\" has no image encoder", model->name);
    if (!json_object_get(outputs, output))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "model \"%s\" has no output \"%s\"", model->name,
                       output);
    if (method->of_decoder != bv_probe_of_decoder(model, output))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       method->of_decoder ? "%s is of labels that a decoder scores"
                                          : "%s is not of labels that a decoder scores",
                       method->name);
    return BV_OK;
}

enum bv_status bv_probe_check(const struct bv_model *model, const struct bv_map_method *method,
                              int layers, const char *output, struct bv_error *err)
{
    BV_TRY(check_output(model, method, output, err));
    BV_TRY(check_layers(method, layers, err));
    if (method->sweep)
        return BV_OK;
    if (strcmp(output, "global") != 0 && strcmp(output, "logits") != 0) // build_tapped()'s two
        return bv_fail(err, BV_ERR_UNSUPPORTED, "output \"%s\" has no maps from the inside",
                       output);
    struct bv_probe *p = calloc(1, sizeof *p);
    if (!p)
        return bv_fail_nomem(err, "a method");
    const int64_t size[4] = {1, model->image_height, model->image_width,
                             bv_recipe_channels(model->recipe)};
    enum bv_status status = make_probe(p, model, method, layers, output, size, err);
    bv_graph_destroy(&p->graph);
    free(p);
    return status;
}
