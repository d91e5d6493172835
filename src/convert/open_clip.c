// open_clip_config.json as a card: which parts a model of open_clip is made of, and their options.
// The parts are data (card["settings"]["open_clip"]); defaults are those of open_clip 3.3.
#include <stdio.h>
#include <string.h>

#include "convert/settings.h"

static const char config_name[] = "open_clip_config.json";

// A folder of open_clip under way.
struct folder {
    json_t *card, *notes;
    const struct bv_checkpoint *checkpoint;
    const json_t *model, *vision, *text, *preprocess; // parts of the configuration
};

static enum bv_status refuse(struct bv_error *err, const char *key, const char *value)
{
    return bv_fail(err, BV_ERR_UNSUPPORTED, "%s: %s \"%.60s\" is not supported", config_name, key,
                   value);
}

// The members of a part become the card's; its rules for tensors go behind those that are there.
static enum bv_status add_part(struct folder *f, const char *name, struct bv_error *err)
{
    const json_t *parts = json_object_get(json_object_get(f->card, "settings"), "open_clip");
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(parts, name), key, value)
    {
        json_t *copy = json_deep_copy(value);
        bool tensors = strcmp(key, "tensors") == 0;
        int failed = tensors ? json_array_extend(json_object_get(f->card, key), copy)
                             : json_object_set(f->card, key, copy);
        json_decref(copy);
        if (failed)
            return bv_fail_nomem(err, "a system card");
    }
    return BV_OK;
}

static bool has_tensor(const struct folder *f, const char *name)
{
    return bv_checkpoint_find(f->checkpoint, name) != NULL;
}

static json_t *outputs_of(struct folder *f, const char *tower)
{
    return json_object_get(json_object_get(f->card, tower), "outputs");
}

// An output "global" from a feature, through the steps of a JSON text.
static void set_global(struct folder *f, const char *tower, const char *feature, const char *steps)
{
    (void)json_object_set_new(
        outputs_of(f, tower), "global",
        json_pack("{s:s, s:o}", "from", feature, "steps", json_loads(steps, 0, NULL)));
}

// QuickGELU is the whole model's; without it GELU, by its own options.
static void set_activation(struct folder *f, const char *tower, const json_t *options)
{
    bool quick = bv_json_boolean(f->model, "quick_gelu", false);
    const json_t *kwargs = json_object_get(options, "act_kwargs");
    bool tanh = strcmp(bv_json_string(kwargs, "approximate", ""), "tanh") == 0;
    (void)json_object_set_new(json_object_get(f->card, tower), "activation",
                              json_string(quick  ? "quick_gelu"
                                          : tanh ? "gelu_tanh"
                                                 : "gelu"));
    if (!json_object_get(f->model, "quick_gelu") && strcmp(tower, "image") == 0)
        bv_note(f->notes,
                "%s does not say quick_gelu: GELU by the error function is taken, as "
                "open_clip does",
                config_name);
}

static void set_eps(struct folder *f, const char *tower, const json_t *options)
{
    json_t *eps = json_object_get(json_object_get(options, "norm_kwargs"), "eps");
    if (json_is_number(eps))
        (void)json_object_set(json_object_get(f->card, tower), "eps", eps);
}

static void set_integer(json_t *object, const char *key, int64_t value)
{
    (void)json_object_set_new(object, key, json_integer(value));
}

// ---- the image tower ----

// The class token, or the mean of the patches, before or after the last norm.
static void set_pool(struct folder *f, bool mean, bool norm_after)
{
    json_t *image = json_object_get(f->card, "image"), *outputs = outputs_of(f, "image");
    json_t *steps = json_array();
    if (mean)
        (void)json_array_append_new(steps, json_pack("[s]", "mean"));
    if (norm_after) {
        double eps = bv_json_number(image, "eps", 1e-5);
        (void)json_array_append_new(steps, json_pack("[s, s, f]", "layer_norm", "image.norm", eps));
        (void)json_object_set_new(image, "final_norm", json_false());
        (void)json_object_del(outputs, "local"); // of normed tokens, as the projection wants them
        (void)json_object_del(outputs, "pooled");
    }
    (void)json_array_append_new(steps, json_pack("[s, s]", "linear", "image.proj"));
    (void)json_object_set_new(
        outputs, "global",
        json_pack("{s:s, s:o}", "from", mean ? "patches" : "cls", "steps", steps));
}

static enum bv_status fail_heads(int64_t head, int64_t width, struct bv_error *err)
{
    return bv_fail(err, BV_ERR_MODEL, "%s: a head_width of %lld does not go with a width of %lld",
                   config_name, (long long)head, (long long)width);
}

