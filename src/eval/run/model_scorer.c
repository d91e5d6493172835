#include "eval/run/scorers.h"

#include <stdlib.h>

#include "eval/data/warnings.h"
#include "image/plausibility.h"

enum bv_status bv_scorer_preprocess(const struct bv_session *session,
                                    const struct bv_classifier *classifier, const char *path,
                                    struct bv_preprocessed *preprocessed, struct bv_error *err)
{
    struct bv_image *image = NULL;
    BV_TRY(bv_image_load(path, NULL, &image, err));
    const struct bv_model *model = bv_session_model(session);
    struct bv_preprocessed made = {.width = image->width, .height = image->height};
    enum bv_status status = bv_check_plausibility(image, model->recipe, err);
    if (status == BV_OK && classifier)
        status = bv_classifier_input_make(classifier, image, NULL, &made.input, err);
    else if (status == BV_OK)
        status = bv_classifier_input_make_one(model, image, &made.input, err);
    made.warnings = bv_warnings_of(image);
    if (status == BV_OK)
        *preprocessed = made;
    bv_image_free(&image);
    return status;
}

static enum bv_status preprocess(void *arg, const char *path, struct bv_preprocessed *preprocessed,
                                 struct bv_error *err)
{
    const struct bv_model_scorer *m = arg;
    return bv_scorer_preprocess(m->session, m->classifier, path, preprocessed, err);
}

// The elements of normalised embeddings as scores.
static enum bv_status embed(const struct bv_model_scorer *m,
                            const struct bv_classifier_input *const *images, size_t n,
                            double *scores, struct bv_error *err)
{
    const struct bv_encoder_input **inputs = calloc(n, sizeof *inputs);
    float *rows = malloc(n * m->dim * sizeof *rows);
    const struct bv_wanted wanted = {"global", rows, n * m->dim};
    enum bv_status status = inputs && rows ? BV_OK : bv_fail_nomem(err, "embeddings");
    for (size_t i = 0; inputs && i < n; i++)
        inputs[i] = images[i]->parts;
    if (status == BV_OK)
        status = bv_encode_inputs(m->session, inputs, n, &wanted, 1, err);
    if (status == BV_OK)
        bv_normalize_rows(rows, n, m->dim);
    for (size_t i = 0; status == BV_OK && i < n * m->dim; i++)
        scores[i] = (double)rows[i];
    free(inputs);
    free(rows);
    return status;
}

static enum bv_status score(void *arg, const struct bv_classifier_input *const *images, size_t n,
                            double *scores, struct bv_error *err)
{
    const struct bv_model_scorer *m = arg;
    const struct bv_label_scores out = {scores, NULL, NULL};
    return m->classifier ? bv_classify_inputs(m->classifier, images, n, &out, err)
                         : embed(m, images, n, scores, err);
}

// The first of an ensemble's sessions that had to move tells.
static const char *moved(void *arg)
{
    struct bv_model_scorer *m = arg;
    size_t n = m->classifier ? bv_classifier_member_count(m->classifier) : 0;
    const char *text = bv_device_moved(m->session, m->moved);
    for (size_t i = 1; !text && i < n; i++)
        text = bv_device_moved(bv_classifier_session(m->classifier, i), m->moved);
    return text;
}

void bv_model_scorer_init(struct bv_model_scorer *model, struct bv_scorer *scorer)
{
    *scorer = (struct bv_scorer){.arg = model,
                                 .n_labels = model->dim,
                                 .preprocess = preprocess,
                                 .score = score,
                                 .moved = moved};
    if (model->classifier)
        scorer->n_labels = bv_classifier_labels(model->classifier)->n;
}
