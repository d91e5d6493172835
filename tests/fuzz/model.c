// Model files whose card and shapes are edited: opening refuses them, or what follows (embedding,
// classifying) stays within its arrays. The input is lines, each an edit of a small dual encoder:
//
//   PATH=VALUE           a field of the card, as biovl convert --set has it
//   NAME:D,D,…           the shape of a tensor
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "model/card.h"
#include "score/classifier.h"
#include "target.h"

enum { MAX_EDITS = 24, MAX_ELEMENTS = 1 << 16, MAX_WORK = 1 << 21 };

static const char card_text[] =
    "{\"name\":\"fuzz\",\"image\":{\"arch\":\"vit\",\"heads\":2,\"outputs\":{"
    "\"global\":{\"from\":\"cls\",\"steps\":[[\"linear\",\"image.map\"]]},"
    "\"local\":{\"from\":\"patches\",\"steps\":[[\"linear\",\"image.map\"]]},"
    "\"logits\":{\"from\":\"cls\",\"steps\":[[\"linear\",\"image.head\"]]}}},"
    "\"text\":{\"arch\":\"glove\",\"outputs\":{"
    "\"global\":{\"from\":\"tokens\",\"steps\":[[\"mean\"],[\"linear\",\"text.map\"]]},"
    "\"tokens\":{\"from\":\"tokens\",\"steps\":[[\"linear\",\"text.map\"]]}}},"
    "\"tokenizer\":{\"kind\":\"wordpiece\",\"max_length\":16},"
    "\"preprocess\":{\"intensity\":\"stored\",\"channels\":3,\"steps\":["
    "{\"op\":\"resize\",\"like\":\"pillow\",\"size\":16},{\"op\":\"scale\",\"divide\":255}]},"
    "\"prompts\":{\"name\":\"fuzz\",\"positive\":[\"{}\"],\"negative\":[\"no {}\"]},"
    "\"scoring\":{\"rule\":\"cosine\"}}";

static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nleft\neffusion\nno\n";

static const struct {
    const char *name;
    int rank;
    int64_t dim[4];
} tensors[] = {
    {"image.patch_embed.proj.weight", 4, {8, 4, 4, 3}},
    {"image.patch_embed.proj.bias", 1, {8}},
    {"image.cls_token", 3, {1, 1, 8}},
    {"image.pos_embed", 3, {1, 17, 8}},
    {"image.blocks.0.norm1.weight", 1, {8}},
    {"image.blocks.0.norm1.bias", 1, {8}},
    {"image.blocks.0.attn.qkv.weight", 2, {24, 8}},
    {"image.blocks.0.attn.qkv.bias", 1, {24}},
    {"image.blocks.0.attn.proj.weight", 2, {8, 8}},
    {"image.blocks.0.attn.proj.bias", 1, {8}},
    {"image.blocks.0.norm2.weight", 1, {8}},
    {"image.blocks.0.norm2.bias", 1, {8}},
    {"image.blocks.0.mlp.fc1.weight", 2, {16, 8}},
    {"image.blocks.0.mlp.fc1.bias", 1, {16}},
    {"image.blocks.0.mlp.fc2.weight", 2, {8, 16}},
    {"image.blocks.0.mlp.fc2.bias", 1, {8}},
    {"image.norm.weight", 1, {8}},
    {"image.norm.bias", 1, {8}},
    {"image.map.weight", 2, {6, 8}},
    {"image.head.weight", 2, {2, 8}},
    {"text.word_embeddings.weight", 2, {8, 5}},
    {"text.map.weight", 2, {6, 5}},
};

enum { TENSORS = sizeof tensors / sizeof *tensors };

static float values[MAX_ELEMENTS];

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void set_shape(struct bv_safetensors_spec *specs, const char *name, const char *dims)
{
    for (int i = 0; i < TENSORS; i++) {
        if (strcmp(specs[i].name, name) != 0)
            continue;
        int64_t dim[BV_MAX_DIMS], n = 1;
        int rank = 0;
        for (char *end = NULL; *dims && rank < BV_MAX_DIMS; dims = end + (*end == ',')) {
            dim[rank] = strtol(dims, &end, 10);
            if (end == dims || dim[rank] < 0 || dim[rank] > MAX_ELEMENTS ||
                n * dim[rank] > MAX_ELEMENTS)
                return;
            n *= dim[rank++];
        }
        specs[i].n_dims = rank;
        memcpy(specs[i].shape, dim, (size_t)rank * sizeof *dim);
    }
}

static void edit(json_t *card, struct bv_safetensors_spec *specs, char *lines)
{
    char *rest = NULL;
    int n = 0;
    for (char *line = strtok_r(lines, "\n", &rest); line && n < MAX_EDITS;
         line = strtok_r(NULL, "\n", &rest), n++) {
        char *equals = strchr(line, '='), *colon = strchr(line, ':');
        struct bv_error err = {0};
        if (equals && (!colon || equals < colon)) {
            *equals = 0;
            (void)bv_card_set(card, line, equals + 1, &err);
        } else if (colon) {
            *colon = 0;
            set_shape(specs, line, colon + 1);
        }
    }
}

