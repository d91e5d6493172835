#include "convert/convert.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "convert/import_steps.h"
#include "convert/settings.h"
#include "model/card.h"
#include "model/graphs.h"
#include "model/model.h"
#include "text/encoder.h"

// Everything an import holds; released in one place.
struct import {
    const struct bv_import_options *options;
    struct bv_checkpoint *checkpoint;
    json_t *card;
    json_t *notes; // sentences for the user
    struct bv_rules *rules;
    struct bv_staging staging;
    const char *vocabulary_place; // where to look first; NULL: beside the checkpoint
    char *vocabulary;
    size_t vocabulary_size;
    char digest[65];
    char prefix[64];     // taken off all names
    const char *weights; // which of two sets was taken; NULL: there is one
    size_t golden_room;  // bytes that the golden vectors will need in the header, about
    bool broken_card;    // the tensors are those of the card, which contradicts itself
};

static void release(struct import *im)
{
    bv_checkpoint_close(&im->checkpoint);
    bv_rules_destroy(&im->rules);
    bv_staging_free(&im->staging);
    json_decref(im->card);
    json_decref(im->notes);
    free(im->vocabulary);
}

static const size_t max_config_bytes = 1 << 20;

// What Hugging Face's programs write beside weights.
static const char *const settings[] = {
    "config.json",           "preprocessor_config.json",  "open_clip_config.json",
    "tokenizer_config.json", "sentence_bert_config.json", "1_Pooling/config.json"};

// Settings that cannot be read would be taken for absent ones: another model, without a word.
static enum bv_status check_settings(const struct import *im, struct bv_error *err)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char *text = NULL;
        size_t size = 0;
        json_t *value = NULL;
        if (!bv_checkpoint_has_file(im->checkpoint, settings[i]))
            continue;
        BV_TRY(bv_checkpoint_read_file(im->checkpoint, settings[i], max_config_bytes, &text, &size,
                                       err));
        enum bv_status status = bv_json_parse(&value, text, size, settings[i], err);
        if (status == BV_OK && !json_is_object(value))
            status = bv_fail(err, BV_ERR_FORMAT, "%s: not a JSON object", settings[i]);
        json_decref(value);
        free(text);
        BV_TRY(status);
    }
    return BV_OK;
}

// Copies members of a file beside the checkpoint under other names into an object of the card.
static void copy_members(const struct import *im, const char *file, const char *const names[][2],
                         size_t n, json_t *to)
{
    json_t *from = to ? bv_settings_read(im->checkpoint, file) : NULL;
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object_get(from, names[i][0]);
        if (value && !json_is_null(value))
            (void)json_object_set(to, names[i][1], value);
    }
    json_decref(from);
}

// ALBERT's tokenizer tells it the other way round.
static void take_accents(const struct import *im, json_t *tokenizer)
{
    json_t *config = bv_settings_read(im->checkpoint, "tokenizer_config.json");
    const json_t *keep = json_object_get(config, "keep_accents");
    if (tokenizer && json_is_boolean(keep))
        (void)json_object_set_new(tokenizer, "strip_accents", json_boolean(!json_is_true(keep)));
    json_decref(config);
}

