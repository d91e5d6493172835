// What accidents with checkpoints look like to a user: each is named for what it is.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "convert/import.h"
#include "model/folder.h"
#include "support/check.h"

#include "model/families.inc"

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsmall\nleft\neffusion\nno\n##s\n";

static const char *write_bert(void *const *state, const char *vocabulary, const struct fault *fault)
{
    return folder_write(state, shapes_bert, sizeof shapes_bert / sizeof *shapes_bert, config_bert,
                        vocabulary, NULL, fault);
}

// The import fails, leaves no file, and its sentence holds all the parts.
static void expect(void *const *state, const char *source, const char *system, const char *first,
                   const char *second)
{
    struct bv_error err = {0};
    const char *out = temporary_path(state, "out.safetensors");
    struct bv_import_options options = {.system = system, .dtype = BV_F32};
    assert_int_not_equal(bv_import(source, out, &options, NULL, &err), BV_OK);
    if (!strstr(err.text, first) || !strstr(err.text, second))
        fail_msg("\"%s\" says neither \"%s\" nor \"%s\"", err.text, first, second);
    assert_int_not_equal(access(out, F_OK), 0);
}

static void test_renamed_tensor(void **state)
{
    struct fault fault = {.rename = "encoder.layer.1.output.dense.weight",
                          .to = "encoder.layer.1.output.tense.weight"};
    const char *folder = write_bert(state, words, &fault);
    expect(state, folder, NULL, "output.dense.weight", "");
}

static void test_wrong_vocabulary(void **state)
{
    const char *folder =
        write_bert(state, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\n", NULL);
    expect(state, folder, NULL, "11 tokens", "10 rows");
}

static void test_not_finite(void **state)
{
    static const struct {
        float value;
        const char *name;
    } values[] = {{NAN, "NaN"}, {INFINITY, "infinity"}};
    for (size_t i = 0; i < 2; i++) {
        struct fault fault = {.poison = "encoder.layer.0.output.dense.weight",
                              .value = values[i].value};
        const char *folder = write_bert(state, words, &fault);
        expect(state, folder, NULL, "encoder.layer.0.output.dense.weight", values[i].name);
    }
}

static void test_other_system(void **state)
{
    const char *folder = write_bert(state, words, NULL);
    expect(state, folder, "gloria", "unexpected tensors", "embeddings.word_embeddings.weight");
    expect(state, folder, "nonsense", "unknown system", "nonsense");
}

static void test_half_a_download(void **state)
{
    const char *folder = write_bert(state, words, NULL);
    char path[512];
    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    expect(state, path, NULL, "missing", "bytes");
}

static void test_not_a_checkpoint(void **state)
{
    static const struct {
        const char *text, *says;
    } files[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize "
         "438007537\n",
         "Git LFS"},
        {"<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n", "web page"},
        {"", "empty"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = temporary_file(state, "model.pt", files[i].text, strlen(files[i].text));
        expect(state, path, NULL, files[i].says, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_renamed_tensor, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_wrong_vocabulary, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_not_finite, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_other_system, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_half_a_download, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_not_a_checkpoint, temporary_folder,
                                        temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
