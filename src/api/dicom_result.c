// The public calls that turn results into DICOM objects.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/result.h"
#include "base/file.h"
#include "biovl/pacs.h"
#include "image/gray.h"
#include "pacs/derived_object.h"

static const size_t max_source = (size_t)1 << 30;

enum bv_status bv_result_report(const struct bv_result *r, const uint8_t *source,
                                size_t source_size, const char *name, uint8_t **bytes, size_t *size,
                                struct bv_error *err)
{
    const struct bv_labels *labels = &r->zero_shot->labels;
    const struct bv_model *model = bv_session_model(r->zero_shot->engine->session);
    const struct bv_findings_source from = {.kind = bv_result_kind(r),
                                            .model = model->name,
                                            .digest = model->digest,
                                            .prompts = labels->set,
                                            .version = BIOVL_VERSION};
    struct bv_finding *findings = calloc(labels->n + 1, sizeof *findings);
    if (!findings)
        return bv_fail_nomem(err, "a report");
    for (size_t i = 0; i < labels->n; i++) {
        findings[i].label = labels->items[i].name;
        findings[i].score = r->scores[i];
    }
    const struct bv_source_object object = {source, source_size, name};
    enum bv_status status =
        bv_findings_report(&object, findings, labels->n, &from, bytes, size, err);
    free(findings);
    return status;
}

enum bv_status bv_result_capture(const struct bv_result *result, const uint8_t *source,
                                 size_t source_size, const char *name, uint8_t **bytes,
                                 size_t *size, struct bv_error *err)
{
    struct bv_pixels rgb = {0};
    BV_TRY(bv_result_draw(result, &rgb, err));
    const struct bv_source_object object = {source, source_size, name};
    const struct bv_derived_picture picture = {
        rgb.data, (unsigned)rgb.width, (unsigned)rgb.height,
        "Scores of a research model, with a heat map where it has one", BIOVL_VERSION};
    enum bv_status status = bv_findings_capture(&object, &picture, bytes, size, err);
    bv_pixels_free(&rgb);
    return status;
}

// Writes what one of the two above makes of a source file.
static enum bv_status write_object(struct bv_context *context, const struct bv_result *result,
                                   const char *source, const char *path,
                                   enum bv_status (*make)(const struct bv_result *, const uint8_t *,
                                                          size_t, const char *, uint8_t **,
                                                          size_t *, struct bv_error *))
{
    struct bv_error *err = bv_begin(context);
    struct bv_mapping file = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    BV_TRY(bv_mapping_open(&file, source, max_source, err));
    enum bv_status status = make(result, file.data, file.size, source, &bytes, &size, err);
    if (status == BV_OK)
        status = bv_write_file(path, bytes, size, err);
    free(bytes);
    bv_mapping_close(&file);
    return status;
}

enum bv_status bv_result_write_sr(struct bv_context *context, const struct bv_result *result,
                                  const char *source, const char *path)
{
    assert(context && result && source && path);
    return write_object(context, result, source, path, bv_result_report);
}

enum bv_status bv_result_write_capture(struct bv_context *context, const struct bv_result *result,
                                       const char *source, const char *path)
{
    assert(context && result && source && path);
    return write_object(context, result, source, path, bv_result_capture);
}

enum bv_status bv_result_sr(struct bv_context *context, const struct bv_result *result,
                            const void *source, size_t source_size, const char *name,
                            uint8_t **bytes, size_t *size)
{
    assert(context && result && source && name && bytes && size);
    return bv_result_report(result, source, source_size, name, bytes, size, bv_begin(context));
}

enum bv_status bv_result_sc(struct bv_context *context, const struct bv_result *result,
                            const void *source, size_t source_size, const char *name,
                            uint8_t **bytes, size_t *size)
{
    assert(context && result && source && name && bytes && size);
    return bv_result_capture(result, source, source_size, name, bytes, size, bv_begin(context));
}

enum bv_status bv_pacs_capture(struct bv_context *context, const char *source, const char *picture,
                               const char *description, const char *path)
{
    assert(context && source && picture && path);
    struct bv_error *err = bv_begin(context);
    struct bv_image *image = NULL;
    struct bv_pixels shown = {0};
    struct bv_mapping file = {0};
    uint8_t *rgb = NULL, *bytes = NULL;
    size_t size = 0;
    BV_TRY(bv_image_load(picture, NULL, &image, err));
    enum bv_status status = bv_preset_apply(image, BV_PRESET_DICOM_DISPLAY, &shown, err);
    bv_image_free(&image);
    size_t n = (size_t)shown.width * (size_t)shown.height;
    if (status == BV_OK && !(rgb = malloc(n * 3)))
        status = bv_fail_nomem(err, "a picture");
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        const uint8_t *p = (const uint8_t *)shown.data + i * (size_t)shown.channels;
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = p[shown.channels == 3 ? c : 0];
    }
    if (status == BV_OK)
        status = bv_mapping_open(&file, source, max_source, err);
    const struct bv_source_object object = {file.data, file.size, source};
    const struct bv_derived_picture derived = {rgb, (unsigned)shown.width, (unsigned)shown.height,
                                               description, BIOVL_VERSION};
    if (status == BV_OK)
        status = bv_findings_capture(&object, &derived, &bytes, &size, err);
    if (status == BV_OK)
        status = bv_write_file(path, bytes, size, err);
    free(bytes);
    free(rgb);
    bv_pixels_free(&shown);
    bv_mapping_close(&file);
    return status;
}
