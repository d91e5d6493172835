// DICOM: what the elements of a radiograph mean. DCMTK parses and decodes (dicom_dataset.h),
// OpenJPEG decodes JPEG 2000; sizes are checked before either does.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "image/color.h"
#include "image/decode.h"
#include "image/dicom_dataset.h"
#include "image/dicom_stream.h"
#include "image/jpeg2000.h"
#include "image/jpegls.h"
#include "image/rle.h"
#include "image/transfer_syntax.h"

enum {
    TAG_SOP_CLASS = BV_TAG(0x0008, 0x0016),
    TAG_MODALITY = BV_TAG(0x0008, 0x0060),
    TAG_INTENT = BV_TAG(0x0008, 0x0068),
    TAG_CODE_VALUE = BV_TAG(0x0008, 0x0100),
    TAG_SERIES_DESCRIPTION = BV_TAG(0x0008, 0x103e),
    TAG_BODY_PART = BV_TAG(0x0018, 0x0015),
    TAG_IMAGER_SPACING = BV_TAG(0x0018, 0x1164),
    TAG_VIEW_POSITION = BV_TAG(0x0018, 0x5101),
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
    TAG_WINDOW_CENTER = BV_TAG(0x0028, 0x1050),
    TAG_WINDOW_WIDTH = BV_TAG(0x0028, 0x1051),
    TAG_INTERCEPT = BV_TAG(0x0028, 0x1052),
    TAG_SLOPE = BV_TAG(0x0028, 0x1053),
    TAG_VOI_FUNCTION = BV_TAG(0x0028, 0x1056),
    TAG_PALETTE_DESCRIPTOR = BV_TAG(0x0028, 0x1101), // red; green and blue follow
    TAG_PALETTE_DATA = BV_TAG(0x0028, 0x1201),
    TAG_LOSSY = BV_TAG(0x0028, 0x2110),
    TAG_MODALITY_LUT = BV_TAG(0x0028, 0x3000),
    TAG_LUT_DESCRIPTOR = BV_TAG(0x0028, 0x3002),
    TAG_LUT_DATA = BV_TAG(0x0028, 0x3006),
    TAG_VOI_LUT = BV_TAG(0x0028, 0x3010),
    TAG_VIEW_CODE = BV_TAG(0x0054, 0x0220),
    TAG_LUT_SHAPE = BV_TAG(0x2050, 0x0020),
};

// What a deflated data set may hold besides 16-bit pixels.
#define DEFLATED_HEADERS ((size_t)16 << 20)

// The pixel module as the file states it.
struct layout {
    unsigned rows, columns, samples, allocated, stored, high_bit, frames;
    bool is_signed, planar, is_float, palette;
    char photometric[17];
    const struct bv_transfer_syntax *syntax;
};

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

