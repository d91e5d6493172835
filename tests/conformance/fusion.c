// conformance.<system>: every published fusion encoder against the outputs of its authors' code.
//
//     test_conformance_fusion SYSTEM [DEVICE [PRECISION]]        (default: cpu f32)
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/case.h"
#include "model/fusion_session.h"
#include "support/check.h"
#include "support/reference.h"

// ---- Opening ----

// Overrides for what a reduced checkpoint's tensors do not tell: KEY=VALUE, NULL-terminated.
static bool open_with(struct bench *b, const char *checkpoint, const char *vocab,
                      const char *system, const char *const *set)
{
    size_t n = 0;
    while (set && set[n])
        n++;
    return bench_model(b, checkpoint, vocab, system, set, n);
}

static const char *set_heads(char text[64], const char *tower, int heads)
{
    (void)snprintf(text, 64, "%s.heads=%d", tower, heads);
    return text;
}

// A text of one row of ids, cut to the length that a mask row tells (or up to the padding).
struct text {
    struct bv_tokens tokens;
    int32_t ids[1024], types[1024];
};

static void text_take(struct text *t, const struct npy *ids, const struct npy *mask, size_t row,
                      int32_t first)
{
    size_t width = ids->shape[1], n = 0, k = 0;
    const int64_t *values = npy_i64(ids) + row * width;
    assert_non_null(npy_i64(ids));
    if (mask)
        for (size_t i = 0; i < width; i++)
            n += npy_i64(mask)[row * width + i] != 0;
    for (; !mask && n < width && values[n] != 0; n++)
        ;
    memset(t, 0, sizeof *t);
    if (first >= 0)
        t->ids[k++] = first;
    for (size_t i = 0; i < n; i++)
        t->ids[k++] = (int32_t)values[i];
    t->tokens.ids = t->ids;
    t->tokens.types = t->types;
    t->tokens.n = k;
}

// Our own tokenizer makes the same ids.
static void check_ids(struct bench *b, const char *sentence, const struct text *t)
{
    struct bv_error err = {0};
    struct bv_tokens ours = {0};
    assert_ok(bv_tokenizer_encode(b->model->tokenizer, sentence, strlen(sentence), &ours, &err),
              err);
    b->n_compared++;
    if (ours.n != t->tokens.n || memcmp(ours.ids, t->ids, ours.n * sizeof *ours.ids) != 0) {
        (void)printf("%s: FAILED ids of \"%s\"\n", b->system, sentence);
        b->n_failed++;
    }
    bv_tokens_free(&ours);
}

// Golden pixels [C,H,W] of one image (or every channel the same [H,W]) through the image side.
static void encode_pixels(struct bench *b, const float *pixels, size_t channels, size_t H, size_t W,
                          size_t C, struct bv_fusion_image *image)
{
    struct bv_error err = {0};
    float *hwc = malloc(H * W * C * sizeof *hwc);
    assert_non_null(hwc);
    for (size_t c = 0; c < C; c++)
        for (size_t i = 0; i < H * W; i++)
            hwc[i * C + c] = pixels[(channels == 1 ? 0 : c) * H * W + i];
    assert_ok(
        bv_fusion_image_encode(b->session, hwc, (int64_t)H, (int64_t)W, (int64_t)C, image, &err),
        err);
    free(hwc);
}

// The regions of row `row` that its mask shows (all without a mask, or the first n).
static void take_regions(struct bench *b, const struct npy *features, const struct npy *boxes,
                         const struct npy *mask, size_t n, size_t row,
                         struct bv_fusion_image *image)
{
    struct bv_error err = {0};
    size_t R = features->shape[1], D = features->shape[2], W = boxes ? boxes->shape[2] : 0;
    float *f = malloc(R * D * sizeof *f), *x = malloc(R * (W + 1) * sizeof *x);
    size_t k = 0;
    assert_true(f && x && npy_f32(features));
    for (size_t r = 0; r < (n ? n : R); r++) {
        if (mask && npy_i64(mask)[row * R + r] == 0)
            continue;
        memcpy(f + k * D, npy_f32(features) + (row * R + r) * D, D * sizeof *f);
        if (boxes)
            memcpy(x + k * W, npy_f32(boxes) + (row * R + r) * W, W * sizeof *x);
        k++;
    }
    assert_ok(bv_fusion_image_regions(b->session, f, (int64_t)k, (int64_t)D, boxes ? x : NULL,
                                      (int64_t)W, image, &err),
              err);
    free(f);
    free(x);
}

