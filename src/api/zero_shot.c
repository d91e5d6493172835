// The public calls of zero-shot classification.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/result.h"
#include "image/plausibility.h"
#include "model/card.h"
#include "score/classifier.h"
#include "score/fusion_scores.h"

enum { BATCH = 32 }; // images between looks at the observer

static void note_negations(struct bv_zero_shot *z)
{
    for (size_t i = 0; i < z->labels.n; i++)
        if (z->labels.items[i].negated) {
            (void)snprintf(z->warning, sizeof z->warning,
                           "label \"%.60s\" is itself negative: its negative prompt \"%.60s\" is a "
                           "double negation; give it prompts of its own",
                           z->labels.items[i].name, z->labels.items[i].negative[0]);
            return;
        }
}

enum bv_status bv_read_labels(struct bv_zero_shot_options *o,
                              const struct bv_zero_shot_options *theirs, struct bv_error *err)
{
    BV_TRY(bv_options_read(o, sizeof *o, theirs, "bv_zero_shot_options", err));
    if (!o->labels)
        return bv_fail(err, BV_ERR_ARG, "bv_zero_shot_options: no labels");
    if (o->n_label_bytes == 0)
        o->n_label_bytes = strlen(o->labels);
    if (!o->name)
        o->name = "labels";
    return BV_OK;
}

enum bv_status bv_zero_shot_open(struct bv_engine *engine,
                                 const struct bv_zero_shot_options *theirs,
                                 struct bv_zero_shot **out)
{
    assert(out && engine);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_zero_shot_options o;
    BV_TRY(bv_read_labels(&o, theirs, err));
    const struct bv_model *model = bv_session_model(engine->session);
    const json_t *head = json_object_get(json_object_get(model->card, "scoring"), "labels");
    char abilities[256];
    if (!bv_model_has_image(model) || (!bv_model_has_text(model) && !head))
        return bv_fail(
            err, BV_ERR_ARG, "model \"%s\" has no %s: it cannot classify; it can: %s", model->name,
            bv_model_has_image(model) ? "text encoder and no trained head" : "image encoder",
            bv_fusion_abilities(model, abilities));
    BV_TRY(bv_check_embeds(model, "image", "images", err));
    struct bv_zero_shot *z = calloc(1, sizeof *z);
    if (!z)
        return bv_fail_nomem(err, "a classifier");
    z->engine = engine;
    enum bv_status status = BV_OK;
    if (o.templates)
        status = bv_prompts_load(&z->prompt_set, o.templates, err);
    else
        z->prompt_set = json_incref(json_object_get(model->card, "prompts"));
    if (status == BV_OK)
        status = bv_labels_parse(&z->labels, o.labels, o.n_label_bytes, o.name, z->prompt_set, err);
    if (status == BV_OK)
        status = (o.cache ? bv_classifier_create_cached
                          : bv_classifier_create)(&z->classifier, engine->session, &z->labels, err);
    if (status != BV_OK) {
        bv_zero_shot_close(&z);
        return status;
    }
    note_negations(z);
    *out = z;
    return BV_OK;
}

void bv_zero_shot_close(struct bv_zero_shot **out)
{
    assert(out);
    struct bv_zero_shot *z = *out;
    if (!z)
        return;
    bv_classifier_destroy(&z->classifier);
    bv_labels_free(&z->labels);
    json_decref(z->prompt_set);
    free(z);
    *out = NULL;
}

size_t bv_zero_shot_count(const struct bv_zero_shot *z)
{
    assert(z);
    return z->labels.n;
}

const char *bv_zero_shot_label(const struct bv_zero_shot *z, size_t i)
{
    assert(z);
    return z->labels.items[i].name;
}

size_t bv_zero_shot_prompt_count(const struct bv_zero_shot *z, size_t i, int negative)
{
    assert(z && i < z->labels.n);
    return negative ? z->labels.items[i].n_negative : z->labels.items[i].n_positive;
}

const char *bv_zero_shot_prompt(const struct bv_zero_shot *z, size_t i, int negative, size_t k)
{
    assert(k < bv_zero_shot_prompt_count(z, i, negative));
    return negative ? z->labels.items[i].negative[k] : z->labels.items[i].positive[k];
}

size_t bv_zero_shot_truncated(const struct bv_zero_shot *z)
{
    assert(z);
    return bv_classifier_truncated(z->classifier);
}

const char *bv_zero_shot_warning(const struct bv_zero_shot *z)
{
    assert(z);
    return z->warning[0] ? z->warning : NULL;
}