static enum bv_status check_bits(struct bv_image *image, struct layout *layout,
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

static enum bv_status check_colour(const struct layout *layout, struct bv_error *err)
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

static enum bv_status read_layout(const struct bv_dataset *ds, struct bv_image *image,
                                  struct layout *layout, size_t max_pixels, struct bv_error *err)
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

static enum bv_status choose_frame(struct bv_image *image, const struct layout *layout, int frame,
                                   struct bv_error *err)
{
    if (frame < 0 && layout->frames > 1)
        return bv_fail(err, BV_ERR_REFUSED, "%u frames: choose one of them", layout->frames);
    if (frame >= (int)layout->frames)
        return bv_fail(err, BV_ERR_ARG, "frame %d of a file with %u", frame, layout->frames);
    image->n_frames = (int)layout->frames;
    image->frame = frame < 0 ? 0 : frame;
    return BV_OK;
}

static void put(struct bv_image *image, size_t i, int32_t value)
{
    switch (image->sample) {
    case BV_SAMPLE_U8:
        ((uint8_t *)image->pixels)[i] = (uint8_t)value;
        break;
    case BV_SAMPLE_U16:
        ((uint16_t *)image->pixels)[i] = (uint16_t)value;
        break;
    case BV_SAMPLE_I16:
        ((int16_t *)image->pixels)[i] = (int16_t)value;
        break;
    default:
        ((int32_t *)image->pixels)[i] = value;
        break;
    }
}

// The BitsStored bits that end at HighBit; whatever is above or below (old overlays) is dropped.
static int32_t stored_value(uint32_t cell, const struct layout *layout)
{
    uint32_t mask = layout->stored == 32 ? UINT32_MAX : (1U << layout->stored) - 1;
    uint32_t v = cell >> (layout->high_bit + 1 - layout->stored) & mask;
    uint32_t sign = 1U << (layout->stored - 1);
    return layout->is_signed && (v & sign) ? (int32_t)(v | ~mask) : (int32_t)v;
}

static uint32_t cell_at(const uint8_t *bytes, size_t i, unsigned size)
{
    uint32_t v = 0;
    memcpy(&v, bytes + i * size, size);
    return v;
}

static enum bv_status alloc_gray(struct bv_image *image, const struct layout *layout,
                                 struct bv_error *err)
{
    image->channels = 1;
    image->bits_stored = (int)layout->stored;
    image->is_signed = layout->is_signed;
    if (layout->stored <= 8 && !layout->is_signed)
        image->sample = BV_SAMPLE_U8;
    else if (layout->stored <= 16)
        image->sample = layout->is_signed ? BV_SAMPLE_I16 : BV_SAMPLE_U16;
    else
        image->sample = BV_SAMPLE_I32;
    return bv_decode_alloc(image, err);
}

// cells are little-endian words of cell_bytes, one or three per pixel.
static enum bv_status take_gray(struct bv_image *image, const struct layout *layout,
                                const uint8_t *cells, unsigned cell_bytes, struct bv_error *err)
{
    BV_TRY(alloc_gray(image, layout, err));
    size_t n = (size_t)image->width * (size_t)image->height;
    bool plain = layout->stored == layout->allocated && cell_bytes * 8 == layout->allocated;
    if (plain && layout->allocated == 32 && !layout->is_signed) {
        for (size_t i = 0; i < n; i++)
            if (cell_at(cells, i, 4) > INT32_MAX)
                return bv_fail(err, BV_ERR_UNSUPPORTED, "32-bit pixel values beyond 2^31");
    }
    if (plain && bv_sample_size(image->sample) == cell_bytes) {
        memcpy(image->pixels, cells, n * cell_bytes);
    } else if (cell_bytes == 2 && image->sample == BV_SAMPLE_U16) { // the common case, vectorised
        const unsigned shift = layout->high_bit + 1 - layout->stored;
        const uint16_t mask = (uint16_t)((1U << layout->stored) - 1);
        uint16_t *out = image->pixels;
        memcpy(out, cells, n * 2);
        for (size_t i = 0; i < n; i++)
            out[i] = (uint16_t)(out[i] >> shift & mask);
    } else {
        for (size_t i = 0; i < n; i++)
            put(image, i, stored_value(cell_at(cells, i, cell_bytes), layout));
    }
    return BV_OK;
}

// BT.601 luma of RGB; of YBR it is the first component.
static enum bv_status take_colour(struct bv_image *image, const struct layout *layout,
                                  const uint8_t *cells, unsigned cell_bytes, bool planar,
                                  const char *photometric, struct bv_error *err)
{
    struct layout gray = *layout;
    gray.is_signed = false;
    BV_TRY(alloc_gray(image, &gray, err));
    size_t n = (size_t)image->width * (size_t)image->height;
    bool rgb = strcmp(photometric, "RGB") == 0, shared = strcmp(photometric, "YBR_FULL_422") == 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t v[3];
        for (size_t c = 0; c < 3; c++) {
            size_t at = planar ? c * n + i : i * 3 + c;
            v[c] = shared ? cell_at(cells, i / 2 * 4 + i % 2, cell_bytes)
                          : cell_at(cells, at, cell_bytes);
        }
        int32_t luma =
            rgb ? bv_gray_16((uint16_t)v[0], (uint16_t)v[1], (uint16_t)v[2]) : (int32_t)v[0];
        put(image, i, stored_value((uint32_t)luma, &gray));
    }
    bv_image_warn(image, BV_REASON_COLOUR, "a colour image; its BT.601 luma is used");
    return BV_OK;
}

