#include "image/fixture.h"

#include <stdlib.h>
#include <string.h>

#include <openjpeg.h>
#include <png.h>

#include "image/image.h"
#include "support/check.h"
// jpeglib.h wants FILE and size_t before it.
#include <jpeglib.h>

void buffer_add(struct buffer *buffer, const void *bytes, size_t n)
{
    if (buffer->size + n > buffer->room) {
        buffer->room = (buffer->size + n) * 2;
        buffer->data = realloc(buffer->data, buffer->room);
        assert_non_null(buffer->data);
    }
    if (n)
        memcpy(buffer->data + buffer->size, bytes, n);
    buffer->size += n;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

static void add_u16(struct buffer *file, unsigned v)
{
    uint8_t bytes[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    buffer_add(file, bytes, 2);
}

static void add_u32(struct buffer *file, uint32_t v)
{
    add_u16(file, v & 0xffff);
    add_u16(file, v >> 16);
}

void dicom_bytes(struct buffer *file, uint16_t group, uint16_t element, const char *vr,
                 const void *bytes, size_t n)
{
    add_u16(file, group);
    add_u16(file, element);
    buffer_add(file, vr, 2);
    if (strstr("OB OW OF SQ UN UT", vr)) {
        add_u16(file, 0);
        add_u32(file, (uint32_t)(n + n % 2));
    } else {
        add_u16(file, (unsigned)(n + n % 2));
    }
    buffer_add(file, bytes, n);
    if (n % 2)
        buffer_add(file, strcmp(vr, "UI") == 0 || strcmp(vr, "OB") == 0 ? "" : " ", 1);
}

void dicom_text(struct buffer *file, uint16_t group, uint16_t element, const char *vr,
                const char *value)
{
    dicom_bytes(file, group, element, vr, value, strlen(value));
}

void dicom_us(struct buffer *file, uint16_t group, uint16_t element, unsigned value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    dicom_bytes(file, group, element, "US", bytes, 2);
}

void dicom_begin(struct buffer *file, const char *transfer_syntax)
{
    static const uint8_t preamble[128];
    struct buffer meta = {0};
    dicom_text(&meta, 2, 0x0002, "UI", "1.2.840.10008.5.1.4.1.1.1.1");
    dicom_text(&meta, 2, 0x0003, "UI", "1.2.3.4");
    dicom_text(&meta, 2, 0x0010, "UI", transfer_syntax);
    uint8_t length[4] = {(uint8_t)meta.size, (uint8_t)(meta.size >> 8), 0, 0};
    buffer_add(file, preamble, sizeof preamble);
    buffer_add(file, "DICM", 4);
    dicom_bytes(file, 2, 0x0000, "UL", length, 4);
    buffer_add(file, meta.data, meta.size);
    buffer_free(&meta);
}

void dicom_pixel_module(struct buffer *file, const struct pixel_module *m)
{
    dicom_us(file, 0x28, 0x0002, m->samples);
    dicom_text(file, 0x28, 0x0004, "CS", m->photometric ? m->photometric : "MONOCHROME2");
    if (m->planar >= 0)
        dicom_us(file, 0x28, 0x0006, (unsigned)m->planar);
    if (m->frames)
        dicom_text(file, 0x28, 0x0008, "IS", m->frames);
    dicom_us(file, 0x28, 0x0010, m->rows);
    dicom_us(file, 0x28, 0x0011, m->columns);
    dicom_us(file, 0x28, 0x0100, m->allocated);
    dicom_us(file, 0x28, 0x0101, m->stored);
    dicom_us(file, 0x28, 0x0102, m->high_bit);
    dicom_us(file, 0x28, 0x0103, m->is_signed);
}

void dicom_fragments_begin(struct buffer *file)
{
    add_u16(file, 0x7fe0);
    add_u16(file, 0x0010);
    buffer_add(file, "OB\0\0", 4);
    add_u32(file, UINT32_MAX);
    dicom_fragment(file, "", 0); // an empty offset table
}

void dicom_fragment(struct buffer *file, const void *bytes, size_t n)
{
    add_u16(file, 0xfffe);
    add_u16(file, 0xe000);
    add_u32(file, (uint32_t)(n + n % 2));
    buffer_add(file, bytes, n);
    buffer_add(file, "", n % 2);
}

void dicom_odd_fragment(struct buffer *file, const void *bytes, size_t n)
{
    add_u16(file, 0xfffe);
    add_u16(file, 0xe000);
    add_u32(file, (uint32_t)n);
    buffer_add(file, bytes, n);
}

void dicom_sequence(struct buffer *file, uint16_t group, uint16_t element, const char *vr,
                    const struct buffer *body)
{
    struct buffer item = {0};
    dicom_odd_fragment(&item, body->data, body->size);
    dicom_bytes(file, group, element, vr, item.data, item.size);
    buffer_free(&item);
}

static uint32_t read_length(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

static void add_implicit(struct buffer *out, const uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        const char vr[3] = {(char)p[at + 4], (char)p[at + 5], 0};
        bool is_item = p[at] == 0xfe && p[at + 1] == 0xff;
        bool is_long = !is_item && strstr("OB OW OF SQ UN UT", vr);
        size_t head = is_long ? 12 : 8;
        uint32_t length = is_item   ? read_length(p + at + 4, 4)
                          : is_long ? read_length(p + at + 8, 4)
                                    : read_length(p + at + 6, 2);
        struct buffer value = {0};
        if (is_item || strcmp(vr, "SQ") == 0)
            add_implicit(&value, p + at + head, length);
        else
            buffer_add(&value, p + at + head, length);
        buffer_add(out, p + at, 4);
        add_u32(out, (uint32_t)value.size);
        buffer_add(out, value.data, value.size);
        buffer_free(&value);
        at += head + length;
    }
}

void dicom_to_implicit(struct buffer *file)
{
    size_t begin = 132 + 12 + read_length(file->data + 140, 4);
    struct buffer out = {0};
    buffer_add(&out, file->data, begin);
    add_implicit(&out, file->data + begin, file->size - begin);
    buffer_free(file);
    *file = out;
}

void dicom_fragments_end(struct buffer *file)
{
    add_u16(file, 0xfffe);
    add_u16(file, 0xe0dd);
    add_u32(file, 0);
}

// TIFF-structured Exif data with nothing but the orientation, in big-endian order.
static const uint8_t *exif_data(int orientation, size_t *n)
{
    static uint8_t data[26] = {'M',  'M',  0, 42, 0, 0, 0, 8, 0, 1, // one entry
                               0x01, 0x12, 0, 3,  0, 0, 0, 1};
    data[18] = 0;
    data[19] = (uint8_t)orientation;
    *n = sizeof data;
    return data;
}

static void png_write(png_structp png, png_bytep bytes, size_t n)
{
    buffer_add(png_get_io_ptr(png), bytes, n);
}

static void png_no_flush(png_structp png)
{
    (void)png;
}

void png_encode(struct buffer *file, const struct png_kind *kind, const uint8_t *rows)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_non_null(info);
    png_set_write_fn(png, file, png_write, png_no_flush);
    png_set_IHDR(png, info, (png_uint_32)kind->width, (png_uint_32)kind->height, kind->depth,
                 kind->type, kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_color colors[256];
    for (int i = 0; i < kind->n_palette; i++)
        colors[i] =
            (png_color){kind->palette[3 * i], kind->palette[3 * i + 1], kind->palette[3 * i + 2]};
    if (kind->n_palette)
        png_set_PLTE(png, info, colors, kind->n_palette);
    if (kind->orientation) {
        size_t n = 0;
        const uint8_t *exif = exif_data(kind->orientation, &n);
        png_set_eXIf_1(png, info, (png_uint_32)n, (png_bytep)(uintptr_t)exif);
    }
    png_write_info(png, info);
    png_bytep *pointers = malloc((size_t)kind->height * sizeof *pointers);
    assert_non_null(pointers);
    for (int y = 0; y < kind->height; y++)
        pointers[y] = (png_bytep)(uintptr_t)rows + (size_t)y * png_get_rowbytes(png, info);
    png_write_image(png, pointers);
    png_write_end(png, NULL);
    free(pointers);
    png_destroy_write_struct(&png, &info);
}

void jpeg_encode(struct buffer *file, const struct jpeg_kind *kind, const uint8_t *pixels)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr manager;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    info.err = jpeg_std_error(&manager);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &n);
    info.image_width = (JDIMENSION)kind->width;
    info.image_height = (JDIMENSION)kind->height;
    info.input_components = kind->components;
    info.in_color_space = kind->components == 1   ? JCS_GRAYSCALE
                          : kind->components == 3 ? JCS_RGB
                                                  : JCS_CMYK;
    jpeg_set_defaults(&info);
    if (kind->untransformed)
        jpeg_set_colorspace(&info, JCS_RGB);
    jpeg_set_quality(&info, kind->quality, TRUE);
    if (kind->progressive)
        jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    if (kind->orientation) {
        uint8_t marker[64] = "Exif\0";
        size_t n_exif = 0;
        const uint8_t *exif = exif_data(kind->orientation, &n_exif);
        memcpy(marker + 6, exif, n_exif);
        jpeg_write_marker(&info, JPEG_APP0 + 1, marker, (unsigned)n_exif + 6);
    }
    size_t row = (size_t)kind->width * (size_t)kind->components;
    while (info.next_scanline < info.image_height) {
        JSAMPROW at = (JSAMPROW)(uintptr_t)pixels + info.next_scanline * row;
        (void)jpeg_write_scanlines(&info, &at, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    buffer_add(file, bytes, n);
    free(bytes);
}

struct bits {
    struct buffer *file;
    uint32_t held;
    int n;
};

static void add_bits(struct bits *b, uint32_t value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        b->held = b->held << 1 | (value >> i & 1);
        if (++b->n < 8)
            continue;
        uint8_t byte = (uint8_t)b->held;
        buffer_add(b->file, &byte, 1);
        if (byte == 0xff)
            buffer_add(b->file, "", 1);
        b->held = 0;
        b->n = 0;
    }
}

void jpeg_lossless_encode(struct buffer *file, int width, int height, int bits,
                          const uint16_t *pixels)
{
    const uint8_t frame[] = {0xff,
                             0xd8,
                             0xff,
                             0xc3,
                             0,
                             11,
                             (uint8_t)bits,
                             (uint8_t)(height >> 8),
                             (uint8_t)height,
                             (uint8_t)(width >> 8),
                             (uint8_t)width,
                             1,
                             1,
                             0x11,
                             0};
    // Seventeen categories of difference, each with a code of five bits.
    const uint8_t table[] = {0xff, 0xc4, 0, 36, 0, 0,  0,  0,  0,  17, 0,  0, 0,
                             0,    0,    0, 0,  0, 0,  0,  0,  0,  1,  2,  3, 4,
                             5,    6,    7, 8,  9, 10, 11, 12, 13, 14, 15, 16};
    static const uint8_t scan[] = {0xff, 0xda, 0, 8, 1, 1, 0, 1, 0, 0};
    buffer_add(file, frame, sizeof frame);
    buffer_add(file, table, sizeof table);
    buffer_add(file, scan, sizeof scan);
    struct bits out = {.file = file};
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int at = y * width + x;
            int before = at == 0 ? 1 << (bits - 1) : x ? pixels[at - 1] : pixels[at - width];
            int difference = (int16_t)(uint16_t)(pixels[at] - before), category = 0;
            while ((difference < 0 ? -difference : difference) >> category)
                category++;
            add_bits(&out, (uint32_t)category, 5);
            if (category < 16)
                add_bits(&out, (uint32_t)(difference < 0 ? difference - 1 : difference), category);
        }
    add_bits(&out, 0x7f, 7); // ones fill the last byte
    buffer_add(file, "\xff\xd9", 2);
}

