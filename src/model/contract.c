#include "model/graphs.h"

#include <string.h>

#include "base/json.h"
#include "model/head.h"

#define TOKENS 2 // of the text graph whose shapes are looked at

// The graphs of a model's towers for one item; NULL where it has none.
struct towers {
    const struct bv_model *model;
    struct bv_graph *image, *text;
};

static const json_t *scoring_of(const struct bv_model *m)
{
    return json_object_get(m->card, "scoring");
}

// An output of a tower, with its batch dimension. BV_ERR_MODEL where the tower has no such output;
// key is the field of the card that names it.
static enum bv_status find(const struct bv_graph *g, const char *tower, const char *output,
                           const char *key, const struct bv_tensor **t, struct bv_error *err)
{
    int i = g ? bv_graph_find_output(g, output) : -1;
    if (i < 0)
        return bv_fail(err, BV_ERR_MODEL,
                       "card: %s needs output \"%.60s\", which the %s encoder has not", key, output,
                       tower);
    *t = g->outputs[i];
    return BV_OK;
}

// "global", where a tower has it, is one vector; *dim stays 0 where it has not.
static enum bv_status check_global(const struct bv_graph *g, const char *tower, int64_t *dim,
                                   struct bv_error *err)
{
    int i = g ? bv_graph_find_output(g, "global") : -1;
    if (i < 0)
        return BV_OK;
    const struct bv_tensor *t = g->outputs[i];
    if (t->rank != 2)
        return bv_fail(
            err, BV_ERR_MODEL,
            "card: output \"global\" of the %s encoder has %d dimensions, not one vector: "
            "a step that pools is missing",
            tower, t->rank - 1);
    *dim = t->dim[1];
    return BV_OK;
}

// The last dimension of an output whose rows are compared with embeddings of D numbers.
static enum bv_status check_rows(const struct bv_tensor *t, const char *tower, const char *output,
                                 int least_rank, int most_rank, int64_t D, struct bv_error *err)
{
    if (t->rank < least_rank || t->rank > most_rank || t->dim[t->rank - 1] != D)
        return bv_fail(
            err, BV_ERR_MODEL,
            "card: output \"%.60s\" of the %s encoder does not fit: it has %d dimensions, "
            "the last of %lld; embeddings have %lld",
            output, tower, t->rank - 1, (long long)t->dim[t->rank - 1], (long long)D);
    return BV_OK;
}

static enum bv_status check_words(const struct towers *t, int64_t D, struct bv_error *err)
{
    const json_t *local = json_object_get(scoring_of(t->model), "local");
    const char *regions = bv_json_string(local, "regions", "local");
    const char *tokens = bv_json_string(local, "tokens", "tokens");
    const struct bv_tensor *image = NULL, *text = NULL;
    BV_TRY(find(t->image, "image", regions, "scoring.local.regions", &image, err));
    BV_TRY(find(t->text, "text", tokens, "scoring.local.tokens", &text, err));
    BV_TRY(check_rows(image, "image", regions, 3, 4, D, err));
    return check_rows(text, "text", tokens, 3, 3, D, err);
}

static enum bv_status check_labels(const json_t *labels, struct bv_error *err)
{
    if (labels && !json_is_array(labels))
        return bv_fail(err, BV_ERR_MODEL, "card: scoring.labels is not a list");
    for (size_t i = 0; i < json_array_size(labels); i++)
        if (!json_is_string(json_array_get(labels, i)))
            return bv_fail(err, BV_ERR_MODEL, "card: scoring.labels[%zu] is not a string", i);
    return BV_OK;
}

static enum bv_status check_head(const struct towers *t, struct bv_error *err)
{
    const json_t *spec = scoring_of(t->model), *labels = json_object_get(spec, "labels");
    const char *output = bv_json_string(spec, "logits", "logits");
    const struct bv_tensor *logits = NULL;
    BV_TRY(find(t->image, "image", output, "scoring.logits", &logits, err));
    BV_TRY(check_labels(labels, err));
    if (logits->rank != 2 || (int64_t)json_array_size(labels) != logits->dim[1])
        return bv_fail(err, BV_ERR_MODEL,
                       "card: scoring.labels names %zu labels, output \"%.60s\" has %lld",
                       json_array_size(labels), output, (long long)logits->dim[logits->rank - 1]);
    return BV_OK;
}