static enum bv_status take(struct bv_image *image, const struct layout *layout,
                           const uint8_t *cells, unsigned cell_bytes, bool planar,
                           const char *photometric, struct bv_error *err)
{
    if (layout->samples == 1)
        return take_gray(image, layout, cells, cell_bytes, err);
    return take_colour(image, layout, cells, cell_bytes, planar, photometric, err);
}

static enum bv_status native_frame(const struct bv_dataset *ds, struct bv_image *image,
                                   const struct layout *layout, struct bv_error *err)
{
    struct bv_bytes bytes = {0};
    if (!bv_dataset_native_pixels(ds, &bytes))
        return bv_fail(err, BV_ERR_FORMAT, "the DICOM object has no pixel data");
    size_t pixels = (size_t)layout->rows * layout->columns, frame = 0, total = 0;
    unsigned cell = layout->allocated / 8;
    bool shared = layout->samples == 3 && strcmp(layout->photometric, "YBR_FULL_422") == 0;
    bool fits = bv_mul_size(pixels, (size_t)cell * (shared ? 2 : layout->samples), &frame) &&
                bv_mul_size(frame, layout->frames, &total);
    if (!fits || bytes.size < total)
        return bv_fail(err, BV_ERR_FORMAT,
                       "truncated: %zu bytes of pixel data for %u × %u pixels of %u bits in %u "
                       "frames",
                       bytes.size, layout->columns, layout->rows,
                       layout->allocated * layout->samples, layout->frames);
    return take(image, layout, bytes.data + frame * (size_t)image->frame, cell, layout->planar,
                layout->photometric, err);
}

static enum bv_status float_frame(const struct bv_dataset *ds, struct bv_image *image,
                                  const struct layout *layout, struct bv_error *err)
{
    const float *values = NULL;
    size_t n = 0, pixels = (size_t)layout->rows * layout->columns, total = 0;
    if (!bv_dataset_float_pixels(ds, &values, &n) || !bv_mul_size(pixels, layout->frames, &total) ||
        n < total)
        return bv_fail(err, BV_ERR_FORMAT, "truncated float pixel data");
    image->channels = 1;
    image->sample = BV_SAMPLE_F32;
    image->bits_stored = 32;
    image->is_signed = true;
    BV_TRY(bv_decode_alloc(image, err));
    values += pixels * (size_t)image->frame;
    for (size_t i = 0; i < pixels; i++) {
        if (!(values[i] - values[i] == 0.0f))
            return bv_fail(err, BV_ERR_FORMAT, "a pixel is not a finite number");
        ((float *)image->pixels)[i] = values[i];
    }
    return BV_OK;
}

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// The fragments [*first, *end) of the image's frame: all of a single frame, one each, or by the
// basic offset table.
static enum bv_status find_fragments(const struct bv_dataset *ds, const struct bv_image *image,
                                     unsigned *first, unsigned *end, struct bv_error *err)
{
    unsigned n = bv_dataset_n_fragments(ds), frames = (unsigned)image->n_frames;
    unsigned frame = (unsigned)image->frame;
    *first = 0;
    *end = n;
    if (n && frames == 1)
        return BV_OK;
    if (n == frames) {
        *first = frame;
        *end = frame + 1;
        return n ? BV_OK : bv_fail(err, BV_ERR_FORMAT, "the DICOM object has no pixel data");
    }
    struct bv_bytes table = {0};
    if (!bv_dataset_offset_table(ds, &table) || table.size < (size_t)frames * 4)
        return bv_fail(err, BV_ERR_FORMAT, "%u fragments for %u frames and no offset table", n,
                       frames);
    uint32_t from = le32(table.data + 4 * (size_t)frame);
    uint32_t to = frame + 1 < frames ? le32(table.data + 4 * ((size_t)frame + 1)) : UINT32_MAX;
    uint64_t at = 0;
    *end = 0;
    for (unsigned i = 0; i < n; i++) {
        struct bv_bytes fragment = {0};
        if (!bv_dataset_fragment(ds, i, &fragment))
            break;
        if (at == from)
            *first = i;
        if (at < to)
            *end = i + 1;
        at += 8 + fragment.size;
    }
    return *end > *first ? BV_OK
                         : bv_fail(err, BV_ERR_FORMAT, "the offset table names no fragment");
}

