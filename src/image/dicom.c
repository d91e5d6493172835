// DICOM images: the header. DCMTK parses (dicom_dataset.h); sizes are checked before anything is
// decoded.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/dicom.h"

enum {
    TAG_SOP_CLASS = BV_TAG(0x0008, 0x0016),
    TAG_MODALITY = BV_TAG(0x0008, 0x0060),
    TAG_INTENT = BV_TAG(0x0008, 0x0068),
    TAG_CODE_VALUE = BV_TAG(0x0008, 0x0100),
    TAG_CODE_MEANING = BV_TAG(0x0008, 0x0104),
    TAG_ANATOMIC_REGION = BV_TAG(0x0008, 0x2218),
    TAG_FRAME_ANATOMY = BV_TAG(0x0020, 0x9071),
    TAG_BODY_PART = BV_TAG(0x0018, 0x0015),
    TAG_IMAGER_SPACING = BV_TAG(0x0018, 0x1164),
    TAG_ORIENTATION = BV_TAG(0x0020, 0x0020),
    TAG_SAMPLES = BV_TAG(0x0028, 0x0002),
    TAG_PHOTOMETRIC = BV_TAG(0x0028, 0x0004),
    TAG_PLANAR = BV_TAG(0x0028, 0x0006),
    TAG_FRAMES = BV_TAG(0x0028, 0x0008),
    TAG_ROWS = BV_TAG(0x0028, 0x0010),
    TAG_COLUMNS = BV_TAG(0x0028, 0x0011),
    TAG_SPACING = BV_TAG(0x0028, 0x0030),
    TAG_ASPECT = BV_TAG(0x0028, 0x0034),
    TAG_ALLOCATED = BV_TAG(0x0028, 0x0100),
    TAG_STORED = BV_TAG(0x0028, 0x0101),
    TAG_HIGH_BIT = BV_TAG(0x0028, 0x0102),
    TAG_REPRESENTATION = BV_TAG(0x0028, 0x0103),
    TAG_PADDING = BV_TAG(0x0028, 0x0120),
    TAG_PADDING_LIMIT = BV_TAG(0x0028, 0x0121),
    TAG_BURNED_IN = BV_TAG(0x0028, 0x0301),
    TAG_LOSSY = BV_TAG(0x0028, 0x2110),
    TAG_PIXEL_MEASURES = BV_TAG(0x0028, 0x9110),
    TAG_LUT_SHAPE = BV_TAG(0x2050, 0x0020),
    TAG_OVERLAY_BIT = BV_TAG(0x6000, 0x0102), // of the first of sixteen overlays
};

// What a deflated data set may hold besides 16-bit pixels.
#define DEFLATED_HEADERS ((size_t)16 << 20)

static unsigned get_unsigned(const struct bv_dataset *ds, uint32_t tag, unsigned fallback)
{
    double value = 0;
    if (!bv_dataset_number(ds, tag, 0, &value) || value < 0 || value > 4294967295.0)
        return fallback;
    return (unsigned)value;
}

static bool text_is(const struct bv_dataset *ds, uint32_t tag, const char *expected)
{
    char text[65];
    return bv_dataset_text(ds, tag, 0, text, sizeof text) && strcmp(text, expected) == 0;
}

static enum bv_status check_bits(struct bv_image *image, struct bv_dicom_layout *layout,
                                 struct bv_error *err)
{
    if (layout->allocated != 8 && layout->allocated != 16 && layout->allocated != 32)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "%u bits allocated for a pixel", layout->allocated);
    if (layout->stored < 1 || layout->stored > layout->allocated)
        return bv_fail(err, BV_ERR_FORMAT, "%u bits stored in %u allocated", layout->stored,
                       layout->allocated);
    if (layout->high_bit >= layout->allocated || layout->high_bit + 1 < layout->stored) {
        bv_image_warn(image, BV_REASON_BAD_HEADER, "high bit %u does not fit %u bits stored",
                      layout->high_bit, layout->stored);
        layout->high_bit = layout->stored - 1;
    }
    return BV_OK;
}