// A JP2 file is written with steps back: the buffer's size is the place, its end what was reached.
static size_t j2k_end;

static OPJ_SIZE_T j2k_write(void *bytes, OPJ_SIZE_T n, void *user)
{
    struct buffer *file = user;
    buffer_add(file, bytes, n);
    j2k_end = file->size > j2k_end ? file->size : j2k_end;
    return n;
}

static OPJ_BOOL j2k_seek(OPJ_OFF_T at, void *user)
{
    struct buffer *file = user;
    static const uint8_t zeros[64];
    while (file->room < (size_t)at) // make room, which then is skipped
        buffer_add(file, zeros, sizeof zeros);
    file->size = (size_t)at;
    j2k_end = file->size > j2k_end ? file->size : j2k_end;
    return OPJ_TRUE;
}

static OPJ_OFF_T j2k_skip(OPJ_OFF_T n, void *user)
{
    struct buffer *file = user;
    return j2k_seek((OPJ_OFF_T)file->size + n, user) ? n : -1;
}

static void encode_opj(struct buffer *file, opj_image_t *image, OPJ_CODEC_FORMAT format)
{
    opj_cparameters_t parameters;
    opj_set_default_encoder_parameters(&parameters);
    parameters.tcp_numlayers = 1;
    parameters.cp_disto_alloc = 1;
    parameters.numresolution = 3;
    parameters.tcp_mct = 0;
    j2k_end = file->size;
    opj_codec_t *codec = opj_create_compress(format);
    opj_stream_t *stream = opj_stream_create(1 << 20, OPJ_FALSE);
    opj_stream_set_user_data(stream, file, NULL);
    opj_stream_set_write_function(stream, j2k_write);
    opj_stream_set_seek_function(stream, j2k_seek);
    opj_stream_set_skip_function(stream, j2k_skip);
    assert_true(opj_setup_encoder(codec, &parameters, image));
    assert_true(opj_start_compress(codec, image, stream));
    assert_true(opj_encode(codec, stream));
    assert_true(opj_end_compress(codec, stream));
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    opj_image_destroy(image);
    file->size = j2k_end;
}

