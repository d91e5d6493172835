// The stored values of a DICOM image: native, RLE, JPEG, JPEG-LS, JPEG 2000. The header is checked
// against what the pixel data are before anything is allocated by it.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/decode.h"
#include "image/dicom.h"
#include "image/gray.h"

// Decoded samples before they become values of the image: little-endian words.
struct cells {
    const uint8_t *bytes;
    unsigned size;      // bytes of a word
    unsigned precision; // bits that the codec says it gave; 0 for native data
    bool planar;        // three planes rather than three samples a pixel
    bool shared;        // native YBR_FULL_422: two pixels share their chroma
    bool rgb;           // three samples are R, G, B and not Y, Cb, Cr
};

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
static int32_t stored_value(uint32_t cell, const struct bv_dicom_layout *layout)
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

static enum bv_status alloc_gray(struct bv_image *image, const struct bv_dicom_layout *layout,
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

static uint32_t low_bits(unsigned n)
{
    return n >= 32 ? UINT32_MAX : (1U << n) - 1;
}

// Whether bits above the stored ones say something that would be lost: for signed values the copies
// of the sign do not.
static bool exceeds(const struct bv_dicom_layout *layout, const struct cells *cells, size_t n)
{
    uint32_t above = low_bits(cells->precision) & ~low_bits(layout->high_bit + 1), any = 0;
    if (!above || layout->overlay_in_pixels)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t v = cell_at(cells->bytes, i, cells->size), high = v & above;
        bool sign = layout->is_signed && v >> layout->high_bit & 1;
        any |= sign && high == above ? 0 : high;
    }
    return any != 0;
}

// The codec's precision against the bits stored: more bits are kept where they are used.
static void fit_precision(struct bv_image *image, struct bv_dicom_layout *layout,
                          const struct cells *cells, size_t n)
{
    unsigned precision = cells->precision;
    if (precision <= layout->stored || !exceeds(layout, cells, n))
        return;
    bv_image_warn(image, BV_REASON_BAD_HEADER,
                  "the compressed pixels have %u bits, the header says %u; they are believed",
                  precision, layout->stored);
    layout->stored = precision;
    layout->high_bit = precision - 1;
}

static enum bv_status take_gray(struct bv_image *image, struct bv_dicom_layout *layout,
                                const struct cells *cells, struct bv_error *err)
{
    size_t n = (size_t)image->width * (size_t)image->height;
    unsigned size = cells->size;
    fit_precision(image, layout, cells, n);
    BV_TRY(alloc_gray(image, layout, err));
    bool plain = layout->stored == layout->allocated && size * 8 == layout->allocated;
    if (plain && layout->allocated == 32 && !layout->is_signed) {
        for (size_t i = 0; i < n; i++)
            if (cell_at(cells->bytes, i, 4) > INT32_MAX)
                return bv_fail(err, BV_ERR_UNSUPPORTED, "32-bit pixel values beyond 2^31");
    }
    if (plain && bv_sample_size(image->sample) == size) {
        memcpy(image->pixels, cells->bytes, n * size);
    } else if (size == 2 && image->sample == BV_SAMPLE_U16) { // the common case, vectorised
        const unsigned shift = layout->high_bit + 1 - layout->stored;
        const uint16_t mask = (uint16_t)low_bits(layout->stored);
        uint16_t *out = image->pixels;
        memcpy(out, cells->bytes, n * 2);
        for (size_t i = 0; i < n; i++)
            out[i] = (uint16_t)(out[i] >> shift & mask);
    } else {
        for (size_t i = 0; i < n; i++)
            put(image, i, stored_value(cell_at(cells->bytes, i, size), layout));
    }
    return BV_OK;
}

// BT.601 luma of RGB; of YBR it is the first component.
static enum bv_status take_colour(struct bv_image *image, struct bv_dicom_layout *layout,
                                  const struct cells *cells, struct bv_error *err)
{
    struct bv_dicom_layout gray = *layout;
    gray.is_signed = false;
    if (cells->precision && cells->precision != gray.stored) {
        gray.stored = cells->precision;
        gray.high_bit = gray.stored - 1;
    }
    BV_TRY(alloc_gray(image, &gray, err));
    size_t n = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < n; i++) {
        uint32_t v[3];
        for (size_t c = 0; c < 3; c++) {
            size_t at = cells->shared ? i / 2 * 4 + i % 2 : cells->planar ? c * n + i : i * 3 + c;
            v[c] = cell_at(cells->bytes, at, cells->size);
        }
        int32_t luma =
            cells->rgb ? bv_gray_16((uint16_t)v[0], (uint16_t)v[1], (uint16_t)v[2]) : (int32_t)v[0];
        put(image, i, stored_value((uint32_t)luma, &gray));
    }
    bv_image_warn(image, BV_REASON_COLOUR, "a colour image; its BT.601 luma is used");
    return BV_OK;
}

