#include "convert/import_steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"

static bool is_float(enum bv_dtype dtype)
{
    return dtype == BV_F32 || dtype == BV_F16 || dtype == BV_BF16 || dtype == BV_F64;
}

static void shape_after(const struct bv_checkpoint_tensor *t, enum bv_transform transform,
                        struct bv_safetensors_spec *spec)
{
    const int64_t *s = t->shape;
    spec->n_dims = t->n_dims;
    memcpy(spec->shape, s, sizeof spec->shape);
    if (transform == BV_TRANSFORM_TRANSPOSE && t->n_dims == 2) {
        spec->shape[0] = s[1];
        spec->shape[1] = s[0];
    } else if (transform == BV_TRANSFORM_CONV && t->n_dims == 4) {
        spec->shape[1] = s[2];
        spec->shape[2] = s[3];
        spec->shape[3] = s[1];
    } else if (transform == BV_TRANSFORM_CONV1D && t->n_dims == 3) {
        spec->n_dims = 4;
        spec->shape[1] = 1;
        spec->shape[2] = s[2];
        spec->shape[3] = s[1];
    } else if (transform == BV_TRANSFORM_SQUEEZE) {
        spec->n_dims = 0;
        for (int i = 0; i < t->n_dims; i++)
            if (i == 0 || s[i] != 1)
                spec->shape[spec->n_dims++] = s[i];
    }
}

// A growing list of names for a message.
struct name_list {
    char text[1500];
    size_t used;
    int n;
};

static void list_add(struct name_list *list, const char *name)
{
    size_t room = sizeof list->text - list->used;
    if (strlen(name) + 3 < room)
        list->used +=
            (size_t)snprintf(list->text + list->used, room, "%s%s", list->n ? ", " : "", name);
    list->n++;
}

static enum bv_status stage_one(struct bv_staging *s, const struct bv_checkpoint_tensor *t,
                                const struct bv_rule_match *m, bool half, enum bv_dtype dtype,
                                bool keep_dtype, struct bv_error *err)
{
    if (!is_float(t->dtype) || t->is_complex)
        return bv_fail(err, BV_ERR_MODEL, "tensor \"%s\" is %s, not a float type", t->name,
                       bv_dtype_name(t->dtype));
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->specs[i].name, m->name) == 0)
            return bv_fail(err, BV_ERR_MODEL, "tensors \"%s\" and \"%s\" have the same meaning",
                           s->sources[i].source->name, t->name);
    struct bv_safetensors_spec *spec = &s->specs[s->n];
    *spec = (struct bv_safetensors_spec){.name = m->name, .dtype = dtype};
    if (keep_dtype && t->dtype != BV_F64)
        spec->dtype = t->dtype;
    else if (keep_dtype || t->n_dims == 0) // scalars such as the logit scale stay exact
        spec->dtype = BV_F32;
    shape_after(t, m->transform, spec);
    s->sources[s->n++] = (struct bv_staged){t, m->transform, half};
    return BV_OK;
}

enum bv_status bv_stage(struct bv_staging *s, struct bv_checkpoint *checkpoint,
                        const struct bv_rules *rules, const json_t *half, enum bv_dtype dtype,
                        bool keep_dtype, struct bv_error *err)
{
    size_t count = bv_checkpoint_count(checkpoint);
    s->checkpoint = checkpoint;
    s->specs = bv_arena_array(&s->arena, count + 1, sizeof *s->specs);
    s->sources = bv_arena_array(&s->arena, count + 1, sizeof *s->sources);
    if (!s->specs || !s->sources)
        return bv_fail_nomem(err, "a list of tensors");
    struct name_list unexpected = {.n = 0};
    for (size_t i = 0; i < count; i++) {
        const struct bv_checkpoint_tensor *t = bv_checkpoint_tensor(checkpoint, i);
        struct bv_rule_match m = {0};
        if (!bv_rules_apply(rules, t->name, t->n_dims, &s->arena, &m))
            list_add(&unexpected, t->name);
        else if (!m.name)
            s->n_ignored++;
        else
            BV_TRY(stage_one(s, t, &m, bv_patterns_match(half, m.name), dtype, keep_dtype, err));
    }
    if (unexpected.n > 0)
        return bv_fail(err, BV_ERR_MODEL, "%d unexpected tensor%s: %s", unexpected.n,
                       unexpected.n == 1 ? "" : "s", unexpected.text);
    return BV_OK;
}

