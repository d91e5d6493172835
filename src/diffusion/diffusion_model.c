#include "diffusion/diffusion_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "diffusion/networks.h"
#include "model/model.h"
#include "text/encoder.h"

bool bv_is_diffusion_card(const json_t *card)
{
    return json_is_object(json_object_get(card, "diffusion"));
}

static const json_t *part_of(const json_t *card, const char *part)
{
    return json_object_get(json_object_get(card, "diffusion"), part);
}

// A list of 2 to 8 widths.
static enum bv_status check_widths(const json_t *config, const char *what, struct bv_error *err)
{
    const json_t *widths = json_object_get(config, "block_out_channels");
    size_t n = json_array_size(widths);
    if (n < 1 || n > 8)
        return bv_fail(err, BV_ERR_MODEL, "%s: block_out_channels has %zu entries", what, n);
    for (size_t i = 0; i < n; i++) {
        int64_t width = json_integer_value(json_array_get(widths, i));
        if (width < 1 || width > 65536)
            return bv_fail(err, BV_ERR_MODEL, "%s: a width of %lld", what, (long long)width);
    }
    int64_t layers = bv_json_integer(config, "layers_per_block", 2);
    if (layers < 1 || layers > 8)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "%s: layers_per_block %lld", what,
                       (long long)layers);
    return BV_OK;
}

static enum bv_status check_types(const json_t *config, const char *key, const char *const *known,
                                  struct bv_error *err)
{
    const json_t *types = json_object_get(config, key);
    size_t n = json_array_size(json_object_get(config, "block_out_channels"));
    if (json_array_size(types) != n)
        return bv_fail(err, BV_ERR_MODEL, "%s has %zu entries for %zu widths", key,
                       json_array_size(types), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *type = json_array_get(types, i);
        const char *name = json_is_string(type) ? json_string_value(type) : "";
        bool found = false;
        for (const char *const *k = known; *k; k++)
            found |= strcmp(name, *k) == 0;
        if (!found)
            return bv_fail(err, BV_ERR_UNSUPPORTED, "%s: \"%.60s\"", key, name);
    }
    return BV_OK;
}

// Members that change what is computed, and the one value of each that is implemented.
static enum bv_status check_unet_options(const json_t *unet, struct bv_error *err)
{
    static const char *const unset[] = {"class_embed_type",     "addition_embed_type",
                                        "encoder_hid_dim_type", "time_cond_proj_dim",
                                        "dual_cross_attention", "center_input_sample",
                                        "only_cross_attention", "class_embeddings_concat",
                                        "num_class_embeds",     "resnet_skip_time_act"};
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++) {
        const json_t *value = json_object_get(unet, unset[i]);
        if (value && !json_is_null(value) && !json_is_false(value))
            return bv_fail(err, BV_ERR_UNSUPPORTED, "unet: %s", unset[i]);
    }
    const char *scale = bv_json_string(unet, "resnet_time_scale_shift", "default");
    const char *act = bv_json_string(unet, "act_fn", "silu");
    if (strcmp(scale, "default") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "unet: resnet_time_scale_shift \"%.40s\"", scale);
    if (strcmp(act, "silu") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "unet: act_fn \"%.40s\"", act);
    if (bv_json_number(unet, "mid_block_scale_factor", 1) != 1.0 ||
        bv_json_integer(unet, "downsample_padding", 1) != 1)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "unet: mid_block_scale_factor or downsample_padding other than 1");
    int64_t in = bv_json_integer(unet, "in_channels", 4);
    if (in != BV_LATENT_DEPTH || bv_json_integer(unet, "out_channels", 4) != BV_LATENT_DEPTH)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "unet: %lld channels in (inpainting?)",
                       (long long)in);
    return BV_OK;
}

