// The public calls on model files.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "convert/convert.h"
#include "cpu/cpu.h"
#include "diffusion/pipeline_folder.h"
#include "model/card.h"
#include "vulkan/vulkan.h"

enum bv_status bv_model_open(struct bv_context *context, const char *path, struct bv_model **model)
{
    assert(context && model && path);
    return bv_model_load(model, path, bv_begin(context));
}

void bv_model_close(struct bv_model **model)
{
    assert(model);
    bv_model_unload(model);
}

enum bv_status bv_model_open_bytes(struct bv_context *context, const void *bytes, size_t n_bytes,
                                   struct bv_model **model)
{
    assert(bytes && model);
    struct bv_error *err = bv_begin(context);
    if ((uintptr_t)bytes % 8 != 0)
        return bv_fail(err, BV_ERR_ARG, "a model in memory that is not aligned to 8 bytes");
    return bv_model_load_bytes(model, bytes, n_bytes, err);
}

static int64_t count_parameters(const struct bv_model *model)
{
    int64_t total = 0;
    for (size_t i = 0; i < model->file.n_tensors; i++) {
        const struct bv_safetensors_tensor *t = &model->file.tensors[i];
        int64_t n = 1;
        for (int d = 0; d < t->n_dims; d++)
            n *= t->shape[d];
        total += n;
    }
    return total;
}

enum bv_status bv_model_facts(const struct bv_model *model, struct bv_model_info *facts)
{
    assert(model && facts);
    const struct bv_model_info mine = {
        .system = model->name,
        .sha256 = model->digest,
        .notice = bv_json_string(model->card, "notice", NULL),
        .preset = model->recipe ? bv_recipe_intensity(model->recipe) : NULL,
        .has_image = bv_model_has_image(model),
        .has_text = bv_model_has_text(model),
        .has_fusion = bv_model_has_fusion(model),
        .takes_prior = bv_model_has_image(model) && bv_model_takes_prior(model),
        .image_height = model->size_varies ? 0 : model->image_height,
        .image_width = model->size_varies ? 0 : model->image_width,
        .max_tokens = model->max_tokens,
        .n_parameters = count_parameters(model),
    };
    BV_TRY(bv_counts_check(facts, "bv_model_info", NULL));
    bv_counts_write(facts, &mine, sizeof mine);
    return BV_OK;
}

enum bv_status bv_model_describe(struct bv_context *context, const struct bv_model *model,
                                 char **json)
{
    assert(context && model && json);
    json_t *tensors = json_array();
    for (size_t i = 0; i < model->file.n_tensors; i++) {
        const struct bv_safetensors_tensor *t = &model->file.tensors[i];
        json_t *shape = json_array();
        for (int d = 0; d < t->n_dims; d++)
            (void)json_array_append_new(shape, json_integer(t->shape[d]));
        (void)json_array_append_new(tensors, json_pack("{s:s, s:s, s:o}", "name", t->name, "dtype",
                                                       bv_dtype_name(t->dtype), "shape", shape));
    }
    json_t *value =
        json_pack("{s:s, s:s, s:I, s:I, s:O, s:o}", "system", model->name, "sha256", model->digest,
                  "parameters", (json_int_t)count_parameters(model), "max_tokens",
                  (json_int_t)model->max_tokens, "card", model->card, "tensors", tensors);
    return bv_json_text(value, json, bv_begin(context));
}

static enum bv_status parse_dtype(const char *name, struct bv_import_options *options,
                                  struct bv_error *err)
{
    static const struct {
        const char *name;
        enum bv_dtype dtype;
    } types[] = {{"f32", BV_F32}, {"f16", BV_F16}, {"bf16", BV_BF16}};
    options->keep_dtype = name == NULL;
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            options->dtype = types[i].dtype;
            return BV_OK;
        }
    return name ? bv_fail(err, BV_ERR_ARG, "unknown element type \"%s\" (f32, f16, bf16)", name)
                : BV_OK;
}