// One frame's fragments in one piece, malloc'd.
static enum bv_status join_fragments(const struct bv_dataset *ds, const struct bv_image *image,
                                     uint8_t **joined, size_t *size, struct bv_error *err)
{
    unsigned first = 0, end = 0;
    BV_TRY(find_fragments(ds, image, &first, &end, err));
    size_t total = 0, at = 0;
    struct bv_bytes fragment = {0};
    for (unsigned i = first; i < end; i++) {
        if (!bv_dataset_fragment(ds, i, &fragment))
            return bv_fail(err, BV_ERR_FORMAT, "a fragment of the pixel data is missing");
        total += fragment.size;
    }
    uint8_t *out = malloc(total ? total : 1);
    if (!out)
        return bv_fail_nomem(err, "pixel data");
    for (unsigned i = first; i < end; i++) {
        if (!bv_dataset_fragment(ds, i, &fragment) || fragment.size > total - at)
            break;
        if (fragment.size)
            memcpy(out + at, fragment.data, fragment.size);
        at += fragment.size;
    }
    *joined = out;
    *size = at;
    return BV_OK;
}

// Only native pixels share chroma samples; a decoder gives all three components of each pixel.
static const char *unpacked(const char *photometric)
{
    return strcmp(photometric, "YBR_FULL_422") == 0 ? "YBR_FULL" : photometric;
}

// Whether the frame header of a JPEG or JPEG-LS stream agrees with the data set, before a decoder
// allocates what the header says. *cell is the bytes of a decoded sample.
static enum bv_status check_jpeg(struct bv_bytes stream, const struct layout *layout,
                                 unsigned *cell, struct bv_error *err)
{
    struct bv_jpeg_header header = {0};
    if (!bv_jpeg_header(stream, &header))
        return bv_fail(err, BV_ERR_FORMAT, "the pixel data is not a JPEG stream");
    if (header.width != layout->columns || header.height != layout->rows ||
        header.components != layout->samples)
        return bv_fail(err, BV_ERR_FORMAT,
                       "the JPEG stream has %u × %u pixels of %u samples, the header says "
                       "%u × %u of %u",
                       header.width, header.height, header.components, layout->columns,
                       layout->rows, layout->samples);
    if (!header.complete)
        return bv_fail(err, BV_ERR_FORMAT, "truncated: the JPEG stream has no end");
    if (header.precision < 2 || header.precision > 16)
        return bv_fail(err, BV_ERR_FORMAT, "JPEG of %u bits", header.precision);
    *cell = header.precision > 8 ? 2 : 1;
    return BV_OK;
}

static enum bv_status jpeg_frame(struct bv_dataset *ds, struct bv_image *image,
                                 const struct layout *layout, struct bv_error *err)
{
    uint8_t *joined = NULL, *cells = NULL;
    size_t n_joined = 0, size = 0;
    unsigned cell = 1;
    bool planar = false;
    char photometric[17];
    memcpy(photometric, layout->photometric, sizeof photometric);
    BV_TRY(join_fragments(ds, image, &joined, &n_joined, err));
    struct bv_bytes stream = {joined, n_joined};
    enum bv_status status = check_jpeg(stream, layout, &cell, err);
    if (status != BV_OK)
        goto fail;
    size = (size_t)layout->rows * layout->columns * layout->samples * cell;
    cells = calloc(size + (size & 1), 1); // DCMTK pads frames to an even length
    if (!cells)
        status = bv_fail_nomem(err, "pixels");
    else if (layout->syntax->codec == BV_CODEC_JPEG_LS)
        status = bv_jpegls_decode(stream, cells, size, &planar, err);
    else
        status = bv_dataset_decode_frame(ds, (unsigned)image->frame, cells, size + (size & 1),
                                         photometric, err);
    if (status == BV_OK)
        status = take(image, layout, cells, cell, planar, unpacked(photometric), err);
fail:
    free(joined);
    free(cells);
    return status;
}