// Writes the model with its edits. False where they make no file.
static bool write_model(const char *path, char *lines)
{
    struct bv_safetensors_spec specs[TENSORS];
    struct bv_error err = {0};
    json_t *card = NULL, *metadata = json_object();
    must(bv_json_parse(&card, card_text, sizeof card_text - 1, "card", &err) == BV_OK && metadata);
    for (int i = 0; i < TENSORS; i++) {
        specs[i] = (struct bv_safetensors_spec){
            .name = tensors[i].name, .dtype = BV_F32, .n_dims = tensors[i].rank, .data = values};
        memcpy(specs[i].shape, tensors[i].dim, sizeof tensors[i].dim);
    }
    edit(card, specs, lines);
    char *text = json_dumps(card, JSON_COMPACT);
    bool ok = text && json_object_set_new(metadata, BV_META_FORMAT, json_string("1")) == 0 &&
              json_object_set_new(metadata, BV_META_CARD, json_string(text)) == 0 &&
              json_object_set_new(metadata, BV_META_VOCAB, json_string(vocabulary)) == 0 &&
              bv_safetensors_write(path, specs, TENSORS, metadata, NULL, NULL, &err) == BV_OK;
    free(text);
    json_decref(card);
    json_decref(metadata);
    return ok;
}

// Whether a tower's intermediate values are few enough to be computed here.
static bool is_small(enum bv_status status, struct bv_graph **graph)
{
    int64_t total = 0;
    for (int i = 0; status == BV_OK && i < (*graph)->n_tensors && total <= MAX_WORK; i++) {
        int64_t n = bv_elements((*graph)->tensors[i]);
        total = n > MAX_WORK ? MAX_WORK + 1 : total + n;
    }
    bv_graph_destroy(graph);
    return status == BV_OK && total <= MAX_WORK;
}

static bool is_runnable(const struct bv_model *m)
{
    struct bv_graph *g = NULL;
    bool ok = true;
    if (bv_model_has_image(m)) {
        enum bv_status status = bv_model_image_graph(m, 1, m->image_height, m->image_width,
                                                     bv_recipe_channels(m->recipe), &g, NULL);
        ok = is_small(status, &g);
    }
    if (ok && bv_model_has_text(m))
        ok = is_small(bv_model_text_graph(m, 1, 16, &g, NULL), &g);
    return ok && m->max_tokens > 0 && m->max_tokens <= 64;
}

static void classify(struct bv_session *session, const struct bv_image *image)
{
    static const char text[] = "left effusion\neffusion\n";
    const struct bv_model *m = bv_session_model(session);
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    double scores[2];
    struct bv_label_scores out = {scores, NULL, NULL};
    if (bv_labels_parse(&labels, text, sizeof text - 1, "labels",
                        json_object_get(m->card, "prompts"), NULL) == BV_OK &&
        bv_classifier_create(&classifier, session, &labels, NULL) == BV_OK)
        (void)bv_classify_images(classifier, &image, NULL, 1, &out, NULL, NULL);
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
}

static void use(const struct bv_model *m)
{
    static uint8_t pixels[20 * 16];
    const struct bv_image image = {.kind = BV_FILE_PNG,
                                   .width = 16,
                                   .height = 20,
                                   .channels = 1,
                                   .sample = BV_SAMPLE_U8,
                                   .bits_stored = 8,
                                   .pixels = pixels};
    const struct bv_image *list = &image;
    const char *text = "no left effusion";
    struct bv_session *session = NULL;
    struct bv_session_options cpu = {"cpu", "f32", NULL};
    if (bv_session_open(&session, m, &cpu, NULL) != BV_OK)
        return;
    // As large as the model says, so that a sanitizer sees a write beyond it.
    float *a = malloc((size_t)m->image_dim * sizeof *a + 1);
    float *b = malloc((size_t)m->text_dim * sizeof *b + 1);
    must(a && b);
    const struct bv_wanted of_image = {"global", a, (size_t)m->image_dim};
    const struct bv_wanted of_text = {"global", b, (size_t)m->text_dim};
    if (m->image_dim > 0)
        (void)bv_encode_images(session, &list, NULL, 1, &of_image, 1, NULL, NULL);
    if (m->text_dim > 0)
        (void)bv_encode_texts(session, &text, 1, &of_text, NULL, NULL, NULL);
    classify(session, &image);
    free(a);
    free(b);
    bv_session_close(&session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/biovl-fuzz-model-%ld",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    for (int i = 0; values[1] == 0 && i < MAX_ELEMENTS; i++)
        values[i] = (float)(i % 7) / 7 - 0.4f;
    char *lines = malloc(size + 1);
    must(lines != NULL);
    memcpy(lines, data, size);
    lines[size] = 0;
    struct bv_model *model = NULL;
    if (write_model(path, lines) && bv_model_load(&model, path, NULL) == BV_OK &&
        is_runnable(model))
        use(model);
    bv_model_unload(&model);
    (void)unlink(path);
    free(lines);
    return 0;
}
