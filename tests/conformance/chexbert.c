// conformance.chexbert: CheXbert's labels of reports against the outputs of its authors' code, by
// each way in which they and others prepare a report.
//
//     test_conformance_chexbert CASE [DEVICE [PRECISION]]        (default: cpu f32)
#include <stdlib.h>
#include <string.h>

#include "conformance/case.h"
#include "eval/tasks/clinical.h"
#include "model/encode.h"
#include "support/check.h"

static bool open_as(struct bench *b, const char *checkpoint, const char *clean)
{
    char path[256], heads[64], how[64];
    const char *set[] = {heads, how};
    (void)snprintf(path, sizeof path, "chexbert/%s", bench_string(b, checkpoint));
    (void)snprintf(heads, sizeof heads, "text.heads=%d",
                   bench_integer(b, "bert_config.num_attention_heads"));
    (void)snprintf(how, sizeof how, "tokenizer.clean=%s", clean ? clean : "");
    return bench_model(b, path, bench_string(b, "vocab"), NULL, set, clean ? 2 : 1);
}

static bool open_published(struct bench *b)
{
    return open_as(b, "checkpoint", NULL);
}

static bool open_zip(struct bench *b)
{
    return open_as(b, "checkpoint_zip", NULL);
}

static bool open_list(struct bench *b)
{
    return open_as(b, "checkpoint", "spaces-unnumbered");
}

static bool open_raw(struct bench *b)
{
    return open_as(b, "checkpoint", "none");
}

static int64_t integer_at(const struct npy *array, size_t i)
{
    assert_int_equal(array->kind, 'i');
    switch (array->item_bytes) {
    case 1:
        return ((const int8_t *)array->data)[i];
    case 4:
        return ((const int32_t *)array->data)[i];
    default:
        assert_int_equal(array->item_bytes, 8);
        return ((const int64_t *)array->data)[i];
    }
}

static void check_ids(struct bench *b, const char *const *texts, size_t n, const char *prefix)
{
    const struct npy *ids = bench_array(b, "%sinput_ids", prefix);
    const struct npy *lengths = bench_array(b, "%slengths", prefix);
    assert_int_equal(ids->shape[0], n);
    for (size_t i = 0; i < n; i++) {
        struct bv_tokens tokens = {0};
        struct bv_error err = {0};
        assert_ok(
            bv_tokenizer_encode(b->model->tokenizer, texts[i], strlen(texts[i]), &tokens, &err),
            err);
        assert_int_equal(tokens.n, integer_at(lengths, i));
        for (size_t k = 0; k < tokens.n; k++)
            assert_int_equal(tokens.ids[k], integer_at(ids, i * ids->shape[1] + k));
        bv_tokens_free(&tokens);
    }
}

// The place in the head of each of the golden file's findings is the same in both.
static void check_names(struct bench *b, const struct bv_text_head *head)
{
    const json_t *names = bench_member(b, "conditions");
    assert_int_equal(head->n_labels, json_array_size(names));
    for (size_t i = 0; i < head->n_labels; i++) {
        assert_string_equal(head->labels[i].name, json_string_value(json_array_get(names, i)));
        assert_int_equal(head->labels[i].n_classes, i + 1 < head->n_labels ? 4 : 2);
    }
}

// Below f32 a class may be another where two logits are nearly equal.
static void check_classes(struct bench *b, const struct bv_text_head *head, size_t n,
                          const float *logits, const char *prefix)
{
    const struct npy *golden = bench_array(b, "%sclasses", prefix), *p = NULL;
    assert_int_equal(golden->n, n * head->n_labels);
    if (!*prefix)
        p = bench_array(b, "probs");
    assert_true(n > 0 && head->n_labels > 0 && head->n_classes > 0);
    int32_t *classes = calloc(n * head->n_labels + 1, sizeof *classes);
    double *probabilities = calloc(n * head->n_classes + 1, sizeof *probabilities);
    assert_non_null(classes);
    assert_non_null(probabilities);
    for (size_t i = 0; i < n; i++)
        bv_text_head_decide(head, logits + i * head->n_logits, classes + i * head->n_labels,
                            probabilities + i * head->n_classes);
    for (size_t i = 0; i < golden->n && strcmp(b->precision, "f32") == 0; i++)
        assert_int_equal(classes[i], integer_at(golden, i));
    if (p)
        bench_compare_scores(b, "probs", probabilities, npy_f32(p), p->n);
    free(probabilities);
    free(classes);
}

// SembScore of pairs of reports: pairs [n,2], score [n] in single precision.
static void check_semb(struct bench *b, const float *cls, size_t D)
{
    const struct npy *pairs = bench_array(b, "semb/pairs"), *golden = bench_array(b, "semb/score");
    double scores[64];
    assert_int_equal(pairs->n, 2 * golden->n);
    assert_in_range(golden->n, 1, 64);
    for (size_t i = 0; i < golden->n; i++)
        scores[i] = bv_semb_score(cls + (size_t)integer_at(pairs, 2 * i) * D,
                                  cls + (size_t)integer_at(pairs, 2 * i + 1) * D, D);
    bench_compare_scores(b, "semb", scores, npy_f32(golden), golden->n);
}

static void check(struct bench *b, const char *prefix)
{
    struct bv_error err = {0};
    struct bv_text_head head = {.labels = NULL};
    const json_t *list = bench_member(b, "texts");
    size_t n = json_array_size(list), D = (size_t)b->model->text_dim;
    const char **texts = calloc(n + 1, sizeof *texts);
    assert_non_null(texts);
    for (size_t i = 0; i < n; i++)
        texts[i] = json_string_value(json_array_get(list, i));
    assert_ok(bv_text_head_read(&head, b->model->card, &err), err);
    float *logits = calloc(n * head.n_logits + 1, sizeof *logits);
    float *cls = calloc(n * D + 1, sizeof *cls);
    assert_non_null(logits);
    assert_non_null(cls);
    check_names(b, &head);
    check_ids(b, texts, n, prefix);
    assert_ok(bv_text_head_logits(&head, b->session, texts, NULL, n, logits, cls, NULL, NULL, &err),
              err);
    const struct npy *golden = bench_array(b, "%slogits", prefix);
    assert_int_equal(golden->n, n * head.n_logits);
    bench_compare(b, SCORE, "logits", logits, npy_f32(golden), golden->n);
    const struct npy *rows = bench_array(b, "%scls", prefix);
    assert_int_equal(rows->n, n * D);
    for (size_t i = 0; i < n; i++)
        bench_compare(b, EMBEDDING, "cls", cls + i * D, npy_f32(rows) + i * D, D);
    check_classes(b, &head, n, logits, prefix);
    if (!*prefix)
        check_semb(b, cls, D);
    free(cls);
    free(logits);
    free(texts);
    bv_text_head_free(&head);
}

static void check_published(struct bench *b)
{
    check(b, "");
}

static void check_list(struct bench *b)
{
    check(b, "label_report_list/");
}

static void check_raw(struct bench *b)
{
    check(b, "radeval/");
}

static const struct conformance_case cases[] = {
    {"chexbert", "chexbert/golden_small", open_published, check_published},
    {"chexbert.zip", "chexbert/golden_small", open_zip, check_published},
    {"chexbert.label_report_list", "chexbert/golden_small", open_list, check_list},
    {"chexbert.radeval", "chexbert/golden_small", open_raw, check_raw},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
