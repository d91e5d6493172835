#include "model/fusion_session.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/npy.h"
#include "checkpoint/safetensors.h"

static const size_t max_bytes = (size_t)64 << 20;

// Takes over what a file calls `name`: elements of a float type, in rows.
static enum bv_status take(struct bv_matrix *m, const char *name, enum bv_dtype dtype, int n_dims,
                           const int64_t *shape, const void *data, struct bv_error *err)
{
    bool is_float = dtype == BV_F32 || dtype == BV_F16 || dtype == BV_BF16 || dtype == BV_F64;
    if (!is_float || n_dims != 2 || shape[0] < 1 || shape[1] < 1)
        return bv_fail(err, BV_ERR_FORMAT, "\"%s\" is not a matrix of floats", name);
    size_t n = (size_t)shape[0] * (size_t)shape[1];
    if (n > max_bytes / sizeof(float))
        return bv_fail(err, BV_ERR_LIMIT, "\"%s\" has more than 64 MiB", name);
    float *values = malloc(n * sizeof *values);
    if (!values)
        return bv_fail_nomem(err, name);
    bv_dtype_to_f32(dtype, data, values, n);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) {
            const char *what = isnan(values[i]) ? "NaN" : "an infinity";
            free(values);
            return bv_fail(err, BV_ERR_FORMAT, "\"%s\" holds %s in row %zu", name, what,
                           i / (size_t)shape[1]);
        }
    *m = (struct bv_matrix){values, shape[0], shape[1]};
    return BV_OK;
}

static enum bv_status take_npy(struct bv_matrix *m, const struct bv_npz *npz, const char *name,
                               struct bv_error *err)
{
    struct bv_npy array = {0};
    BV_TRY(bv_npz_read(npz, name, max_bytes, &array, err));
    void *copy = malloc(array.bytes + 1);
    enum bv_status status = copy ? BV_OK : bv_fail_nomem(err, name);
    if (status == BV_OK) {
        bv_npy_copy(&array, copy);
        status = take(m, name, array.dtype, array.n_dims, array.shape, copy, err);
    }
    free(copy);
    bv_npy_close(&array);
    return status;
}

static enum bv_status read_npz(const char *path, struct bv_region_file *file, struct bv_error *err)
{
    struct bv_npz npz = {0};
    struct bv_error missing = {0};
    BV_TRY(bv_npz_open(&npz, path, err));
    enum bv_status status = take_npy(&file->features, &npz, "features", err);
    if (status == BV_OK) {
        status = take_npy(&file->boxes, &npz, "boxes", &missing);
        if (status == BV_ERR_IO) // there is none
            status = BV_OK;
        else if (status != BV_OK && err)
            *err = missing;
    }
    bv_npz_close(&npz);
    return status;
}

static enum bv_status read_safetensors(const char *path, struct bv_region_file *file,
                                       struct bv_error *err)
{
    struct bv_safetensors source = {0};
    BV_TRY(bv_safetensors_open(&source, path, err));
    const struct bv_safetensors_tensor *f = bv_safetensors_find(&source, "features");
    const struct bv_safetensors_tensor *b = bv_safetensors_find(&source, "boxes");
    enum bv_status status =
        f ? take(&file->features, "features", f->dtype, f->n_dims, f->shape, f->data, err)
          : bv_fail(err, BV_ERR_FORMAT, "no tensor \"features\"");
    if (status == BV_OK && b)
        status = take(&file->boxes, "boxes", b->dtype, b->n_dims, b->shape, b->data, err);
    bv_safetensors_close(&source);
    return status;
}

enum bv_status bv_region_file_read(const char *path, struct bv_region_file *out,
                                   struct bv_error *err)
{
    struct bv_region_file file = {{0}, {0}};
    struct bv_mapping head = {0};
    BV_TRY(bv_mapping_open(&head, path, (size_t)1 << 30, err));
    bool zip = head.size >= 2 && memcmp(head.data, "PK", 2) == 0;
    bv_mapping_close(&head);
    enum bv_status status = zip ? read_npz(path, &file, err) : read_safetensors(path, &file, err);
    if (status == BV_OK && file.boxes.data && file.boxes.rows != file.features.rows)
        status = bv_fail(err, BV_ERR_FORMAT, "%lld features but %lld boxes",
                         (long long)file.features.rows, (long long)file.boxes.rows);
    if (status != BV_OK) {
        bv_region_file_free(&file);
        if (err && strncmp(err->text, path, strlen(path)) != 0)
            (void)bv_fail_prefix(err, "%s", path);
        return status;
    }
    *out = file;
    return BV_OK;
}

void bv_region_file_free(struct bv_region_file *file)
{
    free(file->features.data);
    free(file->boxes.data);
    *file = (struct bv_region_file){{0}, {0}};
}