void bv_staging_free(struct bv_staging *s)
{
    bv_arena_free(&s->arena);
    *s = (struct bv_staging){0};
}

enum bv_status bv_staging_shapes(const struct bv_staging *s, struct bv_weights **weights,
                                 struct bv_error *err)
{
    BV_TRY(bv_weights_create(weights, err));
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && i < s->n; i++) {
        const struct bv_safetensors_spec *spec = &s->specs[i];
        struct bv_weight w = {.name = spec->name, .dtype = spec->dtype, .rank = spec->n_dims};
        if (spec->n_dims > BV_MAX_RANK)
            status = bv_fail(err, BV_ERR_MODEL, "tensor \"%s\" has %d dimensions",
                             s->sources[i].source->name, spec->n_dims);
        else
            memcpy(w.dim, spec->shape, (size_t)spec->n_dims * sizeof *w.dim);
        if (status == BV_OK)
            status = bv_weights_add(*weights, &w, err);
    }
    if (status != BV_OK)
        bv_weights_destroy(weights);
    return status;
}

static void transpose(const float *in, float *out, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            out[j * rows + i] = in[i * columns + j];
}

static void apply(const struct bv_staged *from, const float *in, float *out, size_t n)
{
    const int64_t *s = from->source->shape;
    if (from->transform == BV_TRANSFORM_TRANSPOSE && from->source->n_dims == 2)
        transpose(in, out, s[0], s[1]);
    else if (from->transform == BV_TRANSFORM_CONV && from->source->n_dims == 4)
        for (int64_t o = 0; o < s[0]; o++) // [I,H·W] to [H·W,I] for each output channel
            transpose(in + o * s[1] * s[2] * s[3], out + o * s[1] * s[2] * s[3], s[1], s[2] * s[3]);
    else if (from->transform == BV_TRANSFORM_CONV1D && from->source->n_dims == 3)
        for (int64_t o = 0; o < s[0]; o++)
            transpose(in + o * s[1] * s[2], out + o * s[1] * s[2], s[1], s[2]);
    else
        memcpy(out, in, n * sizeof *out);
}

static enum bv_status check_finite(const float *x, size_t n, const char *name, struct bv_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return bv_fail(err, BV_ERR_MODEL, "tensor \"%s\" holds %s at element %zu", name,
                           isnan(x[i]) ? "NaN" : "an infinity", i);
    return BV_OK;
}

enum bv_status bv_staging_fill(void *arg, size_t i, void *out, size_t bytes, struct bv_error *err)
{
    struct bv_staging *s = arg;
    const struct bv_staged *from = &s->sources[i];
    const struct bv_checkpoint_tensor *t = from->source;
    enum bv_dtype dtype = s->specs[i].dtype;
    size_t n = bytes / bv_dtype_size(dtype);
    bool plain = t->dtype == BV_F32 && dtype == BV_F32 && !from->half && t->bytes == bytes &&
                 (from->transform == BV_TRANSFORM_NONE || from->transform == BV_TRANSFORM_SQUEEZE);
    if (plain) { // nothing to change on the way
        BV_TRY(bv_checkpoint_read(s->checkpoint, t, out, err));
        return check_finite(out, n, t->name, err);
    }
    void *raw = malloc(t->bytes ? t->bytes : 1);
    float *values = malloc(n * sizeof *values + 1), *moved = malloc(n * sizeof *moved + 1);
    enum bv_status status = BV_OK;
    if (!raw || !values || !moved)
        status = bv_fail_nomem(err, t->name);
    if (status == BV_OK)
        status = bv_checkpoint_read(s->checkpoint, t, raw, err);
    if (status == BV_OK) {
        bv_dtype_to_f32(t->dtype, raw, values, n);
        status = check_finite(values, n, t->name, err);
    }
    if (status == BV_OK) {
        apply(from, values, moved, n);
        for (size_t k = 0; from->half && k < n; k++)
            moved[k] = bv_f16_to_f32(bv_f32_to_f16(moved[k]));
        bv_dtype_from_f32(dtype, moved, out, n);
        if (dtype != BV_F32) { // an f16 overflow would otherwise be stored as an infinity
            bv_dtype_to_f32(dtype, out, values, n);
            if (check_finite(values, n, t->name, err) != BV_OK)
                status = bv_fail_prefix(err, "%s does not hold it", bv_dtype_name(dtype));
        }
    }
    free(raw);
    free(values);
    free(moved);
    return status;
}
