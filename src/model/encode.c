#include "model/encode.h"

#include <stdlib.h>
#include <string.h>

#include "model/session_run.h"

#define PREPROCESSED 16 // images that are preprocessed at a time

enum bv_status bv_encoder_input_make(const struct bv_model *model, const struct bv_image *image,
                                     const struct bv_image *prior, struct bv_encoder_input *input,
                                     struct bv_error *err)
{
    struct bv_encoder_input made = {.pixels = {0}};
    if (!model->recipe)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no image encoder", model->name);
    if (prior && !bv_model_takes_prior(model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" takes no prior image", model->name);
    enum bv_status status = bv_recipe_run(model->recipe, image, &made.pixels, err);
    if (status == BV_OK && prior)
        status = bv_recipe_run(model->recipe, prior, &made.prior, err);
    if (status == BV_OK && prior &&
        (made.prior.height != made.pixels.height || made.prior.width != made.pixels.width))
        status =
            bv_fail(err, BV_ERR_ARG, "the prior image is %d×%d for the encoder, the image %d×%d",
                    made.prior.width, made.prior.height, made.pixels.width, made.pixels.height);
    if (status == BV_OK)
        *input = made;
    else
        bv_encoder_input_free(&made);
    return status;
}

void bv_encoder_input_free(struct bv_encoder_input *input)
{
    bv_pixels_free(&input->pixels);
    bv_pixels_free(&input->prior);
}

// ---- Batches ----

static bool alike(const struct bv_encoder_input *a, const struct bv_encoder_input *b)
{
    return a->pixels.width == b->pixels.width && a->pixels.height == b->pixels.height &&
           a->pixels.channels == b->pixels.channels && !a->prior.data == !b->prior.data;
}

// The pixels, or prior pixels, of n inputs one after the other: in place where there is one.
static const float *gather(const struct bv_encoder_input *const *inputs, size_t n, bool prior,
                           float *block)
{
    size_t each = bv_pixels_samples(&inputs[0]->pixels);
    if (n == 1)
        return prior ? inputs[0]->prior.data : inputs[0]->pixels.data;
    for (size_t i = 0; i < n; i++)
        memcpy(block + i * each, prior ? inputs[i]->prior.data : inputs[i]->pixels.data,
               each * sizeof *block);
    return block;
}

// Runs n inputs that are alike.
static enum bv_status run_batch(struct bv_session *s, const struct bv_encoder_input *const *inputs,
                                size_t n, const struct bv_wanted *wanted, int n_wanted,
                                struct bv_error *err)
{
    const struct bv_pixels *p = &inputs[0]->pixels;
    size_t each = bv_pixels_samples(p);
    bool with_prior = inputs[0]->prior.data != NULL;
    float *block = NULL;
    if (n > 1)
        BV_TRY(bv_session_scratch(s, (with_prior ? 2 : 1) * n * each, &block, err));
    const struct bv_pixel_batch batch = {
        .pixels = gather(inputs, n, false, block),
        .prior = with_prior ? gather(inputs, n, true, block ? block + n * each : NULL) : NULL,
        .N = (int64_t)n,
        .H = p->height,
        .W = p->width,
        .C = p->channels,
    };
    return bv_session_encode_pixels(s, &batch, wanted, n_wanted, err);
}

static enum bv_status check_count(int n_wanted, struct bv_error *err)
{
    if (n_wanted < 1 || n_wanted > BV_MAX_GRAPH_OUTPUTS)
        return bv_fail(err, BV_ERR_ARG, "%d outputs are wanted; 1 to %d are possible", n_wanted,
                       BV_MAX_GRAPH_OUTPUTS);
    return BV_OK;
}

// The inputs may only differ in size where the shape of the output does not: every row must be as
// long as the caller made it.
static enum bv_status check_row(const struct bv_model *m, const struct bv_encoder_input *input,
                                const struct bv_wanted *wanted, size_t n, struct bv_error *err)
{
    struct bv_output_shape shape = {0};
    const struct bv_pixels *p = &input->pixels;
    BV_TRY(bv_model_image_shape(m, wanted->output, p->height, p->width, &shape, err));
    if (bv_shape_elements(&shape) * n != wanted->n_floats)
        return bv_fail(err, BV_ERR_ARG,
                       "output \"%s\" of model \"%s\" depends on the size of the image: one call "
                       "takes images of one size",
                       wanted->output, m->name);
    return BV_OK;
}

// The place of rows first … first + count - 1 of n in each wanted output.
static void rows_of(const struct bv_wanted *wanted, int n_wanted, size_t n, size_t first,
                    size_t count, struct bv_wanted *part)
{
    for (int k = 0; k < n_wanted; k++) {
        size_t each = wanted[k].n_floats / n;
        part[k] = (struct bv_wanted){wanted[k].output, wanted[k].out + first * each,
                                     count < n ? count * each : wanted[k].n_floats};
    }
}

enum bv_status bv_encode_inputs(struct bv_session *s, const struct bv_encoder_input *const *inputs,
                                size_t n, const struct bv_wanted *wanted, int n_wanted,
                                struct bv_error *err)
{
    struct bv_wanted part[BV_MAX_GRAPH_OUTPUTS];
    BV_TRY(check_count(n_wanted, err));
    for (size_t first = 0, count; first < n; first += count) {
        for (count = 1; first + count < n && alike(inputs[first], inputs[first + count]);)
            count++;
        for (int k = 0; count < n && k < n_wanted; k++)
            BV_TRY(check_row(bv_session_model(s), inputs[first], &wanted[k], n, err));
        rows_of(wanted, n_wanted, n, first, count, part);
        BV_TRY(run_batch(s, inputs + first, count, part, n_wanted, err));
    }
    return BV_OK;
}

// ---- Images ----

// Images that are preprocessed together.
struct chunk {
    const struct bv_model *model;
    const struct bv_image *const *images, *const *priors;
    struct bv_encoder_input inputs[PREPROCESSED];
    struct bv_error errors[PREPROCESSED];
    size_t n;
};

static void preprocess(void *arg, size_t i)
{
    struct chunk *c = arg;
    c->errors[i].status = bv_encoder_input_make(
        c->model, c->images[i], c->priors ? c->priors[i] : NULL, &c->inputs[i], &c->errors[i]);
}

static void clear_rows(const struct bv_wanted *part, int n_wanted)
{
    for (int k = 0; k < n_wanted; k++)
        memset(part[k].out, 0, part[k].n_floats * sizeof *part[k].out);
}

// Encodes what of a chunk was preprocessed; its rows begin at `first` of n.
static enum bv_status encode_chunk(struct bv_session *s, struct chunk *c,
                                   const struct bv_wanted *wanted, int n_wanted, size_t first,
                                   size_t n, struct bv_error *errors, struct bv_error *err)
{
    struct bv_wanted part[BV_MAX_GRAPH_OUTPUTS];
    const struct bv_encoder_input *run[PREPROCESSED];
    for (size_t i = 0, count; i < c->n; i += count) {
        count = 1;
        if (c->errors[i].status != BV_OK) {
            if (!errors)
                return bv_fail(err, c->errors[i].status, "%s", c->errors[i].text);
            errors[first + i] = c->errors[i];
            rows_of(wanted, n_wanted, n, first + i, 1, part);
            clear_rows(part, n_wanted);
            continue;
        }
        for (count = 0; i + count < c->n && c->errors[i + count].status == BV_OK; count++)
            run[count] = &c->inputs[i + count];
        rows_of(wanted, n_wanted, n, first + i, count, part);
        BV_TRY(bv_encode_inputs(s, run, count, part, n_wanted, err));
    }
    return BV_OK;
}

enum bv_status bv_encode_images(struct bv_session *s, const struct bv_image *const *images,
                                const struct bv_image *const *priors, size_t n,
                                const struct bv_wanted *wanted, int n_wanted,
                                struct bv_error *errors, struct bv_error *err)
{
    struct chunk *c = calloc(1, sizeof *c);
    if (!c)
        return bv_fail_nomem(err, "images");
    if (errors)
        memset(errors, 0, n * sizeof *errors);
    enum bv_status status = check_count(n_wanted, err);
    c->model = bv_session_model(s);
    for (size_t first = 0; status == BV_OK && first < n; first += PREPROCESSED) {
        c->n = n - first < PREPROCESSED ? n - first : PREPROCESSED;
        c->images = images + first;
        c->priors = priors ? priors + first : NULL;
        memset(c->errors, 0, sizeof c->errors);
        bv_pool_for(bv_session_pool(s), c->n, preprocess, c);
        status = encode_chunk(s, c, wanted, n_wanted, first, n, errors, err);
        for (size_t i = 0; i < c->n; i++)
            bv_encoder_input_free(&c->inputs[i]);
    }
    free(c);
    return status;
}

// ---- Texts ----

// Texts as tokens: of all, and a list of those that succeeded with their places among all.
struct tokenized {
    struct bv_tokens *tokens; // [n]
    const struct bv_tokens **list;
    size_t *place;
    size_t n, n_listed;
};

static void free_tokenized(struct tokenized *t)
{
    for (size_t i = 0; t->tokens && i < t->n; i++)
        bv_tokens_free(&t->tokens[i]);
    free(t->tokens);
    free(t->list);
    free(t->place);
}

// seconds may be NULL: single texts.
static enum bv_status tokenize(const struct bv_model *m, const char *const *texts,
                               const char *const *seconds, size_t n, struct tokenized *t,
                               unsigned char *truncated, struct bv_error *errors,
                               struct bv_error *err)
{
    t->n = n;
    t->tokens = calloc(n + 1, sizeof *t->tokens);
    t->list = calloc(n + 1, sizeof *t->list);
    t->place = calloc(n + 1, sizeof *t->place);
    if (!t->tokens || !t->list || !t->place)
        return bv_fail_nomem(err, "texts");
    for (size_t i = 0; i < n; i++) {
        struct bv_error *own = errors ? &errors[i] : err;
        size_t n_bytes = strlen(texts[i]);
        enum bv_status status =
            seconds ? bv_tokenizer_encode_pair(m->tokenizer, texts[i], n_bytes, seconds[i],
                                               strlen(seconds[i]), &t->tokens[i], own)
                    : bv_tokenizer_encode(m->tokenizer, texts[i], n_bytes, &t->tokens[i], own);
        if (truncated)
            truncated[i] = t->tokens[i].truncated;
        if (status == BV_OK) {
            t->place[t->n_listed] = i;
            t->list[t->n_listed++] = &t->tokens[i];
        } else if (!errors) {
            return n > 1 ? bv_fail_prefix(err, "text %zu", i + 1) : status;
        }
    }
    return BV_OK;
}

// The rows of the n_listed texts, spread from the front of out to their places; zeros elsewhere.
static void spread_rows(float *out, size_t each, const size_t *place, size_t n_listed, size_t n)
{
    for (size_t i = n, k = n_listed; i > 0; i--) {
        bool listed = k > 0 && place[k - 1] == i - 1;
        if (!listed)
            memset(out + (i - 1) * each, 0, each * sizeof *out);
        else if (--k != i - 1)
            memcpy(out + (i - 1) * each, out + k * each, each * sizeof *out);
    }
}

enum bv_status bv_encode_text_outputs(struct bv_session *s, const char *const *texts,
                                      const char *const *seconds, size_t n,
                                      const struct bv_wanted *wanted, int n_wanted,
                                      unsigned char *truncated, struct bv_error *errors,
                                      struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_wanted part[BV_MAX_GRAPH_OUTPUTS];
    BV_TRY(check_count(n_wanted, err));
    if (!bv_model_has_text(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no text encoder", m->name);
    struct tokenized t = {.n = 0};
    if (errors)
        memset(errors, 0, n * sizeof *errors);
    enum bv_status status = tokenize(m, texts, seconds, n, &t, truncated, errors, err);
    if (status == BV_OK && n > 0) {
        rows_of(wanted, n_wanted, n, 0, t.n_listed, part);
        status = bv_session_encode_outputs(s, t.list, t.n_listed, part, n_wanted, err);
        for (int k = 0; status == BV_OK && t.n_listed < n && k < n_wanted; k++)
            spread_rows(wanted[k].out, wanted[k].n_floats / n, t.place, t.n_listed, n);
    }
    free_tokenized(&t);
    return status;
}

enum bv_status bv_encode_texts(struct bv_session *s, const char *const *texts, size_t n,
                               const struct bv_wanted *wanted, unsigned char *truncated,
                               struct bv_error *errors, struct bv_error *err)
{
    return bv_encode_text_outputs(s, texts, NULL, n, wanted, 1, truncated, errors, err);
}