static enum bv_status add_native_vit(struct folder *f, struct bv_error *err)
{
    int64_t width = bv_json_integer(f->vision, "width", 768),
            head = bv_json_integer(f->vision, "head_width", 64);
    const char *pool = bv_json_string(f->vision, "pool_type", "tok");
    bool mean =
        strcmp(pool, "avg") == 0 || bv_json_boolean(f->vision, "global_average_pool", false);
    bool norm_after = bv_json_boolean(f->vision, "final_ln_after_pool", false);
    if (bv_json_boolean(f->vision, "attentional_pool", false))
        return refuse(err, "vision_cfg", "attentional_pool");
    if (!mean && strcmp(pool, "tok") != 0)
        return refuse(err, "vision_cfg.pool_type", pool);
    if (width < 1 || head < 1 || width % head != 0)
        return fail_heads(head, width, err);
    BV_TRY(add_part(f, "vit", err));
    set_integer(json_object_get(f->card, "image"), "heads", width / head);
    set_activation(f, "image", f->vision);
    set_eps(f, "image", f->vision);
    if (mean || norm_after)
        set_pool(f, mean, norm_after);
    return BV_OK;
}

static enum bv_status add_native_resnet(struct folder *f, struct bv_error *err)
{
    int64_t width = bv_json_integer(f->vision, "width", 64),
            head = bv_json_integer(f->vision, "head_width", 64);
    if (width < 1 || width > INT64_MAX / 32 || head < 1 || width * 32 % head != 0)
        return fail_heads(head, width, err);
    BV_TRY(add_part(f, "resnet", err));
    set_integer(json_object_get(f->card, "image"), "heads", width * 32 / head);
    return BV_OK;
}

// timm's model has its own heads, which its name tells where they are not of 64 numbers each.
static enum bv_status add_timm(struct folder *f, const char *name, struct bv_error *err)
{
    const char *pool = bv_json_string(f->vision, "timm_pool", "avg"),
               *proj = bv_json_string(f->vision, "timm_proj", "linear");
    if (!has_tensor(f, "visual.trunk.blocks.0.attn.qkv.weight"))
        return refuse(err, "vision_cfg.timm_model_name", name);
    bool map = strcmp(pool, "map") == 0;
    if (!map && strcmp(pool, "") != 0 && strcmp(pool, "token") != 0)
        return refuse(err, "vision_cfg.timm_pool", pool);
    BV_TRY(add_part(f, "timm", err));
    if (strstr(name, "so400m"))
        set_integer(json_object_get(f->card, "image"), "heads", 16);
    set_global(f, "image", map ? "pool" : "cls",
               strcmp(proj, "linear") == 0 ? "[[\"linear\", \"image.proj\"]]"
               : strcmp(proj, "mlp") == 0  ? "[[\"linear\", \"image.proj.fc1\"], [\"gelu\"], "
                                             "[\"linear\", \"image.proj.fc2\"]]"
                                           : "[]");
    return BV_OK;
}

static enum bv_status add_image(struct folder *f, struct bv_error *err)
{
    const char *timm = bv_json_string(f->vision, "timm_model_name", NULL);
    if (timm)
        return add_timm(f, timm, err);
    if (json_is_array(json_object_get(f->vision, "layers")))
        return add_native_resnet(f, err);
    return add_native_vit(f, err);
}

// ---- the text tower ----

// SigLIP 2 has Gemma's vocabulary of 256,000 tokens, which its tokenizer's class tells too.
static bool has_gemma(const struct folder *f)
{
    json_t *config = bv_settings_read(f->checkpoint, "tokenizer_config.json");
    bool gemma = strncmp(bv_json_string(config, "tokenizer_class", ""), "Gemma", 5) == 0 ||
                 bv_json_integer(f->text, "vocab_size", 0) == 256000;
    json_decref(config);
    return gemma;
}

// SigLIP's tokenizer, or SigLIP 2's, in place of CLIP's.
static enum bv_status take_tokenizer(struct folder *f, struct bv_error *err)
{
    const json_t *kwargs = json_object_get(f->text, "tokenizer_kwargs");
    const char *clean = bv_json_string(kwargs, "clean", "");
    if (!bv_json_string(f->text, "hf_tokenizer_name", NULL))
        return BV_OK;
    if (strcmp(clean, "canonicalize") != 0)
        return refuse(err, "text_cfg.tokenizer_kwargs.clean", clean);
    return add_part(f, has_gemma(f) ? "siglip2_tokenizer" : "siglip_tokenizer", err);
}

