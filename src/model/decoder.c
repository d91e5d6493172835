// The query decoder of a model as a graph and through a session.
#include "fusion/fusion.h"
#include "model/graphs.h"
#include "model/session_run.h"

const json_t *bv_model_decoder_card(const struct bv_model *model)
{
    const json_t *card = json_object_get(model->card, "decoder");
    return json_is_object(card) ? card : NULL;
}

int64_t bv_model_decoder_rows(const struct bv_model *model)
{
    const json_t *card = bv_model_decoder_card(model);
    int64_t slots = bv_json_integer(card, "slots", 0);
    return slots < 0 || slots > BV_MAX_DECODER_SLOTS ? BV_MAX_DECODER_SLOTS + 2 : slots + 1;
}

int64_t bv_model_decoder_concepts(const struct bv_model *model)
{
    const json_t *card = bv_model_decoder_card(model);
    int64_t n = bv_json_integer(card, "concepts", 1);
    return n < 1 || n > BV_MAX_DECODER_CONCEPTS ? BV_MAX_DECODER_CONCEPTS + 1 : n;
}

// Decoded queries [B,T,D] to what the head makes of them, [B,T,n]; the queries of one label, where
// it has several, side by side.
static struct bv_tensor *head(struct bv_graph *g, const json_t *card, struct bv_tensor *x)
{
    int64_t concepts = bv_json_integer(card, "concepts", 1);
    if (concepts > 1)
        x = bv_reshape(g, x, 3, (int64_t[]){bv_dim(x, 0), -1, concepts * bv_dim(x, 2)});
    return bv_steps_build(g, json_object_get(card, "head"), x, NULL);
}

static struct bv_tensor *rows_of(struct bv_graph *g, struct bv_tensor *x, int64_t rows)
{
    return bv_reshape(g, x, 2, (int64_t[]){rows, -1});
}

// The other way round: for each text, the image's first row looks among the rows of the text.
static struct bv_tensor *decode_texts(struct bv_graph *g, const json_t *card,
                                      const struct bv_decoder_shape *s, struct bv_tensor *image,
                                      struct bv_tensor *texts)
{
    struct bv_tensor *query = bv_slice(g, image, 1, 0, 1);
    query = bv_expand(g, query, (int64_t[]){s->texts, 1, s->width});
    query = bv_fusion_query_decoder(g, card, "decoder.", query, texts, NULL);
    return rows_of(g, head(g, card, query), s->texts);
}

static void build(struct bv_graph *g, const json_t *card, const struct bv_decoder_shape *s)
{
    const int64_t concepts = bv_json_integer(card, "concepts", 1);
    struct bv_tensor *map = NULL;
    struct bv_tensor *texts =
        bv_graph_input(g, "texts", BV_F32, 3, (int64_t[]){s->texts, s->rows, s->width});
    struct bv_tensor *image =
        bv_graph_input(g, "image", BV_F32, 3, (int64_t[]){1, s->image_rows, s->width});
    struct bv_tensor *queries = bv_slice(g, texts, 1, 0, 1);
    queries = bv_reshape(g, queries, 3, (int64_t[]){1, s->texts, s->width});
    queries = bv_fusion_query_decoder(g, card, "decoder.", queries, image, s->map ? &map : NULL);
    struct bv_tensor *logits = rows_of(g, head(g, card, queries), s->texts / concepts);
    if (s->rows > 1)
        logits = bv_scale(g, bv_add(g, logits, decode_texts(g, card, s, image, texts)), 0.5f, 0);
    (void)bv_graph_output(g, logits, "logits");
    if (s->map)
        (void)bv_graph_output(g, rows_of(g, map, s->texts), "attention");
}

enum bv_status bv_model_decoder_graph(const struct bv_model *model,
                                      const struct bv_decoder_shape *shape, struct bv_graph **graph,
                                      struct bv_error *err)
{
    BV_TRY(bv_graph_create(graph, model->weights, err));
    if (shape->rows > BV_MAX_DECODER_SLOTS + 1)
        (void)bv_graph_fail(*graph, BV_ERR_MODEL, "card: decoder.slots is not 0 to %d",
                            BV_MAX_DECODER_SLOTS);
    else if (bv_model_decoder_concepts(model) > BV_MAX_DECODER_CONCEPTS ||
             (bv_model_decoder_concepts(model) > 1 && shape->rows > 1))
        (void)bv_graph_fail(*graph, BV_ERR_MODEL,
                            "card: decoder.concepts is not 1 to %d, or goes with slots",
                            BV_MAX_DECODER_CONCEPTS);
    else if (shape->texts % bv_model_decoder_concepts(model) != 0)
        (void)bv_graph_fail(*graph, BV_ERR_ARG, "a decoder of %lld texts, %lld to a label",
                            (long long)shape->texts, (long long)bv_model_decoder_concepts(model));
    else
        build(*graph, bv_model_decoder_card(model), shape);
    return bv_graph_status(*graph, err);
}

static enum bv_status build_tower(const struct bv_model *m, const int64_t *size,
                                  struct bv_graph **graph, struct bv_error *err)
{
    const struct bv_decoder_shape shape = {size[0], size[1], size[2], size[3], size[4] != 0};
    return bv_model_decoder_graph(m, &shape, graph, err);
}

static const struct bv_tower decoder_tower = {build_tower, false};

enum bv_status bv_session_decode(struct bv_session *session, const struct bv_decoder_shape *shape,
                                 const float *texts, const float *image,
                                 const struct bv_wanted *wanted, int n_wanted, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(session);
    if (!bv_model_decoder_card(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no query decoder", m->name);
    if (shape->texts < 1 || shape->image_rows < 1)
        return bv_fail(err, BV_ERR_ARG, "a decoder without texts or without an image");
    const struct bv_input inputs[] = {{"texts", texts}, {"image", image}};
    const struct bv_tower_key key = {
        &decoder_tower, {shape->texts, shape->rows, shape->image_rows, shape->width, shape->map}};
    return bv_session_run(session, &key, inputs, 2, wanted, n_wanted, err);
}