// ---- Comparing ----

// Runs one output for one text. The caller frees.
static float *fuse(struct bench *b, const struct bv_fusion_image *image, const struct text *t,
                   const struct bv_fusion_extra *extra, const char *output, size_t *n)
{
    struct bv_error err = {0};
    struct bv_output_shape shape = {0};
    int64_t skip = bv_model_fusion_wants(b->model).prefix > 0 ? 1 : 0;
    int64_t T = t ? (int64_t)t->tokens.n - skip : 0;
    const char *mask = bv_json_string(json_object_get(b->model->card, "fusion"), "mask", "");
    if (strcmp(mask, "bar") == 0)
        T = b->model->max_tokens - skip;
    assert_ok(bv_session_fusion_shape(b->session, image, T, extra, output, &shape, &err), err);
    *n = 1;
    for (int i = 0; i < shape.rank; i++)
        *n *= (size_t)shape.dim[i];
    float *out = malloc(*n * sizeof *out);
    const struct bv_wanted wanted = {output, out, *n};
    assert_non_null(out);
    assert_ok(bv_session_fuse_one(b->session, image, t ? &t->tokens : NULL, extra, &wanted, &err),
              err);
    return out;
}

// Where the values of ours lie in theirs: `count` floats of ours from `from`, at row of the array.
static void compare_part(struct bench *b, enum quantity quantity, const char *array,
                         const float *ours, size_t count, size_t at)
{
    const struct npy *golden = bench_array(b, "%s", array);
    assert_non_null(npy_f32(golden));
    assert_true(at + count <= golden->n);
    bench_compare(b, quantity, array, ours, npy_f32(golden) + at, count);
}

// A pooled output or logits against row `row` of an array.
static void check_row(struct bench *b, const struct bv_fusion_image *image, const struct text *t,
                      const struct bv_fusion_extra *extra, const char *output, const char *array,
                      enum quantity quantity, size_t row)
{
    size_t n = 0;
    float *ours = fuse(b, image, t, extra, output, &n);
    compare_part(b, quantity, array, ours, n, row * n);
    // Answers and rankings are equal when the largest is the same.
    const float *theirs = npy_f32(bench_array(b, "%s", array)) + row * n;
    size_t best = 0, golden_best = 0;
    for (size_t i = 1; i < n; i++) {
        best = ours[i] > ours[best] ? i : best;
        golden_best = theirs[i] > theirs[golden_best] ? i : golden_best;
    }
    if (quantity == SCORE && best != golden_best) {
        (void)printf("%s: FAILED the best of %s: %zu, not %zu\n", b->system, array, best,
                     golden_best);
        b->n_failed++;
    }
    free(ours);
}

// The first `count` (0: all of ours) token states of an output from token `from`, against those of
// row `row` of an array [rows,width,C] from its token `at` on.
static void check_tokens(struct bench *b, const struct bv_fusion_image *image, const struct text *t,
                         const struct bv_fusion_extra *extra, const char *output, const char *array,
                         size_t row, size_t from, size_t count, size_t at)
{
    const struct npy *golden = bench_array(b, "%s", array);
    size_t n = 0, width = golden->shape[1], C = golden->shape[2];
    float *ours = fuse(b, image, t, extra, output, &n);
    size_t rows = count ? count : n / C - from;
    for (size_t i = 0; i < rows; i++)
        compare_part(b, EMBEDDING, array, ours + (from + i) * C, C, ((row * width) + at + i) * C);
    free(ours);
}

static const char *sentence_of(const struct bench *b, const char *member, size_t i)
{
    const char *text = json_string_value(json_array_get(bench_member(b, member), i));
    assert_non_null(text);
    return text;
}

// ---- M3AE and ARL ----

