// Text classifiers of Hugging Face's layouts, each by a card alone, against its implementations
// (tests/model/heads.inc, made by heads.py). CheXbert: conformance.chexbert.
#include "api/fixture.h"

#include <biovl/label.h>
#include <math.h>

#include "checkpoint/temporary.h"
#include "model/folder.h"

#include "model/heads.inc"

// measured: 5.5e-8 over all heads
static const double limit = 1e-6;
static double largest;

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsmall\nleft\neffusion\nno\n##s\n";
static const char config[] =
    "{\"model_type\": \"bert\", \"num_attention_heads\": 2, \"num_hidden_layers\": 2, "
    "\"layer_norm_eps\": 1e-12, \"hidden_act\": \"gelu\"}";
// kind, feature, head
static const char card_form[] =
    "{\"name\": \"mine\", \"title\": \"a classifier\", \"recognise\": {\"all\": "
    "[\"classifier.weight\"]}, \"tensors\": [{\"rules\": \"hf-bert\", \"from\": \"bert.\", "
    "\"to\": \"text.\"}, [\"classifier.{w}\", \"text.classifier.{w}\"]], "
    "\"text\": {\"arch\": \"bert\", \"outputs\": {\"logits\": {\"from\": \"%s\", \"steps\": "
    "[[\"linear\", \"text.classifier\"]]}}}, \"tokenizer\": {\"kind\": \"wordpiece\"}, "
    "\"vocabulary\": {\"files\": [\"vocab.txt\"]}, \"head\": {\"kind\": \"%s\", %s}}";
static const char one_of_three[] = "\"labels\": [{\"name\": \"answer\", \"classes\": "
                                   "[\"a\", \"b\", \"c\"]}], \"values\": {\"b\": \"2\"}";
static const char three_of_two[] = "\"activation\": \"sigmoid\", \"classes\": [\"no\", \"yes\"], "
                                   "\"labels\": [\"x\", \"y\", \"z\"]";

struct classifier {
    struct bv_context *context;
    struct bv_model *model;
    struct bv_engine *engine;
    struct bv_labeler *labeler;
};

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void open_classifier(void *const *state, struct classifier *c, const struct shape *shapes,
                            size_t n, const char *feature, const char *kind, const char *head)
{
    char card[2048], path[512];
    const char *folder = folder_write(state, shapes, n, config, words, NULL, NULL);
    (void)snprintf(card, sizeof card, card_form, feature, kind, head);
    (void)snprintf(path, sizeof path, "%s", temporary_path(state, "card.json"));
    write_text(path, card);
    const struct bv_convert_options options = {.size = sizeof options, .system = path};
    must(NULL, bv_context_open(&c->context, 1));
    char *model = strdup(temporary_path(state, "out.safetensors")), *report = NULL;
    must(c->context, bv_convert(c->context, folder, model, &options, &report));
    must(c->context, bv_model_open(c->context, model, &c->model));
    const struct bv_engine_options cpu = {.size = sizeof cpu, .device = "cpu"};
    must(c->context, bv_engine_open(c->context, c->model, &cpu, &c->engine));
    must(c->context, bv_labeler_open(c->engine, &c->labeler));
    bv_free(report);
    free(model);
}

static void close_classifier(struct classifier *c)
{
    bv_labeler_close(&c->labeler);
    bv_labeler_close(&c->labeler);
    bv_engine_close(&c->engine);
    bv_model_close(&c->model);
    bv_context_close(&c->context);
}

static void near(double ours, double theirs)
{
    largest = fmax(largest, fabs(ours - theirs));
    if (!(fabs(ours - theirs) <= limit))
        fail_msg("%.9g, expected %.9g", ours, theirs);
}

// Probabilities of one label of three classes, from the reference's logits.
static void near_softmax(const double *p, const double *logits)
{
    double sum = exp(logits[0]) + exp(logits[1]) + exp(logits[2]);
    for (int i = 0; i < 3; i++)
        near(p[i], exp(logits[i]) / sum);
}