static enum bv_status take(struct bv_image *image, struct bv_dicom_layout *layout,
                           const struct cells *cells, struct bv_error *err)
{
    return layout->samples == 1 ? take_gray(image, layout, cells, err)
                                : take_colour(image, layout, cells, err);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static bool says_rgb(const struct bv_dicom_layout *layout)
{
    return strcmp(layout->photometric, "RGB") == 0;
}

static enum bv_status native_frame(const struct bv_dataset *ds, struct bv_image *image,
                                   struct bv_dicom_layout *layout, struct bv_error *err)
{
    struct bv_bytes bytes = {0};
    if (!bv_dataset_native_pixels(ds, &bytes))
        return bv_fail(err, BV_ERR_FORMAT, "the DICOM object has no pixel data");
    struct cells cells = {.size = layout->allocated / 8,
                          .planar = layout->planar,
                          .rgb = says_rgb(layout),
                          .shared = layout->samples == 3 &&
                                    strcmp(layout->photometric, "YBR_FULL_422") == 0};
    size_t pixels = (size_t)layout->rows * layout->columns, frame = 0, total = 0, whole = 0;
    bool fits = bv_mul_size(pixels, (size_t)cells.size * layout->samples, &whole) &&
                bv_mul_size(whole, layout->frames, &total);
    if (fits && cells.shared && bytes.size - bytes.size % 2 >= total) {
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "YBR_FULL_422 whose length is that of YBR_FULL, as which it is read");
        cells.shared = false;
    }
    frame = cells.shared ? pixels * cells.size * 2 : whole;
    if (!fits || !bv_mul_size(frame, layout->frames, &total) || bytes.size < total)
        return bv_fail(err, BV_ERR_FORMAT,
                       "truncated: %zu bytes of pixel data for %u × %u pixels of %u bits in %u "
                       "frames, photometric interpretation %s",
                       bytes.size, layout->columns, layout->rows,
                       layout->allocated * layout->samples, layout->frames, layout->photometric);
    if (bytes.size > total + 1 && !is_zero(bytes.data + total, bytes.size - total))
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "%zu bytes of pixel data, the header speaks of %zu; the first are read",
                      bytes.size, total);
    cells.bytes = bytes.data + frame * (size_t)image->frame;
    return take(image, layout, &cells, err);
}

static enum bv_status float_frame(const struct bv_dataset *ds, struct bv_image *image,
                                  const struct bv_dicom_layout *layout, struct bv_error *err)
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

// The i-th entry of an offset table with entries of size bytes.
static uint64_t offset_at(struct bv_bytes table, size_t size, size_t i)
{
    const uint8_t *p = table.data + i * size;
    return size == 8 ? le32(p) | (uint64_t)le32(p + 4) << 32 : le32(p);
}

// The fragments of a frame by a table of where frames begin, counted from the first fragment's
// header.
static bool find_by_table(const struct bv_dicom_outline *o, struct bv_bytes table, size_t size,
                          size_t frames, size_t frame, size_t *first, size_t *end)
{
    if (table.size < frames * size)
        return false;
    uint64_t from = offset_at(table, size, frame), at = 0;
    uint64_t to = frame + 1 < frames ? offset_at(table, size, frame + 1) : UINT64_MAX;
    *first = *end = 0;
    bool found = false;
    for (size_t i = 0; i < o->n_fragments; i++) {
        if (at == from) {
            *first = i;
            found = true;
        }
        if (at < to)
            *end = i + 1;
        at += 8 + o->fragments[i].size;
    }
    return found && *end > *first;
}

static bool starts_frame(struct bv_bytes fragment)
{
    static const char *const starts[] = {"\xff\xd8\xff", "\xff\x4f\xff\x51"};
    for (size_t i = 0; i < 2; i++)
        if (fragment.size >= 4 && memcmp(fragment.data, starts[i], 3 + i) == 0)
            return true;
    return false;
}

// The fragments of a frame by where streams start; every frame must have its start.
static bool find_by_start(const struct bv_dicom_outline *o, size_t frames, size_t frame,
                          size_t *first, size_t *end)
{
    size_t n = 0;
    *end = o->n_fragments;
    for (size_t i = 0; i < o->n_fragments; i++) {
        if (!starts_frame(o->fragments[i]))
            continue;
        if (n == frame)
            *first = i;
        if (n == frame + 1)
            *end = i;
        n++;
    }
    return n == frames;
}