static bool open_meter(struct bench *b)
{
    char text[4][128], vocab[256];
    const char *set[5] = {NULL};
    int heads = bench_integer(b, "config.num_heads");
    set[0] = set_heads(text[0], "fusion", heads);
    set[1] =
        set_heads(text[1], "text", bench_integer(b, "text_encoder_config.num_attention_heads"));
    (void)snprintf(text[2], sizeof text[2],
                   "preprocess={\"intensity\":\"stored\",\"channels\":3,"
                   "\"steps\":[{\"op\":\"center_crop\",\"size\":%d}]}",
                   bench_integer(b, "config.image_size"));
    set[2] = text[2];
    (void)snprintf(text[3], sizeof text[3], "tokenizer.max_length=%d",
                   bench_integer(b, "config.max_text_len"));
    set[3] = text[3];
    const char *stem = bench_string(b, "vocab");
    (void)snprintf(vocab, sizeof vocab, "%.*svocab.json", (int)strcspn(stem, "{"), stem);
    return open_with(b, bench_string(b, "checkpoint"), vocab, NULL, set);
}

static void meter_image(struct bench *b, size_t i, struct bv_fusion_image *image)
{
    const struct npy *p = bench_array(b, "pixel_values/%zu", i);
    encode_pixels(b, npy_f32(p), p->shape[0], p->shape[1], p->shape[2], p->shape[0], image);
}

static void check_m3ae(struct bench *b)
{
    const struct npy *ids = bench_array(b, "text_ids"), *mask = bench_array(b, "text_masks");
    bool vqa = bench_member(b, "questions") != NULL;
    for (size_t i = 0; i < ids->shape[0]; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        text_take(&t, ids, mask, i, -1);
        check_ids(b, sentence_of(b, vqa ? "questions" : "sentences", i), &t);
        meter_image(b, i, &image);
        check_row(b, &image, &t, NULL, "pooled", "multi_modal_cls_feats", EMBEDDING, i);
        if (vqa) {
            check_row(b, &image, &t, NULL, "vqa", "vqa_logits", SCORE, i);
        } else {
            const struct npy *vision = bench_array(b, "vision_tokens");
            compare_part(b, EMBEDDING, "vision_tokens", image.tokens,
                         vision->shape[1] * vision->shape[2],
                         i * vision->shape[1] * vision->shape[2]);
            check_tokens(b, &image, &t, NULL, "text", "multi_modal_text_feats", i, 0, 0, 0);
            check_tokens(b, &image, &t, NULL, "image", "multi_modal_image_feats", i, 0, 0, 0);
            check_row(b, &image, &t, NULL, "itm", "itm_logits", SCORE, i);
        }
        bv_fusion_image_free(&image);
    }
    if (vqa)
        return;
    const struct npy *masked = bench_array(b, "text_ids_mlm");
    for (size_t i = 0; i < ids->shape[0]; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        size_t n = 0, V = bench_array(b, "mlm_logits_pos2_4")->shape[2];
        text_take(&t, masked, mask, i, -1);
        meter_image(b, i, &image);
        float *ours = fuse(b, &image, &t, NULL, "mlm", &n);
        compare_part(b, SCORE, "mlm_logits_pos2_4", ours + 2 * V, V, i * 2 * V);
        compare_part(b, SCORE, "mlm_logits_pos2_4", ours + 4 * V, V, (i * 2 + 1) * V);
        free(ours);
        bv_fusion_image_free(&image);
    }
}

// The entities of a text, without the padding of its list, and their places in its tokens.
static struct bv_fusion_extra entities_of(struct bench *b, size_t i, const struct text *t,
                                          float *features, float *places)
{
    const struct npy *ids = bench_array(b, "text_ent_ids"), *f = bench_array(b, "entity_feats");
    const struct npy *m = bench_array(b, "text_pos_matrices");
    size_t E = ids->shape[1], D = f->shape[2], T = m->shape[2], k = 0;
    for (size_t e = 0; e < E; e++) {
        if (npy_i64(ids)[i * E + e] < 0)
            continue;
        memcpy(features + k * D, npy_f32(f) + (i * E + e) * D, D * sizeof *features);
        memcpy(places + k * t->tokens.n, npy_f32(m) + (i * E + e) * T,
               t->tokens.n * sizeof *places);
        k++;
    }
    return (struct bv_fusion_extra){features, (int64_t)k, (int64_t)D, places};
}

static void check_arl(struct bench *b)
{
    static float features[64 * 1024], places[64 * 512];
    const struct npy *ids = bench_array(b, "text_ids"), *mask = bench_array(b, "text_masks");
    for (size_t i = 0; i < ids->shape[0]; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        text_take(&t, ids, mask, i, -1);
        check_ids(b, sentence_of(b, "sentences", i), &t);
        meter_image(b, i, &image);
        struct bv_fusion_extra extra = entities_of(b, i, &t, features, places);
        check_row(b, &image, &t, &extra, "pooled", "multi_modal_cls_feats", EMBEDDING, i);
        check_tokens(b, &image, &t, &extra, "text", "multi_modal_text_feats", i, 0, 0, 0);
        check_row(b, &image, &t, &extra, "itm", "itm_logits", SCORE, i);
        bv_fusion_image_free(&image);
    }
}

