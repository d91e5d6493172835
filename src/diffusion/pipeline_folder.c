#include "diffusion/pipeline_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "diffusion/diffusion_model.h"
#include "model/model.h"

enum { max_path = 4096 };
static const size_t max_json = (size_t)4 << 20, max_vocabulary = (size_t)64 << 20;

struct pipeline {
    const char *folder;
    const struct bv_pipeline_options *options;
    struct bv_checkpoint *checkpoint[BV_PARTS];
    struct bv_part_tensors tensors;
    struct bv_safetensors_spec *specs;
    json_t *card;
    struct bv_tokenizer *tokenizer;
    char missing[1024]; // names of parts, for one message
};

static bool join(char path[max_path], const char *folder, const char *name)
{
    int n = snprintf(path, max_path, "%s/%s", folder, name);
    return n > 0 && n < max_path;
}

static bool has(const char *folder, const char *name)
{
    char path[max_path];
    return join(path, folder, name) && access(path, R_OK) == 0;
}

bool bv_is_pipeline_folder(const char *path)
{
    return has(path, "model_index.json");
}

static void note_missing(struct pipeline *p, const char *name)
{
    size_t at = strlen(p->missing);
    (void)snprintf(p->missing + at, sizeof p->missing - at, "%s%s", at ? ", " : "", name);
}

static enum bv_status read_json(struct pipeline *p, const char *name, json_t **out,
                                struct bv_error *err)
{
    char path[max_path];
    if (!join(path, p->folder, name))
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than %d bytes", max_path);
    return bv_json_load(out, path, max_json, err);
}

// ---- what the folder holds ---------------------------------------------------------------------

static const char *const weight_names[] = {
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "model.fp16.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.json",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
    "pytorch_model.fp16.bin",
    "diffusion_pytorch_model.fp16.bin",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.bin.index.json",
};
enum { n_weight_names = sizeof weight_names / sizeof *weight_names };

static const char *weights_in(const char *folder)
{
    for (int i = 0; i < n_weight_names; i++)
        if (has(folder, weight_names[i]))
            return weight_names[i];
    return NULL;
}

static enum bv_status open_part(struct pipeline *p, enum bv_pipeline_part part, const char *name,
                                struct bv_error *err)
{
    char folder[max_path], path[max_path];
    if (!join(folder, p->folder, name))
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than %d bytes", max_path);
    const char *file = weights_in(folder);
    if (!file) {
        note_missing(p, name);
        return BV_OK;
    }
    return join(path, folder, file)
               ? bv_checkpoint_open(&p->checkpoint[part], path, err)
               : bv_fail(err, BV_ERR_LIMIT, "a path of more than %d bytes", max_path);
}

// ---- configuration -----------------------------------------------------------------------------

static enum bv_status take_config(struct pipeline *p, const char *file, const char *as,
                                  struct bv_error *err)
{
    json_t *config = NULL;
    if (!has(p->folder, file)) {
        note_missing(p, file);
        return BV_OK;
    }
    BV_TRY(read_json(p, file, &config, err));
    return json_object_set_new(json_object_get(p->card, "diffusion"), as, config) == 0
               ? BV_OK
               : bv_fail_nomem(err, "a card");
}

// transformers' text configuration in the members of our encoders (src/text).
static enum bv_status text_config(struct pipeline *p, enum bv_pipeline_part *part,
                                  struct bv_error *err)
{
    json_t *diffusion = json_object_get(p->card, "diffusion");
    const json_t *from = json_object_get(diffusion, "text");
    const char *type = bv_json_string(from, "model_type", "clip_text_model");
    const char *act = bv_json_string(from, "hidden_act", "quick_gelu");
    bool clip = strcmp(type, "clip_text_model") == 0;
    if (!clip && strcmp(type, "bert") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "text_encoder: model_type \"%.60s\"", type);
    if (strcmp(act, "gelu") != 0 && !(clip && strcmp(act, "quick_gelu") == 0))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "text_encoder: hidden_act \"%.40s\"", act);
    if (bv_json_boolean(from, "use_attention_mask", false))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "text_encoder: use_attention_mask");
    json_t *to =
        json_pack("{s:s, s:I, s:f, s:s}", "arch", clip ? "clip-text" : "bert", "heads",
                  (json_int_t)bv_json_integer(from, "num_attention_heads", 12), "eps",
                  bv_json_number(from, "layer_norm_eps", clip ? 1e-5 : 1e-12), "activation", act);
    *part = clip ? BV_PART_CLIP : BV_PART_BERT;
    return to && json_object_set_new(diffusion, "text", to) == 0 ? BV_OK
                                                                 : bv_fail_nomem(err, "a card");
}

