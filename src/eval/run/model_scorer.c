#include "eval/run/model_scorer.h"

#include <stdlib.h>
#include <string.h>

#include "eval/data/warnings.h"
#include "image/gate.h"

enum bv_status bv_scorer_prepare(const struct bv_session *session, const char *path,
                                 struct bv_prepared *prepared, struct bv_error *err)
{
    struct bv_image *image = NULL;
    BV_TRY(bv_image_open(path, NULL, &image, err));
    const struct bv_recipe *recipe = bv_session_model(session)->recipe;
    struct bv_prepared made = {.width = image->width, .height = image->height};
    enum bv_status status = bv_gate(image, recipe, err);
    if (status == BV_OK)
        status = bv_recipe_run(recipe, image, &made.pixels, err);
    made.warnings = bv_warnings_of(image);
    if (status == BV_OK)
        *prepared = made;
    bv_image_free(&image);
    return status;
}

static enum bv_status prepare(void *arg, const char *path, struct bv_prepared *prepared,
                              struct bv_error *err)
{
    const struct bv_model_scorer *m = arg;
    return bv_scorer_prepare(m->session, path, prepared, err);
}

static enum bv_status grow(float **buffer, size_t *room, size_t n, struct bv_error *err)
{
    if (n <= *room)
        return BV_OK;
    float *larger = realloc(*buffer, n * sizeof *larger);
    if (!larger)
        return bv_fail_nomem(err, "a batch of images");
    *buffer = larger;
    *room = n;
    return BV_OK;
}

// How many regions an image of this size has; 0 where the scoring rule wants none.
static enum bv_status count_regions(const struct bv_model_scorer *m, const struct bv_pixels *image,
                                    size_t *R, struct bv_error *err)
{
    struct bv_output_shape shape = {0};
    const char *output = m->classifier ? bv_classifier_region_output(m->classifier) : NULL;
    *R = 0;
    if (!output)
        return BV_OK;
    BV_TRY(bv_model_image_shape(bv_session_model(m->session), output, image->height, image->width,
                                &shape, err));
    *R = 1;
    for (int d = 0; d + 1 < shape.rank; d++)
        *R *= (size_t)shape.dim[d];
    return BV_OK;
}

// Runs the image tower over n images of one size.
static enum bv_status encode(struct bv_model_scorer *m, const struct bv_pixels *const *images,
                             size_t n, size_t R, struct bv_error *err)
{
    size_t samples = bv_pixels_samples(images[0]);
    BV_TRY(grow(&m->pixels, &m->room_pixels, n * samples, err));
    BV_TRY(grow(&m->embeddings, &m->room_embeddings, n * m->dim, err));
    BV_TRY(grow(&m->regions, &m->room_regions, n * R * m->dim, err));
    for (size_t i = 0; i < n; i++)
        memcpy(m->pixels + i * samples, images[i]->data, samples * sizeof *m->pixels);
    struct bv_wanted wanted[] = {
        {m->classifier ? bv_classifier_output(m->classifier) : "global", m->embeddings, n * m->dim},
        {R ? bv_classifier_region_output(m->classifier) : NULL, m->regions, n * R * m->dim}};
    return bv_session_encode_pixels(m->session, m->pixels, (int64_t)n, images[0]->height,
                                    images[0]->width, images[0]->channels, wanted, R ? 2 : 1, err);
}

static enum bv_status score(void *arg, const struct bv_pixels *const *images, size_t n,
                            double *scores, struct bv_error *err)
{
    struct bv_model_scorer *m = arg;
    size_t R = 0, D = m->dim;
    BV_TRY(count_regions(m, images[0], &R, err));
    BV_TRY(encode(m, images, n, R, err));
    if (m->classifier) {
        size_t L = bv_classifier_labels(m->classifier)->n;
        for (size_t i = 0; i < n; i++)
            BV_TRY(bv_classifier_score_image(m->classifier, m->embeddings + i * D,
                                             R ? m->regions + i * R * D : NULL, R, scores + i * L,
                                             NULL, NULL, err));
        return BV_OK;
    }
    bv_normalize_rows(m->embeddings, n, D);
    for (size_t i = 0; i < n * D; i++)
        scores[i] = (double)m->embeddings[i];
    return BV_OK;
}

static const char *moved(void *arg)
{
    struct bv_model_scorer *m = arg;
    return bv_device_moved(m->session, m->moved);
}

void bv_model_scorer_init(struct bv_model_scorer *model, struct bv_scorer *scorer)
{
    *scorer = (struct bv_scorer){
        .arg = model, .n_labels = model->dim, .prepare = prepare, .score = score, .moved = moved};
    if (model->classifier)
        scorer->n_labels = bv_classifier_labels(model->classifier)->n;
}

void bv_model_scorer_free(struct bv_model_scorer *model)
{
    free(model->pixels);
    free(model->embeddings);
    free(model->regions);
    *model = (struct bv_model_scorer){0};
}