enum bv_status bv_zero_shot_join(struct bv_zero_shot *z, struct bv_zero_shot *member)
{
    assert(z && member);
    return bv_classifier_join(z->classifier, member->classifier, bv_begin(z->engine->context));
}

// The warnings of an image and its model, which the image, shared as it may be, does not keep.
static enum bv_status look(struct bv_result *r, const struct bv_recipe *recipe,
                           struct bv_error *err)
{
    struct bv_image judged = *r->image;
    memset(&judged.arena, 0, sizeof judged.arena);
    enum bv_status status = bv_check_plausibility(&judged, recipe, err);
    r->warnings = judged.warnings;
    r->arena = judged.arena;
    return status;
}

// A result with room for scores, and the warnings of its image.
static enum bv_status create_result(struct bv_zero_shot *z, const struct bv_image *image,
                                    struct bv_result **out, struct bv_error *err)
{
    struct bv_result *r = calloc(1, sizeof *r);
    size_t n = z->labels.n;
    double *scores = calloc(3 * n, sizeof *scores);
    if (!r || !scores) {
        free(r);
        free(scores);
        return bv_fail_nomem(err, "a result");
    }
    r->zero_shot = z;
    r->image = bv_image_keep(image);
    r->scores = scores;
    r->positive = scores + n;
    r->negative = scores + 2 * n;
    enum bv_status status = look(r, bv_session_model(z->engine->session)->recipe, err);
    if (status != BV_OK)
        bv_result_free(&r);
    else
        *out = r;
    return status;
}

// The results of at most BATCH images, or each one's error.
static enum bv_status classify(struct bv_zero_shot *z, const struct bv_image *const *images,
                               size_t n, struct bv_result **results, struct bv_error *errors,
                               struct bv_error *err)
{
    size_t n_labels = z->labels.n, each = n * n_labels;
    const struct bv_image *priors[BATCH];
    double *rows = calloc(3 * each + 1, sizeof *rows);
    const struct bv_label_scores scores = {rows, rows + each, rows + 2 * each};
    if (!rows)
        return bv_fail_nomem(err, "scores");
    for (size_t i = 0; i < n; i++)
        priors[i] = images[i]->prior;
    enum bv_status status =
        bv_classify_images(z->classifier, images, priors, n, &scores, errors, err);
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        if (errors[i].status == BV_OK)
            errors[i].status = create_result(z, images[i], &results[i], &errors[i]);
        for (size_t part = 0; part < 3 && errors[i].status == BV_OK; part++)
            memcpy(results[i]->scores + part * n_labels, rows + part * each + i * n_labels,
                   n_labels * sizeof *rows);
    }
    free(rows);
    return status;
}

enum bv_status bv_zero_shot_classify(struct bv_zero_shot *z, const struct bv_image *image,
                                     struct bv_result **result)
{
    assert(image && result && z);
    struct bv_result *made = NULL;
    BV_TRY(bv_zero_shot_classify_batch(z, &image, 1, &made, NULL));
    *result = made;
    return BV_OK;
}

enum bv_status bv_zero_shot_classify_batch(struct bv_zero_shot *z,
                                           const struct bv_image *const *images, size_t n,
                                           struct bv_result **results, enum bv_status *statuses)
{
    assert(((images && results) || n == 0) && z);
    struct bv_error *err = bv_begin(z->engine->context);
    const struct bv_batch batch = {statuses, &z->engine->context->observer};
    struct bv_error *errors = calloc(BATCH, sizeof *errors);
    enum bv_status status = errors ? BV_OK : bv_fail_nomem(err, "a batch");
    for (size_t i = 0; i < n; i++)
        results[i] = NULL;
    for (size_t first = 0, count; first < n && status == BV_OK; first += count) {
        count = n - first < BATCH ? n - first : BATCH;
        memset(errors, 0, count * sizeof *errors);
        status = bv_observe_progress(batch.observer, first, n, err);
        if (status == BV_OK)
            status = classify(z, images + first, count, results + first, errors, err);
        for (size_t i = 0; i < count && status == BV_OK; i++)
            status = bv_item_done(&batch, first + i, images[first + i]->name, &errors[i], err);
    }
    if (status == BV_OK && n > 0)
        (void)bv_observe_progress(batch.observer, n, n, NULL);
    for (size_t i = 0; i < n && status != BV_OK; i++) {
        bv_result_free(&results[i]);
        if (statuses)
            statuses[i] = status;
    }
    free(errors);
    return status;
}