// How sentence-transformers pools, where a folder is one of its models. What is none of ours is
// passed on, to be refused by name.
static void take_pooling(const struct import *im, json_t *text)
{
    static const char *const modes[][2] = {{"pooling_mode_cls_token", "cls"},
                                           {"pooling_mode_mean_tokens", "mean"},
                                           {"pooling_mode_max_tokens", "max"},
                                           {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len"},
                                           {"pooling_mode_weightedmean_tokens", "weightedmean"},
                                           {"pooling_mode_lasttoken", "lasttoken"}};
    json_t *config = bv_settings_read(im->checkpoint, "1_Pooling/config.json");
    const char *pooling = bv_json_string(config, "pooling_mode", NULL);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (bv_json_boolean(config, modes[i][0], false))
            pooling = pooling ? "several at once" : modes[i][1];
    if (pooling && text)
        (void)json_object_set_new(text, "pooling", json_string(pooling));
    json_decref(config);
}

// What Hugging Face's files beside the weights tell and tensors do not.
static void take_config(struct import *im)
{
    static const char *const encoder[][2] = {{"num_attention_heads", "heads"},
                                             {"layer_norm_eps", "eps"},
                                             {"hidden_act", "activation"},
                                             {"num_hidden_layers", "layers"}};
    static const char *const tokenizer[][2] = {{"do_lower_case", "lowercase"},
                                               {"strip_accents", "strip_accents"},
                                               {"tokenize_chinese_chars", "chinese"}};
    static const char *const sentence[][2] = {{"max_seq_length", "max_length"}};
    json_t *own = json_object_get(im->card, "tokenizer");
    json_t *tower = json_object_get(im->card, "text"), *encoders = tower;
    if (!encoders)
        encoders = json_object_get(im->card, "fusion");
    if (!encoders)
        encoders = json_object_get(im->card, "image");
    if (!json_object_get(json_object_get(im->card, "settings"), "towers"))
        copy_members(im, "config.json", encoder, 4, encoders);
    if (!bv_json_boolean(json_object_get(im->card, "recognise"), "generic", false))
        return; // a system's own tokenizer is known
    copy_members(im, "tokenizer_config.json", tokenizer, 3, own);
    copy_members(im, "sentence_bert_config.json", sentence, 1, own);
    take_accents(im, own);
    take_pooling(im, tower);
}

// "pooling" of a bare text encoder stands for its one output.
static enum bv_status set_pooling(struct import *im, struct bv_error *err)
{
    static const struct {
        const char *name, *output;
    } poolings[] = {
        {"mean", "{\"from\": \"last\", \"steps\": [[\"mean\"]]}"},
        {"cls", "{\"from\": \"cls\"}"},
        {"pooler", "{\"from\": \"pooled\"}"},
    };
    json_t *text = json_object_get(im->card, "text");
    const char *pooling = bv_json_string(text, "pooling", NULL);
    if (!pooling)
        return BV_OK;
    for (size_t i = 0; i < sizeof poolings / sizeof *poolings; i++)
        if (strcmp(poolings[i].name, pooling) == 0) {
            json_t *output = json_loads(poolings[i].output, 0, NULL);
            return json_object_set_new(text, "outputs", json_pack("{s:o}", "global", output)) == 0
                       ? BV_OK
                       : bv_fail_nomem(err, "a system card");
        }
    return bv_fail(err, BV_ERR_ARG, "unknown pooling \"%s\" (mean, cls, pooler)", pooling);
}

// Adds the other checkpoints that a system is made of (BioViL's image model beside its text model).
static enum bv_status add_beside(struct import *im, struct bv_error *err)
{
    size_t i;
    const json_t *part;
    json_array_foreach(json_object_get(im->card, "beside"), i, part) BV_TRY(bv_checkpoint_add(
        im->checkpoint, bv_json_string(part, "file", ""), bv_json_string(part, "prefix", ""), err));
    return BV_OK;
}

static bool unwrap(struct import *im)
{
    const char *word = bv_checkpoint_unwrap(im->checkpoint);
    size_t n = strlen(im->prefix);
    if (word)
        (void)snprintf(im->prefix + n, sizeof im->prefix - n, "%s", word);
    return word != NULL;
}

static void rewrap(struct import *im)
{
    bv_checkpoint_rewrap(im->checkpoint);
    im->prefix[0] = 0;
}

// A system whose tensors these are, as they are named or within what a training program wrapped
// around them.
static enum bv_status find_card(struct import *im, struct bv_error *err)
{
    if (im->card) { // the one that the caller names
        while (!bv_recognise_fits(im->checkpoint, im->card))
            if (!unwrap(im)) {
                rewrap(im);
                break;
            }
        return BV_OK;
    }
    struct bv_error first = {0};
    enum bv_status status = bv_recognise(im->checkpoint, &im->card, &first);
    while (status == BV_ERR_MODEL && unwrap(im))
        status = bv_recognise(im->checkpoint, &im->card, NULL);
    if (status == BV_OK)
        return BV_OK;
    rewrap(im);
    return bv_fail(err, first.status, "%s", first.text);
}

// Systems whose tensors are the same and whose files are told apart by how their names begin.
static enum bv_status take_variant(struct import *im, const char *source, struct bv_error *err)
{
    const json_t *spec = json_object_get(im->card, "recognise");
    const char *slash = strrchr(source, '/'), *file = slash ? slash + 1 : source, *start;
    json_t *name, *other = NULL;
    json_object_foreach(json_object_get(spec, "variants"), start, name)
    {
        if (other || strncmp(file, start, strlen(start)) != 0)
            continue;
        BV_TRY(bv_card_load(&other, json_string_value(name) ? json_string_value(name) : "", err));
    }
    if (other) {
        json_decref(im->card);
        im->card = other;
    }
    return BV_OK;
}

static enum bv_status choose_card(struct import *im, const char *source, struct bv_error *err)
{
    const struct bv_import_options *o = im->options;
    BV_TRY(find_card(im, err));
    if (!o->system)
        BV_TRY(take_variant(im, source, err));
    take_config(im);
    if (bv_json_boolean(json_object_get(im->card, "recognise"), "family", false))
        bv_note(
            im->notes,
            "no system is known by these tensors alone: the folder is read by its configuration, "
            "as %s",
            bv_json_string(im->card, "title", "?"));
    bv_settings_towers(im->card, im->checkpoint, im->notes);
    BV_TRY(bv_open_clip_take(im->card, im->checkpoint, im->notes, err));
    for (size_t i = 0; i < o->n_set; i++) {
        const char *equals = strchr(o->set[i], '=');
        char path[256];
        if (!equals || equals == o->set[i] || (size_t)(equals - o->set[i]) >= sizeof path)
            return bv_fail(err, BV_ERR_ARG, "--set %s: expected KEY=VALUE", o->set[i]);
        (void)snprintf(path, sizeof path, "%.*s", (int)(equals - o->set[i]), o->set[i]);
        BV_TRY(bv_card_set(im->card, path, equals + 1, err));
    }
    bv_settings_tokenizers(im->card, im->checkpoint, im->notes);
    BV_TRY(bv_settings_recipe(im->card, im->checkpoint, o->processor, im->notes, err));
    BV_TRY(bv_card_resolve(im->card, err));
    return set_pooling(im, err);
}

// A vocabulary of another size than the embedding table would be read wrongly without a word.
// Tables are sometimes padded to a round number of rows, never by more than this.
static const int64_t max_table_padding = 128;

static enum bv_status check_table(const struct bv_weights *weights, size_t n_tokens,
                                  struct bv_error *err)
{
    static const char *const tables[] = {
        "text.embeddings.word_embeddings.weight", "text.token_embedding.weight",
        "text.word_embeddings.weight", "fusion.embeddings.word_embeddings.weight"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const struct bv_weight *w = bv_weights_find(weights, tables[i]);
        if (w &&
            ((int64_t)n_tokens > w->dim[0] || (int64_t)n_tokens + max_table_padding <= w->dim[0]))
            return bv_fail(err, BV_ERR_MODEL,
                           "the vocabulary has %zu tokens, the model's table %lld rows", n_tokens,
                           (long long)w->dim[0]);
    }
    return BV_OK;
}

// Texts are cut to what the position table allows.
static void limit_length(struct import *im, struct bv_weights *shapes)
{
    json_t *tokenizer = json_object_get(im->card, "tokenizer");
    int64_t rows = bv_text_max_tokens(shapes, json_object_get(im->card, "text"), "text.");
    int64_t own = bv_json_integer(tokenizer, "max_length", 0);
    if (rows > 0 && (own == 0 || own > rows))
        (void)json_object_set_new(tokenizer, "max_length", json_integer(rows));
}

static enum bv_status take_tokenizer(struct import *im, struct bv_weights *shapes,
                                     struct bv_tokenizer **tokenizer, struct bv_error *err)
{
    if (!json_object_get(im->card, "tokenizer"))
        return BV_OK;
    limit_length(im, shapes);
    BV_TRY(bv_vocabulary_load(tokenizer, im->card, im->checkpoint, im->vocabulary_place, err));
    json_t *description = NULL;
    BV_TRY(bv_tokenizer_describe(*tokenizer, &description, err));
    (void)json_object_set_new(im->card, "tokenizer", description);
    return bv_tokenizer_vocabulary(*tokenizer, &im->vocabulary, &im->vocabulary_size, err);
}

static bool graph_reads(const struct bv_graph *g, const char *name)
{
    for (int i = 0; g && i < g->n_tensors; i++)
        if (g->tensors[i]->role == BV_ROLE_WEIGHT && strcmp(g->tensors[i]->name, name) == 0)
            return true;
    return false;
}

// Position and type tables are read through row ranges named "table[first:last]".
static bool graph_reads_rows(const struct bv_graph *g, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; g && i < g->n_tensors; i++)
        if (g->tensors[i]->role == BV_ROLE_WEIGHT && strncmp(g->tensors[i]->name, name, n) == 0 &&
            g->tensors[i]->name[n] == '[')
            return true;
    return false;
}