static void test_sequence(void **state)
{
    struct classifier c = {0};
    open_classifier(state, &c, shapes_sequence, sizeof shapes_sequence / sizeof *shapes_sequence,
                    "pooled", "sequence", one_of_three);
    enum { N = 3 };
    static const char long_text[] =
        "no no no no no no no no no no no no no no no no no no no no no no";
    const char *texts[N] = {"No small effusions", "\xff", long_text};
    int32_t classes[N];
    double p[3 * N];
    unsigned char truncated[N];
    enum bv_status statuses[N];
    char *json = NULL;
    assert_int_equal(bv_labeler_kind(c.labeler), BV_LABELS_TEXTS);
    assert_int_equal(bv_labeler_count(c.labeler), 1);
    assert_string_equal(bv_labeler_name(c.labeler, 0), "answer");
    assert_int_equal(bv_labeler_class_count(c.labeler, 0), 3);
    assert_string_equal(bv_labeler_class(c.labeler, 0, 1), "b");
    assert_string_equal(bv_labeler_value(c.labeler, 0, 1), "2");
    assert_string_equal(bv_labeler_value(c.labeler, 0, 2), "c");
    must(c.context,
         bv_labeler_run(c.labeler, texts, NULL, N, classes, N, p, 3 * N, truncated, statuses));
    assert_int_equal(classes[0], 1);
    near_softmax(p, logits_sequence);
    assert_int_equal(statuses[1], BV_ERR_FORMAT);
    assert_int_equal(classes[1], -1);
    assert_true(isnan(p[3]));
    assert_true(truncated[2] && !truncated[0]);
    assert_int_equal(bv_labeler_run(c.labeler, texts, NULL, N, classes, N - 1, NULL, 0, NULL, NULL),
                     BV_ERR_ARG);
    assert_int_equal(
        bv_labeler_run(c.labeler, texts, NULL, N, classes, N, p, 3 * N - 1, NULL, NULL),
        BV_ERR_ARG);
    assert_int_equal(bv_labeler_run(c.labeler, texts, texts, 1, classes, N, NULL, 0, NULL, NULL),
                     BV_ERR_ARG);
    assert_int_equal(bv_labeler_run(c.labeler, texts, NULL, N, classes, N, NULL, 0, NULL, NULL),
                     BV_ERR_FORMAT);
    assert_int_equal(classes[0], -1);
    must(c.context, bv_labeler_run(c.labeler, NULL, NULL, 0, NULL, 0, NULL, 0, NULL, NULL));
    assert_int_equal(bv_labeler_tokens(c.labeler, texts[0], &json), BV_ERR_ARG);
    close_classifier(&c);
}

static void test_sigmoid(void **state)
{
    struct classifier c = {0};
    open_classifier(state, &c, shapes_sequence, sizeof shapes_sequence / sizeof *shapes_sequence,
                    "pooled", "sequence", three_of_two);
    const char *text = "No small effusions";
    int32_t classes[3];
    double p[6];
    assert_int_equal(bv_labeler_count(c.labeler), 3);
    must(c.context, bv_labeler_run(c.labeler, &text, NULL, 1, classes, 3, p, 6, NULL, NULL));
    for (int i = 0; i < 3; i++) {
        near(p[2 * i + 1], 1 / (1 + exp(-logits_sequence[i])));
        near(p[2 * i] + p[2 * i + 1], 1);
        assert_int_equal(classes[i], logits_sequence[i] >= 0);
    }
    close_classifier(&c);
}

static void test_pair(void **state)
{
    struct classifier c = {0};
    open_classifier(state, &c, shapes_pair, sizeof shapes_pair / sizeof *shapes_pair, "pooled",
                    "pair", one_of_three);
    const char *first[] = {"No small", "left effusions"},
               *second[] = {"left effusions", "No small"};
    int32_t classes[2];
    double p[6];
    assert_int_equal(bv_labeler_kind(c.labeler), BV_LABELS_PAIRS);
    must(c.context, bv_labeler_run(c.labeler, first, second, 2, classes, 2, p, 6, NULL, NULL));
    near_softmax(p, logits_pair);
    assert_int_equal(classes[0], 1);
    assert_true(fabs(p[3] - p[0]) > 1e-3); // the other order is another question
    assert_int_equal(bv_labeler_run(c.labeler, first, NULL, 1, classes, 1, NULL, 0, NULL, NULL),
                     BV_ERR_ARG);
    close_classifier(&c);
}

static void test_token(void **state)
{
    struct classifier c = {0};
    open_classifier(state, &c, shapes_token, sizeof shapes_token / sizeof *shapes_token, "last",
                    "token", one_of_three);
    char *json = NULL;
    int32_t class;
    const char *text = "No small effusions", *at;
    static const char *const tokens[] = {"[CLS]", "no", "small", "effusion", "##s", "[SEP]"};
    assert_int_equal(bv_labeler_kind(c.labeler), BV_LABELS_TOKENS);
    must(c.context, bv_labeler_tokens(c.labeler, text, &json));
    at = json;
    for (int i = 0; i < 6; i++) {
        double p[3];
        char wanted[32];
        (void)snprintf(wanted, sizeof wanted, "\"token\":\"%s\"", tokens[i]);
        at = strstr(at, wanted);
        if (!at)
            fail_msg("no %s in %s", wanted, json);
        at = strstr(at, "\"probabilities\":");
        assert_non_null(at);
        assert_int_equal(
            sscanf(at, "\"probabilities\":{\"a\":%lf,\"b\":%lf,\"c\":%lf}", p, p + 1, p + 2), 3);
        near_softmax(p, logits_token + 3 * i);
    }
    bv_free(json);
    assert_int_equal(bv_labeler_run(c.labeler, &text, NULL, 1, &class, 1, NULL, 0, NULL, NULL),
                     BV_ERR_ARG);
    close_classifier(&c);
}