static enum bv_status check_index(struct pipeline *p, struct bv_error *err)
{
    json_t *index = NULL;
    BV_TRY(read_json(p, "model_index.json", &index, err));
    char class_name[64];
    (void)snprintf(class_name, sizeof class_name, "%s", bv_json_string(index, "_class_name", ""));
    bool has_second = json_is_array(json_object_get(index, "text_encoder_2")) &&
                      json_is_string(json_array_get(json_object_get(index, "text_encoder_2"), 0));
    json_decref(index);
    if (has_second || (strncmp(class_name, "StableDiffusion", 15) != 0 &&
                       strcmp(class_name, "DiffusionPipeline") != 0))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "a pipeline of class \"%s\"; Stable Diffusion 1.x and 2.x are read",
                       class_name);
    return BV_OK;
}

// ---- tokenizer ---------------------------------------------------------------------------------

struct blob {
    char *data;
    size_t size;
};

static enum bv_status read_blob(const struct pipeline *p, const char *name, struct blob *blob,
                                struct bv_error *err)
{
    char path[max_path];
    if (!join(path, p->folder, name))
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than %d bytes", max_path);
    return bv_read_all(path, max_vocabulary, &blob->data, &blob->size, err);
}

static enum bv_status make_tokenizer(struct pipeline *p, bool clip, const json_t *config,
                                     struct bv_error *err)
{
    struct blob vocabulary = {0}, merges = {0};
    json_t *description = clip ? json_pack("{s:s, s:s, s:i}", "kind", "clip-bpe", "clean",
                                           "clip-hf", "max_length", BV_PROMPT_TOKENS)
                               : json_pack("{s:s, s:b, s:i}", "kind", "wordpiece", "lowercase",
                                           bv_json_boolean(config, "do_lower_case", true),
                                           "max_length", BV_PROMPT_TOKENS);
    enum bv_status status = description ? BV_OK : bv_fail_nomem(err, "a tokenizer");
    if (status == BV_OK)
        status =
            read_blob(p, clip ? "tokenizer/vocab.json" : "tokenizer/vocab.txt", &vocabulary, err);
    if (status == BV_OK && clip)
        status = read_blob(p, "tokenizer/merges.txt", &merges, err);
    if (status == BV_OK)
        status = bv_tokenizer_create(&p->tokenizer, description, vocabulary.data, vocabulary.size,
                                     merges.data, merges.size, err);
    json_decref(description);
    free(vocabulary.data);
    free(merges.data);
    return status;
}

// A special token as tokenizer_config.json writes it: a string, or an object with "content".
static const char *token_text(const json_t *config, const char *key)
{
    const json_t *token = json_object_get(config, key);
    return json_is_string(token) ? json_string_value(token)
                                 : bv_json_string(token, "content", NULL);
}

// The id whose spelling is text, or fallback.
static int32_t id_of(const struct bv_tokenizer *tokenizer, const char *text, int32_t fallback)
{
    size_t n_text = text ? strlen(text) : 0;
    for (size_t id = 0; text && id < bv_tokenizer_size(tokenizer); id++) {
        size_t n = 0;
        const char *token = bv_tokenizer_token(tokenizer, (int32_t)id, &n);
        if (token && n == n_text && memcmp(token, text, n) == 0)
            return (int32_t)id;
    }
    return fallback;
}

static enum bv_status take_tokenizer(struct pipeline *p, bool clip, struct bv_error *err)
{
    json_t *config = NULL, *description = NULL;
    if (has(p->folder, "tokenizer/tokenizer_config.json"))
        BV_TRY(read_json(p, "tokenizer/tokenizer_config.json", &config, err));
    enum bv_status status = make_tokenizer(p, clip, config, err);
    if (status == BV_OK) {
        int32_t end = bv_tokenizer_special(p->tokenizer, BV_TOKEN_SEP);
        int32_t own = clip ? end : bv_tokenizer_special(p->tokenizer, BV_TOKEN_PAD);
        int32_t pad = id_of(p->tokenizer, token_text(config, "pad_token"), own);
        status = bv_tokenizer_describe(p->tokenizer, &description, err);
        if (status == BV_OK && (json_object_set_new(p->card, "tokenizer", description) != 0 ||
                                json_object_set_new(json_object_get(p->card, "diffusion"), "pad_id",
                                                    json_integer(pad)) != 0))
            status = bv_fail_nomem(err, "a card");
    }
    json_decref(config);
    return status;
}

// ---- check -------------------------------------------------------------------------------------

static bool used(const struct bv_graph *const graphs[4], const char *name)
{
    for (int k = 0; k < 4; k++)
        for (int i = 0; graphs[k] && i < graphs[k]->n_tensors; i++) {
            const struct bv_tensor *t = graphs[k]->tensors[i];
            if (t->role == BV_ROLE_WEIGHT && t->name && strcmp(t->name, name) == 0)
                return true;
        }
    return false;
}

