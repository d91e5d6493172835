#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "checkpoint/source.h"
#include "fusion/fusion.h"
#include "text/encoder.h"

#define USUAL_SIDE 224 // of images whose size nothing tells

void bv_model_unload(struct bv_model **out)
{
    struct bv_model *m = *out;
    if (!m)
        return;
    bv_recipe_free(&m->recipe);
    bv_tokenizer_destroy(&m->tokenizer);
    bv_weights_destroy(&m->weights);
    json_decref(m->card);
    bv_safetensors_close(&m->file);
    free(m);
    *out = NULL;
}

// The size of the encoder's input: what the recipe makes, or, where that depends on the image, the
// card's.
static void take_size(struct bv_model *m)
{
    int64_t side = bv_json_integer(bv_model_sized_tower(m), "size", 0);
    bv_recipe_output_size(m->recipe, &m->image_width, &m->image_height);
    m->size_varies = m->image_width == 0;
    if (m->size_varies)
        m->image_width = m->image_height =
            side > 0 && side <= BV_MAX_IMAGE_SIDE ? (int)side : USUAL_SIDE;
}

// Reads from the card what callers ask for often, and makes the recipe.
static enum bv_status prepare(struct bv_model *m, struct bv_error *err)
{
    m->name = bv_json_string(m->card, "name", "unnamed");
    if (!m->digest)
        m->digest = "";
    if (!bv_model_has_image(m) && !bv_model_has_text(m) && !bv_model_has_fusion(m))
        return json_object_get(m->card, "diffusion")
                   ? bv_fail(err, BV_ERR_MODEL,
                             "a model that makes images from text: biovl generate runs it")
                   : bv_fail(err, BV_ERR_FORMAT, "the card has no encoder");
    if (json_object_get(m->card, "preprocess")) {
        const json_t *recipe = json_object_get(m->card, "preprocess");
        BV_TRY(bv_recipe_parse(recipe, &m->recipe, err));
        take_size(m);
    }
    if (bv_model_has_image(m) && !m->recipe)
        return bv_fail(err, BV_ERR_FORMAT, "the card has an image encoder and no \"preprocess\"");
    if (bv_model_has_text(m) && !m->tokenizer)
        return bv_fail(err, BV_ERR_FORMAT, "the card has a text encoder and no tokenizer");
    if (m->tokenizer) {
        int64_t table =
            bv_model_has_text(m)
                ? bv_text_max_tokens(m->weights, json_object_get(m->card, "text"), "text.")
                : bv_fusion_max_tokens(m->weights, "fusion.");
        int64_t most = m->tokenizer ? (int64_t)bv_tokenizer_max_length(m->tokenizer) : 0;
        m->max_tokens = most == 0 || (table > 0 && table < most) ? table : most;
    }
    return BV_OK;
}

enum bv_status bv_model_assemble(struct bv_model **out, struct bv_weights *weights, json_t *card,
                                 struct bv_tokenizer *tokenizer, struct bv_error *err)
{
    struct bv_model *m = calloc(1, sizeof *m);
    if (!m) {
        bv_weights_destroy(&weights);
        bv_tokenizer_destroy(&tokenizer);
        json_decref(card);
        return bv_fail_nomem(err, "a model");
    }
    m->weights = weights;
    m->card = card;
    m->tokenizer = tokenizer;
    enum bv_status status = prepare(m, err);
    if (status != BV_OK)
        bv_model_unload(&m);
    else
        *out = m;
    return status;
}

void bv_model_digest(const struct bv_safetensors *file, char hex[65])
{
    struct bv_sha256 sha;
    unsigned char out[32];
    bv_sha256_init(&sha);
    for (size_t i = 0; i < file->n_tensors; i++) {
        const struct bv_safetensors_tensor *t = &file->tensors[i];
        bv_sha256_update(&sha, t->name, strlen(t->name) + 1);
        bv_sha256_update(&sha, bv_dtype_name(t->dtype), strlen(bv_dtype_name(t->dtype)) + 1);
        bv_sha256_update(&sha, t->shape, (size_t)t->n_dims * sizeof *t->shape);
        bv_sha256_update(&sha, t->data, t->bytes);
    }
    bv_sha256_final(&sha, out);
    bv_digest_hex(out, hex);
}

