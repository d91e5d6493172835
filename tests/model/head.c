// model.head: the card's "head", read and refused.
#include "model/head.h"

#include <string.h>

#include "support/check.h"

static enum bv_status read_text(struct bv_text_head *head, json_t **card, const char *text,
                                struct bv_error *err)
{
    assert_ok(bv_json_parse(card, text, strlen(text), "a card", err), *err);
    return bv_text_head_read(head, *card, err);
}

static void test_softmax(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_text_head head = {.labels = NULL};
    json_t *card = NULL;
    assert_ok(read_text(&head, &card,
                        "{\"head\":{\"classes\":[\"a\",\"b\",\"c\"],\"values\":{\"a\":\"\"},"
                        "\"labels\":[\"x\",{\"name\":\"y\",\"classes\":[\"d\",\"e\"]},\"z\"]}}",
                        &err),
              err);
    assert_int_equal(head.kind, BV_HEAD_SEQUENCE);
    assert_int_equal(head.n_labels, 3);
    assert_int_equal(head.n_logits, 8);
    assert_int_equal(head.n_classes, 8);
    assert_int_equal(head.labels[2].first, 5);
    assert_string_equal(head.labels[0].values[0], "");
    assert_string_equal(head.labels[0].values[1], "b");
    assert_string_equal(head.labels[1].classes[1], "e");
    bv_text_head_free(&head);
    json_decref(card);
}

static void test_sigmoid(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_text_head head = {.labels = NULL};
    json_t *card = NULL;
    assert_ok(read_text(&head, &card,
                        "{\"head\":{\"kind\":\"pair\",\"activation\":\"sigmoid\","
                        "\"classes\":[\"no\",\"yes\"],\"labels\":[\"x\",\"y\"]}}",
                        &err),
              err);
    assert_int_equal(head.kind, BV_HEAD_PAIR);
    assert_int_equal(head.n_logits, 2);
    assert_int_equal(head.n_classes, 4);
    assert_int_equal(head.labels[1].first, 1);
    assert_int_equal(head.labels[1].offset, 2);
    bv_text_head_free(&head);
    json_decref(card);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *card, *says;
    } cases[] = {
        {"{}", "no trained head"},
        {"{\"head\":7}", "no trained head"},
        {"{\"head\":{}}", "0 labels"},
        {"{\"head\":{\"kind\":\"word\",\"labels\":[\"x\"]}}", "head.kind is \"word\""},
        {"{\"head\":{\"activation\":\"relu\",\"labels\":[\"x\"]}}", "head.activation"},
        {"{\"head\":{\"labels\":[\"x\"]}}", "has 0 classes"},
        {"{\"head\":{\"labels\":[7],\"classes\":[\"a\",\"b\"]}}", "has no name"},
        {"{\"head\":{\"labels\":[\"x\"],\"classes\":[\"a\"]}}", "has 1 classes"},
        {"{\"head\":{\"labels\":[\"x\"],\"classes\":[\"a\",7]}}", "is no string"},
        {"{\"head\":{\"labels\":[\"x\"],\"classes\":[\"a\",\"a\"]}}", "twice"},
        {"{\"head\":{\"labels\":[\"x\",\"x\"],\"classes\":[\"a\",\"b\"]}}", "stands twice"},
        {"{\"head\":{\"activation\":\"sigmoid\",\"labels\":[\"x\"],"
         "\"classes\":[\"a\",\"b\",\"c\"]}}",
         "not two"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        struct bv_text_head head = {.labels = NULL};
        json_t *card = NULL;
        assert_int_equal(read_text(&head, &card, cases[i].card, &err), BV_ERR_MODEL);
        assert_non_null(strstr(err.text, cases[i].says));
        bv_text_head_free(&head);
        json_decref(card);
    }
}

// As many names as a card may have, all different, are compared in little time; more are refused
// before they are compared. Two by two either would take minutes.
static void test_many(void **state)
{
    (void)state;
    static const size_t numbers[] = {BV_MAX_HEAD_LOGITS, BV_MAX_HEAD_LOGITS + 1, 2000000};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct bv_error err = {0};
        struct bv_text_head head = {.labels = NULL};
        const bool fits = numbers[i] <= BV_MAX_HEAD_LOGITS;
        json_t *classes = json_array();
        for (size_t c = 0; c < numbers[i]; c++)
            (void)json_array_append_new(classes, json_sprintf("the class of number %zu", c));
        json_t *card = json_pack("{s:{s:[s], s:o}}", "head", "labels", "x", "classes", classes);
        assert_non_null(card);
        assert_int_equal(bv_text_head_read(&head, card, &err), fits ? BV_OK : BV_ERR_MODEL);
        if (!fits)
            assert_non_null(strstr(err.text, "more than 65536 classes"));
        bv_text_head_free(&head);
        json_decref(card);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_softmax),
                                       cmocka_unit_test(test_sigmoid),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
