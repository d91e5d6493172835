// biovl preprocess: the pixels that the encoder sees, as .npy.
#include <stdio.h>

#include "command.h"

int run_preprocess(int argc, char **argv)
{
    struct model_options model = {0};
    struct strings images = {0};
    const char *output = NULL;
    const struct option options[] = {
        {"--output|-o", OPTION_STRING, &output, "FILE", "float32 [H,W,C] in NumPy's format"},
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
        float *pixels = NULL;
        int64_t shape[3] = {0};
        enum bv_status status = open_model(&o, &model, false);
        code = (int)exit_code_of(status);
        if (status == BV_OK) {
            struct bv_image *image = NULL;
            status = bv_image_open(o.context, images.items[0], NULL, &image);
            if (status == BV_OK)
                status = bv_preprocess(o.context, o.model, image, &pixels, shape);
            bv_image_close(&image);
            if (status == BV_OK)
                status = bv_write_npy(o.context, output, pixels, 3, shape);
            code = (int)exit_code_of(status);
            if (status != BV_OK)
                (void)report_failure(o.context, status);
        }
        bv_free(pixels);
        close_model(&o);
    }
    free_strings(&images);
    return code;
}