// A member of another type would be as if it were not there.
static enum bv_status check_types(const json_t *card, struct bv_error *err)
{
    static const struct {
        const char *name, *what;
        json_type type;
    } members[] = {{"heads", "whole number", JSON_INTEGER},
                   {"slots", "whole number", JSON_INTEGER},
                   {"concepts", "whole number", JSON_INTEGER},
                   {"image", "name", JSON_STRING},
                   {"words", "name", JSON_STRING},
                   {"map", "name", JSON_STRING},
                   {"head", "list of steps", JSON_ARRAY}};
    static const char *const flags[] = {"norm_inputs", "self_attention"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *member = json_object_get(card, members[i].name);
        if (member && json_typeof(member) != members[i].type)
            return bv_fail(err, BV_ERR_MODEL, "card: decoder.%s is no %s", members[i].name,
                           members[i].what);
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const json_t *member = json_object_get(card, flags[i]);
        if (member && !json_is_boolean(member))
            return bv_fail(err, BV_ERR_MODEL, "card: decoder.%s is neither true nor false",
                           flags[i]);
    }
    const char *map = bv_json_string(card, "map", "last");
    if (strcmp(map, "last") != 0 && strcmp(map, "mean") != 0)
        return bv_fail(err, BV_ERR_MODEL, "card: decoder.map \"%.40s\" is neither last nor mean",
                       map);
    return BV_OK;
}

// The decoder reads rows as wide as the text's embedding, and gives one logit or two.
static enum bv_status check_decoder(const struct towers *t, int64_t D, struct bv_error *err)
{
    const json_t *card = bv_model_decoder_card(t->model);
    const char *image = bv_json_string(card, "image", "tokens");
    const char *words = bv_json_string(card, "words", NULL);
    const struct bv_tensor *rows = NULL, *pieces = NULL, *logits = NULL;
    struct bv_graph *graph = NULL;
    if (!card || D == 0)
        return bv_fail(err, BV_ERR_MODEL,
                       "card: the rule query_decoder needs \"decoder\" and a text encoder with "
                       "output \"global\"");
    BV_TRY(check_types(card, err));
    BV_TRY(check_labels(json_object_get(scoring_of(t->model), "labels"), err));
    BV_TRY(find(t->image, "image", image, "decoder.image", &rows, err));
    BV_TRY(check_rows(rows, "image", image, 3, 3, D, err));
    if (words) {
        BV_TRY(find(t->text, "text", words, "decoder.words", &pieces, err));
        BV_TRY(check_rows(pieces, "text", words, 3, 3, D, err));
    }
    const struct bv_decoder_shape shape = {2 * bv_model_decoder_concepts(t->model),
                                           bv_model_decoder_rows(t->model), 3, D, false};
    enum bv_status status = bv_model_decoder_graph(t->model, &shape, &graph, err);
    if (status == BV_OK) {
        logits = graph->outputs[0];
        if (logits->rank != 2 || logits->dim[1] > 2)
            status = bv_fail(err, BV_ERR_MODEL, "card: decoder.head gives %lld logits, not 1 or 2",
                             (long long)logits->dim[logits->rank - 1]);
    }
    bv_graph_destroy(&graph);
    return status;
}

static enum bv_status check_heat_map(const struct towers *t, int64_t D, struct bv_error *err)
{
    const char *output = bv_json_string(json_object_get(t->model->card, "heatmap"), "output", NULL);
    const struct bv_tensor *patches = NULL;
    if (!output)
        return BV_OK;
    BV_TRY(find(t->image, "image", output, "heatmap.output", &patches, err));
    return check_rows(patches, "image", output, 4, 4, D, err);
}