// ---- UNITER ----

static bool open_uniter(struct bench *b, const char *checkpoint)
{
    char text[64];
    const char *set[] = {set_heads(text, "fusion", bench_integer(b, "config.num_attention_heads")),
                         NULL};
    return open_with(b, checkpoint, bench_string(b, "vocab"), NULL, set);
}

static void uniter_pair(struct bench *b, size_t i, struct text *t, struct bv_fusion_image *image)
{
    size_t regions = (size_t)json_integer_value(json_array_get(bench_member(b, "num_bb"), i));
    text_take(t, bench_array(b, "in/input_ids"), NULL, i, -1);
    take_regions(b, bench_array(b, "in/img_feat"), bench_array(b, "in/img_pos_feat"), NULL, regions,
                 i, image);
}

static bool open_uniter_pretrained(struct bench *b)
{
    return open_uniter(b, bench_string(b, "checkpoint"));
}

static void check_uniter(struct bench *b)
{
    size_t n = bench_array(b, "in/input_ids")->shape[0];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        uniter_pair(b, i, &t, &image);
        check_ids(b, sentence_of(b, "sentences", i), &t);
        size_t T = t.tokens.n;
        check_tokens(b, &image, &t, NULL, "text", "sequence_output", i, 0, T, 0);
        check_tokens(b, &image, &t, NULL, "image", "sequence_output", i, 0, 0, T);
        check_row(b, &image, &t, NULL, "pooled", "pooled_output", EMBEDDING, i);
        check_row(b, &image, &t, NULL, "itm", "itm_logits", SCORE, i);
        size_t count = 0, V = bench_array(b, "mlm_logits_pos1_3")->shape[2];
        float *ours = fuse(b, &image, &t, NULL, "mlm", &count);
        compare_part(b, SCORE, "mlm_logits_pos1_3", ours + V, 2 * V, i * 2 * V);
        free(ours);
        bv_fusion_image_free(&image);
    }
}

// Its checkpoint stands beside the other one; the golden file does not name it.
static bool open_uniter_vqa(struct bench *b)
{
    glob_t found = {0};
    if (glob(path_in(b->root, "uniter/*vqa*.pt"), 0, NULL, &found) != 0)
        fail_msg("uniter: no checkpoint for question answering");
    bool opened = open_uniter(b, found.gl_pathv[0] + strlen(b->root) + 1);
    globfree(&found);
    return opened;
}

static void check_uniter_vqa(struct bench *b)
{
    size_t n = bench_array(b, "in/input_ids")->shape[0];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        uniter_pair(b, i, &t, &image);
        check_row(b, &image, &t, NULL, "vqa", "vqa_logits", SCORE, i);
        bv_fusion_image_free(&image);
    }
}

// ---- VisualBERT ----

static bool open_visualbert(struct bench *b, int which, const char *system)
{
    char text[64];
    const char *set[] = {set_heads(text, "fusion", bench_integer(b, "bert.num_attention_heads")),
                         NULL};
    const json_t *list = bench_member(b, "checkpoints");
    return open_with(b, json_string_value(json_array_get(list, (size_t)which)),
                     bench_string(b, "vocab"), system, set);
}

static void visualbert_pair(struct bench *b, size_t i, struct text *t,
                            struct bv_fusion_image *image, const char *mask)
{
    text_take(t, bench_array(b, "in/input_ids"), bench_array(b, "in/attention_mask"), i, -1);
    take_regions(b, bench_array(b, "in/visual"), NULL, bench_array(b, "%s", mask), 0, i, image);
}

static bool open_visualbert_pretrained(struct bench *b)
{
    return open_visualbert(b, 0, NULL);
}

static bool open_visualbert_vqa(struct bench *b)
{
    return open_visualbert(b, 1, NULL);
}

static bool open_visualbert_nlvr(struct bench *b)
{
    return open_visualbert(b, 2, "visualbert-nlvr");
}