// What a member is where it is there; one of another kind would be read as its default.
static enum bv_status check_kinds(const json_t *card, struct bv_error *err)
{
    static const struct {
        const char *part, *member;
        enum { NUMBER, INTEGER, BOOLEAN, STRING, NUMBER_OR_LIST } kind;
    } members[] = {
        {"unet", "norm_eps", NUMBER},
        {"unet", "freq_shift", NUMBER},
        {"unet", "flip_sin_to_cos", BOOLEAN},
        {"unet", "attention_head_dim", NUMBER_OR_LIST},
        {"unet", "num_attention_heads", NUMBER_OR_LIST},
        {"vae", "scaling_factor", NUMBER},
        {"vae", "use_quant_conv", BOOLEAN},
        {"vae", "use_post_quant_conv", BOOLEAN},
        {"scheduler", "beta_start", NUMBER},
        {"scheduler", "beta_end", NUMBER},
        {"scheduler", "beta_schedule", STRING},
        {"scheduler", "prediction_type", STRING},
        {"scheduler", "set_alpha_to_one", BOOLEAN},
        {"scheduler", "skip_prk_steps", BOOLEAN},
        {"scheduler", "steps_offset", INTEGER},
        {"scheduler", "timestep_spacing", STRING},
        {"scheduler", "num_train_timesteps", INTEGER},
        {"scheduler", "clip_sample", BOOLEAN},
        {"scheduler", "clip_sample_range", NUMBER},
        {"scheduler", "solver_order", INTEGER},
        {"scheduler", "lower_order_final", BOOLEAN},
        {"scheduler", "_class_name", STRING},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(part_of(card, members[i].part), members[i].member);
        bool good = !value || json_is_null(value) ||
                    (members[i].kind == BOOLEAN   ? json_is_boolean(value)
                     : members[i].kind == STRING  ? json_is_string(value)
                     : members[i].kind == INTEGER ? json_is_integer(value)
                                                  : json_is_number(value));
        if (members[i].kind == NUMBER_OR_LIST && json_is_array(value))
            good = json_array_size(value) ==
                   json_array_size(json_object_get(part_of(card, "unet"), "block_out_channels"));
        if (!good)
            return bv_fail(err, BV_ERR_FORMAT, "%s: %s is of the wrong kind or length",
                           members[i].part, members[i].member);
    }
    double scale = bv_json_number(part_of(card, "vae"), "scaling_factor", 0.18215);
    if (!(scale > 1e-6 && scale < 1e6))
        return bv_fail(err, BV_ERR_FORMAT, "vae: scaling_factor %g", scale);
    return BV_OK;
}

enum bv_status bv_diffusion_check(const json_t *card, struct bv_error *err)
{
    static const char *const down[] = {"CrossAttnDownBlock2D", "DownBlock2D", NULL};
    static const char *const up[] = {"CrossAttnUpBlock2D", "UpBlock2D", NULL};
    const json_t *unet = part_of(card, "unet"), *vae = part_of(card, "vae");
    if (!json_is_object(unet) || !json_is_object(vae) || !json_is_object(part_of(card, "text")) ||
        !json_is_object(part_of(card, "scheduler")))
        return bv_fail(err, BV_ERR_MODEL, "the card lacks text, unet, vae or scheduler");
    BV_TRY(check_kinds(card, err));
    BV_TRY(check_widths(unet, "unet", err));
    BV_TRY(check_widths(vae, "vae", err));
    BV_TRY(check_types(unet, "down_block_types", down, err));
    BV_TRY(check_types(unet, "up_block_types", up, err));
    BV_TRY(check_unet_options(unet, err));
    if (bv_json_integer(vae, "latent_channels", 4) != BV_LATENT_DEPTH ||
        json_array_size(json_object_get(vae, "block_out_channels")) != 4)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "vae: latents that are not 4 channels at an eighth of the image's size");
    return BV_OK;
}

