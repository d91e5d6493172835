// biovl segment: where in an image is what a text describes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fused.h"

struct segment {
    struct fused_options fused;
    const char *features, *mask, *overlay, *probabilities;
};

static int segment(void *arg, const struct opened *o, struct bv_fused_image *image,
                   const char *name)
{
    const struct segment *s = arg;
    (void)name;
    const struct bv_text_features text = {.size = sizeof text, .path = s->features};
    int width = 0, height = 0;
    enum bv_status status = bv_fused_image_mask_size(image, &width, &height);
    const int64_t shape[2] = {height, width};
    size_t n = (size_t)width * (size_t)height;
    float *mask = calloc(n + 1, sizeof *mask);
    if (!mask)
        return EXIT_DEVICE;
    if (status == BV_OK)
        status = bv_fused_image_segment(image, &text, mask, n);
    if (status == BV_OK)
        status = bv_fused_image_write_mask(image, mask, n, s->mask, s->overlay);
    if (status == BV_OK && s->probabilities)
        status = bv_write_npy(o->context, s->probabilities, mask, 2, shape);
    int code = EXIT_OK;
    if (status != BV_OK) {
        code = (int)report_failure(o->context, status);
    } else {
        size_t inside = 0;
        for (size_t i = 0; i < n; i++)
            inside += mask[i] > 0.5f;
        print_research_notice(o);
        json_t *object = s->fused.json ? fused_json(o, image) : NULL;
        if (object) {
            (void)json_object_set_new(object, "fraction", json_real((double)inside / (double)n));
            (void)json_object_set_new(object, "height", json_integer(shape[0]));
            (void)json_object_set_new(object, "width", json_integer(shape[1]));
            code = print_fused_json(object);
        } else {
            printf("%s  %.2f%% of %lld x %lld pixels\n", s->mask, 100 * (double)inside / (double)n,
                   (long long)shape[0], (long long)shape[1]);
        }
    }
    free(mask);
    return code;
}

int run_segment(int argc, char **argv)
{
    struct segment s = {.features = NULL};
    const struct option options[] = {
        {"--text-features", OPTION_STRING, &s.features, "FILE",
         "token features of the text (.npz, .safetensors: features [T,D])"},
        {"--output|-o", OPTION_STRING, &s.mask, "FILE.png", "the mask, black and white"},
        {"--overlay", OPTION_STRING, &s.overlay, "FILE.png", "the image with the mask in red"},
        {"--probabilities", OPTION_STRING, &s.probabilities, "FILE.npy", "float32 [H,W]"},
        FUSED_OPTIONS(&s.fused),
    };
    const struct usage usage = {
        "segment", "IMAGE --text-features FILE -o MASK.png [options]",
        "A mask of what a text describes, in the resolution of the model (LViT).", options,
        sizeof options / sizeof *options};
    struct strings images = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &images);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (images.n != 1 || !s.features || !s.mask)
            (void)fprintf(stderr, "usage: biovl segment %s\n", usage.synopsis);
        else if (s.fused.frame && strcmp(s.fused.frame, "all") == 0)
            (void)fprintf(stderr, "biovl: segment takes one frame: there is one output\n");
        else if (!is_input(s.mask, &images) && !is_input(s.overlay, &images))
            code = with_fused(&s.fused, images.items[0], "segment", segment, &s);
    }
    free_strings(&images);
    return code;
}