// Weights of the scoring rule: card["scoring"]["weights"] holds patterns.
static bool scoring_reads(const json_t *card, const char *name)
{
    return bv_patterns_match(json_object_get(json_object_get(card, "scoring"), "weights"), name);
}

// Weights that the definitions never ask for are unexpected: they mean another architecture.
static enum bv_status check_unread(const struct import *im, struct bv_graph *const graphs[5],
                                   struct bv_error *err)
{
    char list[1500];
    size_t used = 0;
    int n = 0;
    const json_t *scale = json_object_get(im->card, "logit_scale"),
                 *bias = json_object_get(im->card, "logit_bias");
    const char *scale_name = bv_json_string(scale, "tensor", "logit_scale"),
               *bias_name = bv_json_string(bias, "tensor", "");
    for (size_t i = 0; i < im->staging.n; i++) {
        const char *name = im->staging.specs[i].name;
        bool read = strcmp(name, scale_name) == 0 || strcmp(name, bias_name) == 0 ||
                    scoring_reads(im->card, name) ||
                    bv_patterns_match(json_object_get(im->card, "optional"), name);
        for (int k = 0; k < 5; k++)
            read = read || graph_reads(graphs[k], name) || graph_reads_rows(graphs[k], name);
        if (read)
            continue;
        const char *source = im->staging.sources[i].source->name;
        if (strlen(source) + 3 < sizeof list - used)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", n ? ", " : "", source);
        n++;
    }
    if (n > 0)
        return bv_fail(err, BV_ERR_MODEL, "%d tensor%s unused by system %s: %.*s", n,
                       n == 1 ? "" : "s", bv_json_string(im->card, "name", "?"), (int)used, list);
    return BV_OK;
}

