// Reading a file by its content: which reader it belongs to.
#include "image/decode.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define DEFAULT_MAX_FILE ((size_t)1 << 30)

static enum bv_status decode(struct bv_image *image, enum bv_format format, struct bv_bytes bytes,
                             const struct bv_decode_options *options, struct bv_error *err)
{
    size_t max_pixels =
        options && options->max_pixels ? options->max_pixels : BV_DEFAULT_MAX_PIXELS;
    size_t max_file = options && options->max_file ? options->max_file : DEFAULT_MAX_FILE;
    if (bytes.size > max_file)
        return bv_fail(err, BV_ERR_LIMIT, "%zu bytes, the limit is %zu", bytes.size, max_file);
    switch (format) {
    case BV_FORMAT_PNG:
        return bv_decode_png(image, bytes, max_pixels, err);
    case BV_FORMAT_JPEG:
        return bv_decode_jpeg(image, bytes, max_pixels, err);
    case BV_FORMAT_JPEG2000:
        return bv_decode_jpeg2000_file(image, bytes, max_pixels, err);
    case BV_FORMAT_DICOM:
        return bv_decode_dicom(image, bytes, options ? options->frame : -1, max_pixels, max_file,
                               err);
    case BV_FORMAT_EMPTY:
        return bv_fail(err, BV_ERR_FORMAT, "the file is empty");
    case BV_FORMAT_UNKNOWN:
        return bv_fail(err, BV_ERR_FORMAT, "not an image (DICOM, PNG, JPEG or JPEG 2000)");
    default:
        break;
    }
    return bv_fail(err, BV_ERR_UNSUPPORTED, "%s cannot be read; DICOM, PNG, JPEG and JPEG 2000 can",
                   bv_format_name(format));
}

enum bv_status bv_image_decode(const uint8_t *bytes, size_t size, const char *name,
                               const struct bv_decode_options *options, struct bv_image **out,
                               struct bv_error *err)
{
    struct bv_image *image = calloc(1, sizeof *image);
    if (!image)
        return bv_fail_nomem(err, name);
    image->slope = 1;
    image->aspect = 1;
    image->alpha_min = 255;
    image->n_frames = 1;
    image->orientation = 1;
    enum bv_status status =
        decode(image, bv_sniff(bytes, size), (struct bv_bytes){bytes, size}, options, err);
    if (status != BV_OK) {
        bv_image_free(&image);
        (void)bv_fail_prefix(err, "%s", name);
        return status;
    }
    *out = image;
    return BV_OK;
}

size_t bv_image_path_length(const char *path, int *frame)
{
    const char *mark = strrchr(path, '#');
    char *end = NULL;
    long number = 0;
    if (mark && mark > path && mark[1] >= '1' && mark[1] <= '9')
        number = strtol(mark + 1, &end, 10);
    bool named = number > 0 && number <= INT_MAX && *end == 0 && access(path, F_OK) != 0;
    if (frame)
        *frame = named ? (int)number - 1 : -1;
    return named ? (size_t)(mark - path) : strlen(path);
}

static enum bv_status load_stream(size_t max_file, const struct bv_decode_options *options,
                                  struct bv_image **image, struct bv_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    BV_TRY(bv_read_all("-", max_file, &bytes, &size, err));
    enum bv_status status =
        bv_image_decode((const uint8_t *)bytes, size, "standard input", options, image, err);
    free(bytes);
    return status;
}

enum bv_status bv_image_load(const char *path, const struct bv_decode_options *options,
                             struct bv_image **image, struct bv_error *err)
{
    struct bv_mapping mapping = {0};
    struct bv_decode_options mine = options ? *options : BV_DECODE_DEFAULTS;
    size_t max_file = mine.max_file ? mine.max_file : DEFAULT_MAX_FILE;
    int frame;
    if (strcmp(path, "-") == 0)
        return load_stream(max_file, options, image, err);
    size_t length = bv_image_path_length(path, &frame);
    if (frame >= 0) {
        char *file = strndup(path, length);
        if (!file)
            return bv_fail_nomem(err, "a path");
        mine.frame = frame;
        enum bv_status status = bv_mapping_open(&mapping, file, max_file, err);
        free(file);
        if (status != BV_OK)
            return status;
    } else {
        BV_TRY(bv_mapping_open(&mapping, path, max_file, err));
    }
    enum bv_status status = bv_image_decode(mapping.data, mapping.size, path, &mine, image, err);
    bv_mapping_close(&mapping);
    return status;
}

enum bv_status bv_image_count_frames(const char *path, int *n, struct bv_error *err)
{
    struct bv_decode_options first = BV_DECODE_DEFAULTS;
    struct bv_image *image = NULL;
    first.frame = 0;
    BV_TRY(bv_image_load(path, &first, &image, err));
    *n = image->n_frames;
    bv_image_free(&image);
    return BV_OK;
}
