// The public calls that turn heat maps into DICOM objects.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/explained.h"
#include "base/file.h"
#include "biovl/pacs.h"
#include "pacs/derived_object.h"

static const size_t max_source = (size_t)1 << 30;

// What makes an object of the maps and a source.
typedef enum bv_status maker(const struct bv_explained *e, const struct bv_source_object *source,
                             const struct bv_findings_source *from, size_t i, uint8_t **bytes,
                             size_t *size, struct bv_error *err);

static enum bv_status make_object(const struct bv_explained *e,
                                  const struct bv_source_object *source, maker *make, size_t i,
                                  uint8_t **bytes, size_t *size, struct bv_error *err)
{
    const struct bv_map_method *method = e->explanation->method;
    char map[160];
    (void)snprintf(map, sizeof map, "%s, %s", method->name, method->unit);
    const struct bv_findings_source from = {.kind = e->quantity,
                                            .model = e->model,
                                            .digest = e->digest,
                                            .prompts = "",
                                            .version = BIOVL_VERSION,
                                            .map = map};
    return make(e, source, &from, i, bytes, size, err);
}

static enum bv_status write_object(struct bv_context *context, const struct bv_explained *e,
                                   const char *source, const char *path, maker *make, size_t i)
{
    struct bv_error *err = bv_begin(context);
    struct bv_mapping file = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    BV_TRY(bv_mapping_open(&file, source, max_source, err));
    const struct bv_source_object object = {file.data, file.size, source};
    enum bv_status status = make_object(e, &object, make, i, &bytes, &size, err);
    if (status == BV_OK)
        status = bv_write_file(path, bytes, size, err);
    free(bytes);
    bv_mapping_close(&file);
    return status;
}

// ---- Secondary Capture ----

static enum bv_status make_capture(const struct bv_explained *e,
                                   const struct bv_source_object *source,
                                   const struct bv_findings_source *from, size_t i, uint8_t **bytes,
                                   size_t *size, struct bv_error *err)
{
    uint8_t *rgb = NULL;
    int width = 0, height = 0;
    BV_TRY(bv_explained_picture(e, i, &rgb, &width, &height));
    const struct bv_derived_picture picture = {rgb, (unsigned)width, (unsigned)height,
                                               "Heat map of a research model", from->version};
    const enum bv_status status = bv_findings_capture(source, &picture, bytes, size, err);
    free(rgb);
    return status;
}

enum bv_status bv_explained_write_capture(struct bv_context *context,
                                          const struct bv_explained *explained, size_t i,
                                          const char *source, const char *path)
{
    assert(context && explained && source && path);
    return write_object(context, explained, source, path, make_capture, i);
}

enum bv_status bv_explained_sc(struct bv_context *context, const struct bv_explained *explained,
                               size_t i, const void *source, size_t source_size, const char *name,
                               uint8_t **bytes, size_t *size)
{
    assert(context && explained && source && name && bytes && size);
    const struct bv_source_object object = {source, source_size, name};
    return make_object(explained, &object, make_capture, i, bytes, size, bv_begin(context));
}

// ---- Report ----

static enum bv_status make_report(const struct bv_explained *e,
                                  const struct bv_source_object *source,
                                  const struct bv_findings_source *from, size_t unused,
                                  uint8_t **bytes, size_t *size, struct bv_error *err)
{
    const struct bv_explanation *x = e->explanation;
    struct bv_finding *findings = calloc(x->n + 1, sizeof *findings);
    (void)unused;
    if (!findings)
        return bv_fail_nomem(err, "a report");
    for (size_t i = 0; i < x->n; i++) {
        const struct bv_text_map *t = &x->texts[i];
        findings[i] = (struct bv_finding){
            .label = e->texts[i], .score = t->score, .peak = t->peak, .nothing = t->nothing};
        if (t->n_boxes > 0)
            findings[i].region = (struct bv_finding_region){t->boxes[0].x, t->boxes[0].y,
                                                            t->boxes[0].width, t->boxes[0].height};
    }
    const enum bv_status status =
        bv_findings_report(source, findings, x->n, from, bytes, size, err);
    free(findings);
    return status;
}

enum bv_status bv_explained_write_sr(struct bv_context *context,
                                     const struct bv_explained *explained, const char *source,
                                     const char *path)
{
    assert(context && explained && source && path);
    return write_object(context, explained, source, path, make_report, 0);
}

// ---- Segmentation ----

static enum bv_status make_segmentation(const struct bv_explained *e,
                                        const struct bv_source_object *source,
                                        const struct bv_findings_source *from, size_t unused,
                                        uint8_t **bytes, size_t *size, struct bv_error *err)
{
    const struct bv_explanation *x = e->explanation;
    const size_t each = (size_t)x->width * (size_t)x->height;
    (void)unused;
    if (x->n > ((size_t)1 << 33) / each)
        return bv_fail(err, BV_ERR_LIMIT, "%zu segments of %d x %d pixels", x->n, x->width,
                       x->height);
    struct bv_segment *segments = calloc(x->n + 1, sizeof *segments);
    uint8_t *masks = malloc(x->n * each);
    enum bv_status status = segments && masks ? BV_OK : bv_fail_nomem(err, "a segmentation");
    for (size_t i = 0; status == BV_OK && i < x->n; i++) {
        segments[i] = (struct bv_segment){e->texts[i], masks + i * each};
        bv_explanation_mask(x, i, masks + i * each);
    }
    if (status == BV_OK)
        status = bv_findings_segmentation(source, segments, x->n, (unsigned)x->width,
                                          (unsigned)x->height, from, bytes, size, err);
    free(masks);
    free(segments);
    return status;
}

enum bv_status bv_explained_write_seg(struct bv_context *context,
                                      const struct bv_explained *explained, const char *source,
                                      const char *path)
{
    assert(context && explained && source && path);
    return write_object(context, explained, source, path, make_segmentation, 0);
}
