// The public calls of zero-shot classification.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/result.h"
#include "base/json.h"
#include "image/gate.h"
#include "model/card.h"
#include "score/classify.h"

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

enum bv_status bv_zero_shot_open(struct bv_engine *engine, const char *labels, size_t n_bytes,
                                 const char *name, const char *templates, struct bv_zero_shot **out)
{
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *model = bv_session_model(engine->session);
    const json_t *head = json_object_get(json_object_get(model->card, "scoring"), "labels");
    if (!bv_model_has_image(model) || (!bv_model_has_text(model) && !head))
        return bv_fail(err, BV_ERR_ARG,
                       "model \"%s\" has neither a text encoder nor a trained head: it cannot "
                       "classify",
                       model->name);
    BV_TRY(bv_check_embeds(model, "image", "images", err));
    struct bv_zero_shot *z = calloc(1, sizeof *z);
    if (!z)
        return bv_fail_nomem(err, "a classifier");
    z->engine = engine;
    enum bv_status status = BV_OK;
    if (templates)
        status = bv_prompts_load(&z->prompt_set, templates, err);
    else
        z->prompt_set = json_incref(json_object_get(model->card, "prompts"));
    if (status == BV_OK)
        status = bv_labels_parse(&z->labels, labels, n_bytes, name, z->prompt_set, err);
    if (status == BV_OK)
        status = bv_classifier_create(&z->classifier, engine->session, &z->labels, err);
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
    return z->labels.n;
}

const char *bv_zero_shot_label(const struct bv_zero_shot *z, size_t i)
{
    return z->labels.items[i].name;
}

size_t bv_zero_shot_truncated(const struct bv_zero_shot *z)
{
    return bv_classifier_truncated(z->classifier);
}

const char *bv_zero_shot_warning(const struct bv_zero_shot *z)
{
    return z->warning[0] ? z->warning : NULL;
}

static enum bv_status score(const struct bv_zero_shot *z, struct bv_result *r, struct bv_error *err)
{
    const struct bv_image *image = r->image, *prior = r->prior;
    struct bv_label_scores out = {r->scores = calloc(z->labels.n, sizeof *r->scores),
                                  r->positive = calloc(z->labels.n, sizeof *r->positive),
                                  r->negative = calloc(z->labels.n, sizeof *r->negative)};
    if (!r->scores || !r->positive || !r->negative)
        return bv_fail_nomem(err, "scores");
    return bv_classify_images(z->classifier, &image, &prior, 1, &out, NULL, err);
}

enum bv_status bv_zero_shot_join(struct bv_zero_shot *z, struct bv_zero_shot *member)
{
    return bv_classifier_join(z->classifier, member->classifier, bv_begin(z->engine->context));
}

enum bv_status bv_zero_shot_classify(struct bv_zero_shot *z, const char *path,
                                     struct bv_result **result)
{
    return bv_zero_shot_classify_pair(z, path, NULL, result);
}

// The result of decoded images, which it takes; prior is NULL without one.
static enum bv_status classify(struct bv_zero_shot *z, const char *name, struct bv_image *image,
                               struct bv_image *prior, struct bv_result **out, struct bv_error *err)
{
    struct bv_result *r = calloc(1, sizeof *r);
    if (!r) {
        bv_image_free(&image);
        bv_image_free(&prior);
        return bv_fail_nomem(err, "a result");
    }
    r->zero_shot = z;
    r->image = image;
    r->prior = prior;
    r->path = strdup(name);
    enum bv_status status = r->path ? BV_OK : bv_fail_nomem(err, "a result");
    if (status == BV_OK)
        status = bv_gate(r->image, bv_session_model(z->engine->session)->recipe, err);
    if (status == BV_OK)
        status = score(z, r, err);
    if (status != BV_OK)
        bv_result_free(&r);
    else
        *out = r;
    return status;
}

enum bv_status bv_zero_shot_classify_pair(struct bv_zero_shot *z, const char *path,
                                          const char *prior_path, struct bv_result **out)
{
    struct bv_error *err = bv_begin(z->engine->context);
    struct bv_image *image = NULL, *prior = NULL;
    BV_TRY(bv_image_open(path, NULL, &image, err));
    if (prior_path && bv_image_open(prior_path, NULL, &prior, err) != BV_OK) {
        bv_image_free(&image);
        return err->status;
    }
    return classify(z, path, image, prior, out, err);
}

enum bv_status bv_zero_shot_classify_bytes(struct bv_zero_shot *z, const void *bytes, size_t size,
                                           const char *name, struct bv_result **out)
{
    struct bv_error *err = bv_begin(z->engine->context);
    struct bv_image *image = NULL;
    BV_TRY(bv_image_read(bytes, size, name, NULL, &image, err));
    return classify(z, name, image, NULL, out, err);
}