static void check_visualbert(struct bench *b)
{
    size_t n = bench_array(b, "in/input_ids")->shape[0];
    size_t T = bench_array(b, "in/input_ids")->shape[1];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        visualbert_pair(b, i, &t, &image, "in/image_mask");
        check_ids(b, sentence_of(b, "sentences", i), &t);
        check_tokens(b, &image, &t, NULL, "text", "sequence_output_last", i, 0, 0, 0);
        check_tokens(b, &image, &t, NULL, "image", "sequence_output_last", i, 0, 0, T);
        check_row(b, &image, &t, NULL, "pooled", "pooled_output", EMBEDDING, i);
        check_row(b, &image, &t, NULL, "itm", "pretraining/seq_relationship_score", SCORE, i);
        bv_fusion_image_free(&image);
    }
}

static void check_visualbert_head(struct bench *b, const char *output, const char *array)
{
    size_t n = bench_array(b, "in/input_ids")->shape[0];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        visualbert_pair(b, i, &t, &image, "in/image_mask");
        check_row(b, &image, &t, NULL, output, array, SCORE, i);
        bv_fusion_image_free(&image);
    }
}

static void check_visualbert_vqa(struct bench *b)
{
    check_visualbert_head(b, "vqa", "vqa/logits");
}

static void check_visualbert_nlvr(struct bench *b)
{
    check_visualbert_head(b, "nlvr", "nlvr/logits");
}

// A folder that brings its configuration and vocabulary.
static bool open_folder(struct bench *b)
{
    return open_with(b, bench_string(b, "checkpoint"), NULL, NULL, NULL);
}

static void check_visualbert_hf(struct bench *b)
{
    bool vqa = npz_find(&b->arrays, "logits") != NULL;
    size_t n = bench_array(b, "in/input_ids")->shape[0];
    size_t T = bench_array(b, "in/input_ids")->shape[1];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        visualbert_pair(b, i, &t, &image, "in/visual_attention_mask");
        check_tokens(b, &image, &t, NULL, "text", "hidden_last", i, 0, 0, 0);
        check_tokens(b, &image, &t, NULL, "image", "hidden_last", i, 0, 0, T);
        if (vqa)
            check_row(b, &image, &t, NULL, "vqa", "logits", SCORE, i);
        else
            check_row(b, &image, &t, NULL, "itm", "seq_relationship_logits", SCORE, i);
        bv_fusion_image_free(&image);
    }
}

// ---- LXMERT ----

static bool open_lxmert(struct bench *b, const char *member)
{
    char text[64];
    const char *set[] = {set_heads(text, "fusion", bench_integer(b, "config.num_attention_heads")),
                         NULL};
    return open_with(b, bench_string(b, member), bench_string(b, "vocab"), NULL, set);
}

static bool open_lxmert_pretrained(struct bench *b)
{
    return open_lxmert(b, "checkpoint");
}

static bool open_lxmert_vqa(struct bench *b)
{
    return open_lxmert(b, "vqa_checkpoint");
}

static void check_lxmert(struct bench *b)
{
    size_t n = bench_array(b, "in/input_ids")->shape[0];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        size_t count = 0, V = bench_array(b, "mlm_logits_pos1_3")->shape[2];
        text_take(&t, bench_array(b, "in/input_ids"), bench_array(b, "in/input_mask"), i, -1);
        check_ids(b, sentence_of(b, "questions", i), &t);
        take_regions(b, bench_array(b, "in/visual_feats"), bench_array(b, "in/visual_pos"), NULL, 0,
                     i, &image);
        check_tokens(b, &image, &t, NULL, "text", "lang_feats", i, 0, 0, 0);
        check_tokens(b, &image, &t, NULL, "image", "visn_feats", i, 0, 0, 0);
        check_row(b, &image, &t, NULL, "pooled", "pooled", EMBEDDING, i);
        check_row(b, &image, &t, NULL, "itm", "cross_relationship_logits", SCORE, i);
        check_row(b, &image, &t, NULL, "vqa", "pretrain_answer_logits", SCORE, i);
        float *ours = fuse(b, &image, &t, NULL, "mlm", &count);
        compare_part(b, SCORE, "mlm_logits_pos1_3", ours + V, 2 * V, i * 2 * V);
        free(ours);
        bv_fusion_image_free(&image);
    }
}