// Builds the fusion graph over the shapes that the image tower makes, or over a few regions.
static enum bv_status check_fusion(const struct bv_model *model, const struct bv_graph *image,
                                   struct bv_graph **graph, struct bv_error *err)
{
    struct bv_fusion_wants wants = bv_model_fusion_wants(model);
    struct bv_fusion_shape shape = bv_fusion_example_shape(model);
    const char *output = bv_json_string(json_object_get(model->card, "fusion"), "image", "tokens");
    int i = image ? bv_graph_find_output(image, output) : -1;
    if (!wants.regions && !wants.pixels && (i < 0 || image->outputs[i]->rank != 3))
        return bv_fail(err, BV_ERR_MODEL, "the image encoder has no output \"%s\" of tokens",
                       output);
    if (i >= 0) {
        shape.image_tokens = image->outputs[i]->dim[1];
        shape.width = image->outputs[i]->dim[2];
    }
    if (wants.sample > 0)
        shape.positions = wants.sample < shape.image_tokens ? wants.sample : shape.image_tokens;
    return bv_model_fusion_graph(model, &shape, graph, err);
}

// Builds the query decoder over two texts and the rows that the image tower makes.
static enum bv_status check_decoder(const struct bv_model *model, const struct bv_graph *image,
                                    struct bv_graph **graph, struct bv_error *err)
{
    const char *output = bv_json_string(bv_model_decoder_card(model), "image", "tokens");
    int i = image ? bv_graph_find_output(image, output) : -1;
    if (i < 0 || image->outputs[i]->rank != 3)
        return bv_fail(err, BV_ERR_MODEL, "the image encoder has no output \"%s\" of rows", output);
    const struct bv_decoder_shape shape = {2 * bv_model_decoder_concepts(model),
                                           bv_model_decoder_rows(model), image->outputs[i]->dim[1],
                                           image->outputs[i]->dim[2], false};
    return bv_model_decoder_graph(model, &shape, graph, err);
}