static enum bv_status check_colour(const struct bv_dicom_layout *layout, struct bv_error *err)
{
    if (layout->samples == 1 &&
        (layout->palette || strncmp(layout->photometric, "MONOCHROME", 10) == 0))
        return BV_OK;
    if (layout->samples == 3 && layout->allocated <= 16 &&
        (strcmp(layout->photometric, "RGB") == 0 || strncmp(layout->photometric, "YBR_", 4) == 0) &&
        strncmp(layout->photometric, "YBR_PARTIAL", 11) != 0)
        return BV_OK;
    return bv_fail(err, BV_ERR_UNSUPPORTED, "%u samples per pixel of photometric interpretation %s",
                   layout->samples, layout->photometric[0] ? layout->photometric : "(none)");
}

// Some writers put letters behind the number; the leading digits count.
static unsigned count_frames(const struct bv_dataset *ds, struct bv_image *image)
{
    char text[32];
    if (!bv_dataset_text(ds, TAG_FRAMES, 0, text, sizeof text))
        return 1;
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || n < 1 || n > INT32_MAX)
        bv_image_warn(image, BV_REASON_BAD_HEADER, "the number of frames is not a number");
    return n < 1 || n > INT32_MAX ? 1 : (unsigned)n;
}

// Old images keep overlays in the bits that pixels do not use (PS3.5 8.1.2 of 2004).
static bool has_overlay_bits(const struct bv_dataset *ds)
{
    for (unsigned i = 0; i < 16; i++)
        if (get_unsigned(ds, TAG_OVERLAY_BIT + (i << 17), 0) > 0)
            return true;
    return false;
}

static enum bv_status read_layout(const struct bv_dataset *ds, struct bv_image *image,
                                  struct bv_dicom_layout *layout, size_t max_pixels,
                                  struct bv_error *err)
{
    const float *floats = NULL;
    size_t n_floats = 0;
    layout->is_float = bv_dataset_float_pixels(ds, &floats, &n_floats);
    layout->rows = get_unsigned(ds, TAG_ROWS, 0);
    layout->columns = get_unsigned(ds, TAG_COLUMNS, 0);
    layout->samples = get_unsigned(ds, TAG_SAMPLES, 1);
    layout->allocated = get_unsigned(ds, TAG_ALLOCATED, 0);
    layout->stored = get_unsigned(ds, TAG_STORED, layout->allocated);
    layout->high_bit = get_unsigned(ds, TAG_HIGH_BIT, layout->stored - 1);
    layout->is_signed = get_unsigned(ds, TAG_REPRESENTATION, 0) == 1;
    layout->planar = get_unsigned(ds, TAG_PLANAR, 0) == 1;
    layout->frames = count_frames(ds, image);
    layout->overlay_in_pixels = has_overlay_bits(ds);
    if (!bv_dataset_text(ds, TAG_PHOTOMETRIC, 0, layout->photometric, sizeof layout->photometric))
        layout->photometric[0] = 0;
    layout->palette = strcmp(layout->photometric, "PALETTE COLOR") == 0;
    if (!layout->rows || !layout->columns || !layout->allocated)
        return bv_fail(err, BV_ERR_FORMAT,
                       "the DICOM object has no image (rows, columns or bits "
                       "allocated are missing)");
    BV_TRY(bv_decode_check_size(layout->columns, layout->rows, max_pixels, err));
    if (layout->is_float)
        return layout->samples == 1 ? BV_OK
                                    : bv_fail(err, BV_ERR_UNSUPPORTED, "float pixels in colour");
    BV_TRY(check_bits(image, layout, err));
    return check_colour(layout, err);
}

static enum bv_status choose_frame(struct bv_image *image, const struct bv_dicom_layout *layout,
                                   int frame, struct bv_error *err)
{
    if (frame < 0 && layout->frames > 1)
        return bv_fail(err, BV_ERR_REFUSED, "%u frames, and none of them was chosen",
                       layout->frames);
    if (frame >= (int)layout->frames)
        return bv_fail(err, BV_ERR_ARG, "frame %d of a file with %u", frame + 1, layout->frames);
    image->n_frames = (int)layout->frames;
    image->frame = frame < 0 ? 0 : frame;
    return BV_OK;
}

