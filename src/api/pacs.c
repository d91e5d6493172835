// The public calls that look into archives and store objects there.
#include "biovl/pacs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/pull.h"
#include "image/dicom_dataset.h"
#include "image/dicom_stream.h"
#include "image/transfer_syntax.h"

int bv_pacs_is_url(const char *text)
{
    return bv_archive_is_url(text);
}

static enum bv_status count_instance(void *arg, const struct bv_archive_instance *one,
                                     struct bv_error *err)
{
    (void)one;
    (void)err;
    ++*(size_t *)arg;
    return BV_OK;
}

enum bv_status bv_pacs_find(struct bv_context *context, const struct bv_pacs_options *options,
                            char **lines)
{
    struct bv_error *err = bv_begin(context);
    struct bv_archive *archive = NULL;
    char(*uids)[BV_UID_SIZE] = NULL;
    const struct bv_archive_window window = {options->from, options->to, options->modality,
                                             options->study};
    char *text = NULL;
    size_t n_studies = 0, size = 0;
    FILE *out = open_memstream(&text, &size);
    enum bv_status status = out ? BV_OK : bv_fail_nomem(err, "a list");
    if (status == BV_OK)
        status = bv_pacs_open(&archive, options, err);
    if (status == BV_OK)
        status = bv_pacs_studies(archive, &window, &uids, &n_studies, err);
    for (size_t i = 0; i < n_studies && status == BV_OK; i++) {
        size_t n = 0;
        status = bv_archive_instances(archive, uids[i], count_instance, &n, err);
        if (status == BV_OK)
            (void)fprintf(out, "{\"study\":\"%s\",\"instances\":%zu}\n", uids[i], n);
    }
    free(uids);
    bv_archive_close(&archive);
    if (out && fclose(out) != 0 && status == BV_OK)
        status = bv_fail_nomem(err, "a list");
    if (status == BV_OK)
        *lines = text;
    else
        free(text);
    return status;
}

enum bv_status bv_pacs_check(const uint8_t *bytes, size_t size, struct bv_error *err)
{
    struct bv_dataset *dataset = NULL;
    char syntax[65] = "";
    size_t start;
    if (!bv_dicom_meta((struct bv_bytes){bytes, size}, syntax, &start))
        return bv_fail(err, BV_ERR_FORMAT, "not a DICOM file with a preamble");
    if (strcmp(syntax, BV_DEFLATED_LITTLE_ENDIAN) == 0)
        return BV_OK;
    BV_TRY(bv_dataset_open((struct bv_bytes){bytes, size}, false, &dataset, err));
    bv_dataset_close(&dataset);
    return BV_OK;
}

enum bv_status bv_pacs_send(struct bv_context *context, const struct bv_pacs_options *options,
                            const char *path)
{
    struct bv_error *err = bv_begin(context);
    struct bv_archive *archive = NULL;
    struct bv_mapping file = {0};
    enum bv_status status = bv_mapping_open(&file, path, (size_t)1 << 30, err);
    if (status == BV_OK && bv_pacs_check(file.data, file.size, err) != BV_OK)
        status = bv_fail_prefix(err, "%s", path);
    if (status == BV_OK)
        status = bv_pacs_open(&archive, options, err);
    if (status == BV_OK && bv_archive_store(archive, file.data, file.size, err) != BV_OK)
        status = bv_fail_prefix(err, "%s", path);
    bv_archive_close(&archive);
    bv_mapping_close(&file);
    return status;
}