static enum bv_status rle_frame(const struct bv_dataset *ds, struct bv_image *image,
                                const struct layout *layout, struct bv_error *err)
{
    uint8_t *joined = NULL;
    size_t size = 0, n = (size_t)layout->rows * layout->columns;
    unsigned cell = layout->allocated / 8;
    BV_TRY(join_fragments(ds, image, &joined, &size, err));
    // A run of 128 bytes takes two: what cannot be there need not be allocated.
    enum bv_status status = BV_OK;
    uint8_t *cells = NULL;
    if (size < n * layout->samples * cell / 64)
        status = bv_fail(err, BV_ERR_FORMAT, "truncated: %zu bytes of RLE data", size);
    else if (!(cells = malloc(n * layout->samples * cell)))
        status = bv_fail_nomem(err, "pixels");
    if (status == BV_OK)
        status =
            bv_rle_decode((struct bv_bytes){joined, size}, n, layout->samples, cell, cells, err);
    if (status == BV_OK)
        status = take(image, layout, cells, cell, false, unpacked(layout->photometric), err);
    free(joined);
    free(cells);
    return status;
}

static enum bv_status jpeg2000_frame(const struct bv_dataset *ds, struct bv_image *image,
                                     const struct layout *layout, size_t max_pixels,
                                     struct bv_error *err)
{
    uint8_t *joined = NULL;
    size_t size = 0;
    struct bv_jpeg2000 decoded = {0};
    BV_TRY(join_fragments(ds, image, &joined, &size, err));
    enum bv_status status =
        bv_jpeg2000_decode((struct bv_bytes){joined, size}, max_pixels, &decoded, err);
    free(joined);
    BV_TRY(status);
    size_t n = (size_t)layout->rows * layout->columns;
    struct layout gray = *layout;
    if (decoded.width != layout->columns || decoded.height != layout->rows ||
        decoded.n_components != (int)layout->samples)
        status = bv_fail(err, BV_ERR_FORMAT,
                         "the JPEG 2000 stream has %u × %u pixels of %d samples, the header says "
                         "%u × %u of %u",
                         decoded.width, decoded.height, decoded.n_components, layout->columns,
                         layout->rows, layout->samples);
    gray.is_signed = layout->is_signed && layout->samples == 1;
    if (status == BV_OK)
        status = alloc_gray(image, &gray, err);
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        int32_t v = decoded.planes[0][i];
        if (layout->samples == 3)
            v = bv_gray_16((uint16_t)v, (uint16_t)decoded.planes[1][i],
                           (uint16_t)decoded.planes[2][i]);
        put(image, i, stored_value((uint32_t)v, &gray));
    }
    if (status == BV_OK && layout->samples == 3)
        bv_image_warn(image, BV_REASON_COLOUR, "a colour image; its BT.601 luma is used");
    bv_jpeg2000_free(&decoded);
    return status;
}

static enum bv_status read_pixels(struct bv_dataset *ds, struct bv_image *image,
                                  const struct layout *layout, size_t max_pixels,
                                  struct bv_error *err)
{
    image->width = (int)layout->columns;
    image->height = (int)layout->rows;
    if (layout->is_float)
        return float_frame(ds, image, layout, err);
    switch (layout->syntax->codec) {
    case BV_CODEC_NATIVE:
        return native_frame(ds, image, layout, err);
    case BV_CODEC_JPEG2000:
        return jpeg2000_frame(ds, image, layout, max_pixels, err);
    case BV_CODEC_RLE:
        return rle_frame(ds, image, layout, err);
    default:
        return jpeg_frame(ds, image, layout, err);
    }
}

// The values that can arrive at a lookup table.
struct domain {
    double low, high;
};

static struct domain stored_domain(const struct layout *layout)
{
    double n = ldexp(1, (int)layout->stored);
    return layout->is_signed ? (struct domain){-n / 2, n / 2 - 1} : (struct domain){0, n - 1};
}