// Tensors that no network reads: the folder is of something else.
static enum bv_status check_used(const struct pipeline *p, const struct bv_graph *const graphs[4],
                                 struct bv_error *err)
{
    char list[512] = "";
    size_t n = 0;
    for (size_t i = 0; i < p->tensors.n; i++) {
        if (used(graphs, p->tensors.item[i].name))
            continue;
        size_t at = strlen(list);
        if (n++ < 6)
            (void)snprintf(list + at, sizeof list - at, "%s%.80s", at ? ", " : "",
                           p->tensors.item[i].name);
    }
    return n == 0 ? BV_OK
                  : bv_fail(err, BV_ERR_MODEL, "%zu unexpected tensors: %s%s", n, list,
                            n > 6 ? ", …" : "");
}

// Builds every network over the shapes alone: missing and misshapen tensors show here.
static enum bv_status check_networks(const struct pipeline *p, struct bv_error *err)
{
    struct bv_weights *weights = NULL;
    struct bv_graph *graphs[4] = {NULL};
    static const float nothing;
    enum bv_status status = bv_diffusion_check(p->card, err);
    if (status == BV_OK)
        status = bv_weights_create(&weights, err);
    for (size_t i = 0; status == BV_OK && i < p->tensors.n; i++) {
        const struct bv_part_tensor *t = &p->tensors.item[i];
        struct bv_weight w = {
            .name = t->name, .dtype = BV_F32, .rank = t->n_dims, .data = &nothing};
        if (t->n_dims > BV_MAX_RANK)
            status = bv_fail(err, BV_ERR_MODEL, "\"%s\" has %d dimensions", t->name, t->n_dims);
        else
            memcpy(w.dim, t->shape, (size_t)t->n_dims * sizeof *w.dim);
        if (status == BV_OK)
            status = bv_weights_add(weights, &w, err);
    }
    if (status == BV_OK)
        status = bv_diffusion_text_graph(weights, p->card, 1, &graphs[0], err);
    if (status == BV_OK)
        status = bv_diffusion_unet_graph(weights, p->card, 1, 8, 8, &graphs[1], err);
    if (status == BV_OK)
        status = bv_diffusion_decoder_graph(weights, p->card, 8, 8, &graphs[2], err);
    if (status == BV_OK && bv_diffusion_has_encoder(weights))
        status = bv_diffusion_encoder_graph(weights, p->card, 8, 8, &graphs[3], err);
    if (status == BV_OK)
        status = check_used(p, (const struct bv_graph *const *)graphs, err);
    for (int i = 0; i < 4; i++)
        bv_graph_destroy(&graphs[i]);
    bv_weights_destroy(&weights);
    return status;
}

// ---- writing -----------------------------------------------------------------------------------

static enum bv_dtype dtype_of(const struct pipeline *p, const struct bv_part_tensor *t)
{
    if (!p->options->keep_dtype)
        return p->options->dtype;
    enum bv_dtype own = t->from[0]->dtype;
    return own == BV_F64 ? BV_F32 : own;
}

static enum bv_status fill(void *arg, size_t i, void *out, size_t bytes, struct bv_error *err)
{
    struct pipeline *p = arg;
    const struct bv_part_tensor *t = &p->tensors.item[i];
    const struct bv_safetensors_spec *spec = &p->specs[i];
    size_t n = bytes / bv_dtype_size(spec->dtype);
    float *wide = spec->dtype == BV_F32 ? out : malloc((n + 1) * sizeof *wide);
    if (!wide)
        return bv_fail_nomem(err, "a tensor");
    enum bv_status status = bv_part_tensor_read(t, p->checkpoint[t->part], wide, err);
    if (status == BV_OK && wide != out)
        bv_dtype_from_f32(spec->dtype, wide, out, n);
    if (wide != out)
        free(wide);
    return status;
}

// The digest is over the tensors as the file orders them, and is stored in the header before them:
// the file is written with room for it, read back, and the room filled.
static enum bv_status write_file(struct pipeline *p, const char *path,
                                 struct bv_pipeline_report *report, struct bv_error *err)
{
    char *card = json_dumps(p->card, JSON_COMPACT | JSON_SORT_KEYS), *vocabulary = NULL;
    size_t n_vocabulary = 0;
    struct bv_safetensors file = {0};
    json_t *meta = NULL;
    enum bv_status status = card ? BV_OK : bv_fail_nomem(err, "a card");
    if (status == BV_OK)
        status = bv_tokenizer_vocabulary(p->tokenizer, &vocabulary, &n_vocabulary, err);
    for (int pass = 0; status == BV_OK && pass < 2; pass++) {
        json_decref(meta);
        meta = json_pack("{s:s, s:s, s:s%, s:s}", BV_META_FORMAT, "1", BV_META_CARD, card,
                         BV_META_VOCAB, vocabulary, n_vocabulary, BV_META_DIGEST, report->digest);
        if (!meta)
            status = bv_fail_nomem(err, "the file's metadata");
        if (status == BV_OK)
            status = bv_safetensors_write(path, p->specs, p->tensors.n, meta, fill, p, err);
        if (status == BV_OK && pass == 0) {
            status = bv_safetensors_open(&file, path, err);
            if (status == BV_OK)
                bv_model_digest(&file, report->digest);
            bv_safetensors_close(&file);
        }
    }
    json_decref(meta);
    free(card);
    free(vocabulary);
    return status;
}