enum bv_status bv_model_weights(struct bv_weights **weights, const struct bv_safetensors *file,
                                struct bv_error *err)
{
    BV_TRY(bv_weights_create(weights, err));
    bv_weights_set_mapping(*weights, file->mapping.data, file->mapping.size);
    for (size_t i = 0; i < file->n_tensors; i++) {
        const struct bv_safetensors_tensor *t = &file->tensors[i];
        struct bv_weight w = {
            .name = t->name, .dtype = t->dtype, .rank = t->n_dims, .data = t->data};
        if (t->n_dims > BV_MAX_RANK)
            return bv_fail(err, BV_ERR_FORMAT, "tensor \"%s\" has %d dimensions", t->name,
                           t->n_dims);
        memcpy(w.dim, t->shape, (size_t)t->n_dims * sizeof *w.dim);
        BV_TRY(bv_weights_add(*weights, &w, err));
    }
    return BV_OK;
}

// Tells the weights which layers keep more than 8 bits, where the file says so. It is not trusted.
static enum bv_status read_int8(struct bv_model *m, struct bv_error *err)
{
    size_t size = 0;
    const char *text = bv_safetensors_metadata(&m->file, BV_META_INT8, &size);
    json_t *root = NULL;
    if (!text)
        return BV_OK;
    BV_TRY(bv_json_parse(&root, text, size, "int8 layers", err));
    enum bv_status status = BV_OK;
    const json_t *list = json_object_get(root, "keep");
    for (size_t i = 0; status == BV_OK && i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        status = name ? bv_weights_keep(m->weights, name, err)
                      : bv_fail(err, BV_ERR_FORMAT, "int8 layers: a name is not a string");
    }
    json_decref(root);
    return status;
}

// Reads what an open file says of itself.
static enum bv_status load(struct bv_model *m, struct bv_error *err)
{
    size_t card_size = 0, vocab_size = 0;
    const char *format = bv_safetensors_metadata(&m->file, BV_META_FORMAT, NULL);
    const char *card = bv_safetensors_metadata(&m->file, BV_META_CARD, &card_size);
    if (!format || !card)
        return bv_fail(err, BV_ERR_FORMAT,
                       "a safetensors file, but not a biovl model: run biovl convert on it");
    if (strcmp(format, "1") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "model format %.20s, this build reads format 1",
                       format);
    BV_TRY(bv_json_parse(&m->card, card, card_size, "system card", err));
    m->digest = bv_safetensors_metadata(&m->file, BV_META_DIGEST, NULL);
    BV_TRY(bv_model_weights(&m->weights, &m->file, err));
    BV_TRY(read_int8(m, err));
    const char *vocab = bv_safetensors_metadata(&m->file, BV_META_VOCAB, &vocab_size);
    const json_t *tokenizer = json_object_get(m->card, "tokenizer");
    if (bv_model_has_text(m) || tokenizer) {
        if (!vocab || !tokenizer)
            return bv_fail(err, BV_ERR_FORMAT, "the model reads text but has no vocabulary");
        BV_TRY(bv_tokenizer_create(&m->tokenizer, tokenizer, vocab, vocab_size, NULL, 0, err));
    }
    BV_TRY(prepare(m, err));
    return bv_model_check(m, err);
}

// Opens bytes that should be a model file; what is something else is named.
static enum bv_status parse(struct bv_model *m, const uint8_t *bytes, size_t size,
                            struct bv_error *err)
{
    bool is_ours = size > 8 && bytes[8] == '{'; // as every safetensors file, whole or damaged
    if (!is_ours && bv_source_probe(bytes, size) == BV_SOURCE_UNKNOWN)
        return bv_identify(bytes, size, err);
    if (!is_ours)
        return bv_fail(err, BV_ERR_FORMAT,
                       "a checkpoint, not a biovl model: run biovl convert on it");
    BV_TRY(bv_safetensors_parse(&m->file, bytes, size, err));
    return load(m, err);
}

enum bv_status bv_model_load(struct bv_model **out, const char *path, struct bv_error *err)
{
    struct bv_mapping mapping = {0};
    BV_TRY(bv_mapping_open(&mapping, path, 0, err));
    struct bv_model *m = NULL;
    enum bv_status status = bv_model_load_bytes(&m, mapping.data, mapping.size, err);
    if (status != BV_OK) {
        bv_mapping_close(&mapping);
        (void)bv_fail_prefix(err, "%s", path);
        return status;
    }
    m->file.mapping = mapping;
    *out = m;
    return BV_OK;
}

enum bv_status bv_model_load_bytes(struct bv_model **out, const uint8_t *bytes, size_t size,
                                   struct bv_error *err)
{
    struct bv_model *m = calloc(1, sizeof *m);
    if (!m)
        return bv_fail_nomem(err, "a model");
    enum bv_status status = parse(m, bytes, size, err);
    if (status != BV_OK)
        bv_model_unload(&m);
    else
        *out = m;
    return status;
}
