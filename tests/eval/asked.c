// What a prompt asks for.
#include "eval/tasks/synthetic.h"

#include "support/check.h"

static void test_texts(void **state)
{
    static const struct {
        const char *text, *label;
        bool asks;
    } cases[] = {
        {"Big right-sided pleural effusion", "Pleural Effusion", true},
        {"effusion", "pleural effusion", false},
        {"no pleural effusion", "pleural effusion", false},
        {"No edema, big pleural effusion", "pleural effusion", true},
        {"No edema, big pleural effusion", "edema", false},
        {"no edema or pleural effusion.", "pleural effusion", false},
        {"no edema but pneumonia", "pneumonia", true},
        {"not normal; normal heart", "normal", true},
        {"without Pneumothorax", "pneumothorax", false},
        {"hydropneumothorax", "pneumothorax", false},
        {"pneumothoraces", "pneumothorax", false},
        {"nodule", "no", false},
        {"a nodule", "nodule", true},
        {"", "edema", false},
        {"edema", "", false},
        {"\xc3\xb6"
         "edema",
         "edema", false}, // öedema is another word
        {"normal\xc3\xa9", "normal", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bv_text_asks(cases[i].text, cases[i].label) != cases[i].asks)
            fail_msg("\"%s\" and \"%s\"", cases[i].text, cases[i].label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
