#include "image/decode.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

struct signature {
    enum bv_format format;
    size_t offset, n;
    const char *bytes;
};

static const struct signature signatures[] = {
    {BV_FORMAT_DICOM, 128, 4, "DICM"},
    {BV_FORMAT_PNG, 0, 8, "\x89PNG\r\n\x1a\n"},
    {BV_FORMAT_JPEG_LS, 0, 4, "\xff\xd8\xff\xf7"},
    {BV_FORMAT_JPEG, 0, 3, "\xff\xd8\xff"},
    {BV_FORMAT_JPEG2000, 0, 12, "\0\0\0\x0cjP  \r\n\x87\n"},
    {BV_FORMAT_JPEG2000, 0, 4, "\xff\x4f\xff\x51"},
    {BV_FORMAT_GIF, 0, 4, "GIF8"},
    {BV_FORMAT_TIFF, 0, 4, "II*\0"},
    {BV_FORMAT_TIFF, 0, 4, "MM\0*"},
    {BV_FORMAT_TIFF, 0, 4, "II+\0"},
    {BV_FORMAT_TIFF, 0, 4, "MM\0+"},
    {BV_FORMAT_WEBP, 8, 4, "WEBP"},
    {BV_FORMAT_JPEG_XL, 0, 2, "\xff\x0a"},
    {BV_FORMAT_JPEG_XL, 0, 8, "\0\0\0\x0cJXL "},
    {BV_FORMAT_HEIF, 4, 8, "ftypheic"},
    {BV_FORMAT_HEIF, 4, 8, "ftypmif1"},
    {BV_FORMAT_HEIF, 4, 8, "ftypavif"},
    {BV_FORMAT_NIFTI, 344, 4, "n+1\0"},
    {BV_FORMAT_NIFTI, 344, 4, "ni1\0"},
    {BV_FORMAT_HDF5, 0, 8, "\x89HDF\r\n\x1a\n"},
    {BV_FORMAT_PDF, 0, 5, "%PDF-"},
    {BV_FORMAT_ZIP, 0, 4, "PK\x03\x04"},
    {BV_FORMAT_GZIP, 0, 2, "\x1f\x8b"},
    {BV_FORMAT_NUMPY, 0, 6, "\x93NUMPY"},
    {BV_FORMAT_PNM, 0, 3, "P5\n"},
    {BV_FORMAT_PNM, 0, 3, "P6\n"},
    {BV_FORMAT_PNM, 0, 3, "P5 "},
    {BV_FORMAT_PNM, 0, 3, "P6 "},
    {BV_FORMAT_PNM, 0, 3, "P2\n"},
};

static bool starts_with_tag(const uint8_t *bytes, size_t size)
{
    size_t i = 0;
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        i = 3;
    while (i < size && isspace(bytes[i]))
        i++;
    static const char *const tags[] = {"<!doctype html", "<html", "<head", "<?xml"};
    for (size_t t = 0; t < sizeof tags / sizeof *tags; t++) {
        size_t n = strlen(tags[t]), j = 0;
        while (j < n && i + j < size && tolower(bytes[i + j]) == tags[t][j])
            j++;
        if (j == n)
            return true;
    }
    return false;
}

// A data set without preamble begins with an element of group 0002 or 0008, a known VR or a
// length that fits the file.
static bool bare_dicom(const uint8_t *bytes, size_t size)
{
    if (size < 16)
        return false;
    bool little = (bytes[0] == 2 || bytes[0] == 8) && bytes[1] == 0;
    bool big = bytes[0] == 0 && (bytes[1] == 2 || bytes[1] == 8);
    if (!little && !big)
        return false;
    if (isupper(bytes[4]) && isupper(bytes[5]))
        return true;
    if (bytes[little ? 3 : 2] != 0)
        return false;
    uint32_t length = little ? bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 |
                                   (uint32_t)bytes[7] << 24
                             : bytes[7] | (uint32_t)bytes[6] << 8 | (uint32_t)bytes[5] << 16 |
                                   (uint32_t)bytes[4] << 24;
    return length % 2 == 0 && length <= size - 8;
}

enum bv_format bv_sniff(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return BV_FORMAT_EMPTY;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const struct signature *s = &signatures[i];
        if (size >= s->offset + s->n && memcmp(bytes + s->offset, s->bytes, s->n) == 0)
            return s->format;
    }
    // "BM" alone is too short to trust: the header's size field must be one that exists.
    if (size >= 18 && bytes[0] == 'B' && bytes[1] == 'M' && bytes[14] >= 12 && bytes[14] <= 124 &&
        bytes[15] == 0)
        return BV_FORMAT_BMP;
    if (starts_with_tag(bytes, size))
        return BV_FORMAT_HTML;
    return bare_dicom(bytes, size) ? BV_FORMAT_DICOM : BV_FORMAT_UNKNOWN;
}

const char *bv_format_name(enum bv_format format)
{
    switch (format) {
    case BV_FORMAT_UNKNOWN:
        return "an unknown format";
    case BV_FORMAT_EMPTY:
        return "an empty file";
    case BV_FORMAT_DICOM:
        return "DICOM";
    case BV_FORMAT_PNG:
        return "PNG";
    case BV_FORMAT_JPEG:
        return "JPEG";
    case BV_FORMAT_JPEG2000:
        return "JPEG 2000";
    case BV_FORMAT_GIF:
        return "GIF";
    case BV_FORMAT_BMP:
        return "BMP";
    case BV_FORMAT_TIFF:
        return "TIFF";
    case BV_FORMAT_WEBP:
        return "WebP";
    case BV_FORMAT_JPEG_LS:
        return "a bare JPEG-LS file";
    case BV_FORMAT_JPEG_XL:
        return "JPEG XL";
    case BV_FORMAT_HEIF:
        return "HEIF or AVIF";
    case BV_FORMAT_NIFTI:
        return "NIfTI";
    case BV_FORMAT_HDF5:
        return "HDF5";
    case BV_FORMAT_PNM:
        return "PNM";
    case BV_FORMAT_PDF:
        return "PDF";
    case BV_FORMAT_ZIP:
        return "a ZIP archive";
    case BV_FORMAT_GZIP:
        return "a gzip file";
    case BV_FORMAT_HTML:
        return "an HTML or XML page";
    case BV_FORMAT_NUMPY:
        return "a NumPy array";
    }
    return "an unknown format";
}
