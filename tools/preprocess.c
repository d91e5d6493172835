// biovl preprocess: the pixels that the encoder sees, as .npy.
#include <stdio.h>

#include "pictures.h"

static int preprocess(const struct opened *o, const struct strings *images, const char *frame,
                      const char *output)
{
    struct pictures pictures = {0};
    struct bv_image *image = NULL;
    float *pixels = NULL;
    int64_t shape[3] = {0};
    enum bv_status status = BV_OK;
    int code = EXIT_USAGE;
    if (list_pictures(o->context, images, frame, &pictures) && pictures.n == 1) {
        status = open_picture(o->context, &pictures.items[0], NULL, &image);
        if (status == BV_OK)
            status = bv_preprocess(o->context, o->model, image, &pixels, shape);
        if (status == BV_OK)
            status = bv_write_npy(o->context, output, pixels, 3, shape);
        code = status == BV_OK ? EXIT_OK : (int)report_failure(o->context, status);
    } else if (pictures.n > 1) {
        (void)fprintf(stderr, "biovl: %zu frames, and one output\n", pictures.n);
    }
    bv_image_close(&image);
    bv_free(pixels);
    close_pictures(&pictures);
    return code;
}

int run_preprocess(int argc, char **argv)
{
    struct model_options model = {0};
    struct strings images = {0};
    const char *output = NULL, *frame = NULL;
    const struct option options[] = {
        {"--output|-o", OPTION_STRING, &output, "FILE", "float32 [H,W,C] in NumPy's format"},
        FRAME_OPTION(&frame),
        MODEL_OPTIONS(&model),
    };
    const struct usage usage = {"preprocess", "IMAGE -o OUT.npy [--model M]",
                                "Writes the model's image encoder input, exactly.", options,
                                sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &images);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && (images.n != 1 || !output)) {
        (void)fprintf(stderr, "usage: biovl preprocess %s\n", usage.synopsis);
    } else if (parsed == PARSE_OK && !is_input(output, &images)) {
        struct opened o = {0};
        enum bv_status status = open_model(&o, &model, false);
        code = status == BV_OK ? preprocess(&o, &images, frame, output) : (int)exit_code_of(status);
        close_model(&o);
    }
    free_strings(&images);
    return code;
}