// What the pooled outputs of a graph take as text, for a few inputs.
static size_t golden_room(const struct bv_graph *g)
{
    size_t room = 0;
    for (int i = 0; g && i < g->n_outputs; i++)
        if (g->outputs[i] && g->outputs[i]->rank == 2)
            room += (size_t)bv_elements(g->outputs[i]) * 3 * sizeof "-0.123456789e-10";
    return room;
}

// Builds all towers over the staged shapes: what is missing or misshapen shows before anything is
// written.
static enum bv_status check_model(struct import *im, struct bv_error *err)
{
    struct bv_weights *shapes = NULL;
    struct bv_tokenizer *tokenizer = NULL;
    struct bv_model *model = NULL;
    struct bv_graph *graphs[5] = {NULL}; // image, image with a prior one, text, fusion, decoder
    BV_TRY(bv_staging_shapes(&im->staging, &shapes, err));
    enum bv_status status = take_tokenizer(im, shapes, &tokenizer, err);
    if (status == BV_OK && tokenizer)
        status = check_table(shapes, bv_tokenizer_size(tokenizer), err);
    if (status != BV_OK) {
        bv_tokenizer_destroy(&tokenizer);
        bv_weights_destroy(&shapes);
        return status;
    }
    BV_TRY(bv_model_assemble(&model, shapes, json_incref(im->card), tokenizer, err));
    int64_t C = bv_model_has_image(model) ? bv_recipe_channels(model->recipe) : 0;
    if (bv_model_has_image(model))
        status = bv_model_image_graph(model, 1, model->image_height, model->image_width, C,
                                      &graphs[0], err);
    if (status == BV_OK && bv_model_takes_prior(model))
        status = bv_model_prior_graph(model, 1, model->image_height, model->image_width, C,
                                      &graphs[1], err);
    if (status == BV_OK && bv_model_has_text(model))
        status = bv_model_text_graph(model, 1, 2, &graphs[2], err);
    if (status == BV_OK && bv_model_has_fusion(model))
        status = check_fusion(model, graphs[0], &graphs[3], err);
    if (status == BV_OK && bv_model_decoder_card(model))
        status = check_decoder(model, graphs[0], &graphs[4], err);
    if (status == BV_OK)
        im->broken_card = (status = bv_model_check(model, err)) != BV_OK;
    if (status == BV_OK)
        status = check_unread(im, graphs, err);
    im->golden_room = 8192;
    for (int k = 0; k < 5; k++) {
        im->golden_room += golden_room(graphs[k]);
        bv_graph_destroy(&graphs[k]);
    }
    bv_model_unload(&model);
    return status;
}