static enum bv_status load(struct bv_diffusion_model *m, const char *path, struct bv_error *err)
{
    BV_TRY(bv_safetensors_open(&m->file, path, err));
    size_t card_size = 0, vocab_size = 0;
    const char *format = bv_safetensors_metadata(&m->file, BV_META_FORMAT, NULL);
    const char *card = bv_safetensors_metadata(&m->file, BV_META_CARD, &card_size);
    const char *vocab = bv_safetensors_metadata(&m->file, BV_META_VOCAB, &vocab_size);
    if (!format || !card)
        return bv_fail(
            err, BV_ERR_FORMAT,
            "a safetensors file, but not a biovl model: run biovl convert on its folder");
    if (strcmp(format, "1") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "model format %.20s, this build reads format 1",
                       format);
    BV_TRY(bv_json_parse(&m->card, card, card_size, "system card", err));
    m->name = bv_json_string(m->card, "name", "unnamed");
    m->digest = bv_safetensors_metadata(&m->file, BV_META_DIGEST, NULL);
    m->digest = m->digest ? m->digest : "";
    bv_sha256_hex(card, card_size, m->settings);
    if (!bv_is_diffusion_card(m->card))
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" makes no images%s", m->name,
                       json_object_get(m->card, "image") ? ": see biovl classify" : "");
    BV_TRY(bv_diffusion_check(m->card, err));
    if (!vocab)
        return bv_fail(err, BV_ERR_FORMAT, "the model reads text but has no vocabulary");
    BV_TRY(bv_tokenizer_create(&m->tokenizer, json_object_get(m->card, "tokenizer"), vocab,
                               vocab_size, NULL, 0, err));
    return bv_model_weights(&m->weights, &m->file, err);
}

enum bv_status bv_diffusion_model_open(struct bv_diffusion_model **out, const char *path,
                                       struct bv_error *err)
{
    struct bv_diffusion_model *m = calloc(1, sizeof *m);
    if (!m)
        return bv_fail_nomem(err, "a model");
    enum bv_status status = load(m, path, err);
    if (status == BV_OK) {
        *out = m;
        return BV_OK;
    }
    if (err && strncmp(err->text, path, strlen(path)) != 0)
        (void)bv_fail_prefix(err, "%s", path);
    bv_diffusion_model_close(&m);
    return status;
}

void bv_diffusion_model_close(struct bv_diffusion_model **model)
{
    struct bv_diffusion_model *m = *model;
    if (!m)
        return;
    bv_tokenizer_destroy(&m->tokenizer);
    bv_weights_destroy(&m->weights);
    json_decref(m->card);
    bv_safetensors_close(&m->file);
    free(m);
    *model = NULL;
}

enum bv_status bv_diffusion_text_graph(struct bv_weights *weights, const json_t *card, int64_t B,
                                       struct bv_graph **graph, struct bv_error *err)
{
    const int64_t T = BV_PROMPT_TOKENS;
    const json_t *config = part_of(card, "text");
    BV_TRY(bv_graph_create(graph, weights, err));
    struct bv_graph *g = *graph;
    struct bv_text_inputs in = {.ids = bv_graph_input(g, "ids", BV_I32, 2, (int64_t[]){B, T})};
    struct bv_features features = {0};
    int64_t most = bv_text_max_tokens(weights, config, "text.");
    if (most > 0 && most < T)
        return bv_fail(err, BV_ERR_MODEL, "the text encoder has %lld positions, prompts %d",
                       (long long)most, BV_PROMPT_TOKENS);
    bv_text_build(g, config, "text.", &in, &features); // no lengths: fill is attended to
    (void)bv_graph_output(g, bv_features_find(&features, "last"), "states");
    return bv_graph_status(g, err);
}

// The width of the text encoder's states: of its last norm.
static int64_t text_width(const struct bv_weights *weights)
{
    static const char *const names[] = {"text.ln_final.weight",
                                        "text.encoder.layer.0.output.LayerNorm.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct bv_weight *w = bv_weights_find(weights, names[i]);
        if (w && w->rank == 1)
            return w->dim[0];
    }
    return 1;
}