// A text-to-image pipeline; what only other models have is refused.
static enum bv_status convert_pipeline(const char *source, const char *path,
                                       const struct bv_convert_options *options,
                                       const struct bv_import_options *o,
                                       struct bv_import_report *report, struct bv_error *err)
{
    if (options->system || options->n_overrides || options->vocabulary || options->processor)
        return bv_fail(err, BV_ERR_ARG,
                       "%s: a text-to-image folder is read as it is: no system, field, "
                       "vocabulary or processor can be set",
                       source);
    struct bv_pipeline_options how = {.dtype = o->dtype, .keep_dtype = o->keep_dtype};
    struct bv_pipeline_report done = {.n_tensors = 0};
    BV_TRY(bv_pipeline_convert(source, path, &how, &done, err));
    (void)strcpy(report->system, "stable-diffusion");
    report->n_tensors = done.n_tensors;
    report->n_ignored = done.n_ignored;
    memcpy(report->digest, done.digest, sizeof report->digest);
    return BV_OK;
}

// The lines of a report's notes, or NULL where there are none.
static json_t *notes_json(const char *text)
{
    json_t *list = *text ? json_array() : NULL;
    for (const char *end; *text && (end = strchr(text, '\n')); text = end + 1)
        (void)json_array_append_new(list, json_stringn(text, (size_t)(end - text)));
    return list;
}

enum bv_status bv_convert(struct bv_context *context, const char *source, const char *path,
                          const struct bv_convert_options *theirs, char **json)
{
    assert(context && source && path);
    struct bv_error *err = bv_begin(context);
    struct bv_convert_options options;
    BV_TRY(bv_options_read(&options, sizeof options, theirs, "bv_convert_options", err));
    struct bv_import_options o = {
        .system = options.system,
        .vocabulary = options.vocabulary,
        .set = options.overrides,
        .n_set = options.n_overrides,
        .pool = context->pool,
        .weights = options.weights,
        .parts = options.parts,
        .n_parts = options.n_parts,
        .processor = options.processor,
    };
    struct bv_import_report report = {.n_tensors = 0};
    BV_TRY(parse_dtype(options.dtype, &o, err));
    if (bv_is_pipeline_folder(source) && options.weights)
        return bv_fail(err, BV_ERR_ARG, "%s: a pipeline's folder has one set of weights", source);
    if (bv_is_pipeline_folder(source) && options.n_parts > 0)
        return bv_fail(err, BV_ERR_ARG, "%s: a pipeline's folder is complete", source);
    if (bv_is_pipeline_folder(source))
        BV_TRY(convert_pipeline(source, path, &options, &o, &report, err));
    else
        BV_TRY(bv_import(source, path, &o, &report, err));
    if (!json)
        return BV_OK;
    return bv_json_text(json_pack("{s:s, s:s*, s:s*, s:I, s:I, s:s, s:o*}", "system", report.system,
                                  "prefix", *report.prefix ? report.prefix : NULL, "weights",
                                  report.weights, "tensors", (json_int_t)report.n_tensors,
                                  "ignored", (json_int_t)report.n_ignored, "sha256", report.digest,
                                  "notes", notes_json(report.notes)),
                        json, err);
}

// The limits of a check against the stored f32 vectors, by precision.
static const struct limit {
    const char *precision;
    double cosine;
} limits[] = {{"f32", 0.999999}, {"f16", 0.9999}, {"bf16", 0.999}, {"int8", 0.995}};

// One device and precision; *pass is cleared when it misses its limit. A precision that the device
// does not offer is left out.
static enum bv_status check(struct bv_context *context, const struct bv_model *model,
                            const json_t *golden, const char *device, const struct limit *limit,
                            json_t *checks, bool *pass, struct bv_error *err)
{
    struct bv_session *session = NULL;
    struct bv_session_options options = {device, limit->precision, context->pool};
    enum bv_status status = bv_session_open(&session, model, &options, err);
    if (status == BV_ERR_UNSUPPORTED)
        return BV_OK;
    BV_TRY(status);
    struct bv_golden_report report = {0};
    status = bv_golden_compare(session, golden, &report, err);
    if (status == BV_OK) {
        bool good = report.n_vectors > 0 && report.worst_cosine >= limit->cosine;
        *pass = *pass && good;
        (void)json_array_append_new(
            checks,
            json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:b}", "device", bv_session_device(session),
                      "precision", limit->precision, "vectors", report.n_vectors, "cosine",
                      report.worst_cosine, "limit", limit->cosine, "difference",
                      report.largest_difference, "pass", good));
    }
    bv_session_close(&session);
    return status;
}

