// similarity: the score of each position by itself: the cosine of its embedding with the text. The
// embedding is what the card's output "global" makes of one position; a card that names local maps
// ("heatmap") says its own.
#include <string.h>

#include "explain/probe.h"

static enum bv_status prepare_similarity(struct bv_probe *p, struct bv_error *err)
{
    const char *named = bv_json_string(json_object_get(p->model->card, "heatmap"), "output", NULL);
    const struct bv_encoder_layout *l = &p->layout;
    struct bv_tensor *x = NULL;
    if (named) {
        const int i = bv_graph_find_output(p->graph, named);
        x = i >= 0 ? p->graph->outputs[i] : NULL;
    } else {
        const char *from = bv_json_string(l->global, "from", "");
        x = bv_features_find(&p->features, l->kind == BV_ENCODER_CLS ? "patches" : from);
        x = x && (l->kind != BV_ENCODER_CLS || p->score) ? bv_probe_embed(p, x) : NULL;
    }
    BV_TRY(bv_graph_status(p->graph, err));
    if (!x || bv_elements(x) != bv_dim(x, 0) * l->h * l->w * bv_last_dim(p->score))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "the encoder has no embeddings of its positions");
    p->part[0][0] = x;
    bv_probe_want(p, x);
    return BV_OK;
}

static enum bv_status map_similarity(const struct bv_probe_run *run, float *maps,
                                     struct bv_error *err)
{
    (void)err;
    const struct bv_probe *p = run->probe;
    const int64_t cells = p->layout.h * p->layout.w, D = (int64_t)run->goal->D;
    const float *x = bv_probe_value(run, p->part[0][0]);
    for (int64_t i = 0; i < (int64_t)run->goal->n; i++)
        for (int64_t k = 0; k < cells; k++)
            maps[i * cells + k] = (float)bv_goal_score(run->goal, (size_t)i, x + k * D);
    return BV_OK;
}

const struct bv_map_method bv_method_similarity = {.name = "similarity",
                                                   .unit = "score of the position",
                                                   .prepare = prepare_similarity,
                                                   .map = map_similarity};
