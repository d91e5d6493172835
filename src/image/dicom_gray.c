// What the stored values of a DICOM image mean as gray levels: palette, modality transform, VOI
// tables and windows, in the data set or in its functional groups.
#include <math.h>
#include <string.h>

#include "image/dicom.h"
#include "image/gray.h"

enum {
    TAG_WINDOW_CENTER = BV_TAG(0x0028, 0x1050),
    TAG_WINDOW_WIDTH = BV_TAG(0x0028, 0x1051),
    TAG_INTERCEPT = BV_TAG(0x0028, 0x1052),
    TAG_SLOPE = BV_TAG(0x0028, 0x1053),
    TAG_VOI_FUNCTION = BV_TAG(0x0028, 0x1056),
    TAG_PALETTE_DESCRIPTOR = BV_TAG(0x0028, 0x1101), // red; green and blue follow
    TAG_PALETTE_DATA = BV_TAG(0x0028, 0x1201),
    TAG_SEGMENTED_PALETTE_DATA = BV_TAG(0x0028, 0x1221),
    TAG_MODALITY_LUT = BV_TAG(0x0028, 0x3000),
    TAG_LUT_DESCRIPTOR = BV_TAG(0x0028, 0x3002),
    TAG_LUT_DATA = BV_TAG(0x0028, 0x3006),
    TAG_VOI_LUT = BV_TAG(0x0028, 0x3010),
    TAG_FRAME_VOI = BV_TAG(0x0028, 0x9132),
    TAG_PIXEL_TRANSFORM = BV_TAG(0x0028, 0x9145),
};

#define MAX_ENTRIES 65536

// A number, if there is one. BV_ERR_FORMAT names an element that holds something else.
static enum bv_status read_number(const struct bv_item *item, struct bv_image *image, uint32_t tag,
                                  const char *name, unsigned index, double *value, bool *found,
                                  struct bv_error *err)
{
    enum bv_number how = bv_item_number(item, tag, index, value);
    *found = how == BV_NUMBER_READ || how == BV_NUMBER_COMMA;
    if (how == BV_NUMBER_BAD)
        return bv_fail(err, BV_ERR_FORMAT, "the %s is not a number", name);
    if (how == BV_NUMBER_COMMA)
        bv_image_warn(image, BV_REASON_BAD_HEADER,
                      "the %s has a decimal comma; it is read as a point", name);
    return BV_OK;
}

// The values that can arrive at a lookup table.
struct domain {
    double low, high;
};

static struct domain stored_domain(const struct bv_dicom_layout *layout)
{
    double n = ldexp(1, (int)layout->stored);
    return layout->is_signed ? (struct domain){-n / 2, n / 2 - 1} : (struct domain){0, n - 1};
}

// What the modality stage makes of the stored values. A lookup table gives unsigned ones.
static struct domain modality_domain(const struct bv_image *image,
                                     const struct bv_dicom_layout *layout)
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

static uint16_t word_at(struct bv_bytes bytes, size_t i)
{
    return (uint16_t)(bytes.data[2 * i] | bytes.data[2 * i + 1] << 8);
}

static uint32_t entries_of(const struct bv_lut_element *element)
{
    uint32_t n = (uint32_t)element->descriptor[0] & 0xffff;
    return n ? n : MAX_ENTRIES;
}