// What the modality stage makes of the stored values. A lookup table gives unsigned ones.
static struct domain modality_domain(const struct bv_image *image, const struct layout *layout)
{
    if (image->modality_lut.n)
        return (struct domain){0, 65535};
    struct domain in = stored_domain(layout);
    double a = in.low * image->slope + image->intercept;
    double b = in.high * image->slope + image->intercept;
    return (struct domain){fmin(a, b), fmax(a, b)};
}

// PS3.3 C.11.1.1.1 and C.11.2.1.1: the signedness of a table's first input follows what arrives at
// the table. The VR says nothing: it is absent in Implicit VR, and often wrong.
static int32_t first_input(int32_t descriptor, struct domain in)
{
    int32_t plain = descriptor & 0xffff;
    int32_t negative = plain - 65536;
    if (plain < 32768)
        return plain;
    bool as_plain = plain >= in.low && plain <= in.high;
    bool as_negative = negative >= in.low && negative <= in.high;
    if (as_plain != as_negative)
        return as_plain ? plain : negative;
    return in.low < 0 ? negative : plain;
}

// Entries that use less than a quarter of the range they declare: such tables come from writers
// that state the size of the word, and would give a black image.
static void check_entries(struct bv_image *image, struct bv_lut *lut)
{
    uint16_t most = 0;
    for (uint32_t i = 0; i < lut->n; i++)
        most = lut->data[i] > most ? lut->data[i] : most;
    if (!most || most >> (lut->bits > 2 ? lut->bits - 2 : 0))
        return;
    int bits = 1;
    while (most >> bits)
        bits++;
    bv_image_warn(image, BV_REASON_BAD_LUT,
                  "a lookup table of %d bits holds %d; its entries are taken as such", lut->bits,
                  bits);
    lut->bits = bits;
}

// Vendors write wrong descriptors; what the data says is believed over them.
static bool copy_lut(struct bv_image *image, const struct bv_lut_element *element, struct domain in,
                     struct bv_lut *lut)
{
    uint32_t n = (uint32_t)element->descriptor[0] & 0xffff;
    n = n ? n : 65536;
    int bits = element->descriptor[2];
    // 8-bit entries may be packed two to a word.
    bool packed = element->n_words < n && element->n_words * 2 >= n && bits <= 8;
    if (!packed && element->n_words < n) {
        bv_image_warn(image, BV_REASON_BAD_LUT, "a lookup table is shorter than it says");
        n = (uint32_t)element->n_words;
    }
    uint16_t *data = n ? bv_arena_array(&image->arena, n, sizeof *data) : NULL;
    if (!data)
        return false;
    uint16_t most = 0;
    for (uint32_t i = 0; i < n; i++) {
        data[i] =
            packed ? (uint16_t)(element->data[i / 2] >> 8 * (i % 2) & 0xff) : element->data[i];
        most = data[i] > most ? data[i] : most;
    }
    if (bits < 1 || bits > 16 || most >> bits) {
        bv_image_warn(image, BV_REASON_BAD_LUT, "a lookup table's bit depth is wrong");
        for (bits = 8; most >> bits;)
            bits++;
    }
    *lut = (struct bv_lut){first_input(element->descriptor[1], in), n, bits, data};
    return true;
}

static void read_modality(const struct bv_dataset *ds, struct bv_image *image,
                          const struct layout *layout)
{
    struct bv_lut_element element = {0};
    if (bv_dataset_lut(ds, TAG_MODALITY_LUT, 0, TAG_LUT_DESCRIPTOR, TAG_LUT_DATA, &element) &&
        copy_lut(image, &element, stored_domain(layout), &image->modality_lut))
        return;
    double slope = 1, intercept = 0;
    bool scaled = bv_dataset_number(ds, TAG_SLOPE, 0, &slope);
    image->has_rescale = bv_dataset_number(ds, TAG_INTERCEPT, 0, &intercept) && scaled;
    if (scaled && slope == 0) {
        bv_image_warn(image, BV_REASON_BAD_HEADER, "the rescale slope is 0; 1 is used");
        slope = 1;
    }
    image->slope = slope;
    image->intercept = intercept;
}