static void check_lxmert_vqa(struct bench *b)
{
    size_t n = bench_array(b, "in/input_ids")->shape[0];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        text_take(&t, bench_array(b, "in/input_ids"), bench_array(b, "in/input_mask"), i, -1);
        take_regions(b, bench_array(b, "in/visual_feats"), bench_array(b, "in/visual_pos"), NULL, 0,
                     i, &image);
        check_row(b, &image, &t, NULL, "vqa", "vqa_logits", SCORE, i);
        bv_fusion_image_free(&image);
    }
}

static void check_lxmert_hf(struct bench *b)
{
    size_t n = bench_array(b, "in/input_ids")->shape[0];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        text_take(&t, bench_array(b, "in/input_ids"), bench_array(b, "in/attention_mask"), i, -1);
        take_regions(b, bench_array(b, "in/visual"), bench_array(b, "in/pos"),
                     bench_array(b, "in/visual_attention_mask"), 0, i, &image);
        check_tokens(b, &image, &t, NULL, "text", "language_output", i, 0, 0, 0);
        check_tokens(b, &image, &t, NULL, "image", "vision_output", i, 0, 0, 0);
        check_row(b, &image, &t, NULL, "pooled", "pooled", EMBEDDING, i);
        check_row(b, &image, &t, NULL, "itm", "cross_relationship_score", SCORE, i);
        check_row(b, &image, &t, NULL, "vqa", "question_answering_score", SCORE, i);
        bv_fusion_image_free(&image);
    }
}

// ---- MedViLL ----

static void medvill_image(struct bench *b, size_t i, struct bv_fusion_image *image)
{
    const struct npy *p = bench_array(b, "pixel_values_ch0");
    const struct npy *sampled = bench_array(b, "sampled_positions");
    size_t H = p->shape[1], W = p->shape[2];
    // Channel 0 is recorded; the others differ by their mean and deviation alone.
    static const float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
    float *planes = malloc(3 * H * W * sizeof *planes);
    assert_non_null(planes);
    for (size_t c = 0; c < 3; c++)
        for (size_t k = 0; k < H * W; k++) {
            float gray = npy_f32(p)[i * H * W + k] * deviation[0] + mean[0];
            gray = roundf(gray * 255) / 255;
            planes[c * H * W + k] = (gray - mean[c]) / deviation[c];
        }
    encode_pixels(b, planes, 3, H, W, 3, image);
    free(planes);
    assert_int_equal(sampled->n, image->n_positions);
    for (size_t k = 0; k < sampled->n; k++)
        image->positions[k] = (int32_t)npy_i64(sampled)[k];
}

static bool open_medvill_mask(struct bench *b, const char *mask)
{
    char heads[64], kind[64];
    (void)snprintf(kind, sizeof kind, "fusion.mask=%s", mask);
    const char *set[] = {
        set_heads(heads, "fusion", bench_integer(b, "bert_config.num_attention_heads")), kind,
        NULL};
    return open_with(b, bench_string(b, "checkpoint"), bench_string(b, "vocab"), NULL, set);
}

static void check_medvill_mask(struct bench *b, const char *mask)
{
    char array[64];
    size_t n = bench_array(b, "input_ids")->shape[0];
    for (size_t i = 0; i < n; i++) {
        struct bv_fusion_image image = {0};
        struct text t;
        text_take(&t, bench_array(b, "input_ids"), NULL, i,
                  bv_tokenizer_special(b->model->tokenizer, BV_TOKEN_CLS));
        check_ids(b, sentence_of(b, "sentences", i), &t);
        medvill_image(b, i, &image);
        (void)snprintf(array, sizeof array, "%s/pooled", mask);
        check_row(b, &image, &t, NULL, "pooled", array, EMBEDDING, i);
        (void)snprintf(array, sizeof array, "%s/itm_logits", mask);
        check_row(b, &image, &t, NULL, "itm", array, SCORE, i);
        (void)snprintf(array, sizeof array, "%s/mlm_logits_text0_5", mask);
        const struct npy *golden = bench_array(b, "%s", array);
        size_t count = 0, V = golden->shape[2], rows = golden->shape[1];
        float *ours = fuse(b, &image, &t, NULL, "mlm", &count);
        size_t m = t.tokens.n - 1 < rows ? t.tokens.n - 1 : rows;
        compare_part(b, SCORE, array, ours, m * V, i * rows * V);
        free(ours);
        bv_fusion_image_free(&image);
    }
}

static bool open_medvill(struct bench *b)
{
    return open_medvill_mask(b, "bidirectional");
}