static void read_padding(const struct bv_dataset *ds, struct bv_image *image)
{
    double value = 0, limit = 0;
    if (!bv_dataset_number(ds, TAG_PADDING, 0, &value) || image->sample == BV_SAMPLE_F32)
        return;
    if (!bv_dataset_number(ds, TAG_PADDING_LIMIT, 0, &limit))
        limit = value;
    if (image->is_signed) { // the element may have been written as unsigned
        value = value > 32767 ? value - 65536 : value;
        limit = limit > 32767 ? limit - 65536 : limit;
    }
    double low = fmin(value, limit), high = fmax(value, limit);
    image->has_padding = low >= INT32_MIN && high <= INT32_MAX; // else no stored value is padding
    image->padding_low = image->has_padding ? (int32_t)low : 0;
    image->padding_high = image->has_padding ? (int32_t)high : 0;
}

static bool is_number(enum bv_number how)
{
    return how == BV_NUMBER_READ || how == BV_NUMBER_COMMA;
}

static void read_geometry(const struct bv_dataset *ds, struct bv_image *image)
{
    const struct bv_item *root = bv_dataset_root(ds);
    const struct bv_item *items[3] = {
        bv_dataset_group(ds, (unsigned)image->frame, TAG_PIXEL_MEASURES), root, root};
    uint32_t tags[3] = {TAG_SPACING, TAG_SPACING, TAG_IMAGER_SPACING};
    for (int t = 0; t < 3 && image->spacing[0] <= 0; t++) {
        double down = 0, across = 0;
        bool read = is_number(bv_item_number(items[t], tags[t], 0, &down)) &&
                    is_number(bv_item_number(items[t], tags[t], 1, &across));
        if (read && down > 0 && across > 0) {
            image->spacing[0] = down;
            image->spacing[1] = across;
            image->aspect = down / across;
        }
    }
    double down = 0, across = 0;
    if (image->spacing[0] <= 0 && bv_dataset_number(ds, TAG_ASPECT, 0, &down) &&
        bv_dataset_number(ds, TAG_ASPECT, 1, &across) && down > 0 && across > 0)
        image->aspect = down / across;
    if (image->aspect < 0.99 || image->aspect > 1.01)
        bv_image_warn(image, BV_REASON_PIXEL_ASPECT, "pixels are %.3g times as high as wide",
                      image->aspect);
    char direction[17];
    if (bv_dataset_text(ds, TAG_ORIENTATION, 0, direction, sizeof direction) && direction[0] == 'R')
        bv_image_warn(image, BV_REASON_MIRRORED,
                      "rows run towards the patient's right: the image is mirrored");
}

// What was examined: by its word, else by the code of the anatomic region, whose meaning may be in
// any language.
static void read_body_part(const struct bv_dataset *ds, struct bv_image *image)
{
    static const char *const chest[] = {"51185008", "816094009", "39607008", "T-D3000", "T-28000"};
    const struct bv_item *root = bv_dataset_root(ds);
    const struct bv_item *anatomy = bv_dataset_group(ds, (unsigned)image->frame, TAG_FRAME_ANATOMY);
    const struct bv_item *region = bv_item_child(anatomy, TAG_ANATOMIC_REGION, 0);
    char code[65];
    if (bv_dataset_text(ds, TAG_BODY_PART, 0, image->body_part, sizeof image->body_part))
        return;
    if (!region)
        region = bv_item_child(root, TAG_ANATOMIC_REGION, 0);
    if (!bv_item_text(region, TAG_CODE_VALUE, 0, code, sizeof code))
        return;
    for (size_t i = 0; i < sizeof chest / sizeof *chest; i++)
        if (strcmp(code, chest[i]) == 0)
            memcpy(image->body_part, "CHEST", sizeof "CHEST");
    if (!image->body_part[0])
        (void)bv_item_text(region, TAG_CODE_MEANING, 0, image->body_part, sizeof image->body_part);
}