static enum bv_status make_specs(struct pipeline *p, struct bv_error *err)
{
    p->specs = calloc(p->tensors.n + 1, sizeof *p->specs);
    if (!p->specs)
        return bv_fail_nomem(err, "the list of tensors");
    for (size_t i = 0; i < p->tensors.n; i++) {
        const struct bv_part_tensor *t = &p->tensors.item[i];
        struct bv_safetensors_spec *s = &p->specs[i];
        s->name = t->name;
        s->dtype = dtype_of(p, t);
        s->n_dims = t->n_dims;
        memcpy(s->shape, t->shape, sizeof s->shape);
    }
    return BV_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct bv_part_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum bv_status read_folder(struct pipeline *p, struct bv_error *err)
{
    enum bv_pipeline_part text = BV_PART_CLIP;
    BV_TRY(check_index(p, err));
    p->card =
        json_pack("{s:s, s:s, s:{}, s:s}", "name", "stable-diffusion", "title",
                  "Text to image by latent diffusion (RoentGen, Stable Diffusion)", "diffusion",
                  "paper", "Rombach et al. 2022; Chambon, Bluethgen et al. 2022");
    if (!p->card)
        return bv_fail_nomem(err, "a card");
    BV_TRY(take_config(p, "text_encoder/config.json", "text", err));
    BV_TRY(take_config(p, "unet/config.json", "unet", err));
    BV_TRY(take_config(p, "vae/config.json", "vae", err));
    BV_TRY(take_config(p, "scheduler/scheduler_config.json", "scheduler", err));
    bool bert_files = has(p->folder, "tokenizer/vocab.txt");
    if (!bert_files && !has(p->folder, "tokenizer/vocab.json"))
        note_missing(p, "tokenizer/vocab.json");
    if (!bert_files && !has(p->folder, "tokenizer/merges.txt"))
        note_missing(p, "tokenizer/merges.txt");
    if (json_object_get(json_object_get(p->card, "diffusion"), "text"))
        BV_TRY(text_config(p, &text, err));
    BV_TRY(open_part(p, text, "text_encoder", err));
    BV_TRY(open_part(p, BV_PART_UNET, "unet", err));
    BV_TRY(open_part(p, BV_PART_VAE, "vae", err));
    if (p->missing[0])
        return bv_fail(err, BV_ERR_MODEL, "the folder lacks: %s", p->missing);
    BV_TRY(take_tokenizer(p, text == BV_PART_CLIP, err));
    for (int i = 0; i < BV_PARTS; i++)
        if (p->checkpoint[i])
            BV_TRY(
                bv_part_tensors_add(&p->tensors, (enum bv_pipeline_part)i, p->checkpoint[i], err));
    // One order, and so one digest, however the checkpoint was cut into files.
    qsort(p->tensors.item, p->tensors.n, sizeof *p->tensors.item, compare_names);
    return check_networks(p, err);
}

enum bv_status bv_pipeline_convert(const char *folder, const char *path,
                                   const struct bv_pipeline_options *options,
                                   struct bv_pipeline_report *report, struct bv_error *err)
{
    struct pipeline p = {.folder = folder, .options = options};
    memset(report->digest, '0', sizeof report->digest - 1);
    report->digest[sizeof report->digest - 1] = 0;
    enum bv_status status = read_folder(&p, err);
    if (status == BV_OK)
        status = make_specs(&p, err);
    if (status == BV_OK)
        status = write_file(&p, path, report, err);
    report->n_tensors = p.tensors.n;
    report->n_ignored = p.tensors.n_ignored;
    if (status != BV_OK && err && strncmp(err->text, folder, strlen(folder)) != 0)
        (void)bv_fail_prefix(err, "%s", folder);
    for (int i = 0; i < BV_PARTS; i++)
        bv_checkpoint_close(&p.checkpoint[i]);
    bv_part_tensors_free(&p.tensors);
    bv_tokenizer_destroy(&p.tokenizer);
    json_decref(p.card);
    free(p.specs);
    return status;
}