// The fragments [*first, *end) of the image's frame: all of a single frame, one each, or by a table
// or their content.
static enum bv_status find_fragments(const struct bv_dicom_outline *o, const struct bv_image *image,
                                     size_t *first, size_t *end, struct bv_error *err)
{
    size_t frames = (size_t)image->n_frames, frame = (size_t)image->frame;
    if (o->n_fragments == 0)
        return bv_fail(err, BV_ERR_FORMAT, "the DICOM object has no pixel data");
    *first = o->n_fragments == frames ? frame : 0;
    *end = o->n_fragments == frames ? frame + 1 : o->n_fragments;
    if (frames == 1 || o->n_fragments == frames ||
        find_by_table(o, o->offsets, 4, frames, frame, first, end) ||
        find_by_table(o, o->long_offsets, 8, frames, frame, first, end) ||
        find_by_start(o, frames, frame, first, end))
        return BV_OK;
    return bv_fail(err, BV_ERR_FORMAT, "%zu fragments for %zu frames and no offset table",
                   o->n_fragments, frames);
}

// One frame's fragments, byte by byte: the stream itself where there is one fragment, else *joined,
// malloc'd, holds them in one piece.
static enum bv_status join_fragments(const struct bv_dicom_outline *o, const struct bv_image *image,
                                     struct bv_bytes *stream, uint8_t **joined,
                                     struct bv_error *err)
{
    size_t first = 0, end = 0, total = 0, at = 0;
    BV_TRY(find_fragments(o, image, &first, &end, err));
    if (end == first + 1) {
        *stream = o->fragments[first];
        return BV_OK;
    }
    for (size_t i = first; i < end; i++)
        total += o->fragments[i].size;
    uint8_t *out = malloc(total ? total : 1);
    if (!out)
        return bv_fail_nomem(err, "pixel data");
    for (size_t i = first; i < end; i++) {
        if (o->fragments[i].size)
            memcpy(out + at, o->fragments[i].data, o->fragments[i].size);
        at += o->fragments[i].size;
    }
    *joined = out;
    *stream = (struct bv_bytes){out, total};
    return BV_OK;
}

// A stream of another number of samples than the header says is an image of its own colours.
static enum bv_status take_samples(struct bv_image *image, struct bv_dicom_layout *layout,
                                   unsigned components, bool rgb, struct bv_error *err)
{
    if (components == layout->samples)
        return BV_OK;
    if (components != 1 && components != 3)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a compressed stream of %u samples a pixel",
                       components);
    bv_image_warn(image, BV_REASON_BAD_HEADER,
                  "the compressed pixels have %u samples, the header says %u; they are believed",
                  components, layout->samples);
    layout->samples = components;
    layout->palette = false;
    if (components == 3 || strncmp(layout->photometric, "MONOCHROME", 10) != 0)
        (void)strcpy(layout->photometric, components == 1 ? "MONOCHROME2"
                                          : rgb           ? "RGB"
                                                          : "YBR_FULL");
    return BV_OK;
}

static enum bv_status check_size(const char *codec, uint64_t width, uint64_t height,
                                 const struct bv_dicom_layout *layout, struct bv_error *err)
{
    if (width == layout->columns && height == layout->rows)
        return BV_OK;
    return bv_fail(err, BV_ERR_FORMAT,
                   "the %s stream has %ju × %ju pixels, the header says %u × %u", codec,
                   (uintmax_t)width, (uintmax_t)height, layout->columns, layout->rows);
}

// Whether the frame header of a JPEG or JPEG-LS stream agrees with the data set, before a decoder
// allocates what the header says; and what its colours are.
static enum bv_status check_jpeg(struct bv_bytes stream, struct bv_image *image,
                                 struct bv_dicom_layout *layout, struct bv_jpeg_header *header,
                                 struct cells *cells, struct bv_error *err)
{
    if (!bv_jpeg_header_read(stream, header))
        return bv_fail(err, BV_ERR_FORMAT, "the pixel data is not a JPEG stream");
    BV_TRY(check_size("JPEG", header->width, header->height, layout, err));
    if (!header->stream.data)
        return bv_fail(err, BV_ERR_FORMAT, "truncated: the JPEG stream has no end");
    if (header->precision < 2 || header->precision > 16)
        return bv_fail(err, BV_ERR_FORMAT, "JPEG of %u bits", header->precision);
    image->lossy = header->process != 0xc3 && header->process != 0xf7;
    BV_TRY(
        take_samples(image, layout, header->components, header->colour == BV_JPEG_COLOUR_RGB, err));
    cells->size = header->precision > 8 ? 2 : 1;
    cells->precision = header->precision;
    cells->rgb = says_rgb(layout);
    bool said = layout->samples == 3 && header->colour != BV_JPEG_COLOUR_UNSAID;
    if (said && cells->rgb != (header->colour == BV_JPEG_COLOUR_RGB)) {
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "the JPEG stream says %s, the header %s; it is believed",
                      cells->rgb ? "YCbCr" : "RGB", layout->photometric);
        cells->rgb = !cells->rgb;
    }
    return BV_OK;
}