void bv_result_free(struct bv_result **out)
{
    struct bv_result *r = *out;
    if (!r)
        return;
    bv_image_free(&r->image);
    bv_image_free(&r->prior);
    free(r->path);
    free(r->scores);
    free(r->positive);
    free(r->negative);
    free(r);
    *out = NULL;
}

double bv_result_score(const struct bv_result *r, size_t i)
{
    return r->scores[i];
}

const char *bv_result_kind(const struct bv_result *r)
{
    return bv_score_rule_name(bv_classifier_scoring(r->zero_shot->classifier)->rule);
}

size_t bv_result_warning_count(const struct bv_result *r)
{
    return (size_t)r->image->warnings.n;
}

const char *bv_result_warning_reason(const struct bv_result *r, size_t i)
{
    return bv_reason_name(r->image->warnings.items[i].reason);
}

const char *bv_result_warning_text(const struct bv_result *r, size_t i)
{
    return r->image->warnings.items[i].text;
}

// What the score was made of.
static const char *positive_name(const struct bv_result *r)
{
    enum bv_score_rule rule = bv_classifier_scoring(r->zero_shot->classifier)->rule;
    return rule == BV_SCORE_OPERATING_POINT      ? "logit"
           : rule == BV_SCORE_MUTUAL_INFORMATION ? "critic"
           : rule == BV_SCORE_GLOBAL_LOCAL       ? "similarity"
                                                 : "positive_cosine";
}

static json_t *scores_json(const struct bv_result *r)
{
    const struct bv_zero_shot *z = r->zero_shot;
    json_t *list = json_array();
    for (size_t i = 0; i < z->labels.n; i++) {
        json_t *s =
            json_pack("{s:s, s:f, s:s, s:f}", "label", z->labels.items[i].name, "score",
                      r->scores[i], "kind", bv_result_kind(r), positive_name(r), r->positive[i]);
        if (z->labels.items[i].n_negative > 0)
            (void)json_object_set_new(s, "negative_cosine", json_real(r->negative[i]));
        (void)json_array_append_new(list, s);
    }
    return list;
}

static json_t *source_json(const struct bv_result *r)
{
    static const char *const views[] = {"unknown", "PA", "AP", "lateral"};
    static const char *const sources[] = {"dicom", "png", "jpeg", "jpeg2000"};
    const struct bv_image *image = r->image;
    json_t *source =
        json_pack("{s:s, s:i, s:i, s:i, s:s, s:b}", "format", sources[image->source], "width",
                  image->width, "height", image->height, "bits", image->bits_stored, "view",
                  views[image->view], "lossy", image->lossy);
    if (image->transfer_syntax[0])
        (void)json_object_set_new(source, "transfer_syntax", json_string(image->transfer_syntax));
    if (image->source == BV_SOURCE_DICOM)
        (void)json_object_set_new(
            source, "photometric",
            json_string(image->photometric == BV_MONOCHROME1 ? "MONOCHROME1" : "MONOCHROME2"));
    return source;
}

enum bv_status bv_result_json(const struct bv_result *r, char **json)
{
    const struct bv_zero_shot *z = r->zero_shot;
    const struct bv_engine *engine = z->engine;
    const struct bv_model *m = bv_session_model(engine->session);
    json_t *warnings = json_array();
    for (size_t i = 0; i < bv_result_warning_count(r); i++)
        (void)json_array_append_new(warnings, json_pack("{s:s, s:s}", "reason",
                                                        bv_result_warning_reason(r, i), "text",
                                                        bv_result_warning_text(r, i)));
    json_t *value =
        json_pack("{s:o, s:o, s:s, s:o, s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:o}",
                  "path", bv_json_path(r->path), "source", source_json(r), "preset",
                  bv_recipe_intensity(m->recipe), "warnings", warnings, "model", "name", m->name,
                  "sha256", m->digest, "prompts", "set", z->labels.set, "sha256", z->labels.digest,
                  "device", bv_engine_device(engine), "precision", bv_engine_precision(engine),
                  "version", BIOVL_VERSION, "intended_use", "research", "scores", scores_json(r));
    if (value && bv_classifier_member_count(z->classifier) > 1)
        (void)json_object_set_new(value, "ensemble", bv_members_json(z->classifier));
    if (value && bv_engine_fallback(engine))
        (void)json_object_set_new(value, "fallback", json_string(bv_engine_fallback(engine)));
    return bv_json_text(value, json, bv_begin(engine->context));
}

json_t *bv_members_json(const struct bv_classifier *classifier)
{
    json_t *list = json_array();
    for (size_t i = 1; i < bv_classifier_member_count(classifier); i++) {
        const struct bv_model *m = bv_session_model(bv_classifier_session(classifier, i));
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:s}", "name", m->name, "sha256", m->digest));
    }
    return list;
}
