#include "image/decode.h"

#include <string.h>

#include <openjpeg.h>

struct cursor {
    struct bv_bytes bytes;
    size_t offset;
};

static OPJ_SIZE_T read_some(void *out, OPJ_SIZE_T n, void *user)
{
    struct cursor *cursor = user;
    size_t left = cursor->bytes.size - cursor->offset;
    if (left == 0)
        return (OPJ_SIZE_T)-1;
    n = n < left ? n : left;
    memcpy(out, cursor->bytes.data + cursor->offset, n);
    cursor->offset += n;
    return n;
}

static OPJ_OFF_T skip_some(OPJ_OFF_T n, void *user)
{
    struct cursor *cursor = user;
    size_t left = cursor->bytes.size - cursor->offset;
    if (n < 0 || (uint64_t)n > left)
        return -1;
    cursor->offset += (size_t)n;
    return n;
}

static OPJ_BOOL seek_to(OPJ_OFF_T at, void *user)
{
    struct cursor *cursor = user;
    if (at < 0 || (uint64_t)at > cursor->bytes.size)
        return OPJ_FALSE;
    cursor->offset = (size_t)at;
    return OPJ_TRUE;
}

static enum bv_status check_components(const opj_image_t *image, size_t max_pixels,
                                       struct bv_error *err)
{
    uint64_t width = image->x1 - (uint64_t)image->x0, height = image->y1 - (uint64_t)image->y0;
    if (image->x1 <= image->x0 || image->y1 <= image->y0)
        return bv_fail(err, BV_ERR_FORMAT, "damaged JPEG 2000: the image is empty");
    BV_TRY(bv_decode_check_size(width, height, max_pixels, err));
    if (image->numcomps < 1 || image->numcomps > 4)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "JPEG 2000 of %u components", image->numcomps);
    for (uint32_t i = 0; i < image->numcomps; i++) {
        const opj_image_comp_t *c = &image->comps[i], *first = &image->comps[0];
        bool coarse = image->numcomps == 3 && i > 0 && c->dx <= 2 && c->dy <= 2 && c->dx && c->dy &&
                      (c->dx > 1 || c->dy > 1) && image->x0 % 2 == 0 && image->y0 % 2 == 0;
        bool same = c->dx == 1 && c->dy == 1 && c->w == first->w && c->h == first->h;
        bool fits = c->w == (width + c->dx - 1) / (c->dx ? c->dx : 1) &&
                    c->h == (height + c->dy - 1) / (c->dy ? c->dy : 1);
        if (!(same || (coarse && fits)) || c->prec != first->prec || c->sgnd != first->sgnd ||
            c->prec < 1 || c->prec > 31)
            return bv_fail(err, BV_ERR_UNSUPPORTED,
                           "JPEG 2000 with components of unequal size or depth");
    }
    return BV_OK;
}

// Colour spaces that would be taken for R, G, B; coarser components are chroma.
static enum bv_status check_colours(const opj_image_t *image, struct bv_error *err)
{
    bool coarse = false;
    for (uint32_t i = 0; i < image->numcomps; i++)
        coarse |= image->comps[i].dx != 1 || image->comps[i].dy != 1;
    if (image->color_space == OPJ_CLRSPC_CMYK || image->color_space == OPJ_CLRSPC_EYCC)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "JPEG 2000 in the colour space %s",
                       image->color_space == OPJ_CLRSPC_CMYK ? "CMYK" : "e-YCC");
    if (coarse && image->color_space != OPJ_CLRSPC_SYCC)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "JPEG 2000 with components of unequal size or depth");
    if (image->color_space == OPJ_CLRSPC_SYCC && image->numcomps != 3)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "JPEG 2000 in sYCC of %u components",
                       image->numcomps);
    return BV_OK;
}

static enum bv_status decode(opj_codec_t *codec, opj_stream_t *stream, opj_image_t **image,
                             size_t max_pixels, struct bv_error *err)
{
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    if (!opj_setup_decoder(codec, &parameters) || !opj_decoder_set_strict_mode(codec, OPJ_TRUE))
        return bv_fail(err, BV_ERR_INTERNAL, "OpenJPEG cannot be set up");
    if (!opj_read_header(stream, codec, image))
        return bv_fail(err, BV_ERR_FORMAT, "damaged JPEG 2000 header");
    BV_TRY(check_components(*image, max_pixels, err));
    if (!opj_decode(codec, stream, *image) || !opj_end_decompress(codec, stream))
        return bv_fail(err, BV_ERR_FORMAT, "damaged or truncated JPEG 2000 data");
    return BV_OK;
}

