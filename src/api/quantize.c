// bv_quantize: calibration inputs from files, the choice of layers, the new file.
#include "convert/convert.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"

struct inputs {
    struct bv_encoder_input *images;
    size_t n_images;
};

static enum bv_status read_image(const struct bv_model *model, const char *path,
                                 struct bv_encoder_input *input, struct bv_error *err)
{
    struct bv_image *image = NULL;
    BV_TRY(bv_image_load(path, NULL, &image, err));
    enum bv_status status = bv_encoder_input_make(model, image, NULL, input, err);
    bv_image_free(&image);
    return status;
}

static enum bv_status read_inputs(const struct bv_model *model, const struct bv_quantize_options *o,
                                  struct inputs *in, struct bv_error *err)
{
    if (o->n_images > 0)
        BV_TRY(bv_check_embeds(model, "image", "images", err));
    if (o->n_texts > 0)
        BV_TRY(bv_check_embeds(model, "text", "texts", err));
    if ((o->n_images > 0 && !bv_model_has_image(model)) ||
        (o->n_texts > 0 && !bv_model_has_text(model)))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no %s encoder", model->name,
                       bv_model_has_image(model) ? "text" : "image");
    in->images = calloc(o->n_images + 1, sizeof *in->images);
    if (!in->images)
        return bv_fail_nomem(err, "calibration inputs");
    for (; in->n_images < o->n_images; in->n_images++)
        BV_TRY(read_image(model, o->images[in->n_images], &in->images[in->n_images], err));
    return BV_OK;
}

static void free_inputs(struct inputs *in)
{
    for (size_t i = 0; i < in->n_images; i++)
        bv_encoder_input_free(&in->images[i]);
    free(in->images);
}

enum bv_status bv_quantize(struct bv_context *context, const char *source, const char *path,
                           const struct bv_quantize_options *theirs, char **json)
{
    assert(context && source && path);
    struct bv_error *err = bv_begin(context);
    struct bv_quantize_options options;
    struct bv_model *model = NULL;
    struct inputs in = {0};
    struct bv_quantization result = {0};
    char *value = NULL;
    BV_TRY(bv_options_read(&options, sizeof options, theirs, "bv_quantize_options", err));
    if (options.n_images + options.n_texts == 0)
        return bv_fail(err, BV_ERR_ARG, "no images and no texts to calibrate with");
    BV_TRY(bv_model_load(&model, source, err));
    enum bv_status status = read_inputs(model, &options, &in, err);
    const struct bv_quantize_inputs calibration = {in.images, in.n_images, options.texts,
                                                   options.n_texts};
    if (status == BV_OK)
        status =
            bv_quantize_choose(model, &calibration, options.cosine > 0 ? options.cosine : 0.997,
                               context->pool, &value, &result, err);
    if (status == BV_OK)
        status = bv_quantize_write(model, path, value, err);
    free(value);
    free_inputs(&in);
    bv_model_unload(&model);
    if (status != BV_OK || !json)
        return status;
    return bv_json_text(json_pack("{s:i, s:i, s:f}", "layers", result.n_layers, "kept",
                                  result.n_kept, "cosine", result.cosine),
                        json, err);
}