static enum bv_status jpeg_frame(struct bv_bytes stream, struct bv_image *image,
                                 struct bv_dicom_layout *layout, struct bv_error *err)
{
    struct bv_jpeg_header header = {0};
    struct cells cells = {0};
    BV_TRY(check_jpeg(stream, image, layout, &header, &cells, err));
    size_t size = (size_t)layout->rows * layout->columns * layout->samples * cells.size;
    uint8_t *out = calloc(size + (size & 1), 1); // DCMTK pads frames to an even length
    if (!out)
        return bv_fail_nomem(err, "pixels");
    enum bv_status status =
        header.process == 0xf7 ? bv_jpegls_decode(header.stream, out, size, &cells.planar, err)
                               : bv_dcmtk_jpeg(header.stream, &header, out, size + (size & 1), err);
    cells.bytes = out;
    if (status == BV_OK)
        status = take(image, layout, &cells, err);
    free(out);
    return status;
}

static enum bv_status rle_frame(struct bv_bytes stream, struct bv_image *image,
                                struct bv_dicom_layout *layout, struct bv_error *err)
{
    size_t n = (size_t)layout->rows * layout->columns;
    struct cells cells = {.size = layout->allocated / 8, .rgb = says_rgb(layout)};
    // Eight bits in sixteen allocated, by a writer that left out the empty segments.
    if (cells.size == 2 && layout->stored <= 8 && stream.size >= 4 &&
        le32(stream.data) == layout->samples) {
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "RLE data of 8 bits, the header says 16 allocated; they are believed");
        cells.size = 1;
    }
    // A run of 128 bytes takes two: what cannot be there need not be allocated.
    size_t size = n * layout->samples * cells.size;
    if (stream.size < size / 64)
        return bv_fail(err, BV_ERR_FORMAT, "truncated: %zu bytes of RLE data", stream.size);
    uint8_t *out = malloc(size);
    if (!out)
        return bv_fail_nomem(err, "pixels");
    cells.bytes = out;
    enum bv_status status = bv_rle_decode(stream, n, layout->samples, cells.size, out, err);
    if (status == BV_OK)
        status = take(image, layout, &cells, err);
    free(out);
    return status;
}

// What the codestream says of its samples against the header, and the values themselves.
static enum bv_status take_jpeg2000(struct bv_image *image, struct bv_dicom_layout *layout,
                                    const struct bv_jpeg2000 *decoded, bool transformed,
                                    struct bv_error *err)
{
    size_t n = (size_t)layout->rows * layout->columns;
    if (decoded->precision > 16 && decoded->precision > (int)layout->allocated)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "JPEG 2000 of %d bits", decoded->precision);
    if (decoded->is_sycc)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a JP2 file in sYCC as pixel data");
    BV_TRY(take_samples(image, layout, (unsigned)decoded->n_components, true, err));
    bool is_ybr = strncmp(layout->photometric, "YBR_FULL", 8) == 0;
    struct cells cells = {.size = 4,
                          .precision = (unsigned)decoded->precision,
                          .planar = true,
                          .rgb = transformed || !is_ybr,
                          .bytes = (const uint8_t *)decoded->planes[0]};
    bool says_transform = strncmp(layout->photometric, "YBR_RCT", 7) == 0 ||
                          strncmp(layout->photometric, "YBR_ICT", 7) == 0;
    if (layout->samples == 3 && transformed ? is_ybr : says_transform)
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "the JPEG 2000 stream %s, the header says %s; it is believed",
                      transformed ? "transforms RGB" : "does not transform colour",
                      layout->photometric);
    if (decoded->is_signed && !layout->is_signed && layout->samples == 1) {
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "the JPEG 2000 stream has signed values, the header says unsigned; they are "
                      "believed");
        layout->is_signed = true;
    }
    if (layout->samples == 1)
        return take_gray(image, layout, &cells, err);
    struct bv_dicom_layout gray = *layout;
    gray.is_signed = false;
    gray.stored = cells.precision;
    gray.high_bit = cells.precision - 1;
    BV_TRY(alloc_gray(image, &gray, err));
    for (size_t i = 0; i < n; i++) {
        int32_t v = decoded->planes[0][i];
        if (cells.rgb)
            v = bv_gray_16((uint16_t)v, (uint16_t)decoded->planes[1][i],
                           (uint16_t)decoded->planes[2][i]);
        put(image, i, stored_value((uint32_t)v, &gray));
    }
    bv_image_warn(image, BV_REASON_COLOUR, "a colour image; its BT.601 luma is used");
    return BV_OK;
}

