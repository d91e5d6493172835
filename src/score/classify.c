#include "score/classifier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREPARED 16 // images that are preprocessed at a time

enum bv_status bv_classifier_input_make(const struct bv_classifier *c, const struct bv_image *image,
                                        const struct bv_image *prior,
                                        struct bv_classifier_input *input, struct bv_error *err)
{
    size_t n = bv_classifier_recipe_count(c);
    struct bv_classifier_input made = {calloc(n, sizeof *made.parts), n};
    if (!made.parts)
        return bv_fail_nomem(err, "an image");
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && i < bv_classifier_member_count(c); i++) {
        const struct bv_model *m = bv_session_model(bv_classifier_session(c, i));
        struct bv_encoder_input *part = &made.parts[bv_classifier_recipe(c, i)];
        if (prior && !bv_model_takes_prior(m))
            status = bv_fail(err, BV_ERR_ARG, "model \"%s\" takes no prior image", m->name);
        else if (!part->pixels.data)
            status = bv_encoder_input_make(m, image, prior, part, err);
    }
    if (status == BV_OK)
        *input = made;
    else
        bv_classifier_input_free(&made);
    return status;
}

enum bv_status bv_classifier_input_of(struct bv_pixels *pixels, struct bv_classifier_input *input,
                                      struct bv_error *err)
{
    struct bv_encoder_input *parts = calloc(1, sizeof *parts);
    if (!parts) {
        bv_pixels_free(pixels);
        return bv_fail_nomem(err, "an image");
    }
    bv_pixels_replace(&parts->pixels, pixels);
    *input = (struct bv_classifier_input){parts, 1};
    return BV_OK;
}

enum bv_status bv_classifier_input_make_one(const struct bv_model *model,
                                            const struct bv_image *image,
                                            struct bv_classifier_input *input, struct bv_error *err)
{
    struct bv_encoder_input part = {.pixels = {0}};
    BV_TRY(bv_encoder_input_make(model, image, NULL, &part, err));
    return bv_classifier_input_of(&part.pixels, input, err);
}

void bv_classifier_input_free(struct bv_classifier_input *input)
{
    for (size_t i = 0; input->parts && i < input->n_parts; i++)
        bv_encoder_input_free(&input->parts[i]);
    free(input->parts);
    *input = (struct bv_classifier_input){NULL, 0};
}

// ---- One member ----

// The regions of an image of these pixels; 0 where the rule wants none.
static enum bv_status count_regions(const struct bv_model *m, const char *output,
                                    const struct bv_pixels *p, size_t *R, struct bv_error *err)
{
    struct bv_output_shape shape = {0};
    *R = 0;
    if (!output)
        return BV_OK;
    BV_TRY(bv_model_image_shape(m, output, p->height, p->width, &shape, err));
    *R = bv_shape_elements(&shape) / (size_t)shape.dim[shape.rank - 1];
    return BV_OK;
}

static bool same_size(const struct bv_encoder_input *a, const struct bv_encoder_input *b)
{
    return a->pixels.width == b->pixels.width && a->pixels.height == b->pixels.height;
}

// Scores n inputs of one size by one member.
static enum bv_status score_alike(const struct bv_classifier *c, size_t member,
                                  const struct bv_encoder_input *const *inputs, size_t n,
                                  const struct bv_label_scores *out, struct bv_error *err)
{
    struct bv_session *session = bv_classifier_session(c, member);
    const struct bv_classifier *own = bv_classifier_member(c, member);
    const char *regions = bv_classifier_region_output(own);
    size_t R = 0, D = bv_classifier_dim(own), L = bv_classifier_labels(c)->n;
    BV_TRY(count_regions(bv_session_model(session), regions, &inputs[0]->pixels, &R, err));
    float *image = calloc(n * D, sizeof *image), *local = calloc(n * R * D + 1, sizeof *local);
    const struct bv_wanted wanted[] = {{bv_classifier_output(own), image, n * D},
                                       {regions, local, n * R * D}};
    enum bv_status status = image && local ? BV_OK : bv_fail_nomem(err, "scores");
    if (status == BV_OK)
        status = bv_encode_inputs(session, inputs, n, wanted, regions ? 2 : 1, err);
    for (size_t i = 0; status == BV_OK && i < n; i++)
        status = bv_classifier_score_image(own, image + i * D, regions ? local + i * R * D : NULL,
                                           R, out->scores + i * L, out->positive + i * L,
                                           out->negative + i * L, err);
    free(image);
    free(local);
    return status;
}

