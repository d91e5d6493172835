// What accidents with checkpoints look like to a user: each is named for what it is.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "convert/convert.h"
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

static void digest_of(void *const *state, const char *source, const char *prefix, char digest[65])
{
    struct bv_error err = {0};
    struct bv_import_report report;
    struct bv_import_options options = {.dtype = BV_F32};
    assert_ok(bv_import(source, temporary_path(state, "out.safetensors"), &options, &report, &err),
              err);
    assert_string_equal(report.prefix, prefix);
    memcpy(digest, report.digest, sizeof report.digest);
    assert_int_equal(unlink(temporary_path(state, "out.safetensors")), 0);
}

static void test_wrapped(void **state)
{
    char plain[65], wrapped[65];
    digest_of(state, write_bert(state, words, NULL), "", plain);
    static const char *const prefixes[] = {"module.", "model.", "_orig_mod.", "net.",
                                           "model._orig_mod.module."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct fault fault = {.prefix = prefixes[i]};
        digest_of(state, write_bert(state, words, &fault), prefixes[i], wrapped);
        assert_string_equal(wrapped, plain);
    }
    // Another word is none that could be left out, and the message shows a name with it.
    struct fault fault = {.prefix = "teacher."};
    expect(state, write_bert(state, words, &fault), NULL, "'teacher.", "no known system");
}

static void test_shards(void **state)
{
    static const size_t n = sizeof shapes_bert / sizeof *shapes_bert;
    static const char first[] = "model-00001-of-00002.safetensors",
                      second[] = "model-00002-of-00002.safetensors";
    char whole[65], parts[65];
    digest_of(state, write_bert(state, words, NULL), "", whole);
    assert_int_equal(unlink(temporary_path(state, "model.safetensors")), 0);
    (void)folder_weights(state, first, shapes_bert, n / 2, VALUES_PLAIN, NULL);
    (void)folder_weights(state, second, shapes_bert + n / 2, n - n / 2, VALUES_PLAIN, NULL);
    digest_of(state, *state, "", parts);
    assert_string_equal(parts, whole);
    digest_of(state, temporary_path(state, second), "", parts);
    assert_string_equal(parts, whole);
    assert_int_equal(unlink(temporary_path(state, first)), 0);
    expect(state, *state, NULL, "one of 2 shards", "'model-00001-of-00002.safetensors' is missing");
    expect(state, temporary_path(state, second), NULL, "one of 2 shards", "is missing");
}

static void test_other_config(void **state)
{
    static const struct {
        const char *config, *first, *second;
    } cases[] = {
        {"{\"num_attention_heads\": 2, \"num_hidden_layers\": 3}", "num_hidden_layers 3",
         "2 layers"},
        {"{\"num_attention_heads\": 2, \"num_hidden_layers\": 1}", "num_hidden_layers 1",
         "2 layers"},
        {"{\"text_config\": {\"num_hidden_layers\": 12}}", "text_config.num_hidden_layers 12",
         "2 layers"},
        {"{\"num_hidden_layers\": {\"language\": 2, \"vision\": 5}}", "num_hidden_layers 5",
         "2 layers"},
        {"{\"num_hidden_layers\": {\"language\": [2]}}", "num_hidden_layers",
         "not a number of layers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *folder = write_bert(state, words, NULL);
        (void)temporary_file(state, "config.json", cases[i].config, strlen(cases[i].config));
        expect(state, folder, NULL, cases[i].first, cases[i].second);
    }
}

// A file beside the output is left alone, whatever its name; here it is the checkpoint.
static void test_files_beside(void **state)
{
    struct bv_error err = {0};
    const char *folder = write_bert(state, words, NULL);
    const char *source = temporary_path(state, "small.draft");
    const char *out = temporary_path(state, "small");
    struct bv_import_options options = {.dtype = BV_F32};
    assert_int_equal(rename(temporary_path(state, "model.safetensors"), source), 0);
    if (bv_import(folder, out, &options, NULL, &err) != BV_OK)
        fail_msg("%s", err.text);
    assert_int_equal(access(source, F_OK), 0);
    assert_int_equal(unlink(source), 0);
    assert_int_equal(unlink(out), 0);
}

// What is not read would be taken for what is usual.
static void test_unreadable_settings(void **state)
{
    static const struct {
        const char *file, *text, *first, *second;
    } cases[] = {
        {"config.json", "{\"num_attention_heads\": 2, ", "config.json", "line 1"},
        {"config.json", "[]", "config.json", "not a JSON object"},
        {"config.json", "{\"num_attention_heads\": \"2\"}", "heads", "not a whole number"},
        {"config.json", "{\"layer_norm_eps\": -1}", "eps", "not a small positive number"},
        {"config.json", "{\"hidden_act\": \"swiglu\"}", "activation", "not known"},
        {"config.json", "{\"hidden_act\": 5}", "activation", "not known"},
        {"config.json", "{\"num_hidden_layers\": \"2\"}", "num_hidden_layers", "not a number"},
        {"tokenizer_config.json", "{\"do_lower_case\": fa", "tokenizer_config.json", "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *folder = write_bert(state, words, NULL);
        const char *path =
            temporary_file(state, cases[i].file, cases[i].text, strlen(cases[i].text));
        expect(state, folder, NULL, cases[i].first, cases[i].second);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_foreign_folders(void **state)
{
    static const struct {
        const char *file, *text, *first, *second;
    } cases[] = {
        {"tf_model.h5", "\x89HDF", "'tf_model.h5'", "TensorFlow weights"},
        {"flax_model.msgpack", "\x82", "'flax_model.msgpack'", "Flax weights"},
        {"encoder.onnx", "\b\a", "'encoder.onnx'", "ONNX"},
        {"model-q4.gguf", "GGUF", "'model-q4.gguf'", "GGUF"},
        {"weights.bin", "version https://git-lfs.github.com/spec/v1\n", "'weights.bin'", "LFS"},
        {"readme.md", "# A model\n", "no checkpoint among its 1 files", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path =
            temporary_file(state, cases[i].file, cases[i].text, strlen(cases[i].text));
        expect(state, *state, NULL, cases[i].first, cases[i].second);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(mkdir(temporary_path(state, "snapshots"), 0700), 0);
    assert_int_equal(mkdir(temporary_path(state, "blobs"), 0700), 0);
    expect(state, *state, NULL, "cache of the Hugging Face hub", "snapshots/");
    assert_int_equal(rmdir(temporary_path(state, "snapshots")), 0);
    assert_int_equal(rmdir(temporary_path(state, "blobs")), 0);
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
        cmocka_unit_test_setup_teardown(test_wrapped, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_shards, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_other_config, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_files_beside, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_unreadable_settings, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_foreign_folders, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_not_a_checkpoint, temporary_folder,
                                        temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
