#include "model/graphs.h"

#include <string.h>

#define PREFIX "fusion."

const json_t *bv_model_fusion_card(const struct bv_model *model)
{
    return json_object_get(model->card, "fusion");
}

struct bv_fusion_wants bv_model_fusion_wants(const struct bv_model *model)
{
    return bv_fusion_wants(bv_model_fusion_card(model), model->weights, PREFIX);
}

static void add_text_inputs(struct bv_graph *g, const struct bv_model *model, int64_t B, int64_t T,
                            struct bv_fusion_inputs *in)
{
    in->words.ids = bv_graph_input(g, "ids", BV_I32, 2, (int64_t[]){B, T});
    in->words.token_types = bv_graph_input(g, "types", BV_I32, 2, (int64_t[]){B, T});
    in->words.lengths = bv_graph_input(g, "lengths", BV_I32, 1, (int64_t[]){B});
    in->words.last = bv_graph_input(g, "last", BV_I32, 2, (int64_t[]){B, 1});
    in->joint = bv_graph_input(g, "joint", BV_I32, 1, (int64_t[]){B});
    in->before_last = bv_graph_input(g, "before_last", BV_I32, 2, (int64_t[]){B, 1});
    const char *name = bv_json_string(bv_model_fusion_card(model), "text", NULL);
    if (!name)
        return;
    struct bv_features features = {0};
    struct bv_text_inputs words = in->words;
    words.token_types = NULL;
    bv_text_build(g, json_object_get(model->card, "text"), "text.", &words, &features);
    in->text = bv_features_find(&features, name);
    if (!in->text && g->n_missing == 0)
        (void)bv_graph_fail(g, BV_ERR_MODEL, "the text encoder has no feature \"%s\" (it has: %s)",
                            name, bv_features_names(g, &features));
}

static void add_image_inputs(struct bv_graph *g, const struct bv_fusion_shape *s, bool places,
                             struct bv_fusion_inputs *in)
{
    in->image = bv_graph_input(g, "image", BV_F32, 3, (int64_t[]){1, s->image_tokens, s->width});
    if (s->box_width > 0)
        in->boxes =
            bv_graph_input(g, "boxes", BV_F32, 3, (int64_t[]){1, s->image_tokens, s->box_width});
    if (s->positions > 0)
        in->positions = bv_graph_input(g, "positions", BV_I32, 2, (int64_t[]){1, s->positions});
    if (s->extra > 0)
        in->extra =
            bv_graph_input(g, "extra", BV_F32, 3, (int64_t[]){s->texts, s->extra, s->extra_width});
    if (s->extra > 0 && places)
        in->places =
            bv_graph_input(g, "places", BV_F32, 3, (int64_t[]){s->texts, s->extra, s->tokens});
}

enum bv_status bv_model_fusion_graph(const struct bv_model *model, const struct bv_fusion_shape *s,
                                     struct bv_graph **graph, struct bv_error *err)
{
    if (!bv_model_has_fusion(model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no fusion encoder", model->name);
    BV_TRY(bv_graph_create(graph, model->weights, err));
    struct bv_graph *g = *graph;
    struct bv_fusion_inputs in = {.cls = -1, .sep = -1};
    if (model->tokenizer) {
        in.cls = bv_tokenizer_special(model->tokenizer, BV_TOKEN_CLS);
        in.sep = bv_tokenizer_special(model->tokenizer, BV_TOKEN_SEP);
    }
    if (s->tokens > 0)
        add_text_inputs(g, model, s->texts, s->tokens, &in);
    add_image_inputs(g, s, bv_model_fusion_wants(model).knowledge, &in);
    struct bv_features features = {0};
    bv_fusion_build(g, bv_model_fusion_card(model), PREFIX, &in, &features);
    int64_t i = 0;
    const char *name;
    json_t *output;
    json_object_foreach(json_object_get(bv_model_fusion_card(model), "outputs"), name, output)
    {
        if (s->output < 0 || i == s->output)
            (void)bv_graph_output(g, bv_output_build(g, output, &features, &in.words), name);
        i++;
    }
    return bv_graph_status(g, err);
}

struct bv_fusion_shape bv_fusion_example_shape(const struct bv_model *m)
{
    struct bv_fusion_wants wants = bv_model_fusion_wants(m);
    const struct bv_weight *box = bv_weights_find(m->weights, PREFIX "regions.box.weight");
    struct bv_fusion_shape s = {.texts = 1, .tokens = wants.text_features ? 0 : 4, .output = -1};
    if (wants.regions) {
        s.image_tokens = 8;
        s.width = wants.region_width;
        s.box_width = box && box->rank == 2 ? box->dim[1] : 0;
    } else if (wants.pixels) {
        s.image_tokens = (int64_t)m->image_height * m->image_width;
        s.width = 3;
    }
    if (wants.extra_width > 0) {
        s.extra = wants.extra_count;
        s.extra_width = wants.extra_width;
    }
    return s;
}
