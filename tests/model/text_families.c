// Text encoders of the BERT family in Hugging Face folders, converted without a flag and pooled in
// each way, against Hugging Face's own implementations (families.inc, made by families.py).
#include <math.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "convert/convert.h"
#include "model/folder.h"
#include "model/session.h"
#include "support/check.h"

#include "model/families.inc"

// measured: 3.4e-7 over all families and poolings
static const double limit = 1e-5;
static double largest;

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsmall\nleft\neffusion\nno\n##s\n";
static const char bytes[] =
    "{\"<s>\": 0, \"<pad>\": 1, \"</s>\": 2, \"<unk>\": 3, \"a\": 4, \"b\": 5, "
    "\"c\": 6, \"\u0120\": 7, \"<mask>\": 8, \"ab\": 9}";
static const char merges[] = "#version: 0.2\na b\n";

struct family {
    const char *name;
    const struct shape *shapes;
    size_t n_shapes;
    const char *config;
    const int *ids;
    size_t n_ids;
    const double *mean, *cls, *pooler, *projected;
    size_t width, n_pooler, n_projected;
};

#define FAMILY(f)                                                                                  \
    {                                                                                              \
#f, shapes_##f, sizeof shapes_##f / sizeof *shapes_##f, config_##f, ids_##f,               \
            sizeof ids_##f / sizeof *ids_##f, mean_##f, cls_##f, pooler_##f, projected_##f,        \
            sizeof mean_##f / sizeof *mean_##f, sizeof pooler_##f / sizeof *pooler_##f,            \
            sizeof projected_##f / sizeof *projected_##f                                           \
    }

static const struct family families[] = {FAMILY(bert),   FAMILY(roberta),  FAMILY(electra),
                                         FAMILY(albert), FAMILY(megatron), FAMILY(cxrbert)};

// pooling NULL: as conversion makes it without being told.
static void check_pooling(void *const *state, const struct family *f, const char *folder,
                          const char *pooling, const double *expected, size_t width)
{
    struct bv_error err = {0};
    char set[64];
    (void)snprintf(set, sizeof set, "text.pooling=%s", pooling ? pooling : "");
    const char *sets[] = {set}, *path = temporary_path(state, "out.safetensors");
    struct bv_import_options options = {.set = sets, .n_set = pooling != NULL, .dtype = BV_F32};
    assert_ok(bv_import(folder, path, &options, NULL, &err), err);
    struct bv_model *model = NULL;
    struct bv_session *session = NULL;
    struct bv_session_options cpu = {"cpu", "f32", NULL};
    assert_ok(bv_model_load(&model, path, &err), err);
    assert_ok(bv_session_open(&session, model, &cpu, &err), err);
    const char *text = strcmp(f->name, "roberta") == 0 ? "ab c" : "No small effusions";
    struct bv_tokens tokens = {0};
    assert_ok(bv_tokenizer_encode(model->tokenizer, text, strlen(text), &tokens, &err), err);
    assert_int_equal(tokens.n, f->n_ids);
    for (size_t i = 0; i < f->n_ids; i++)
        assert_int_equal(tokens.ids[i], f->ids[i]);
    float out[64];
    const struct bv_tokens *one = &tokens;
    const struct bv_wanted wanted = {"global", out, width};
    assert_true(width <= 64);
    assert_ok(bv_session_encode_tokens(session, &one, 1, &wanted, &err), err);
    for (size_t i = 0; i < width; i++) {
        largest = fmax(largest, fabs(out[i] - expected[i]));
        if (!(fabs(out[i] - expected[i]) <= limit))
            fail_msg("%s, %s: element %zu is %g, expected %g", f->name, pooling ? pooling : "usual",
                     i, (double)out[i], expected[i]);
    }
    bv_tokens_free(&tokens);
    bv_session_close(&session);
    bv_model_unload(&model);
}

static void test_families(void **state)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const struct family *f = &families[i];
        bool roberta = strcmp(f->name, "roberta") == 0;
        const char *folder = folder_write(state, f->shapes, f->n_shapes, f->config,
                                          roberta ? bytes : words, roberta ? merges : NULL, NULL);
        bool projects = f->n_projected > 1; // {0} stands for an output that the family lacks
        check_pooling(state, f, folder, NULL, projects ? f->projected : f->mean,
                      projects ? f->n_projected : f->width);
        check_pooling(state, f, folder, "mean", f->mean, f->width);
        check_pooling(state, f, folder, "cls", f->cls, f->width);
        if (f->n_pooler > 1)
            check_pooling(state, f, folder, "pooler", f->pooler, f->n_pooler);
    }
    (void)printf("largest difference %.2g\n", largest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_families, temporary_folder, temporary_folder_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