static void check_medvill(struct bench *b)
{
    check_medvill_mask(b, "bidirectional");
}

static bool open_medvill_s2s(struct bench *b)
{
    return open_medvill_mask(b, "s2s");
}

static void check_medvill_s2s(struct bench *b)
{
    check_medvill_mask(b, "s2s");
}

static bool open_medvill_bar(struct bench *b)
{
    return open_medvill_mask(b, "bar");
}

static void check_medvill_bar(struct bench *b)
{
    check_medvill_mask(b, "bar");
}

// ---- LViT ----

static bool open_lvit(struct bench *b)
{
    const char *checkpoint = bench_string(b, "checkpoint");
    FILE *file = fopen(path_in(b->root, "%s", checkpoint), "rb");
    if (!file) {
        (void)printf("skipped: %s is not there, only its outputs (fusion.published.lvit compares "
                     "with the authors' module)\n",
                     checkpoint);
        return false;
    }
    (void)fclose(file);
    return open_with(b, checkpoint, NULL, NULL, NULL);
}

static void check_lvit(struct bench *b)
{
    const struct npy *p = bench_array(b, "pixel_values"), *text = bench_array(b, "text");
    for (size_t i = 0; i < p->shape[0]; i++) {
        struct bv_fusion_image image = {0};
        size_t size = p->shape[1] * p->shape[2] * p->shape[3], n = 0;
        size_t tokens = text->shape[1] * text->shape[2];
        encode_pixels(b, npy_f32(p) + i * size, p->shape[1], p->shape[2], p->shape[3], p->shape[1],
                      &image);
        struct bv_fusion_extra extra = {npy_f32(text) + i * tokens, (int64_t)text->shape[1],
                                        (int64_t)text->shape[2], NULL};
        check_tokens(b, &image, NULL, &extra, "text1", "text1", i, 0, 0, 0);
        check_tokens(b, &image, NULL, &extra, "y1", "downVit_y1", i, 0, 0, 0);
        float *ours = fuse(b, &image, NULL, &extra, "mask", &n);
        compare_part(b, SCORE, "probability", ours, n, i * n);
        const uint8_t *golden = npy_u8(bench_array(b, "mask_0.5")) + i * n;
        size_t differing = 0;
        for (size_t k = 0; k < n; k++)
            differing += (ours[k] > 0.5f) != (golden[k] != 0) && fabsf(ours[k] - 0.5f) > 1e-4f;
        b->n_compared++;
        b->n_failed += differing > 0;
        free(ours);
        bv_fusion_image_free(&image);
    }
}

// ---- The table ----

static const struct conformance_case cases[] = {
    {"m3ae", "m3ae/golden_small_pretrain", open_meter, check_m3ae},
    {"m3ae.vqa", "m3ae/golden_small_vqa", open_meter, check_m3ae},
    {"arl", "arl/golden_small", open_meter, check_arl},
    {"uniter", "uniter/golden_small", open_uniter_pretrained, check_uniter},
    {"uniter.vqa", "uniter/golden_small", open_uniter_vqa, check_uniter_vqa},
    {"visualbert", "visualbert/golden_small", open_visualbert_pretrained, check_visualbert},
    {"visualbert.vqa", "visualbert/golden_small", open_visualbert_vqa, check_visualbert_vqa},
    {"visualbert.nlvr", "visualbert/golden_small", open_visualbert_nlvr, check_visualbert_nlvr},
    {"visualbert.hf", "visualbert/golden_hf_visualbert-vqa-coco-pre_small", open_folder,
     check_visualbert_hf},
    {"visualbert.hf_vqa", "visualbert/golden_hf_visualbert-vqa_small", open_folder,
     check_visualbert_hf},
    {"lxmert", "lxmert/golden_small", open_lxmert_pretrained, check_lxmert},
    {"lxmert.vqa", "lxmert/golden_small", open_lxmert_vqa, check_lxmert_vqa},
    {"lxmert.hf", "visualbert/golden_hf_lxmert_small", open_folder, check_lxmert_hf},
    {"medvill", "medvill/golden_small", open_medvill, check_medvill},
    {"medvill.s2s", "medvill/golden_small", open_medvill_s2s, check_medvill_s2s},
    {"medvill.bar", "medvill/golden_small", open_medvill_bar, check_medvill_bar},
    {"lvit", "lvit/golden_full", open_lvit, check_lvit},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