static void strip_card(json_t *card)
{
    static const char *const import_only[] = {"tensors", "ignore", "recognise", "vocabulary",
                                              "half",    "beside", "parts",     "settings"};
    for (size_t i = 0; i < sizeof import_only / sizeof *import_only; i++)
        (void)json_object_del(card, import_only[i]);
}

// With golden NULL, room is kept for it and for the digest.
static enum bv_status make_metadata(const struct import *im, const json_t *golden, json_t **out,
                                    struct bv_error *err)
{
    json_t *meta = json_object();
    char *card = json_dumps(im->card, JSON_COMPACT | JSON_SORT_KEYS);
    char *vectors = golden ? json_dumps(golden, JSON_COMPACT | JSON_REAL_PRECISION(9))
                           : calloc(im->golden_room + 1, 1);
    if (!golden && vectors)
        memset(vectors, ' ', im->golden_room);
    bool ok = meta && card && vectors &&
              json_object_set_new(meta, BV_META_FORMAT, json_string("1")) == 0 &&
              json_object_set_new(meta, BV_META_CARD, json_string(card)) == 0;
    if (ok && im->vocabulary)
        ok = json_object_set_new(meta, BV_META_VOCAB,
                                 json_stringn(im->vocabulary, im->vocabulary_size)) == 0;
    char blank[65] = "";
    memset(blank, '0', sizeof blank - 1);
    ok = ok && json_object_set_new(meta, BV_META_GOLDEN, json_string(vectors)) == 0 &&
         json_object_set_new(meta, BV_META_DIGEST, json_string(golden ? im->digest : blank)) == 0;
    free(card);
    free(vectors);
    if (!ok) {
        json_decref(meta);
        return bv_fail(err, BV_ERR_FORMAT, "the vocabulary or card is not UTF-8 text");
    }
    *out = meta;
    return BV_OK;
}

static enum bv_status compute_golden(const struct import *im, const char *draft, json_t **golden,
                                     struct bv_error *err)
{
    struct bv_model *model = NULL;
    struct bv_session *session = NULL;
    struct bv_session_options options = {
        .device = "cpu", .precision = "f32", .pool = im->options->pool};
    BV_TRY(bv_model_load(&model, draft, err));
    enum bv_status status = bv_session_open(&session, model, &options, err);
    if (status == BV_OK)
        status = bv_golden_make(session, golden, err);
    bv_session_close(&session);
    bv_model_unload(&model);
    return status;
}

static enum bv_status compute_digest(struct import *im, const char *draft, struct bv_error *err)
{
    struct bv_safetensors file = {0};
    BV_TRY(bv_safetensors_open(&file, draft, err));
    bv_model_digest(&file, im->digest);
    bv_safetensors_close(&file);
    return BV_OK;
}

