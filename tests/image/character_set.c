// Texts by their Specific Character Set: the examples of PS3.5 Annexes H to K, and what is refused.
#include <string.h>

#include "image/dicom_dataset.h"
#include "support/check.h"

struct example {
    const char *sets;
    enum bv_text_kind kind;
    const char *bytes, *text; // text NULL: refused
};

static const struct example examples[] = {
    {NULL, BV_TEXT_LONG, "plain", "plain"},
    {NULL, BV_TEXT_LONG, "M\xc3\xbcller", "Müller"}, // UTF-8 that is not declared
    {"ISO_IR 100", BV_TEXT_NAME, "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
    {"ISO 2022 IR 100", BV_TEXT_NAME, "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
    {"ISO-IR 100 ", BV_TEXT_NAME, "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
    {"ISO_IR 100", BV_TEXT_LONG, "\x93normal\x94 \x96 5\x80", "“normal” – 5€"},
    {"ISO_IR 101", BV_TEXT_NAME, "W\xb3odarczyk", "Włodarczyk"},
    {"ISO_IR 144", BV_TEXT_NAME,
     "\xbb\xee\xda"
     "ce\xdc\xd1yp\xd3",
     "Люкceмбyp"
     "г"},
    {"ISO_IR 126", BV_TEXT_NAME, "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"},
    {"ISO_IR 127", BV_TEXT_NAME, "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"},
    {"ISO_IR 138", BV_TEXT_NAME, "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"},
    {"ISO_IR 166", BV_TEXT_LONG, "\xa1\xd2\xc3", "การ"},
    {"ISO_IR 203", BV_TEXT_LONG, "\xa4", "€"},
    {"ISO_IR 192", BV_TEXT_NAME, "Wang^XiaoDong=王^小東", "Wang^XiaoDong=王^小東"},
    {"UTF-8", BV_TEXT_LONG, "größer", "größer"},
    {"GB18030", BV_TEXT_NAME, "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"},
    {"GBK", BV_TEXT_NAME, "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"},
    {"ISO_IR 13", BV_TEXT_NAME, "\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"},
    {"\\ISO 2022 IR 87", BV_TEXT_NAME,
     "Yamada^Tarou=\33$B;3ED\33(B^\33$BB@O:\33(B=\33$B$d$^$@\33(B^\33$B$?$m$&\33(B",
     "Yamada^Tarou=山田^太郎=やまだ^たろう"},
    {"ISO 2022 IR 13\\ISO 2022 IR 87", BV_TEXT_NAME,
     "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\33$B;3ED\33(J^\33$BB@O:\33(J=\33$B$d$^$@\33(J^\33$B$?$m$&\33("
     "J",
     "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
    {"\\ISO 2022 IR 87\\ISO 2022 IR 159", BV_TEXT_LONG, "\33$(D0!\33(B.", "丂."},
    {"\\ISO 2022 IR 149", BV_TEXT_NAME,
     "Hong^Gildong=\33$)C\xfb\xf3^\33$)C\xd1\xce\xd4\xd7=\33$)C\xc8\xab^\33$)C\xb1\xe6\xb5\xbf",
     "Hong^Gildong=洪^吉洞=홍^길동"},
    {"\\ISO 2022 IR 149", BV_TEXT_LONG, "\33$)C\xb1\xe6\xb5\xbf one\r\n\33$)C\xb1\xe6\xb5\xbf two",
     "길동 one\r\n길동 two"},
    {"\\ISO 2022 IR 58", BV_TEXT_NAME,
     "Zhang^XiaoDong=\33$)A\xd5\xc5^\33$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="},
    {"ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 126\\ISO 2022 IR 144", BV_TEXT_SHORT,
     "a\33-A\xe9\33-F\xc4\33-L\xbb", "aéΔЛ"},
    // A line end begins anew: the first set again, which is Latin-1.
    {"ISO 2022 IR 100\\ISO 2022 IR 126", BV_TEXT_LONG, "\33-F\xc4\n\xc4", "Δ\nÄ"},
    {"ISO 2022 IR 100\\ISO 2022 IR 126", BV_TEXT_SHORT, "\33-F\xc4\\\xc4", "Δ\\Ä"},
    {"ISO 2022 IR 100\\ISO 2022 IR 126", BV_TEXT_LONG, "\33-F\xc4\\\xc4", "Δ\\Δ"},
    // Of a double byte 5C separates nothing.
    {"\\ISO 2022 IR 87", BV_TEXT_SHORT, "\33$B4\\\33(B\\b", "舘\\b"},
    // Refused.
    {NULL, BV_TEXT_LONG, "M\xfcller", NULL},
    {"ISO_IR 6", BV_TEXT_LONG, "M\xfcller", NULL},
    {"ISO_IR 999", BV_TEXT_LONG, "M\xfcller", NULL},
    {"KOI8-R", BV_TEXT_LONG, "\xcd", NULL},
    {"ISO_IR 192", BV_TEXT_LONG, "M\xfcller", NULL},
    {"ISO_IR 100", BV_TEXT_LONG, "\x81", NULL},
    {"ISO_IR 144", BV_TEXT_LONG, "\x90", NULL},
    {"ISO_IR 13", BV_TEXT_LONG, "\xe0", NULL},
    {"GB18030", BV_TEXT_LONG, "\xcd", NULL},
    {"\\ISO 2022 IR 87", BV_TEXT_LONG, "\33$B;", NULL},
    {"\\ISO 2022 IR 87", BV_TEXT_LONG, "\33$B;\xb3", NULL},
    {"\\ISO 2022 IR 149", BV_TEXT_LONG, "\33$)C\xb1", NULL},
    {"\\ISO 2022 IR 149", BV_TEXT_LONG, "\xb1\xe6", NULL},
    {"ISO_IR 100", BV_TEXT_LONG, "\33%Gx", NULL},
    {"ISO_IR 100", BV_TEXT_LONG, "\33", NULL},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *e = &examples[i];
        struct bv_arena arena = {0};
        struct bv_error err = {0};
        const char *text = NULL;
        enum bv_status status =
            bv_characters_read(e->sets, e->kind, e->bytes, strlen(e->bytes), &arena, &text, &err);
        if (status != (e->text ? BV_OK : BV_ERR_FORMAT))
            fail_msg("example %zu: %d, %s", i, (int)status, err.text);
        if (e->text)
            assert_string_equal(text, e->text);
        else
            assert_true(err.text[0] != 0);
        bv_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