// Vendors write wrong descriptors; what the data says is believed over them.
static bool copy_lut(struct bv_image *image, const struct bv_lut_element *element, struct domain in,
                     struct bv_lut *lut)
{
    uint32_t n = entries_of(element);
    int bits = element->descriptor[2];
    size_t n_words = element->data.size / 2;
    // 8-bit entries may be packed two to a word.
    bool packed = n_words < n && element->data.size >= n && bits <= 8;
    if (!packed && n_words < n) {
        bv_image_warn(image, BV_REASON_BAD_LUT, "a lookup table is shorter than it says");
        n = (uint32_t)n_words;
    }
    uint16_t *data = n ? bv_arena_array(&image->arena, n, sizeof *data) : NULL;
    if (!data)
        return false;
    uint16_t most = 0;
    for (uint32_t i = 0; i < n; i++) {
        data[i] = packed ? element->data.data[i] : word_at(element->data, i);
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

static enum bv_status read_modality(const struct bv_dataset *ds, struct bv_image *image,
                                    const struct bv_dicom_layout *layout, struct bv_error *err)
{
    struct bv_lut_element element = {0};
    const struct bv_item *root = bv_dataset_root(ds);
    const struct bv_item *group = bv_dataset_group(ds, (unsigned)image->frame, TAG_PIXEL_TRANSFORM);
    const struct bv_item *table = bv_item_child(root, TAG_MODALITY_LUT, 0);
    if (!group && bv_item_lut(table, TAG_LUT_DESCRIPTOR, TAG_LUT_DATA, &element) &&
        copy_lut(image, &element, stored_domain(layout), &image->modality_lut))
        return BV_OK;
    const struct bv_item *item = group ? group : root;
    double slope = 1, intercept = 0;
    bool scaled = false, shifted = false;
    BV_TRY(read_number(item, image, TAG_SLOPE, "Rescale Slope", 0, &slope, &scaled, err));
    BV_TRY(
        read_number(item, image, TAG_INTERCEPT, "Rescale Intercept", 0, &intercept, &shifted, err));
    image->has_rescale = shifted && scaled;
    if (scaled && slope == 0) {
        bv_image_warn(image, BV_REASON_BAD_HEADER, "the rescale slope is 0; 1 is used");
        slope = 1;
    }
    image->slope = scaled ? slope : 1;
    image->intercept = shifted ? intercept : 0;
    return BV_OK;
}

// A palette under construction from segments (PS3.3 C.7.9.2): words or bytes of data.
struct expansion {
    struct bv_bytes data;
    unsigned size; // bytes of a number in data
    uint16_t *out;
    uint32_t n, room;
};

static size_t numbers(const struct expansion *e)
{
    return e->data.size / e->size;
}

static uint16_t number_at(const struct expansion *e, size_t i)
{
    return e->size == 1 ? e->data.data[i] : word_at(e->data, i);
}

// Entries given one by one.
static bool add_discrete(struct expansion *e, size_t at, uint32_t length)
{
    if (length > e->room - e->n || at + length > numbers(e))
        return false;
    for (uint32_t i = 0; i < length; i++)
        e->out[e->n++] = number_at(e, at + i);
    return true;
}

// A line from the last entry to one given.
static bool add_line(struct expansion *e, size_t at, uint32_t length)
{
    if (e->n == 0 || length > e->room - e->n || at >= numbers(e))
        return false;
    double from = e->out[e->n - 1], step = (number_at(e, at) - from) / (length ? length : 1);
    for (uint32_t i = 1; i <= length; i++)
        e->out[e->n++] = (uint16_t)lround(from + step * i);
    return true;
}

// One segment at *at, which is moved past it. Indirect ones repeat others, which are direct.
static bool add_segment(struct expansion *e, size_t *at, bool direct)
{
    if (*at + 2 > numbers(e))
        return false;
    unsigned kind = number_at(e, *at);
    uint32_t length = number_at(e, *at + 1);
    size_t value = *at + 2;
    if (kind == 0) {
        *at = value + length;
        return add_discrete(e, value, length);
    }
    if (kind == 1) {
        *at = value + 1;
        return add_line(e, value, length);
    }
    size_t words = 4 / e->size; // numbers that make up the offset
    if (kind != 2 || direct || value + words > numbers(e))
        return false;
    size_t bytes = 0;
    for (size_t i = words; i > 0; i--)
        bytes = bytes << (8 * e->size) | number_at(e, value + i - 1);
    size_t from = bytes / e->size;
    *at = value + words;
    for (uint32_t i = 0; i < length; i++)
        if (!add_segment(e, &from, true))
            return false;
    return true;
}

static bool expand(struct bv_image *image, const struct bv_lut_element *element, struct domain in,
                   struct bv_lut *lut)
{
    struct expansion e = {.data = element->data,
                          .size = element->descriptor[2] <= 8 ? 1 : 2,
                          .room = entries_of(element)};
    e.out = bv_arena_array(&image->arena, e.room, sizeof *e.out);
    if (!e.out)
        return false;
    for (size_t at = 0; e.n < e.room;)
        if (!add_segment(&e, &at, false))
            return false;
    int bits = e.size == 1 ? 8 : 16;
    *lut = (struct bv_lut){first_input(element->descriptor[1], in), e.n, bits, e.out};
    return true;
}

static bool read_colour(const struct bv_dataset *ds, struct bv_image *image, unsigned c,
                        struct domain in, struct bv_lut *lut)
{
    struct bv_lut_element element = {0};
    const struct bv_item *root = bv_dataset_root(ds);
    if (bv_item_lut(root, TAG_PALETTE_DESCRIPTOR + c, TAG_SEGMENTED_PALETTE_DATA + c, &element))
        return expand(image, &element, in, lut);
    return bv_item_lut(root, TAG_PALETTE_DESCRIPTOR + c, TAG_PALETTE_DATA + c, &element) &&
           copy_lut(image, &element, in, lut);
}

static enum bv_status read_palette(const struct bv_dataset *ds, struct bv_image *image,
                                   const struct bv_dicom_layout *layout, struct bv_error *err)
{
    static const char *const names[] = {"red", "green", "blue"};
    struct bv_lut rgb[3] = {0};
    for (unsigned c = 0; c < 3; c++)
        if (!read_colour(ds, image, c, stored_domain(layout), &rgb[c]) || rgb[c].n != rgb[0].n ||
            rgb[c].bits != rgb[0].bits || rgb[c].first != rgb[0].first)
            return bv_fail(err, BV_ERR_FORMAT, "the %s palette is missing or cannot be applied",
                           names[c]);
    for (uint32_t i = 0; i < rgb[0].n; i++)
        rgb[0].data[i] = bv_gray_16(rgb[0].data[i], rgb[1].data[i], rgb[2].data[i]);
    image->palette_luma = rgb[0];
    bv_image_warn(image, BV_REASON_COLOUR, "a colour image; its BT.601 luma is used");
    return BV_OK;
}

static void read_function(const struct bv_item *item, struct bv_image *image)
{
    char function[17];
    if (!bv_item_text(item, TAG_VOI_FUNCTION, 0, function, sizeof function))
        return;
    if (strcmp(function, "LINEAR_EXACT") == 0)
        image->voi_function = BV_VOI_LINEAR_EXACT;
    else if (strcmp(function, "SIGMOID") == 0)
        image->voi_function = BV_VOI_SIGMOID;
    else if (strcmp(function, "LINEAR") != 0)
        bv_image_warn(image, BV_REASON_BAD_WINDOW, "unknown VOI LUT function; linear is used");
}

static enum bv_status read_windows(const struct bv_item *item, struct bv_image *image,
                                   struct bv_error *err)
{
    double least = image->voi_function == BV_VOI_LINEAR ? 1 : 1e-9;
    for (unsigned i = 0; image->n_windows < BV_MAX_VOI; i++) {
        struct bv_window window = {0};
        bool has_center = false, has_width = false;
        BV_TRY(read_number(item, image, TAG_WINDOW_CENTER, "Window Center", i, &window.center,
                           &has_center, err));
        BV_TRY(read_number(item, image, TAG_WINDOW_WIDTH, "Window Width", i, &window.width,
                           &has_width, err));
        if (!has_center || !has_width)
            break;
        if (window.width >= least)
            image->windows[image->n_windows++] = window;
        else
            bv_image_warn(image, BV_REASON_BAD_WINDOW, "a window of width %g is ignored",
                          window.width);
    }
    return BV_OK;
}

// The frame's own tables and windows where it has any, else the data set's.
static enum bv_status read_voi(const struct bv_dataset *ds, struct bv_image *image,
                               const struct bv_dicom_layout *layout, struct bv_error *err)
{
    struct domain in = modality_domain(image, layout);
    const struct bv_item *group = bv_dataset_group(ds, (unsigned)image->frame, TAG_FRAME_VOI);
    const struct bv_item *item = group ? group : bv_dataset_root(ds);
    for (unsigned i = 0; image->n_voi_luts < BV_MAX_VOI; i++) {
        struct bv_lut_element element = {0};
        const struct bv_item *table = bv_item_child(item, TAG_VOI_LUT, i);
        if (!bv_item_lut(table, TAG_LUT_DESCRIPTOR, TAG_LUT_DATA, &element))
            break;
        struct bv_lut *lut = &image->voi_luts[image->n_voi_luts];
        if (copy_lut(image, &element, in, lut)) {
            check_entries(image, lut);
            image->n_voi_luts++;
        }
    }
    read_function(item, image);
    return read_windows(item, image, err);
}

enum bv_status bv_dicom_gray(const struct bv_dataset *dataset, struct bv_image *image,
                             const struct bv_dicom_layout *layout, struct bv_error *err)
{
    if (layout->palette)
        BV_TRY(read_palette(dataset, image, layout, err));
    BV_TRY(read_modality(dataset, image, layout, err));
    return read_voi(dataset, image, layout, err);
}