static enum bv_status verify(struct bv_context *context, const struct bv_model *model,
                             const char *device, json_t *report, bool *pass, struct bv_error *err)
{
    char digest[65];
    size_t size = 0;
    bv_model_digest(&model->file, digest);
    bool same = strcmp(digest, model->digest) == 0;
    (void)json_object_set_new(report, "digest", json_string(same ? "ok" : "differs"));
    const char *text = bv_safetensors_metadata(&model->file, BV_META_GOLDEN, &size);
    if (!text)
        return bv_fail(err, BV_ERR_MODEL, "the file carries no golden vectors");
    json_t *golden = NULL, *checks = json_array();
    BV_TRY(bv_json_parse(&golden, text, size, "golden vectors", err));
    (void)json_object_set_new(report, "checks", checks);
    *pass = same;
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && i < sizeof limits / sizeof *limits; i++)
        status = check(context, model, golden, device, &limits[i], checks, pass, err);
    json_decref(golden);
    return status;
}

enum bv_status bv_verify(struct bv_context *context, const char *path, const char *device,
                         char **json)
{
    assert(context && json && path);
    struct bv_error *err = bv_begin(context);
    struct bv_model *model = NULL;
    BV_TRY(bv_model_load(&model, path, err));
    json_t *report = json_object();
    bool pass = false;
    enum bv_status status = verify(context, model, device, report, &pass, err);
    bv_model_unload(&model);
    if (status != BV_OK) {
        json_decref(report);
        return bv_fail_prefix(err, "%s", path);
    }
    BV_TRY(bv_json_text(report, json, err));
    return pass ? BV_OK : bv_fail(err, BV_ERR_MODEL, "%s: verification failed", path);
}

enum bv_status bv_systems(struct bv_context *context, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    json_t *list = json_array();
    for (size_t i = 0; i < bv_card_count(); i++) {
        json_t *card = NULL;
        enum bv_status status = bv_card_load(&card, bv_card_name(i), err);
        if (status != BV_OK) {
            json_decref(list);
            return status;
        }
        (void)json_array_append_new(list, card);
    }
    return bv_json_text(list, json, err);
}

enum bv_status bv_prompt_sets(struct bv_context *context, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    json_t *list = NULL;
    BV_TRY(bv_prompts_list(&list, err));
    return bv_json_text(list, json, err);
}

enum bv_status bv_devices(struct bv_context *context, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    json_t *list = json_array();
    (void)json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:[s]}", "device", "cpu",
                                                "processors", bv_processor_count(), "instructions",
                                                bv_cpu_instructions(), "precisions", "f32"));
    json_t *precisions = json_object_get(json_array_get(list, 0), "precisions");
    for (int i = 0; i < 2 && bv_cpu_has_low_precision(); i++)
        (void)json_array_append_new(precisions, json_string(i == 0 ? "bf16" : "int8"));
    struct bv_vk_device_info *devices = NULL;
    int n = 0;
    if (bv_vk_built() && bv_vk_list_devices(&devices, &n, NULL) == BV_OK)
        for (int i = 0; i < n; i++) {
            const struct bv_vk_device_info *d = &devices[i];
            json_t *value = json_pack(
                "{s:o, s:s, s:s, s:b, s:I, s:I, s:i, s:i, s:b, s:b}", "device",
                json_sprintf("vulkan:%d", d->index), "name", d->name, "driver", d->driver, "usable",
                d->usable, "memory_bytes", (json_int_t)d->heap_bytes, "max_buffer_range",
                (json_int_t)d->max_buffer_range, "shared_bytes", (int)d->shared_bytes,
                "subgroup_size", (int)d->subgroup_size, "f16_storage", d->f16_storage,
                "matrix_cores", d->matrix_khr || d->matrix_nv);
            json_t *offered = d->usable ? json_pack("[s]", "f32") : json_array();
            if (d->usable && d->f16_storage)
                (void)json_array_append_new(offered, json_string("f16"));
            (void)json_object_set_new(value, "precisions", offered);
            if (!d->usable)
                (void)json_object_set_new(value, "why_not", json_string(d->why_not));
            (void)json_array_append_new(list, value);
        }
    free(devices);
    return bv_json_text(list, json, err);
}
