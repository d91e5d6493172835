// A result's picture: where the model has local maps, over the radiograph the map of the label
// that scored highest.
#include "score/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "api/dicom_result.h"
#include "api/result.h"
#include "score/heatmap.h"

// The cosines of the image's patches with a label's text, smoothed and spread over the image as
// card["heatmap"] says (BioViL). *map stays NULL where the model has none.
static enum bv_status make_map(const struct bv_result *r, size_t label, float **map,
                               struct bv_error *err)
{
    struct bv_engine *engine = r->zero_shot->engine;
    const struct bv_model *m = bv_session_model(engine->session);
    const json_t *spec = json_object_get(m->card, "heatmap");
    const char *output = bv_json_string(spec, "output", NULL);
    struct bv_heatmap_crop crop = {(int)bv_json_integer(spec, "resize_shorter", 0),
                                   m->image_height};
    const float *text = bv_classifier_embedding(r->zero_shot->classifier, label);
    struct bv_output_shape shape = {0};
    if (!output || !text || crop.shorter < 1 || m->size_varies)
        return BV_OK;
    BV_TRY(bv_model_image_shape(m, output, m->image_height, m->image_width, &shape, err));
    size_t h = (size_t)shape.dim[0], w = (size_t)shape.dim[1], D = (size_t)shape.dim[2];
    if (shape.rank != 3 || D != bv_classifier_dim(r->zero_shot->classifier))
        return BV_OK;
    float *patches = malloc(h * w * D * sizeof *patches), *grid = malloc(h * w * sizeof *grid);
    float *spread = malloc((size_t)r->image->width * (size_t)r->image->height * sizeof *spread);
    struct bv_wanted wanted = {output, patches, h * w * D};
    enum bv_status status = patches && grid && spread ? BV_OK : bv_fail_nomem(err, "a heat map");
    if (status == BV_OK)
        status = bv_engine_run_image(engine, r->image, r->prior, &wanted, 1, err);
    if (status == BV_OK)
        status =
            bv_heatmap_grid(patches, text, h, w, D, bv_json_number(spec, "sigma", 0), grid, err);
    if (status == BV_OK) {
        bv_heatmap_spread(grid, h, w, &crop, r->image->height, r->image->width, true, spread);
        *map = spread;
        spread = NULL;
    }
    free(spread);
    free(grid);
    free(patches);
    return status;
}

enum bv_status bv_result_picture(const struct bv_result *r, struct bv_pixels *rgb,
                                 struct bv_error *err)
{
    const struct bv_zero_shot *z = r->zero_shot;
    struct bv_overlay overlay = {.model = bv_session_model(z->engine->session)->name,
                                 .kind = bv_result_kind(r),
                                 .scores = r->scores,
                                 .n = z->labels.n};
    const char **labels = malloc((z->labels.n + 1) * sizeof *labels);
    float *map = NULL;
    size_t best = 0;
    if (!labels)
        return bv_fail_nomem(err, "a picture");
    for (size_t i = 0; i < z->labels.n; i++) {
        labels[i] = z->labels.items[i].name;
        best = r->scores[i] > r->scores[best] ? i : best;
    }
    enum bv_status status = make_map(r, best, &map, err);
    overlay.labels = labels;
    overlay.map = map;
    overlay.mapped = labels[best];
    if (status == BV_OK)
        status = bv_overlay_draw(r->image, &overlay, rgb, err);
    free(map);
    free(labels);
    return status;
}