// Writes digest and golden vectors into the room that the draft's header keeps for them.
static enum bv_status put_golden(const struct import *im, const char *draft, const json_t *golden,
                                 bool *fits, struct bv_error *err)
{
    char *text = json_dumps(golden, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (!text)
        return bv_fail_nomem(err, "golden vectors");
    enum bv_status status = bv_header_put(draft, BV_META_GOLDEN, text, fits, err);
    if (status == BV_OK && *fits)
        status = bv_header_put(draft, BV_META_DIGEST, im->digest, fits, err);
    free(text);
    return status;
}

// Copies the draft's tensors behind a larger header.
static enum bv_status write_final(struct import *im, const char *draft, const char *path,
                                  const json_t *golden, struct bv_error *err)
{
    struct bv_safetensors file = {0};
    json_t *meta = NULL;
    BV_TRY(bv_safetensors_open(&file, draft, err));
    for (size_t i = 0; i < im->staging.n; i++)
        im->staging.specs[i].data = bv_safetensors_find(&file, im->staging.specs[i].name)->data;
    enum bv_status status = make_metadata(im, golden, &meta, err);
    if (status == BV_OK)
        status =
            bv_safetensors_write(path, im->staging.specs, im->staging.n, meta, NULL, NULL, err);
    json_decref(meta);
    bv_safetensors_close(&file);
    return status;
}

// Gives the draft its digest and golden vectors, and its name.
static enum bv_status finish(struct import *im, const char *draft, const char *path,
                             struct bv_error *err)
{
    json_t *golden = NULL;
    bool fits = false;
    BV_TRY(compute_digest(im, draft, err));
    BV_TRY(compute_golden(im, draft, &golden, err));
    enum bv_status status = put_golden(im, draft, golden, &fits, err);
    if (status == BV_OK && !fits)
        status = write_final(im, draft, path, golden, err);
    else if (status == BV_OK && rename(draft, path) != 0)
        status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    json_decref(golden);
    return status;
}

// Where the model file goes: a regular file that is not one of those being read. The caller frees
// *target, which may be NULL on failure.
static enum bv_status place_output(const struct import *im, const char *path, char **target,
                                   struct bv_error *err)
{
    int fd = -1;
    BV_TRY(bv_output_place(path, target, &fd, err));
    if (fd >= 0) {
        (void)close(fd);
        return bv_fail(err, BV_ERR_IO,
                       "%s: not a regular file, and a model file is read again while it is made",
                       path);
    }
    if (!bv_checkpoint_uses(im->checkpoint, *target))
        return BV_OK;
    return bv_fail(err, BV_ERR_ARG, "%s: the output is the checkpoint itself", path);
}

// The golden vectors need a model that runs, and are stored in the header before the data: the
// tensors are written to a draft whose header has room for them.
static enum bv_status write_draft(struct import *im, const char *draft, const char *target,
                                  struct bv_error *err)
{
    json_t *meta = NULL;
    enum bv_status status = make_metadata(im, NULL, &meta, err);
    int number = bv_unfinished_add(draft);
    if (status == BV_OK)
        status = bv_safetensors_write(draft, im->staging.specs, im->staging.n, meta,
                                      bv_staging_fill, &im->staging, err);
    json_decref(meta);
    bv_checkpoint_close(&im->checkpoint); // its pages are no longer needed
    if (status == BV_OK) {
        status = finish(im, draft, target, err);
        (void)unlink(draft);
    }
    bv_unfinished_drop(number);
    return status;
}

// A name beside the target that no file has: it might be somebody's, or the checkpoint. The caller
// frees it; NULL where memory is out.
static char *name_draft(const char *target)
{
    size_t size = strlen(target) + 64;
    char *draft = malloc(size);
    int i = 0;
    if (draft)
        do
            (void)snprintf(draft, size, "%s.draft.%ld-%d", target, (long)getpid(), i);
        while (access(draft, F_OK) == 0 && i++ < INT_MAX);
    return draft;
}

static enum bv_status write_model(struct import *im, const char *path, struct bv_error *err)
{
    char *target = NULL;
    enum bv_status status = place_output(im, path, &target, err);
    char *draft = status == BV_OK ? name_draft(target) : NULL;
    if (status == BV_OK && !draft)
        status = bv_fail_nomem(err, path);
    if (status == BV_OK)
        status = write_draft(im, draft, target, err);
    free(draft);
    free(target);
    return status;
}

// A checkpoint that does not fit the system it was given as: says whose its tensors are.
static enum bv_status name_system(const struct import *im, enum bv_status status,
                                  struct bv_error *err)
{
    json_t *own = NULL;
    if (status != BV_ERR_MODEL || !im->options->system || im->broken_card ||
        bv_recognise(im->checkpoint, &own, NULL) != BV_OK)
        return status;
    const char *name = bv_json_string(own, "name", ""), *given = im->options->system;
    if (strcmp(name, bv_json_string(im->card, "name", "")) != 0)
        (void)bv_fail_prefix(err, "not a checkpoint of system %.60s but of %s", given, name);
    json_decref(own);
    return status;
}

static enum bv_status stage(struct import *im, struct bv_error *err)
{
    BV_TRY(bv_rules_create(&im->rules, im->card, err));
    BV_TRY(bv_stage(&im->staging, im->checkpoint, im->rules, json_object_get(im->card, "half"),
                    im->options->dtype, im->options->keep_dtype, err));
    BV_TRY(check_model(im, err));
    return bv_config_check(im->checkpoint, im->card, err);
}

static enum bv_status choose_weights(struct import *im, struct bv_error *err)
{
    const char *wanted = im->options->weights;
    bool ema = wanted && strcmp(wanted, "ema") == 0;
    if (wanted && !ema && strcmp(wanted, "plain") != 0)
        return bv_fail(err, BV_ERR_ARG, "weights \"%s\": choose ema or plain", wanted);
    if (wanted && !ema && bv_checkpoint_is_averaged(im->checkpoint))
        return bv_fail(err, BV_ERR_ARG, "the checkpoint holds EMA weights only");
    im->weights = bv_checkpoint_has_averages(im->checkpoint) ? "plain" : NULL;
    if (ema)
        BV_TRY(bv_checkpoint_take_averages(im->checkpoint, err));
    if (bv_checkpoint_is_averaged(im->checkpoint))
        im->weights = "ema";
    return BV_OK;
}

static enum bv_status run(struct import *im, const char *source, const char *path,
                          struct bv_error *err)
{
    if (im->options->system) // a wrong name shows before a large file is read
        BV_TRY(bv_card_load(&im->card, im->options->system, err));
    BV_TRY(bv_checkpoint_open(&im->checkpoint, source, err));
    BV_TRY(choose_weights(im, err));
    BV_TRY(check_settings(im, err));
    BV_TRY(choose_card(im, source, err));
    BV_TRY(add_beside(im, err));
    im->vocabulary_place = im->options->vocabulary;
    BV_TRY(bv_parts_add(im->checkpoint, im->card, im->options->parts, im->options->n_parts,
                        &im->vocabulary_place, err));
    BV_TRY(name_system(im, stage(im, err), err));
    strip_card(im->card);
    return write_model(im, path, err);
}

static void write_notes(const json_t *notes, struct bv_import_report *report)
{
    size_t used = 0, i;
    const json_t *note;
    report->notes[0] = 0;
    json_array_foreach(notes, i, note)
    {
        const char *text = json_string_value(note);
        if (text && strlen(text) + 2 <= sizeof report->notes - used)
            used +=
                (size_t)snprintf(report->notes + used, sizeof report->notes - used, "%s\n", text);
    }
}

enum bv_status bv_import(const char *source, const char *path,
                         const struct bv_import_options *options, struct bv_import_report *report,
                         struct bv_error *err)
{
    struct import im = {.options = options, .notes = json_array()};
    enum bv_status status = run(&im, source, path, err);
    if (status == BV_OK && report) {
        (void)snprintf(report->system, sizeof report->system, "%s",
                       bv_json_string(im.card, "name", ""));
        memcpy(report->prefix, im.prefix, sizeof report->prefix);
        report->weights = im.weights;
        report->n_tensors = im.staging.n;
        report->n_ignored = im.staging.n_ignored;
        memcpy(report->digest, im.digest, sizeof report->digest);
        write_notes(im.notes, report);
    } else if (status != BV_OK && err && strncmp(err->text, source, strlen(source)) != 0) {
        (void)bv_fail_prefix(err, "%s", source);
    }
    release(&im);
    return status;
}