enum bv_status bv_diffusion_unet_graph(struct bv_weights *weights, const json_t *card, int64_t N,
                                       int64_t H, int64_t W, struct bv_graph **graph,
                                       struct bv_error *err)
{
    const json_t *config = part_of(card, "unet");
    int64_t width = bv_unet_time_width(config), C = text_width(weights);
    BV_TRY(bv_graph_create(graph, weights, err));
    struct bv_graph *g = *graph;
    struct bv_tensor *latents =
        bv_graph_input(g, "latents", BV_F32, 4, (int64_t[]){N, H, W, BV_LATENT_DEPTH});
    struct bv_tensor *time = bv_graph_input(g, "time", BV_F32, 2, (int64_t[]){1, width});
    struct bv_tensor *text =
        bv_graph_input(g, "text", BV_F32, 3, (int64_t[]){N, BV_PROMPT_TOKENS, C});
    struct bv_features features = {0};
    struct bv_tensor *out = bv_unet_build(g, config, "unet.", latents, time, text, &features);
    (void)bv_graph_output(g, out, "prediction");
    return bv_graph_status(g, err);
}

enum bv_status bv_diffusion_decoder_graph(struct bv_weights *weights, const json_t *card, int64_t H,
                                          int64_t W, struct bv_graph **graph, struct bv_error *err)
{
    BV_TRY(bv_graph_create(graph, weights, err));
    struct bv_graph *g = *graph;
    struct bv_features features = {0};
    struct bv_tensor *z =
        bv_graph_input(g, "latents", BV_F32, 4, (int64_t[]){1, H, W, BV_LATENT_DEPTH});
    z = bv_vae_decoder_build(g, part_of(card, "vae"), "vae.", z, &features);
    (void)bv_graph_output(g, z, "image");
    return bv_graph_status(g, err);
}

enum bv_status bv_diffusion_encoder_graph(struct bv_weights *weights, const json_t *card, int64_t H,
                                          int64_t W, struct bv_graph **graph, struct bv_error *err)
{
    BV_TRY(bv_graph_create(graph, weights, err));
    struct bv_graph *g = *graph;
    struct bv_features features = {0};
    struct bv_tensor *x = bv_graph_input(g, "image", BV_F32, 4,
                                         (int64_t[]){1, BV_LATENT_STEP * H, BV_LATENT_STEP * W, 3});
    x = bv_vae_encoder_build(g, part_of(card, "vae"), "vae.", x, &features);
    (void)bv_graph_output(g, x, "moments");
    return bv_graph_status(g, err);
}

bool bv_diffusion_has_encoder(const struct bv_weights *weights)
{
    return bv_weights_find(weights, "vae.encoder.conv_in.weight") != NULL;
}

float bv_diffusion_scaling(const json_t *card)
{
    return (float)bv_json_number(part_of(card, "vae"), "scaling_factor", 0.18215);
}

enum bv_status bv_diffusion_tokenize(const struct bv_diffusion_model *model, const char *text,
                                     int32_t ids[BV_PROMPT_TOKENS], bool *truncated,
                                     struct bv_error *err)
{
    struct bv_tokens tokens = {0};
    int64_t pad = bv_json_integer(json_object_get(model->card, "diffusion"), "pad_id", 0);
    enum bv_status status = bv_tokenizer_encode(model->tokenizer, text, strlen(text), &tokens, err);
    if (status == BV_OK && tokens.n > BV_PROMPT_TOKENS)
        status = bv_fail(err, BV_ERR_MODEL, "a prompt of %zu tokens; the network takes %d",
                         tokens.n, BV_PROMPT_TOKENS);
    for (size_t i = 0; status == BV_OK && i < BV_PROMPT_TOKENS; i++)
        ids[i] = i < tokens.n ? tokens.ids[i] : (int32_t)pad;
    if (status == BV_OK)
        *truncated = tokens.truncated;
    bv_tokens_free(&tokens);
    return status;
}