static enum bv_status score_member(const struct bv_classifier *c, size_t member,
                                   const struct bv_classifier_input *const *inputs, size_t n,
                                   const struct bv_label_scores *out, struct bv_error *err)
{
    size_t recipe = bv_classifier_recipe(c, member), L = bv_classifier_labels(c)->n;
    const struct bv_encoder_input **parts = calloc(n, sizeof *parts);
    if (!parts)
        return bv_fail_nomem(err, "images");
    for (size_t i = 0; i < n; i++)
        parts[i] = &inputs[i]->parts[recipe];
    enum bv_status status = BV_OK;
    for (size_t first = 0, count; status == BV_OK && first < n; first += count) {
        for (count = 1; first + count < n && same_size(parts[first], parts[first + count]);)
            count++;
        const struct bv_label_scores rows = {out->scores + first * L, out->positive + first * L,
                                             out->negative + first * L};
        status = score_alike(c, member, parts + first, count, &rows, err);
    }
    free(parts);
    return status;
}

// ---- All of them ----

static void add_scaled(double *sum, const double *x, size_t n, double divisor)
{
    for (size_t i = 0; sum && i < n; i++)
        sum[i] += x[i] / divisor;
}

static void fill(const struct bv_label_scores *out, size_t first, size_t n, double value)
{
    double *const rows[] = {out->scores, out->positive, out->negative};
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; rows[k] && i < n; i++)
            rows[k][first + i] = value;
}

enum bv_status bv_classify_inputs(struct bv_classifier *c,
                                  const struct bv_classifier_input *const *inputs, size_t n,
                                  const struct bv_label_scores *out, struct bv_error *err)
{
    size_t members = bv_classifier_member_count(c), N = n * bv_classifier_labels(c)->n;
    double *block = calloc(3 * N + 1, sizeof *block);
    if (!block)
        return bv_fail_nomem(err, "scores");
    const struct bv_label_scores one = {block, block + N, block + 2 * N};
    enum bv_status status = BV_OK;
    fill(out, 0, N, 0);
    for (size_t m = 0; status == BV_OK && m < members; m++) {
        status = score_member(c, m, inputs, n, &one, err);
        if (status != BV_OK)
            break;
        add_scaled(out->scores, one.scores, N, (double)members);
        add_scaled(out->positive, one.positive, N, (double)members);
        add_scaled(out->negative, one.negative, N, (double)members);
    }
    free(block);
    return status;
}

// Images that are preprocessed together.
struct chunk {
    const struct bv_classifier *classifier;
    const struct bv_image *const *images, *const *priors;
    struct bv_classifier_input inputs[PREPARED];
    struct bv_error errors[PREPARED];
    size_t n;
};

static void prepare(void *arg, size_t i)
{
    struct chunk *c = arg;
    c->errors[i].status = bv_classifier_input_make(
        c->classifier, c->images[i], c->priors ? c->priors[i] : NULL, &c->inputs[i], &c->errors[i]);
}

static struct bv_label_scores rows_at(const struct bv_label_scores *out, size_t first)
{
    return (struct bv_label_scores){out->scores + first,
                                    out->positive ? out->positive + first : NULL,
                                    out->negative ? out->negative + first : NULL};
}

// Scores what of a chunk was preprocessed, run by run; its rows begin at `first`.
static enum bv_status score_chunk(struct bv_classifier *classifier, struct chunk *c, size_t first,
                                  const struct bv_label_scores *out, struct bv_error *errors,
                                  struct bv_error *err)
{
    const struct bv_classifier_input *run[PREPARED];
    size_t L = bv_classifier_labels(classifier)->n;
    for (size_t i = 0, count; i < c->n; i += count) {
        for (count = 0; i + count < c->n && c->errors[i + count].status == BV_OK; count++)
            run[count] = &c->inputs[i + count];
        struct bv_label_scores rows = rows_at(out, (first + i) * L);
        if (count > 0) {
            BV_TRY(bv_classify_inputs(classifier, run, count, &rows, err));
            continue;
        }
        count = 1;
        if (!errors)
            return bv_fail(err, c->errors[i].status, "%s", c->errors[i].text);
        errors[first + i] = c->errors[i];
        fill(&rows, 0, L, NAN);
    }
    return BV_OK;
}

enum bv_status bv_classify_images(struct bv_classifier *classifier,
                                  const struct bv_image *const *images,
                                  const struct bv_image *const *priors, size_t n,
                                  const struct bv_label_scores *out, struct bv_error *errors,
                                  struct bv_error *err)
{
    struct chunk *c = calloc(1, sizeof *c);
    if (!c)
        return bv_fail_nomem(err, "images");
    if (errors)
        memset(errors, 0, n * sizeof *errors);
    c->classifier = classifier;
    enum bv_status status = BV_OK;
    for (size_t first = 0; status == BV_OK && first < n; first += PREPARED) {
        c->n = n - first < PREPARED ? n - first : PREPARED;
        c->images = images + first;
        c->priors = priors ? priors + first : NULL;
        memset(c->errors, 0, sizeof c->errors);
        bv_pool_for(bv_session_pool(bv_classifier_session(classifier, 0)), c->n, prepare, c);
        status = score_chunk(classifier, c, first, out, errors, err);
        for (size_t i = 0; i < c->n; i++)
            bv_classifier_input_free(&c->inputs[i]);
    }
    free(c);
    return status;
}