static enum bv_status jpeg2000_frame(struct bv_bytes stream, struct bv_image *image,
                                     struct bv_dicom_layout *layout, size_t max_pixels,
                                     struct bv_error *err)
{
    struct bv_jpeg2000 decoded = {0};
    BV_TRY(bv_jpeg2000_decode(stream, max_pixels, &decoded, err));
    enum bv_status status = check_size("JPEG 2000", decoded.width, decoded.height, layout, err);
    if (status == BV_OK)
        status = take_jpeg2000(image, layout, &decoded, bv_jpeg2000_transforms(stream), err);
    bv_jpeg2000_free(&decoded);
    return status;
}

// What a stream is by its first bytes. RLE has no signature.
static enum bv_codec codec_of(struct bv_bytes stream, enum bv_codec said)
{
    struct bv_jpeg_header header = {0};
    if (stream.size >= 12 && (memcmp(stream.data, "\xff\x4f\xff\x51", 4) == 0 ||
                              memcmp(stream.data, "\0\0\0\x0cjP  ", 8) == 0))
        return BV_CODEC_JPEG2000;
    if (bv_jpeg_header_read(stream, &header))
        return header.process == 0xf7 ? BV_CODEC_JPEG_LS : BV_CODEC_JPEG;
    return said;
}

// Whether a JPEG process is one of those that the transfer syntax allows.
static bool process_fits(struct bv_bytes stream, const char *uid)
{
    struct bv_jpeg_header header = {0};
    bool lossless =
        strcmp(uid, "1.2.840.10008.1.2.4.57") == 0 || strcmp(uid, "1.2.840.10008.1.2.4.70") == 0;
    return !bv_jpeg_header_read(stream, &header) || header.process == 0xf7 ||
           (header.process == 0xc3) == lossless;
}

static enum bv_status encapsulated_frame(const struct bv_dicom_outline *outline,
                                         struct bv_image *image, struct bv_dicom_layout *layout,
                                         size_t max_pixels, struct bv_error *err)
{
    struct bv_bytes stream = {0};
    uint8_t *joined = NULL;
    BV_TRY(join_fragments(outline, image, &stream, &joined, err));
    enum bv_codec codec = codec_of(stream, layout->syntax->codec);
    if (codec != layout->syntax->codec || !process_fits(stream, layout->syntax->uid))
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "the pixel data are not what the transfer syntax %s says; they are believed",
                      layout->syntax->name);
    enum bv_status status = BV_OK;
    switch (codec) {
    case BV_CODEC_JPEG2000:
        status = jpeg2000_frame(stream, image, layout, max_pixels, err);
        break;
    case BV_CODEC_RLE:
        status = rle_frame(stream, image, layout, err);
        break;
    case BV_CODEC_JPEG:
    case BV_CODEC_JPEG_LS:
        status = jpeg_frame(stream, image, layout, err);
        break;
    default:
        status = bv_fail(err, BV_ERR_FORMAT,
                         "the pixel data are compressed, the transfer syntax %s says otherwise",
                         layout->syntax->name);
        break;
    }
    free(joined);
    return status;
}

enum bv_status bv_dicom_pixels(const struct bv_dataset *dataset, struct bv_image *image,
                               struct bv_dicom_layout *layout, size_t max_pixels,
                               struct bv_error *err)
{
    const struct bv_dicom_outline *outline = bv_dataset_outline(dataset);
    image->width = (int)layout->columns;
    image->height = (int)layout->rows;
    if (layout->is_float)
        return float_frame(dataset, image, layout, err);
    if (outline->encapsulated)
        return encapsulated_frame(outline, image, layout, max_pixels, err);
    if (layout->syntax->codec != BV_CODEC_NATIVE) {
        if (!outline->has_pixels)
            return bv_fail(err, BV_ERR_FORMAT, "the DICOM object has no pixel data");
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "the pixel data are not compressed, as the transfer syntax %s says they are",
                      layout->syntax->name);
    }
    return native_frame(dataset, image, layout, err);
}