// ---- Tables ----

static char *read_output(const char *path)
{
    static char text[4096];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    assert_int_equal(fclose(f), 0);
    return text;
}

static void test_pair_table(void **state)
{
    struct classifier c = {0};
    open_classifier(state, &c, shapes_pair, sizeof shapes_pair / sizeof *shapes_pair, "pooled",
                    "pair", one_of_three);
    char in[512], out[512];
    const char *input = in, *kept = "id";
    (void)snprintf(in, sizeof in, "%s", temporary_path(state, "in.csv"));
    (void)snprintf(out, sizeof out, "%s", temporary_path(state, "out.csv"));
    write_text(in, "id,text,other\n1,No small,left effusions\n2,small,\n");
    struct bv_label_options o = {.size = sizeof o,
                                 .inputs = &input,
                                 .n_inputs = 1,
                                 .keep = &kept,
                                 .n_keep = 1,
                                 .output = out};
    struct bv_label_counts counts = {.size = sizeof counts};
    assert_int_equal(bv_label_reports(c.labeler, &o, &counts), BV_ERR_ARG);
    o.second_column = "other";
    must(c.context, bv_label_reports(c.labeler, &o, &counts));
    assert_int_equal(counts.reports, 2);
    assert_int_equal(counts.failed, 1);
    assert_string_equal(read_output(out),
                        "id,text,other,answer\n1,No small,left effusions,2\n2,,,NA\n");
    o.no_text = 1;
    must(c.context, bv_label_reports(c.labeler, &o, NULL));
    assert_string_equal(read_output(out), "id,answer\n1,2\n2,NA\n");
    o.output = in;
    assert_int_equal(bv_label_reports(c.labeler, &o, NULL), BV_ERR_ARG);
    assert_string_equal(read_output(in), "id,text,other\n1,No small,left effusions\n2,small,\n");
    close_classifier(&c);
}

static void test_token_table(void **state)
{
    struct classifier c = {0};
    open_classifier(state, &c, shapes_token, sizeof shapes_token / sizeof *shapes_token, "last",
                    "token", one_of_three);
    char out[512];
    const char *texts[] = {"no effusions", "\xfe", "small"};
    (void)snprintf(out, sizeof out, "%s", temporary_path(state, "out.csv"));
    struct bv_label_options o = {.size = sizeof o, .texts = texts, .n_texts = 3, .output = out};
    struct bv_label_counts counts = {.size = sizeof counts};
    must(c.context, bv_label_reports(c.labeler, &o, &counts));
    assert_int_equal(counts.failed, 1);
    const char *text = read_output(out);
    assert_int_equal(strncmp(text, "row,token,word,answer\n1,[CLS],0,", 32), 0);
    assert_non_null(strstr(text, "\n1,effusion,2,"));
    assert_non_null(strstr(text, "\n1,##s,2,"));
    assert_non_null(strstr(text, "\n2,NA,NA,NA\n3,[CLS],0,"));
    o.json = 1;
    must(c.context, bv_label_reports(c.labeler, &o, &counts));
    text = read_output(out);
    assert_non_null(strstr(text, "{\"row\":1,"));
    assert_null(strstr(text, "{\"row\":2,"));
    close_classifier(&c);
    (void)printf("largest difference %.2g\n", largest);
}

static void test_no_head(void **state)
{
    (void)state;
    struct bv_context *context = NULL;
    struct bv_model *model = NULL;
    struct bv_engine *engine = NULL;
    struct bv_labeler *labeler = NULL;
    must(NULL, bv_context_open(&context, 1));
    must(context, bv_model_open(context, MODEL, &model));
    must(context, bv_engine_open(context, model, NULL, &engine));
    assert_int_equal(bv_labeler_open(engine, &labeler), BV_ERR_MODEL);
    assert_null(labeler);
    bv_engine_close(&engine);
    bv_model_close(&model);
    bv_context_close(&context);
}

int main(void)
{
#define WITH_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, temporary_folder, temporary_folder_remove)
    const struct CMUnitTest tests[] = {WITH_FOLDER(test_sequence),    WITH_FOLDER(test_sigmoid),
                                       WITH_FOLDER(test_pair),        WITH_FOLDER(test_token),
                                       WITH_FOLDER(test_pair_table),  WITH_FOLDER(test_token_table),
                                       cmocka_unit_test(test_no_head)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