enum bv_status bv_jpeg2000_decode(struct bv_bytes bytes, size_t max_pixels,
                                  struct bv_jpeg2000 *decoded, struct bv_error *err)
{
    struct cursor cursor = {bytes, 0};
    bool bare = bytes.size >= 2 && bytes.data[0] == 0xff && bytes.data[1] == 0x4f;
    opj_image_t *image = NULL;
    opj_codec_t *codec = opj_create_decompress(bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = opj_stream_create(64 * 1024, OPJ_TRUE);
    enum bv_status status = BV_OK;
    if (!codec || !stream) {
        status = bv_fail_nomem(err, "JPEG 2000 decoder");
        goto fail;
    }
    opj_stream_set_user_data(stream, &cursor, NULL);
    opj_stream_set_user_data_length(stream, bytes.size);
    opj_stream_set_read_function(stream, read_some);
    opj_stream_set_skip_function(stream, skip_some);
    opj_stream_set_seek_function(stream, seek_to);
    status = decode(codec, stream, &image, max_pixels, err);
    for (uint32_t i = 0; status == BV_OK && i < image->numcomps; i++)
        if (!image->comps[i].data)
            status = bv_fail(err, BV_ERR_FORMAT, "damaged JPEG 2000: a component has no data");
    if (status == BV_OK)
        status = check_colours(image, err);
    if (status != BV_OK)
        goto fail;
    *decoded = (struct bv_jpeg2000){.width = image->comps[0].w,
                                    .height = image->comps[0].h,
                                    .n_components = (int)image->numcomps,
                                    .precision = (int)image->comps[0].prec,
                                    .is_signed = image->comps[0].sgnd,
                                    .is_sycc = image->color_space == OPJ_CLRSPC_SYCC,
                                    .step_x = {1, 1, 1, 1},
                                    .step_y = {1, 1, 1, 1},
                                    .handle = image};
    for (uint32_t i = 0; i < image->numcomps; i++) {
        const opj_image_comp_t *c = &image->comps[i];
        decoded->planes[i] = c->data;
        decoded->across[i] = c->w;
        decoded->step_x[i] = c->dx;
        decoded->step_y[i] = c->dy;
    }
    image = NULL;
fail:
    if (image)
        opj_image_destroy(image);
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    return status;
}

void bv_jpeg2000_free(struct bv_jpeg2000 *decoded)
{
    if (decoded->handle)
        opj_image_destroy(decoded->handle);
    *decoded = (struct bv_jpeg2000){0};
}

static int32_t clamp(double v, int32_t top)
{
    return v <= 0 ? 0 : v >= top ? top : (int32_t)(v + 0.5);
}

// sYCC (IEC 61966-2-1 Amendment 1): Y, Cb, Cr of these bits to R, G, B.
static void to_rgb(int32_t v[3], int precision)
{
    int32_t top = (int32_t)((1U << precision) - 1);
    double y = v[0], cb = v[1] - (1 << (precision - 1)), cr = v[2] - (1 << (precision - 1));
    v[0] = clamp(y + 1.402 * cr, top);
    v[1] = clamp(y - 0.344136 * cb - 0.714136 * cr, top);
    v[2] = clamp(y + 1.772 * cb, top);
}

static void copy_planes(struct bv_image *image, const struct bv_jpeg2000 *decoded)
{
    size_t w = (size_t)image->width, h = (size_t)image->height, channels = (size_t)image->channels;
    // Below 8 bits the range is widened to 8, as readers of gray files do.
    int shift = decoded->precision < 8 ? 8 - decoded->precision : 0;
    int32_t offset = decoded->is_signed ? 1 << (decoded->precision - 1) : 0;
    size_t i = 0;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            int32_t v[3] = {0};
            for (size_t c = 0; c < channels; c++)
                v[c] = decoded->planes[c][y / decoded->step_y[c] * decoded->across[c] +
                                          x / decoded->step_x[c]] +
                       offset;
            if (decoded->is_sycc)
                to_rgb(v, decoded->precision);
            for (size_t c = 0; c < channels; c++, i++) {
                if (image->sample == BV_SAMPLE_U8)
                    ((uint8_t *)image->pixels)[i] = (uint8_t)(v[c] * (1 << shift));
                else
                    ((uint16_t *)image->pixels)[i] = (uint16_t)v[c];
            }
        }
}

enum bv_status bv_decode_jpeg2000_file(struct bv_image *image, struct bv_bytes bytes,
                                       size_t max_pixels, struct bv_error *err)
{
    struct bv_jpeg2000 decoded = {0};
    BV_TRY(bv_jpeg2000_decode(bytes, max_pixels, &decoded, err));
    image->kind = BV_FILE_JPEG2000;
    image->width = (int)decoded.width;
    image->height = (int)decoded.height;
    image->channels = decoded.n_components >= 3 ? 3 : 1;
    image->bits_stored = decoded.precision < 8 ? 8 : decoded.precision;
    image->sample = decoded.precision > 8 ? BV_SAMPLE_U16 : BV_SAMPLE_U8;
    image->sixteen_bit = decoded.precision > 8;
    enum bv_status status = BV_OK;
    if (decoded.precision > 16)
        status = bv_fail(err, BV_ERR_UNSUPPORTED, "JPEG 2000 of %d bits", decoded.precision);
    if (status == BV_OK)
        status = bv_decode_alloc(image, err);
    if (status == BV_OK) {
        copy_planes(image, &decoded);
        if (decoded.n_components == 2 || decoded.n_components == 4)
            bv_image_warn(image, BV_REASON_ALPHA_DROPPED, "transparency was ignored");
    }
    bv_jpeg2000_free(&decoded);
    return status;
}
