#include "eval/model_scorer.h"

#include <stdlib.h>
#include <string.h>

static enum bv_status prepare(void *arg, const char *path, struct bv_pixels *pixels,
                              struct bv_error *err)
{
    const struct bv_model_scorer *m = arg;
    struct bv_image *image = NULL;
    BV_TRY(bv_image_open(path, NULL, &image, err));
    enum bv_status status = bv_recipe_run(bv_session_model(m->session)->recipe, image, pixels, err);
    bv_image_free(&image);
    return status;
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

static enum bv_status score(void *arg, const struct bv_pixels *const *images, size_t n,
                            double *scores, struct bv_error *err)
{
    struct bv_model_scorer *m = arg;
    size_t samples = bv_pixels_samples(images[0]);
    BV_TRY(grow(&m->pixels, &m->room_pixels, n * samples, err));
    BV_TRY(grow(&m->embeddings, &m->room_embeddings, n * m->dim, err));
    for (size_t i = 0; i < n; i++)
        memcpy(m->pixels + i * samples, images[i]->data, samples * sizeof *m->pixels);
    struct bv_wanted wanted = {"global", m->embeddings};
    BV_TRY(bv_session_encode_pixels(m->session, m->pixels, (int64_t)n, images[0]->height,
                                    images[0]->width, images[0]->channels, &wanted, 1, err));
    if (m->classifier)
        return bv_classifier_score(m->classifier, m->embeddings, n, scores, NULL, NULL, err);
    bv_normalize_rows(m->embeddings, n, m->dim);
    for (size_t i = 0; i < n * m->dim; i++)
        scores[i] = (double)m->embeddings[i];
    return BV_OK;
}

void bv_model_scorer_init(struct bv_model_scorer *model, struct bv_scorer *scorer)
{
    *scorer = (struct bv_scorer){
        .arg = model, .n_labels = model->dim, .prepare = prepare, .score = score};
    if (model->classifier)
        scorer->n_labels = bv_classifier_labels(model->classifier)->n;
}

void bv_model_scorer_free(struct bv_model_scorer *model)
{
    free(model->pixels);
    free(model->embeddings);
    *model = (struct bv_model_scorer){0};
}
