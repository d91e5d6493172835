#include "convert/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "graph/rewrite.h"

// Each layer is tried with so many inputs of a kind; the choice is checked with all.
static const size_t few_inputs = 4;

struct layer {
    char *name;   // of its weight
    double error; // 1 - the worst cosine with this layer alone in int8
};

struct choice {
    struct bv_model *model;
    const struct bv_quantize_inputs *inputs;
    struct bv_pool *pool;
    struct layer *layers;
    int n_layers, room;
    float *images, *texts; // embeddings in f32, a row for each input
    size_t image_dim, text_dim;
    json_t *golden; // the file's, or NULL
};

static enum bv_status add_layer(struct choice *c, const char *name, struct bv_error *err)
{
    for (int i = 0; i < c->n_layers; i++)
        if (strcmp(c->layers[i].name, name) == 0)
            return BV_OK;
    if (c->n_layers == c->room) {
        int room = c->room ? 2 * c->room : 64;
        struct layer *layers = realloc(c->layers, (size_t)room * sizeof *layers);
        if (!layers)
            return bv_fail_nomem(err, "layers");
        c->layers = layers;
        c->room = room;
    }
    char *copy = strdup(name);
    if (!copy)
        return bv_fail_nomem(err, "layers");
    c->layers[c->n_layers++] = (struct layer){copy, 0};
    return BV_OK;
}

// The products of a tower, as they stand after the rewrites. Destroys the graph.
static enum bv_status add_layers(struct choice *c, struct bv_graph **graph, struct bv_error *err)
{
    bv_rewrite_all(*graph);
    enum bv_status status = bv_graph_status(*graph, err);
    for (const struct bv_node *n = (*graph)->first; n && status == BV_OK; n = n->next)
        if ((n->op == BV_OP_linear || n->op == BV_OP_conv2d) && n->in[1]->role == BV_ROLE_WEIGHT)
            status = add_layer(c, n->in[1]->name, err);
    bv_graph_destroy(graph);
    return status;
}

// Those of both towers: the golden vectors ask for both.
static enum bv_status find_layers(struct choice *c, struct bv_error *err)
{
    const struct bv_model *m = c->model;
    struct bv_graph *g = NULL;
    enum bv_status status = BV_OK;
    if (bv_model_has_image(m)) {
        const struct bv_pixels *p = c->inputs->n_images > 0 ? &c->inputs->images->pixels : NULL;
        status = bv_model_image_graph(m, 1, p ? p->height : m->image_height,
                                      p ? p->width : m->image_width, bv_recipe_channels(m->recipe),
                                      &g, err);
        if (status == BV_OK)
            status = add_layers(c, &g, err);
    }
    if (status == BV_OK && bv_model_has_text(m)) {
        status = bv_model_text_graph(m, 1, 8, &g, err);
        if (status == BV_OK)
            status = add_layers(c, &g, err);
    }
    bv_graph_destroy(&g);
    return status;
}

static enum bv_status run_images(const struct choice *c, struct bv_session *s, size_t n, float *out,
                                 struct bv_error *err)
{
    for (size_t i = 0; i < n && i < c->inputs->n_images; i++) {
        const struct bv_encoder_input *input = &c->inputs->images[i];
        struct bv_wanted wanted = {"global", out + i * c->image_dim, c->image_dim};
        BV_TRY(bv_encode_inputs(s, &input, 1, &wanted, 1, err));
    }
    return BV_OK;
}

static enum bv_status run_texts(const struct choice *c, struct bv_session *s, size_t n, float *out,
                                struct bv_error *err)
{
    for (size_t i = 0; i < n && i < c->inputs->n_texts; i++) {
        struct bv_wanted wanted = {"global", out + i * c->text_dim, c->text_dim};
        BV_TRY(bv_encode_texts(s, c->inputs->texts + i, 1, &wanted, NULL, NULL, err));
    }
    return BV_OK;
}