static void read_palette(const struct bv_dataset *ds, struct bv_image *image,
                         const struct layout *layout)
{
    struct bv_lut rgb[3] = {0};
    for (unsigned c = 0; c < 3; c++) {
        struct bv_lut_element element = {0};
        if (!bv_dataset_lut(ds, 0, 0, TAG_PALETTE_DESCRIPTOR + c, TAG_PALETTE_DATA + c, &element) ||
            !copy_lut(image, &element, stored_domain(layout), &rgb[c]) || rgb[c].n != rgb[0].n ||
            rgb[c].bits != rgb[0].bits) {
            bv_image_warn(image, BV_REASON_BAD_LUT, "the palette cannot be applied");
            return;
        }
    }
    for (uint32_t i = 0; i < rgb[0].n; i++)
        rgb[0].data[i] = bv_gray_16(rgb[0].data[i], rgb[1].data[i], rgb[2].data[i]);
    image->palette_luma = rgb[0];
    bv_image_warn(image, BV_REASON_COLOUR, "a colour image; its BT.601 luma is used");
}

static void read_voi(const struct bv_dataset *ds, struct bv_image *image,
                     const struct layout *layout)
{
    struct domain in = modality_domain(image, layout);
    for (unsigned i = 0; image->n_voi_luts < BV_MAX_VOI; i++) {
        struct bv_lut_element element = {0};
        if (!bv_dataset_lut(ds, TAG_VOI_LUT, i, TAG_LUT_DESCRIPTOR, TAG_LUT_DATA, &element))
            break;
        struct bv_lut *lut = &image->voi_luts[image->n_voi_luts];
        if (copy_lut(image, &element, in, lut)) {
            check_entries(image, lut);
            image->n_voi_luts++;
        }
    }
    char function[17];
    if (bv_dataset_text(ds, TAG_VOI_FUNCTION, 0, function, sizeof function)) {
        if (strcmp(function, "LINEAR_EXACT") == 0)
            image->voi_function = BV_VOI_LINEAR_EXACT;
        else if (strcmp(function, "SIGMOID") == 0)
            image->voi_function = BV_VOI_SIGMOID;
        else if (strcmp(function, "LINEAR") != 0)
            bv_image_warn(image, BV_REASON_BAD_WINDOW, "unknown VOI LUT function; linear is used");
    }
    double least = image->voi_function == BV_VOI_LINEAR ? 1 : 1e-9;
    for (unsigned i = 0; image->n_windows < BV_MAX_VOI; i++) {
        struct bv_window window = {0};
        if (!bv_dataset_number(ds, TAG_WINDOW_CENTER, i, &window.center) ||
            !bv_dataset_number(ds, TAG_WINDOW_WIDTH, i, &window.width))
            break;
        if (window.width >= least)
            image->windows[image->n_windows++] = window;
        else
            bv_image_warn(image, BV_REASON_BAD_WINDOW, "a window of width %g is ignored",
                          window.width);
    }
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
    image->has_padding = true;
    image->padding_low = (int32_t)(value < limit ? value : limit);
    image->padding_high = (int32_t)(value < limit ? limit : value);
}