static enum bv_status add_native_text(struct folder *f, struct bv_error *err)
{
    const char *pool = bv_json_string(f->text, "pool_type", "argmax");
    bool last = strcmp(pool, "last") == 0, first = strcmp(pool, "first") == 0,
         free_mask = bv_json_boolean(f->text, "no_causal_mask", false);
    if (!last && !first && strcmp(pool, "argmax") != 0 && strcmp(pool, "eos") != 0)
        return refuse(err, "text_cfg.pool_type", pool);
    if (!last && !first && free_mask)
        return refuse(err, "text_cfg.no_causal_mask with pool_type", pool);
    if (bv_json_boolean(f->text, "embed_cls", false))
        return refuse(err, "text_cfg", "embed_cls");
    BV_TRY(add_part(f, has_tensor(f, "text.token_embedding.weight") ? "custom_text" : "text", err));
    json_t *tower = json_object_get(f->card, "text");
    set_integer(tower, "heads", bv_json_integer(f->text, "heads", 8));
    (void)json_object_set_new(tower, "causal", json_boolean(!free_mask));
    (void)json_object_set_new(tower, "pad", json_boolean(last || (first && free_mask)));
    set_activation(f, "text", f->text);
    set_eps(f, "text", f->text);
    bool projects = strcmp(bv_json_string(f->text, "proj_type", "linear"), "none") != 0;
    set_global(f, "text", first ? "start" : "end",
               projects ? "[[\"linear\", \"text.proj\"]]" : "[]");
    return take_tokenizer(f, err);
}

static enum bv_status set_hf_output(struct folder *f, struct bv_error *err)
{
    static const struct {
        const char *name, *feature, *step;
    } poolers[] = {{"cls_pooler", "pooled", ""},
                   {"cls_last_hidden_state_pooler", "cls", ""},
                   {"mean_pooler", "last", "[\"mean\"]"},
                   {"max_pooler", "last", "[\"max\"]"}};
    const char *pooler = bv_json_string(f->text, "hf_pooler_type", "mean_pooler"),
               *proj = bv_json_string(f->text, "hf_proj_type", "mlp");
    bool mlp = strcmp(proj, "mlp") == 0, linear = strcmp(proj, "linear") == 0;
    for (size_t i = 0; i < sizeof poolers / sizeof *poolers; i++) {
        char steps[160];
        if (strcmp(poolers[i].name, pooler) != 0)
            continue;
        (void)snprintf(steps, sizeof steps, "[%s%s%s]", poolers[i].step,
                       *poolers[i].step && (mlp || linear) ? ", " : "",
                       mlp      ? "[\"linear\", \"text.proj.0\"], [\"gelu\"], "
                                  "[\"linear\", \"text.proj.2\"]"
                       : linear ? "[\"linear\", \"text.proj\"]"
                                : "");
        set_global(f, "text", poolers[i].feature, steps);
        return BV_OK;
    }
    return refuse(err, "text_cfg.hf_pooler_type", pooler);
}

static enum bv_status add_hf_text(struct folder *f, const char *name, struct bv_error *err)
{
    if (!has_tensor(f, "text.transformer.embeddings.word_embeddings.weight") ||
        strstr(name, "roberta"))
        return refuse(err, "text_cfg.hf_model_name", name);
    BV_TRY(add_part(f, "hf_text", err));
    bool cased = strstr(name, "cased") && !strstr(name, "uncased");
    (void)json_object_set_new(json_object_get(f->card, "tokenizer"), "lowercase",
                              json_boolean(!cased));
    return set_hf_output(f, err);
}

static enum bv_status add_text(struct folder *f, struct bv_error *err)
{
    const char *hf = bv_json_string(f->text, "hf_model_name", NULL);
    BV_TRY(hf ? add_hf_text(f, hf, err) : add_native_text(f, err));
    int64_t length = bv_json_integer(f->text, "context_length", 77);
    if (length < 2 || length > 8192)
        return bv_fail(err, BV_ERR_MODEL, "%s: context_length %lld is no length", config_name,
                       (long long)length);
    set_integer(json_object_get(f->card, "tokenizer"), "max_length", length);
    return BV_OK;
}

// ---- preprocessing ----

// One number, or [height, width].
static enum bv_status image_size(const struct folder *f, int64_t *height, int64_t *width,
                                 struct bv_error *err)
{
    const json_t *size = json_object_get(f->preprocess, "size");
    size = size ? size : json_object_get(f->vision, "image_size");
    bool both = json_array_size(size) == 2;
    *height = size ? json_integer_value(both ? json_array_get(size, 0) : size) : 224;
    *width = both ? json_integer_value(json_array_get(size, 1)) : *height;
    if (*height < 1 || *height > 8192 || *width < 1 || *width > 8192)
        return bv_fail(err, BV_ERR_MODEL, "%s: image_size is no size", config_name);
    return BV_OK;
}