// Written so that a NaN anywhere is the worst.
static double worst_cosine(const float *a, const float *b, size_t n, size_t dim, double worst)
{
    for (size_t i = 0; i < n; i++, a += dim, b += dim) {
        double dot = 0, aa = 0, bb = 0;
        for (size_t k = 0; k < dim; k++) {
            dot += (double)a[k] * b[k];
            aa += (double)a[k] * a[k];
            bb += (double)b[k] * b[k];
        }
        double cosine = dot / sqrt(aa * bb);
        if (!(cosine >= worst))
            worst = isnan(cosine) ? -1 : cosine;
    }
    return worst;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static enum bv_status compare_inputs(const struct choice *c, struct bv_session *s, size_t n,
                                     double *cosine, struct bv_error *err)
{
    size_t n_images = least(n, c->inputs->n_images), n_texts = least(n, c->inputs->n_texts);
    float *images = malloc((n_images * c->image_dim + 1) * sizeof *images);
    float *texts = malloc((n_texts * c->text_dim + 1) * sizeof *texts);
    enum bv_status status = images && texts ? BV_OK : bv_fail_nomem(err, "embeddings");
    if (status == BV_OK)
        status = run_images(c, s, n, images, err);
    if (status == BV_OK)
        status = run_texts(c, s, n, texts, err);
    if (status == BV_OK) {
        *cosine = worst_cosine(images, c->images, n_images, c->image_dim, 1);
        *cosine = worst_cosine(texts, c->texts, n_texts, c->text_dim, *cosine);
    }
    free(images);
    free(texts);
    return status;
}

// The worst cosine of an int8 session, with the layers that the weights keep now, over the first n
// inputs of each kind and the golden vectors.
static enum bv_status measure(const struct choice *c, size_t n, double *cosine,
                              struct bv_error *err)
{
    struct bv_session *s = NULL;
    struct bv_session_options options = {"cpu", "int8", c->pool};
    BV_TRY(bv_session_open(&s, c->model, &options, err));
    enum bv_status status = compare_inputs(c, s, n, cosine, err);
    if (status == BV_OK && c->golden) {
        struct bv_golden_report report = {0};
        status = bv_golden_compare(s, c->golden, &report, err);
        if (status == BV_OK && !(report.worst_cosine >= *cosine))
            *cosine = report.worst_cosine;
    }
    bv_session_close(&s);
    return status;
}

// The embeddings in f32.
static enum bv_status make_reference(struct choice *c, struct bv_error *err)
{
    struct bv_session *s = NULL;
    struct bv_session_options options = {"cpu", "f32", c->pool};
    const struct bv_quantize_inputs *in = c->inputs;
    BV_TRY(bv_session_open(&s, c->model, &options, err));
    enum bv_status status = BV_OK;
    c->image_dim = (size_t)c->model->image_dim;
    c->text_dim = (size_t)c->model->text_dim;
    c->images = malloc((in->n_images * c->image_dim + 1) * sizeof *c->images);
    c->texts = malloc((in->n_texts * c->text_dim + 1) * sizeof *c->texts);
    if (status == BV_OK && (!c->images || !c->texts))
        status = bv_fail_nomem(err, "embeddings");
    if (status == BV_OK)
        status = run_images(c, s, in->n_images, c->images, err);
    if (status == BV_OK)
        status = run_texts(c, s, in->n_texts, c->texts, err);
    bv_session_close(&s);
    return status;
}

// Keeps layers first … last-1 and none else.
static enum bv_status keep(const struct choice *c, int first, int last, struct bv_error *err)
{
    for (int i = first; i < last; i++)
        BV_TRY(bv_weights_keep(c->model->weights, c->layers[i].name, err));
    return BV_OK;
}

static int by_error(const void *a, const void *b)
{
    const struct layer *x = a, *y = b;
    if (x->error != y->error)
        return x->error < y->error ? 1 : -1;
    return strcmp(x->name, y->name);
}

static enum bv_status measure_layers(struct choice *c, struct bv_error *err)
{
    for (int i = 0; i < c->n_layers; i++) {
        double cosine = 1;
        bv_weights_keep_none(c->model->weights);
        BV_TRY(keep(c, 0, i, err));
        BV_TRY(keep(c, i + 1, c->n_layers, err));
        BV_TRY(measure(c, few_inputs, &cosine, err));
        c->layers[i].error = 1 - cosine;
    }
    qsort(c->layers, (size_t)c->n_layers, sizeof *c->layers, by_error);
    return BV_OK;
}

// The fewest of the worst layers that must be kept, by halving; they are kept then.
static enum bv_status choose(const struct choice *c, double limit, struct bv_quantization *result,
                             struct bv_error *err)
{
    int low = 0, high = c->n_layers + 1; // enough are at least low and at most high
    double reached = -1;
    while (low < high) {
        int kept = (low + high) / 2;
        bv_weights_keep_none(c->model->weights);
        BV_TRY(keep(c, 0, kept, err));
        BV_TRY(measure(c, SIZE_MAX, &reached, err));
        if (reached >= limit)
            high = kept;
        else
            low = kept + 1;
        if (low > c->n_layers)
            return bv_fail(err, BV_ERR_MODEL,
                           "a cosine of %.9g is not reached even in bf16 (%.9g): the model is not "
                           "fit for int8",
                           limit, reached);
    }
    bv_weights_keep_none(c->model->weights);
    BV_TRY(keep(c, 0, low, err));
    BV_TRY(measure(c, SIZE_MAX, &reached, err));
    *result = (struct bv_quantization){c->n_layers, low, reached};
    return BV_OK;
}

static enum bv_status describe(const struct choice *c, const struct bv_quantization *q,
                               char **value, struct bv_error *err)
{
    json_t *kept = json_array(), *errors = json_object();
    for (int i = 0; i < c->n_layers; i++) {
        (void)json_object_set_new(errors, c->layers[i].name, json_real(c->layers[i].error));
        if (i < q->n_kept)
            (void)json_array_append_new(kept, json_string(c->layers[i].name));
    }
    json_t *root = json_pack("{s:o, s:f, s:I, s:I, s:o}", "keep", kept, "cosine", q->cosine,
                             "images", (json_int_t)c->inputs->n_images, "texts",
                             (json_int_t)c->inputs->n_texts, "errors", errors);
    *value = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    return *value ? BV_OK : bv_fail_nomem(err, "the choice of layers");
}

static enum bv_status read_golden(struct choice *c, struct bv_error *err)
{
    size_t size = 0;
    const char *text = bv_safetensors_metadata(&c->model->file, BV_META_GOLDEN, &size);
    return text ? bv_json_parse(&c->golden, text, size, "golden vectors", err) : BV_OK;
}

enum bv_status bv_quantize_choose(struct bv_model *model, const struct bv_quantize_inputs *inputs,
                                  double cosine, struct bv_pool *pool, char **value,
                                  struct bv_quantization *result, struct bv_error *err)
{
    struct choice c = {.model = model, .inputs = inputs, .pool = pool};
    bv_weights_keep_none(model->weights);
    enum bv_status status = read_golden(&c, err);
    if (status == BV_OK)
        status = find_layers(&c, err);
    if (status == BV_OK)
        status = make_reference(&c, err);
    if (status == BV_OK)
        status = measure_layers(&c, err);
    if (status == BV_OK)
        status = choose(&c, cosine, result, err);
    if (status == BV_OK)
        status = describe(&c, result, value, err);
    for (int i = 0; i < c.n_layers; i++)
        free(c.layers[i].name);
    free(c.layers);
    free(c.images);
    free(c.texts);
    json_decref(c.golden);
    return status;
}

enum bv_status bv_quantize_write(const struct bv_model *model, const char *path, const char *value,
                                 struct bv_error *err)
{
    const struct bv_safetensors *file = &model->file;
    struct bv_safetensors_spec *specs = calloc(file->n_tensors + 1, sizeof *specs);
    json_t *meta = json_copy(file->metadata);
    enum bv_status status = BV_OK;
    if (!specs || !meta || json_object_set_new(meta, BV_META_INT8, json_string(value)) != 0)
        status = bv_fail_nomem(err, path);
    for (size_t i = 0; status == BV_OK && i < file->n_tensors; i++) {
        const struct bv_safetensors_tensor *t = &file->tensors[i];
        specs[i] = (struct bv_safetensors_spec){t->name, t->dtype, t->n_dims, {0}, t->data};
        memcpy(specs[i].shape, t->shape, sizeof t->shape);
    }
    if (status == BV_OK)
        status = bv_safetensors_write(path, specs, file->n_tensors, meta, NULL, NULL, err);
    free(specs);
    json_decref(meta);
    return status;
}
