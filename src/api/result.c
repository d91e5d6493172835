// The public calls on results.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/result.h"
#include "base/json.h"

void bv_result_free(struct bv_result **out)
{
    assert(out);
    struct bv_result *r = *out;
    if (!r)
        return;
    bv_image_close(&r->image);
    bv_arena_free(&r->arena);
    free(r->scores);
    free(r);
    *out = NULL;
}

size_t bv_result_count(const struct bv_result *r)
{
    assert(r);
    return r->zero_shot->labels.n;
}

const char *bv_result_label(const struct bv_result *r, size_t i)
{
    assert(r);
    return r->zero_shot->labels.items[i].name;
}

double bv_result_score(const struct bv_result *r, size_t i)
{
    assert(i < bv_result_count(r));
    return r->scores[i];
}

double bv_result_positive(const struct bv_result *r, size_t i)
{
    assert(i < bv_result_count(r));
    return r->positive[i];
}

double bv_result_negative(const struct bv_result *r, size_t i)
{
    assert(i < bv_result_count(r));
    return r->negative[i];
}

enum bv_status bv_result_scores(const struct bv_result *r, double *out, size_t capacity)
{
    assert(r && out);
    BV_TRY(bv_check_room(capacity, 1, bv_result_count(r), "doubles",
                         bv_begin(r->zero_shot->engine->context)));
    memcpy(out, r->scores, bv_result_count(r) * sizeof *out);
    return BV_OK;
}

enum bv_score_rule bv_result_rule(const struct bv_result *r)
{
    assert(r);
    return bv_classifier_scoring(r->zero_shot->classifier)->rule;
}

const char *bv_result_kind(const struct bv_result *r)
{
    assert(r);
    return bv_score_rule_name(bv_result_rule(r));
}

size_t bv_result_warning_count(const struct bv_result *r)
{
    assert(r);
    return (size_t)r->warnings.n;
}

enum bv_reason bv_result_warning_reason(const struct bv_result *r, size_t i)
{
    assert(i < bv_result_warning_count(r));
    return r->warnings.items[i].reason;
}

const char *bv_result_warning_text(const struct bv_result *r, size_t i)
{
    assert(i < bv_result_warning_count(r));
    return r->warnings.items[i].text;
}

// What the score was made of.
static const char *positive_name(const struct bv_result *r)
{
    enum bv_score_rule rule = bv_result_rule(r);
    return rule == BV_SCORE_OPERATING_POINT      ? "logit"
           : rule == BV_SCORE_HEAD_SIGMOID       ? "logit"
           : rule == BV_SCORE_QUERY_DECODER      ? "logit"
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
    struct bv_image_facts facts = {.size = sizeof facts};
    (void)bv_image_describe(r->image, &facts);
    json_t *source =
        json_pack("{s:s, s:i, s:i, s:i, s:s, s:b}", "format", bv_image_format_name(facts.format),
                  "width", facts.width, "height", facts.height, "bits", facts.bits, "view",
                  bv_view_name(facts.view), "lossy", facts.lossy);
    if (facts.transfer_syntax[0])
        (void)json_object_set_new(source, "transfer_syntax", json_string(facts.transfer_syntax));
    if (facts.format == BV_IMAGE_DICOM)
        (void)json_object_set_new(
            source, "photometric",
            json_string(facts.photometric == BV_MONOCHROME1 ? "MONOCHROME1" : "MONOCHROME2"));
    return source;
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

enum bv_status bv_result_json(const struct bv_result *r, char **json)
{
    assert(r && json);
    const struct bv_zero_shot *z = r->zero_shot;
    const struct bv_engine *engine = z->engine;
    const struct bv_model *m = bv_session_model(engine->session);
    json_t *warnings = json_array();
    for (size_t i = 0; i < bv_result_warning_count(r); i++)
        (void)json_array_append_new(warnings,
                                    json_pack("{s:s, s:s}", "reason",
                                              bv_reason_name(bv_result_warning_reason(r, i)),
                                              "text", bv_result_warning_text(r, i)));
    json_t *value =
        json_pack("{s:o, s:o, s:s, s:o, s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:o}",
                  "path", bv_json_path(r->image->name), "source", source_json(r), "preset",
                  bv_recipe_intensity(m->recipe), "warnings", warnings, "model", "name", m->name,
                  "sha256", m->digest, "prompts", "set", z->labels.set, "sha256", z->labels.digest,
                  "device", bv_engine_device(engine), "precision", bv_engine_precision(engine),
                  "version", BIOVL_VERSION, "intended_use", "research", "scores", scores_json(r));
    if (value && bv_classifier_member_count(z->classifier) > 1)
        (void)json_object_set_new(value, "ensemble", bv_members_json(z->classifier));
    if (value && bv_classifier_asks_together(z->classifier))
        (void)json_object_set_new(value, "labels_together", json_true());
    if (value && bv_engine_fallback(engine))
        (void)json_object_set_new(value, "fallback", json_string(bv_engine_fallback(engine)));
    return bv_json_text(value, json, bv_begin(engine->context));
}
