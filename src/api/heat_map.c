// The public calls that show where a text is in an image, and a result as a picture.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/result.h"
#include "score/heatmap.h"

// How a model's card makes maps (BioViL): the cosines of the image's patches with a text, smoothed
// and interpolated over the image.
struct maker {
    const char *output;
    struct bv_heatmap_crop crop;
    double sigma;
};

static struct maker maker_of(const struct bv_engine *engine)
{
    const struct bv_model *m = bv_session_model(engine->session);
    const json_t *spec = json_object_get(m->card, "heatmap");
    return (struct maker){
        bv_json_string(spec, "output", NULL),
        {(int)bv_json_integer(spec, "resize_shorter", 0), m->size_varies ? 0 : m->image_height},
        bv_json_number(spec, "sigma", 0),
    };
}

bool bv_can_map(const struct bv_engine *engine)
{
    struct maker maker = maker_of(engine);
    return maker.output && maker.crop.shorter > 0 && maker.crop.crop > 0;
}

enum bv_status bv_map_text(struct bv_engine *engine, const struct bv_image *image,
                           const float *text, float *out, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(engine->session);
    struct maker maker = maker_of(engine);
    struct bv_output_shape shape = {0};
    if (!bv_can_map(engine) || !text)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" makes no heat maps of texts", m->name);
    BV_TRY(bv_model_image_shape(m, maker.output, m->image_height, m->image_width, &shape, err));
    size_t h = (size_t)shape.dim[0], w = (size_t)shape.dim[1], D = (size_t)shape.dim[2];
    float *patches = malloc(h * w * D * sizeof *patches), *grid = malloc(h * w * sizeof *grid);
    struct bv_wanted wanted = {maker.output, patches, h * w * D};
    enum bv_status status = patches && grid ? BV_OK : bv_fail_nomem(err, "a heat map");
    if (status == BV_OK)
        status = bv_engine_run_image(engine, image, image->prior, &wanted, 1, err);
    if (status == BV_OK)
        status = bv_heatmap_grid(patches, text, h, w, D, maker.sigma, grid, err);
    if (status == BV_OK)
        bv_heatmap_spread(grid, h, w, &maker.crop, image->height, image->width, true, out);
    free(grid);
    free(patches);
    return status;
}

static enum bv_status check_map(const struct bv_image *image, size_t capacity, struct bv_error *err)
{
    return bv_check_room(capacity, (size_t)image->height, (size_t)image->width, "floats", err);
}

enum bv_status bv_engine_heat_map(struct bv_engine *engine, const struct bv_image *image,
                                  const char *text, float *out, size_t capacity)
{
    assert(image && text && out && engine);
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *m = bv_session_model(engine->session);
    BV_TRY(check_map(image, capacity, err));
    if (!bv_can_map(engine))
        return bv_map_text(engine, image, NULL, out, err);
    size_t dim = bv_engine_text_dim(engine);
    if (dim == 0)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" has no text encoder", m->name);
    float *embedding = malloc(dim * sizeof *embedding);
    enum bv_status status =
        embedding ? bv_engine_embed_texts(engine, &text, 1, 0, embedding, dim, NULL, NULL)
                  : bv_fail_nomem(err, "a text");
    if (status == BV_OK)
        status = bv_map_text(engine, image, embedding, out, err);
    free(embedding);
    return status;
}

enum bv_status bv_result_heat_map(const struct bv_result *r, size_t i, float *out, size_t capacity)
{
    assert(i < bv_result_count(r) && out);
    struct bv_engine *engine = r->zero_shot->engine;
    struct bv_error *err = bv_begin(engine->context);
    BV_TRY(check_map(r->image, capacity, err));
    return bv_map_text(engine, r->image, bv_classifier_embedding(r->zero_shot->classifier, i), out,
                       err);
}

enum bv_status bv_result_draw(const struct bv_result *r, struct bv_pixels *rgb,
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
    const float *text = bv_classifier_embedding(z->classifier, best);
    enum bv_status status = BV_OK;
    if (text && bv_can_map(z->engine)) {
        map = malloc((size_t)r->image->width * (size_t)r->image->height * sizeof *map);
        status = map ? bv_map_text(z->engine, r->image, text, map, err)
                     : bv_fail_nomem(err, "a heat map");
    }
    overlay.labels = labels;
    overlay.map = map;
    overlay.mapped = labels[best];
    if (status == BV_OK)
        status = bv_overlay_draw(r->image, &overlay, rgb, err);
    free(map);
    free(labels);
    return status;
}

enum bv_status bv_result_picture(const struct bv_result *r, uint8_t **rgb, int *width, int *height)
{
    assert(rgb && width && height && r);
    struct bv_pixels picture = {0};
    BV_TRY(bv_result_draw(r, &picture, bv_begin(r->zero_shot->engine->context)));
    *rgb = picture.data;
    *width = picture.width;
    *height = picture.height;
    return BV_OK;
}