static json_t *three(const struct folder *f, const char *key, const char *fallback)
{
    json_t *own = json_object_get(f->preprocess, key);
    return json_is_array(own) ? json_incref(own) : json_loads(fallback, 0, NULL);
}

// Resize and crop work on the file's own mode, so that gray stays gray until they are done.
static enum bv_status take_recipe(struct folder *f, struct bv_error *err)
{
    const char *mode = bv_json_string(f->preprocess, "resize_mode", "shortest"),
               *filter = bv_json_string(f->preprocess, "interpolation", "bicubic");
    bool squash = strcmp(mode, "squash") == 0, longest = strcmp(mode, "longest") == 0,
         bilinear = strcmp(filter, "bilinear") == 0;
    int64_t height = 0, width = 0;
    BV_TRY(image_size(f, &height, &width, err));
    if (!squash && ((strcmp(mode, "shortest") != 0 && !longest) || height != width))
        return refuse(err, "preprocess_cfg.resize_mode", mode);
    if (longest && bv_json_integer(f->preprocess, "fill_color", 0) != 0)
        return refuse(err, "preprocess_cfg", "fill_color");
    if (!bilinear && strcmp(filter, "bicubic") != 0 && strcmp(filter, "random") != 0)
        return refuse(err, "preprocess_cfg.interpolation", filter);
    json_t *steps = json_array(),
           *resize = json_pack("{s:s, s:s, s:s}", "op", "resize", "like", "pillow-13", "filter",
                               bilinear ? "bilinear" : "bicubic");
    if (squash) {
        set_integer(resize, "width", width);
        set_integer(resize, "height", height);
    } else {
        set_integer(resize, longest ? "longer" : "shorter", height);
    }
    if (longest) // timm's ResizeKeepRatio, then black around
        (void)json_object_set_new(resize, "rounding", json_string("nearest"));
    (void)json_array_append_new(steps, resize);
    if (!squash)
        (void)json_array_append_new(
            steps, json_pack("{s:s, s:I}", "op", "center_crop", "size", (json_int_t)height));
    (void)json_array_append_new(steps, json_pack("{s:s}", "op", "rgb"));
    (void)json_array_append_new(steps, json_pack("{s:s, s:i}", "op", "scale", "divide", 255));
    (void)json_array_append_new(
        steps, json_pack("{s:s, s:o, s:o}", "op", "normalize", "mean",
                         three(f, "mean", "[0.48145466, 0.4578275, 0.40821073]"), "std",
                         three(f, "std", "[0.26862954, 0.26130258, 0.27577711]")));
    json_t *recipe =
        json_pack("{s:s, s:o, s:i}", "intensity", "dicom-display", "steps", steps, "channels", 3);
    return json_object_set_new(f->card, "preprocess", recipe) == 0
               ? BV_OK
               : bv_fail_nomem(err, "a system card");
}

static enum bv_status take(struct folder *f, struct bv_error *err)
{
    if (!f->vision || !f->text)
        return bv_fail(err, BV_ERR_MODEL, "%s: model_cfg has no %s", config_name,
                       f->vision ? "text_cfg" : "vision_cfg");
    BV_TRY(add_image(f, err));
    BV_TRY(add_text(f, err));
    BV_TRY(take_recipe(f, err));
    if (!has_tensor(f, "logit_bias"))
        return BV_OK;
    (void)json_object_set_new(f->card, "logit_bias", json_pack("{s:s}", "tensor", "logit_bias"));
    (void)json_object_set_new(json_object_get(f->card, "scoring"), "rule", json_string("sigmoid"));
    return BV_OK;
}

enum bv_status bv_open_clip_take(json_t *card, const struct bv_checkpoint *checkpoint,
                                 json_t *notes, struct bv_error *err)
{
    if (!json_object_get(json_object_get(card, "settings"), "open_clip"))
        return BV_OK;
    json_t *config = bv_settings_read(checkpoint, config_name);
    if (!config)
        return bv_fail(err, BV_ERR_MODEL, "%s is not beside the weights, or no JSON", config_name);
    const json_t *model = json_object_get(config, "model_cfg");
    struct folder f = {.card = card,
                       .notes = notes,
                       .checkpoint = checkpoint,
                       .model = model,
                       .vision = json_object_get(model, "vision_cfg"),
                       .text = json_object_get(model, "text_cfg"),
                       .preprocess = json_object_get(config, "preprocess_cfg")};
    enum bv_status status = take(&f, err);
    json_decref(config);
    return status;
}