static void read_context(const struct bv_dataset *ds, struct bv_image *image,
                         const struct bv_dicom_layout *layout)
{
    (void)bv_dataset_text(ds, TAG_MODALITY, 0, image->modality, sizeof image->modality);
    read_body_part(ds, image);
    (void)bv_dataset_text(ds, TAG_SOP_CLASS, 0, image->sop_class, sizeof image->sop_class);
    for (char *p = image->body_part; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    bv_dicom_view(ds, image);
    image->lossy = image->lossy || layout->syntax->lossy || text_is(ds, TAG_LOSSY, "01");
    if (text_is(ds, TAG_BURNED_IN, "YES"))
        bv_image_warn(image, BV_REASON_BURNED_IN, "the file says that text is burned in");
    if (text_is(ds, TAG_INTENT, "FOR PROCESSING"))
        bv_image_warn(image, BV_REASON_FOR_PROCESSING,
                      "raw detector values, meant for processing and not for display");
    image->presentation_inverse = text_is(ds, TAG_LUT_SHAPE, "INVERSE");
    if (strcmp(layout->photometric, "MONOCHROME1") == 0)
        image->photometric = BV_MONOCHROME1;
}

// What was wrong around the elements and did no harm.
static void warn_of_outline(const struct bv_dicom_outline *outline, struct bv_image *image)
{
    if (outline->relabelled)
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "the data set is in %s VR, %s endian, unlike what its transfer syntax says",
                      outline->implicit ? "implicit" : "explicit", outline->big ? "big" : "little");
    if (outline->rubbish)
        bv_image_warn(image, BV_REASON_BAD_HEADER, "bytes that are no element follow the data set");
}

static enum bv_status decode(struct bv_dataset *ds, struct bv_image *image,
                             const struct bv_transfer_syntax *syntax, int frame, size_t max_pixels,
                             struct bv_error *err)
{
    struct bv_dicom_layout layout = {.syntax = syntax};
    if (!syntax) // without meta information
        BV_TRY(bv_transfer_syntax_check(bv_dataset_transfer_syntax(ds), &layout.syntax, err));
    (void)strncpy(image->transfer_syntax, layout.syntax->uid, sizeof image->transfer_syntax - 1);
    warn_of_outline(bv_dataset_outline(ds), image);
    BV_TRY(read_layout(ds, image, &layout, max_pixels, err));
    BV_TRY(choose_frame(image, &layout, frame, err));
    BV_TRY(bv_dicom_pixels(ds, image, &layout, max_pixels, err));
    read_context(ds, image, &layout);
    BV_TRY(bv_dicom_gray(ds, image, &layout, err));
    read_padding(ds, image);
    read_geometry(ds, image);
    return BV_OK;
}

enum bv_status bv_decode_dicom(struct bv_image *image, struct bv_bytes bytes, int frame,
                               size_t max_pixels, size_t max_bytes, struct bv_error *err)
{
    image->kind = BV_FILE_DICOM;
    char uid[65] = "";
    size_t data_set = 0, n_inflated = 0;
    uint8_t *inflated = NULL;
    const struct bv_transfer_syntax *syntax = NULL;
    if (bv_dicom_meta(bytes, uid, &data_set)) {
        BV_TRY(bv_transfer_syntax_check(uid, &syntax, err));
        if (strcmp(uid, BV_DEFLATED_LITTLE_ENDIAN) == 0) {
            struct bv_bytes rest = {bytes.data + data_set, bytes.size - data_set};
            size_t most = 2 * max_pixels + DEFLATED_HEADERS;
            most = most < max_bytes ? most : max_bytes;
            BV_TRY(bv_dicom_inflate(rest, most, &inflated, &n_inflated, err));
            bytes = (struct bv_bytes){inflated, n_inflated};
        }
    }
    struct bv_dataset *ds = NULL;
    enum bv_status status = bv_dataset_open(bytes, inflated != NULL, &ds, err);
    if (status == BV_OK)
        status = decode(ds, image, syntax, frame, max_pixels, err);
    bv_dataset_close(&ds);
    free(inflated);
    return status;
}