void jpeg2000_encode(struct buffer *file, int width, int height, int bits, const uint16_t *pixels)
{
    opj_image_cmptparm_t component = {.dx = 1,
                                      .dy = 1,
                                      .w = (OPJ_UINT32)width,
                                      .h = (OPJ_UINT32)height,
                                      .prec = (OPJ_UINT32)bits,
                                      .bpp = (OPJ_UINT32)bits};
    opj_image_t *image = opj_image_create(1, &component, OPJ_CLRSPC_GRAY);
    assert_non_null(image);
    image->x1 = (OPJ_UINT32)width;
    image->y1 = (OPJ_UINT32)height;
    for (int i = 0; i < width * height; i++)
        image->comps[0].data[i] = pixels[i];
    encode_opj(file, image, OPJ_CODEC_J2K);
}

void jp2_encode(struct buffer *file, int width, int height, int step, int colour_space,
                uint8_t *const planes[3])
{
    opj_image_cmptparm_t components[3];
    for (int c = 0; c < 3; c++) {
        int s = c ? step : 1;
        components[c] = (opj_image_cmptparm_t){.dx = (OPJ_UINT32)s,
                                               .dy = (OPJ_UINT32)s,
                                               .w = (OPJ_UINT32)((width + s - 1) / s),
                                               .h = (OPJ_UINT32)((height + s - 1) / s),
                                               .prec = 8,
                                               .bpp = 8};
    }
    opj_image_t *image = opj_image_create(3, components, (OPJ_COLOR_SPACE)colour_space);
    assert_non_null(image);
    image->x1 = (OPJ_UINT32)width;
    image->y1 = (OPJ_UINT32)height;
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < (size_t)components[c].w * components[c].h; i++)
            image->comps[c].data[i] = planes[c][i];
    encode_opj(file, image, OPJ_CODEC_JP2);
}

void dicom_encapsulated(struct buffer *file, const char *syntax, const struct pixel_module *module,
                        const struct buffer *stream)
{
    dicom_begin(file, syntax);
    dicom_pixel_module(file, module);
    dicom_fragments_begin(file);
    dicom_fragment(file, stream->data, stream->size);
    dicom_fragments_end(file);
}

struct bv_image *take_image(struct buffer *file)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    assert_ok(bv_image_decode(file->data, file->size, "test", NULL, &image, &err), err);
    buffer_free(file);
    return image;
}
