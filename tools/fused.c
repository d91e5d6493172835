#include "fused.h"

#include <stdio.h>
#include <string.h>

// NULL for the regions of options.
static enum bv_status open_image(const struct fused_options *options, const char *path,
                                 const struct picture *picture, const struct opened *o,
                                 struct bv_fused_image **image)
{
    const struct bv_regions regions = {
        .size = sizeof regions, .name = path, .path = options->regions};
    struct bv_image *decoded = NULL;
    if (!picture)
        return bv_fused_image_open_regions(o->engine, &regions, image);
    enum bv_status status = open_picture(o->context, picture, NULL, &decoded);
    if (status == BV_OK)
        status = bv_fused_image_open(o->engine, decoded, image);
    bv_image_close(&decoded);
    return status;
}

static int act(const struct fused_options *options, const char *path, const struct picture *picture,
               const char *head, const struct opened *o, fused_action *action, void *arg)
{
    struct bv_fused_image *image = NULL;
    enum bv_status status = open_image(options, path, picture, o, &image);
    int code = EXIT_OK;
    if (status != BV_OK) {
        (void)report_failure(o->context, status);
        code = status == BV_ERR_ARG ? EXIT_INPUT : (int)exit_code_of(status);
    } else if (strcmp(head, "segment") != 0 && bv_fused_image_count(image, head) == 0) {
        // The context's sentence says what the model can do.
        (void)fprintf(stderr, "biovl: %s\n", bv_last_error(o->context));
        code = EXIT_INPUT;
    } else {
        code = action(arg, o, image, picture ? picture_name(picture) : path);
    }
    bv_fused_image_close(&image);
    return code;
}

int with_fused(const struct fused_options *options, const char *path, const char *head,
               fused_action *action, void *arg)
{
    struct opened o = {0};
    struct pictures pictures = {0};
    const struct strings one = {&path, 1};
    enum bv_status status = open_model(&o, &options->model, true);
    int code = (int)exit_code_of(status);
    if (status == BV_OK && options->regions)
        code = act(options, path, NULL, head, &o, action, arg);
    else if (status == BV_OK && !list_pictures(o.context, &one, options->frame, &pictures))
        code = EXIT_USAGE;
    for (size_t i = 0; i < pictures.n && code == EXIT_OK; i++)
        code = act(options, path, &pictures.items[i], head, &o, action, arg);
    close_pictures(&pictures);
    close_model(&o);
    return code;
}

json_t *fused_json(const struct opened *o, const struct bv_fused_image *image)
{
    char *text = NULL;
    enum bv_status status = bv_fused_image_describe(image, &text);
    if (status != BV_OK) {
        (void)report_failure(o->context, status);
        return NULL;
    }
    json_t *object = json_loads(text, 0, NULL);
    bv_free(text);
    return object;
}

int print_fused_json(json_t *object)
{
    int failed = json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
    (void)putchar('\n');
    json_decref(object);
    return failed ? EXIT_INTERNAL : EXIT_OK;
}
