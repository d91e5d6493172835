#include "fused.h"

#include <stdio.h>
#include <string.h>

int open_fused(const struct fused_options *options, const char *path, const char *head,
               struct opened *o, struct bv_fused_image **image)
{
    enum bv_status status = open_model(o, &options->model, true);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    if (options->regions) {
        const struct bv_regions regions = {
            .size = sizeof regions, .name = path, .path = options->regions};
        status = bv_fused_image_open_regions(o->engine, &regions, image);
    } else {
        struct bv_image *decoded = NULL;
        status = bv_image_open(o->context, path, NULL, &decoded);
        if (status == BV_OK)
            status = bv_fused_image_open(o->engine, decoded, image);
        bv_image_close(&decoded);
    }
    if (status == BV_OK && strcmp(head, "segment") != 0 &&
        bv_fused_image_count(*image, head) == 0) {
        // The context's sentence says what the model can do.
        (void)fprintf(stderr, "biovl: %s\n", bv_last_error(o->context));
        bv_fused_image_close(image);
        return EXIT_INPUT;
    }
    if (status != BV_OK) {
        (void)report_failure(o->context, status);
        return status == BV_ERR_ARG ? EXIT_INPUT : (int)exit_code_of(status);
    }
    return EXIT_OK;
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