static void read_geometry(const struct bv_dataset *ds, struct bv_image *image)
{
    uint32_t tags[2] = {TAG_SPACING, TAG_IMAGER_SPACING};
    for (int t = 0; t < 2 && image->spacing[0] <= 0; t++) {
        double down = 0, across = 0;
        if (bv_dataset_number(ds, tags[t], 0, &down) &&
            bv_dataset_number(ds, tags[t], 1, &across) && down > 0 && across > 0) {
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

// Whether text has word as a word of its own.
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        if ((p == text || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
            return true;
    return false;
}

static enum bv_view view_of(const char *text)
{
    static const char *const lateral[] = {"LL", "RL", "LLD", "RLD", "LATERAL", "LAT", "LLAT"};
    for (size_t i = 0; i < sizeof lateral / sizeof *lateral; i++)
        if (has_word(text, lateral[i]))
            return BV_VIEW_LATERAL;
    if (has_word(text, "PA"))
        return BV_VIEW_PA;
    return has_word(text, "AP") ? BV_VIEW_AP : BV_VIEW_UNKNOWN;
}

// View codes of CID 4010 in SNOMED RT and SNOMED CT.
static enum bv_view view_of_code(const char *code)
{
    static const struct {
        const char *code;
        enum bv_view view;
    } codes[] = {
        {"R-10206", BV_VIEW_AP},      {"399348003", BV_VIEW_AP},
        {"R-10214", BV_VIEW_PA},      {"272479007", BV_VIEW_PA},
        {"R-10232", BV_VIEW_LATERAL}, {"399198007", BV_VIEW_LATERAL},
        {"R-10236", BV_VIEW_LATERAL}, {"399173006", BV_VIEW_LATERAL},
        {"R-10228", BV_VIEW_LATERAL}, {"399067008", BV_VIEW_LATERAL},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].view;
    return BV_VIEW_UNKNOWN;
}

static void upper(char *text)
{
    for (; *text; text++)
        *text = (char)toupper((unsigned char)*text);
}

// The tag, else the view code, else words of the series description (whose text goes no further).
static void read_view(const struct bv_dataset *ds, struct bv_image *image)
{
    char text[65];
    if (bv_dataset_text(ds, TAG_VIEW_POSITION, 0, text, sizeof text)) {
        upper(text);
        image->view = view_of(text);
    }
    if (image->view == BV_VIEW_UNKNOWN &&
        bv_dataset_item_text(ds, TAG_VIEW_CODE, 0, TAG_CODE_VALUE, text, sizeof text))
        image->view = view_of_code(text);
    if (image->view == BV_VIEW_UNKNOWN &&
        bv_dataset_text(ds, TAG_SERIES_DESCRIPTION, 0, text, sizeof text)) {
        upper(text);
        image->view = view_of(text);
    }
}

static void read_context(const struct bv_dataset *ds, struct bv_image *image,
                         const struct layout *layout)
{
    (void)bv_dataset_text(ds, TAG_MODALITY, 0, image->modality, sizeof image->modality);
    (void)bv_dataset_text(ds, TAG_BODY_PART, 0, image->body_part, sizeof image->body_part);
    (void)bv_dataset_text(ds, TAG_SOP_CLASS, 0, image->sop_class, sizeof image->sop_class);
    upper(image->body_part);
    read_view(ds, image);
    image->lossy = layout->syntax->lossy || text_is(ds, TAG_LOSSY, "01");
    if (text_is(ds, TAG_BURNED_IN, "YES"))
        bv_image_warn(image, BV_REASON_BURNED_IN, "the file says that text is burned in");
    if (text_is(ds, TAG_INTENT, "FOR PROCESSING"))
        bv_image_warn(image, BV_REASON_FOR_PROCESSING,
                      "raw detector values, meant for processing and not for display");
    image->presentation_inverse = text_is(ds, TAG_LUT_SHAPE, "INVERSE");
    if (strcmp(layout->photometric, "MONOCHROME1") == 0)
        image->photometric = BV_MONOCHROME1;
}

static enum bv_status decode(struct bv_dataset *ds, struct bv_image *image,
                             const struct bv_transfer_syntax *syntax, int frame, size_t max_pixels,
                             struct bv_error *err)
{
    struct layout layout = {.syntax = syntax};
    if (!syntax) // without meta information
        BV_TRY(bv_transfer_syntax_check(bv_dataset_transfer_syntax(ds), &layout.syntax, err));
    (void)strncpy(image->transfer_syntax, layout.syntax->uid, sizeof image->transfer_syntax - 1);
    BV_TRY(read_layout(ds, image, &layout, max_pixels, err));
    BV_TRY(choose_frame(image, &layout, frame, err));
    BV_TRY(read_pixels(ds, image, &layout, max_pixels, err));
    read_context(ds, image, &layout);
    if (layout.palette)
        read_palette(ds, image, &layout);
    read_modality(ds, image, &layout);
    read_voi(ds, image, &layout);
    read_padding(ds, image);
    read_geometry(ds, image);
    return BV_OK;
}

enum bv_status bv_decode_dicom(struct bv_image *image, struct bv_bytes bytes, int frame,
                               size_t max_pixels, size_t max_bytes, struct bv_error *err)
{
    image->source = BV_SOURCE_DICOM;
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