static enum bv_status check_scoring(const struct towers *t, int64_t image, int64_t text,
                                    struct bv_error *err)
{
    const json_t *spec = scoring_of(t->model);
    const char *rule = bv_json_string(spec, "rule", "cosine");
    const char *padded = bv_json_string(spec, "padded_output", NULL);
    if (strcmp(rule, "operating_point") == 0 || strcmp(rule, "head_sigmoid") == 0)
        return check_head(t, err);
    if (strcmp(rule, "query_decoder") == 0)
        return check_decoder(t, text, err);
    if (!t->image || !t->text || (image == 0 && text == 0))
        return BV_OK; // encoders of one kind, or of a fusion encoder: nothing is compared
    if (image == 0 || text == 0)
        return bv_fail(err, BV_ERR_MODEL, "card: the %s encoder has no output \"global\"",
                       image == 0 ? "image" : "text");
    if (strcmp(rule, "mutual_information") == 0)
        return BV_OK; // the critic reads vectors of two lengths (score/critic.c)
    if (image != text)
        return bv_fail(
            err, BV_ERR_MODEL,
            "card: output \"global\" is %lld numbers for an image and %lld for a text: a "
            "projection is missing",
            (long long)image, (long long)text);
    const struct bv_tensor *t_padded = NULL;
    if (padded) {
        BV_TRY(find(t->text, "text", padded, "scoring.padded_output", &t_padded, err));
        BV_TRY(check_rows(t_padded, "text", padded, 2, 2, text, err));
    }
    BV_TRY(check_heat_map(t, text, err));
    return strcmp(rule, "global_local") == 0 ? check_words(t, text, err) : BV_OK;
}

static enum bv_status check_size(const struct bv_model *m, struct bv_error *err)
{
    const char *tower = bv_model_has_image(m) ? "image" : "fusion";
    const json_t *size = json_object_get(bv_model_sized_tower(m), "size");
    int64_t side = json_integer_value(size);
    if (!m->recipe || !size)
        return BV_OK;
    if (!json_is_integer(size) || side < 1 || side > BV_MAX_IMAGE_SIDE)
        return bv_fail(err, BV_ERR_MODEL, "card: %s.size must be an integer from 1 to %d", tower,
                       BV_MAX_IMAGE_SIDE);
    if (side != m->image_width || side != m->image_height)
        return bv_fail(err, BV_ERR_MODEL,
                       "card: %s.size is %lld, but the recipe makes images of %d×%d", tower,
                       (long long)side, m->image_width, m->image_height);
    return BV_OK;
}

// A number that stands in a tensor is the only one there.
static enum bv_status check_number(const struct bv_model *m, const char *key, struct bv_error *err)
{
    const json_t *spec = json_object_get(m->card, key);
    if (!spec || json_is_null(spec) || json_is_number(spec))
        return BV_OK;
    const char *name = bv_json_string(spec, "tensor", key);
    const struct bv_weight *w = json_is_object(spec) ? bv_weights_find(m->weights, name) : NULL;
    if (!json_is_object(spec) || !w)
        return bv_fail(err, BV_ERR_MODEL, "card: %s is no number and names no tensor (\"%.100s\")",
                       key, name);
    int64_t n = 1;
    for (int i = 0; i < w->rank; i++)
        n = w->dim[i] == 1 ? n : 0;
    if (n != 1)
        return bv_fail(err, BV_ERR_MODEL, "card: %s needs tensor \"%.100s\" of one number", key,
                       name);
    return BV_OK;
}

static enum bv_status check(struct towers *t, int64_t *image, int64_t *text, struct bv_error *err)
{
    const struct bv_model *m = t->model;
    const int64_t H = m->image_height, W = m->image_width;
    int64_t T = m->max_tokens > 0 && m->max_tokens < TOKENS ? m->max_tokens : TOKENS;
    BV_TRY(check_size(m, err));
    BV_TRY(check_number(m, "logit_scale", err));
    BV_TRY(check_number(m, "logit_bias", err));
    if (bv_model_has_image(m))
        BV_TRY(bv_model_image_graph(m, 1, H, W, bv_recipe_channels(m->recipe), &t->image, err));
    if (bv_model_has_text(m))
        BV_TRY(bv_model_text_graph(m, 1, T, &t->text, err));
    BV_TRY(check_global(t->image, "image", image, err));
    BV_TRY(check_global(t->text, "text", text, err));
    BV_TRY(bv_text_head_check(m->card, t->text, err));
    return check_scoring(t, *image, *text, err);
}

enum bv_status bv_model_check(struct bv_model *model, struct bv_error *err)
{
    struct towers towers = {.model = model};
    enum bv_status status = check(&towers, &model->image_dim, &model->text_dim, err);
    bv_graph_destroy(&towers.image);
    bv_graph_destroy(&towers.text);
    return status;
}
