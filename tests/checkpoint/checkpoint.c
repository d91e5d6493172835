// Tests of the front: folders, archives, TorchScript, tied tensors, settings beside the weights,
// and files that are something else. All files are built here.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/build.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/temporary.h"
#include "support/check.h"

#define LITERAL(text) text, sizeof(text) - 1

// {"a.weight": …, "b": …} with storages of 4 and 2 floats, in a torch archive.
static void put_state_dict(struct bytes *out)
{
    static const size_t sizes[] = {4, 2};
    struct bytes pickle = {0};
    pickle_begin(&pickle);
    put_text(&pickle, "}(");
    pickle_text(&pickle, "a.weight");
    pickle_tensor(&pickle, "0", 4);
    pickle_text(&pickle, "b");
    pickle_tensor(&pickle, "1", 2);
    put_text(&pickle, "u.");
    put_torch_zip(out, &pickle, sizes, 2);
    bytes_free(&pickle);
}

// One float tensor of this name and n elements of a value.
static void write_safetensors(const char *path, const char *name, int64_t n, float value)
{
    float values[64];
    struct bv_error err = {0};
    for (int64_t i = 0; i < n; i++)
        values[i] = value;
    const struct bv_safetensors_spec spec = {
        .name = name, .dtype = BV_F32, .n_dims = 1, .shape = {n}, .data = values};
    assert_ok(bv_safetensors_write(path, &spec, 1, NULL, NULL, NULL, &err), err);
}

static float first_value(struct bv_checkpoint *c, const char *name)
{
    float values[64];
    struct bv_error err = {0};
    const struct bv_checkpoint_tensor *t = bv_checkpoint_find(c, name);
    if (!t)
        fail_msg("no tensor '%s'", name);
    assert_true(t->bytes <= sizeof values);
    assert_ok(bv_checkpoint_read(c, t, values, &err), err);
    return values[0];
}

static void test_torch_zip(void **state)
{
    struct bytes zip = {0};
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    float values[4];
    put_state_dict(&zip);
    // the suffix says nothing
    const char *path = temporary_file(state, "weights.txt", zip.data, zip.n);
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    assert_string_equal(bv_checkpoint_container(c), "torch zip");
    assert_string_equal(bv_checkpoint_origin(c), "");
    assert_int_equal(bv_checkpoint_count(c), 2);
    const struct bv_checkpoint_tensor *t = bv_checkpoint_tensor(c, 0);
    assert_string_equal(t->name, "a.weight");
    assert_int_equal(t->bytes, sizeof values);
    assert_ok(bv_checkpoint_read(c, t, values, &err), err);
    assert_true(values[3] == 3.0f);
    assert_non_null(bv_checkpoint_data(c, t)); // torch aligns to 64 bytes
    assert_memory_equal(bv_checkpoint_data(c, t), values, sizeof values);
    assert_null(bv_checkpoint_tensor(c, 2));
    assert_null(bv_checkpoint_find(c, "c"));
    bv_checkpoint_close(&c);
    assert_null(c);
    bv_checkpoint_close(&c);
    bytes_free(&zip);
}

// Every proper prefix of a download is an error; one that has its object says how much is missing.
static void test_cut_off(void **state)
{
    struct bytes zip = {0};
    size_t told = 0;
    put_state_dict(&zip);
    for (size_t n = 0; n < zip.n; n += n < 700 ? 1 : 13) {
        struct bv_checkpoint *c = NULL;
        struct bv_error err = {0};
        const char *path = temporary_file(state, "cut.pt", zip.data, n);
        assert_int_equal(bv_checkpoint_open(&c, path, &err), BV_ERR_FORMAT);
        assert_non_null(strstr(err.text, path));
    }
    // a large storage makes the estimate say something
    struct bytes pickle = {0}, large = {0};
    pickle_begin(&pickle);
    put_text(&pickle, "}");
    pickle_text(&pickle, "w");
    pickle_tensor(&pickle, "0", 100000);
    put_text(&pickle, "s.");
    static const size_t sizes[] = {64};
    put_torch_zip(&large, &pickle, sizes, 1);
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    const char *path = temporary_file(state, "half.pt", large.data, large.n / 2);
    assert_int_equal(bv_checkpoint_open(&c, path, &err), BV_ERR_FORMAT);
    const char *words = strstr(err.text, "at least ");
    assert_non_null(words);
    assert_int_equal(sscanf(words, "at least %zu bytes are missing", &told), 1);
    assert_int_equal(told, 400000 - large.n / 2);
    path = temporary_file(state, "short.pt", large.data, large.n); // whole, but a storage too small
    assert_int_equal(bv_checkpoint_open(&c, path, &err), BV_ERR_FORMAT);
    assert_non_null(strstr(err.text, "256 bytes instead of 400000"));
    bytes_free(&pickle);
    bytes_free(&large);
    bytes_free(&zip);
}

// A legacy file: five pickles, then the storages in the order of the last.
static void put_legacy(struct bytes *b)
{
    static const float values[] = {0, 1, 2, 3, 10, 11};
    put(b, "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.", 15);
    put(b, "\x80\x02M\xe9\x03.", 6);
    pickle_begin(b);
    put_text(b, "}");
    pickle_text(b, "little_endian");
    put(b, "\x88s.", 3);
    pickle_begin(b);
    put_text(b, "}(");
    pickle_text(b, "x");
    pickle_tensor(b, "94", 4);
    pickle_text(b, "y");
    pickle_tensor(b, "7", 2);
    put_text(b, "u.");
    pickle_begin(b);
    put_text(b, "](");
    pickle_text(b, "7");
    pickle_text(b, "94");
    put_text(b, "e.");
    put_number(b, 2, 8);
    put(b, values + 4, 8);
    put_number(b, 4, 8);
    put(b, values, 16);
}

static void test_legacy(void **state)
{
    struct bytes b = {0};
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    put_legacy(&b);
    const char *path = temporary_file(state, "old.pt", b.data, b.n);
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    assert_string_equal(bv_checkpoint_container(c), "torch legacy");
    assert_true(first_value(c, "y") == 10.0f);
    assert_true(first_value(c, "x") == 0.0f);
    bv_checkpoint_close(&c);
    for (size_t n = 1; n < b.n; n++) {
        path = temporary_file(state, "cut.pt", b.data, n);
        assert_int_not_equal(bv_checkpoint_open(&c, path, &err), BV_OK);
    }
    assert_non_null(strstr(err.text, "1 bytes are missing"));
    put_text(&b, "!");
    path = temporary_file(state, "long.pt", b.data, b.n);
    assert_int_equal(bv_checkpoint_open(&c, path, &err), BV_ERR_FORMAT);
    assert_non_null(strstr(err.text, "1 bytes follow"));
    bytes_free(&b);
}

// A script module: attributes by name, tensors among them, submodules as instances.
static void test_torch_script(void **state)
{
    static const size_t sizes[] = {4, 2};
    struct bytes pickle = {0}, zip = {0};
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    pickle_begin(&pickle);
    pickle_global(&pickle, "__torch__", "Model");
    put(&pickle, ")\x81}(", 4);
    pickle_text(&pickle, "training");
    put(&pickle, "\x89", 1);
    pickle_text(&pickle, "logit_scale");
    pickle_tensor(&pickle, "1", 2);
    pickle_text(&pickle, "visual");
    pickle_global(&pickle, "__torch__.torch.nn.modules.conv.___torch_mangle_7", "Conv2d");
    put(&pickle, ")\x81}(", 4);
    pickle_text(&pickle, "weight");
    pickle_tensor(&pickle, "0", 4);
    pickle_text(&pickle, "stride");
    pickle_global(&pickle, "torch.jit._pickle", "build_intlist");
    put_text(&pickle, "](K\1K\2e\x85R");
    put_text(&pickle, "ubub.");
    static const float floats[4] = {0, 1, 2, 3};
    const struct member members[] = {
        {.name = "m/data.pkl", .data = pickle.data, .n = pickle.n},
        {.name = "m/code/__torch__.py", .data = "class Model: pass", .n = 17, .deflated = 1},
        {.name = "m/constants.pkl", .data = "\x80\x02).", .n = 4},
        {.name = "m/data/0", .data = floats, .n = 4 * sizes[0], .align = 64},
        {.name = "m/data/1", .data = floats, .n = 4 * sizes[1], .align = 64},
        {.name = "m/version", .data = "3\n", .n = 2},
    };
    put_zip(&zip, members, sizeof members / sizeof *members, 0);
    const char *path = temporary_file(state, "ViT-B-32.pt", zip.data, zip.n);
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    assert_string_equal(bv_checkpoint_container(c), "TorchScript");
    assert_int_equal(bv_checkpoint_count(c), 2);
    assert_non_null(bv_checkpoint_find(c, "logit_scale"));
    assert_non_null(bv_checkpoint_find(c, "visual.weight"));
    bv_checkpoint_close(&c);
    bytes_free(&pickle);
    bytes_free(&zip);
}

// {"epoch": 3, "state_dict": {"a": t, "b": t of the same storage}, "hyper_parameters": {…},
// "optimizer_states": [{"x": tensor}]}
static void put_lightning(struct bytes *zip)
{
    static const size_t sizes[] = {4, 2};
    struct bytes pickle = {0};
    pickle_begin(&pickle);
    put_text(&pickle, "}(");
    pickle_text(&pickle, "epoch");
    pickle_int(&pickle, 3);
    pickle_text(&pickle, "hyper_parameters");
    put_text(&pickle, "}");
    pickle_text(&pickle, "width");
    pickle_int(&pickle, 64);
    put_text(&pickle, "s");
    pickle_text(&pickle, "optimizer_states");
    put_text(&pickle, "]}");
    pickle_text(&pickle, "x");
    pickle_tensor(&pickle, "1", 2);
    put_text(&pickle, "sa");
    pickle_text(&pickle, "state_dict");
    put_text(&pickle, "}(");
    pickle_text(&pickle, "a");
    pickle_tensor(&pickle, "0", 4);
    pickle_text(&pickle, "b");
    pickle_tensor(&pickle, "0", 4);
    put_text(&pickle, "uu.");
    put_torch_zip(zip, &pickle, sizes, 2);
    bytes_free(&pickle);
}

// {"model": {"a": t}, "model_ema": {"module.a": t of another storage}}: the weights
// are the plain ones unless the averages are asked for.
static void test_averages_beside(void **state)
{
    static const size_t sizes[] = {4, 4, 1};
    struct bytes pickle = {0}, zip = {0};
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    pickle_begin(&pickle);
    put_text(&pickle, "}(");
    pickle_text(&pickle, "model_ema");
    put_text(&pickle, "}");
    pickle_text(&pickle, "module.a");
    pickle_tensor(&pickle, "1", 4);
    put_text(&pickle, "s");
    pickle_text(&pickle, "model");
    put_text(&pickle, "}");
    pickle_text(&pickle, "a");
    pickle_tensor(&pickle, "0", 4);
    put_text(&pickle, "su.");
    put_torch_zip(&zip, &pickle, sizes, 2);
    const char *path = temporary_file(state, "both.pt", zip.data, zip.n);
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    assert_int_equal(bv_checkpoint_count(c), 1);
    assert_true(bv_checkpoint_has_averages(c));
    assert_false(bv_checkpoint_is_averaged(c));
    size_t plain = bv_checkpoint_find(c, "a")->storage;
    assert_ok(bv_checkpoint_take_averages(c, &err), err);
    assert_int_not_equal(bv_checkpoint_find(c, "a")->storage, plain);
    assert_true(bv_checkpoint_is_averaged(c));
    bv_checkpoint_close(&c);
    bytes_free(&pickle);
    bytes_free(&zip);
}

// Names of latent-diffusion's LitEma, which lack the dots, beside the model's own.
static void test_averages_among(void **state)
{
    static const float one[2] = {1, 1}, two[2] = {2, 2}, other[3] = {3, 3, 3};
    struct bv_safetensors_spec specs[] = {
        {"model.net.0.weight", BV_F32, 1, {2}, one},
        {"model_ema.net0weight", BV_F32, 1, {2}, two},
        {"model_ema.decay", BV_F32, 0, {0}, one},
        {"logit_scale", BV_F32, 0, {0}, one},
    };
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    float values[2];
    const char *path = temporary_path(state, "ldm.safetensors");
    assert_ok(bv_safetensors_write(path, specs, 4, NULL, NULL, NULL, &err), err);
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    assert_int_equal(bv_checkpoint_count(c), 2);
    assert_ok(bv_checkpoint_take_averages(c, &err), err);
    assert_ok(bv_checkpoint_read(c, bv_checkpoint_find(c, "model.net.0.weight"), values, &err),
              err);
    assert_float_equal(values[0], 2, 0);
    assert_non_null(bv_checkpoint_find(c, "logit_scale"));
    bv_checkpoint_close(&c);

    // An average of another shape is of something else.
    specs[1].shape[0] = 3;
    specs[1].data = other;
    assert_ok(bv_safetensors_write(path, specs, 4, NULL, NULL, NULL, &err), err);
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    assert_int_equal(bv_checkpoint_take_averages(c, &err), BV_ERR_FORMAT);
    assert_non_null(strstr(err.text, "net0weight"));
    bv_checkpoint_close(&c);
}

static void test_lightning(void **state)
{
    struct bytes zip = {0};
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    put_lightning(&zip);
    const char *path = temporary_file(state, "last.ckpt", zip.data, zip.n);
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    assert_string_equal(bv_checkpoint_origin(c), "state_dict");
    assert_int_equal(bv_checkpoint_count(c), 2);
    assert_int_equal(bv_checkpoint_find(c, "a")->storage, bv_checkpoint_find(c, "b")->storage);
    char *text = json_dumps(bv_checkpoint_metadata(c), JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"epoch\":3,\"hyper_parameters\":{\"width\":64}}");
    free(text);
    bv_checkpoint_close(&c);
    bytes_free(&zip);
}

static void test_folder(void **state)
{
    struct bytes zip = {0};
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    char *data = NULL;
    size_t size = 0;
    put_state_dict(&zip);
    assert_int_equal(bv_checkpoint_open(&c, *state, &err), BV_ERR_FORMAT);
    assert_non_null(strstr(err.text, "no checkpoint"));
    (void)temporary_file(state, "config.json", LITERAL("{\"hidden_size\": 64}"));
    (void)temporary_file(state, "image_model.pt", zip.data, zip.n);
    assert_ok(bv_checkpoint_open(&c, *state, &err), err); // the only checkpoint
    bv_checkpoint_close(&c);
    (void)temporary_file(state, "other.pt", zip.data, zip.n);
    assert_int_equal(bv_checkpoint_open(&c, *state, &err), BV_ERR_FORMAT); // which one?
    assert_non_null(strstr(err.text, "image_model.pt"));
    write_safetensors(temporary_path(state, "model.safetensors"), "w", 4, 1.0f);
    (void)temporary_file(state, "pytorch_model.bin", zip.data, zip.n);
    assert_ok(bv_checkpoint_open(&c, *state, &err), err);
    assert_string_equal(bv_checkpoint_container(c), "safetensors"); // preferred
    assert_int_equal(bv_checkpoint_other_count(c), 2);
    assert_string_equal(bv_checkpoint_other(c, 0), "image_model.pt");
    assert_ok(bv_checkpoint_add(c, "image_model.pt", "image.", &err), err);
    assert_int_equal(bv_checkpoint_count(c), 3);
    assert_true(first_value(c, "w") == 1.0f);
    assert_non_null(bv_checkpoint_find(c, "image.a.weight"));
    assert_int_equal(bv_checkpoint_add(c, "other.pt", "image.", &err), BV_ERR_FORMAT); // twice
    assert_true(bv_checkpoint_has_file(c, "config.json"));
    assert_false(bv_checkpoint_has_file(c, "vocab.txt"));
    assert_false(bv_checkpoint_has_file(c, "../../etc/passwd"));
    assert_ok(bv_checkpoint_read_file(c, "config.json", 1000, &data, &size, &err), err);
    assert_string_equal(data, "{\"hidden_size\": 64}");
    free(data);
    assert_int_equal(bv_checkpoint_read_file(c, "config.json", 3, &data, &size, &err),
                     BV_ERR_LIMIT);
    assert_int_equal(bv_checkpoint_read_file(c, "vocab.txt", 3, &data, &size, &err), BV_ERR_IO);
    assert_int_equal(bv_checkpoint_read_file(c, "a/../../x", 3, &data, &size, &err), BV_ERR_ARG);
    bv_checkpoint_close(&c);
    // the file itself: its folder's files are beside it
    assert_ok(bv_checkpoint_open(&c, temporary_path(state, "other.pt"), &err), err);
    assert_true(bv_checkpoint_has_file(c, "config.json"));
    bv_checkpoint_close(&c);
    bytes_free(&zip);
}

static void test_shards(void **state)
{
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    static const struct {
        const char *index;
        enum bv_status status;
    } cases[] = {
        {"{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"}}", BV_OK},
        {"{\"weight_map\": {\"a\": \"1.safetensors\", \"c\": \"2.safetensors\"}}", BV_ERR_FORMAT},
        {"{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"3.safetensors\"}}", BV_ERR_IO},
        {"{\"weight_map\": {\"a\": \"../1.safetensors\"}}", BV_ERR_ARG},
        {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}", BV_ERR_ARG},
        {"{\"weight_map\": {\"a\": 1}}", BV_ERR_FORMAT},
        {"{\"weight_map\": {}}", BV_ERR_FORMAT},
        {"\xef\xbb\xbf{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"}}",
         BV_OK},
        {"{\"weights\": {}}", BV_ERR_FORMAT},
        {"{\"weight_map\": ", BV_ERR_FORMAT},
    };
    write_safetensors(temporary_path(state, "1.safetensors"), "a", 4, 1.0f);
    write_safetensors(temporary_path(state, "2.safetensors"), "b", 4, 2.0f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        // The folder, and the index itself.
        const char *index = temporary_file(state, "model.safetensors.index.json", cases[i].index,
                                           strlen(cases[i].index));
        const char *const paths[] = {*state, index};
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(bv_checkpoint_open(&c, paths[k], &err), cases[i].status);
            if (cases[i].status == BV_OK) {
                assert_int_equal(bv_checkpoint_count(c), 2);
                assert_true(first_value(c, "b") == 2.0f);
            }
            bv_checkpoint_close(&c);
        }
    }
}

// A zip archive around a folder, as MedCLIP publishes its weights.
static void test_archive(void **state)
{
    struct bytes inner = {0};
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    char *data = NULL;
    size_t size = 0;
    put_state_dict(&inner);
    for (int deflated = 0; deflated < 2; deflated++) {
        const struct member members[] = {
            {.name = "__MACOSX/m/._pytorch_model.bin", .data = inner.data, .n = inner.n},
            {.name = "m/", .data = "", .n = 0},
            {.name = "m/config.json", .data = "{}", .n = 2, .deflated = deflated},
            {.name = "m/extra.pt", .data = inner.data, .n = inner.n, .deflated = deflated},
            {.name = "m/pytorch_model.bin", .data = inner.data, .n = inner.n, .deflated = deflated},
        };
        struct bytes outer = {0};
        put_zip(&outer, members, sizeof members / sizeof *members, 0);
        const char *path = temporary_file(state, "medclip.zip", outer.data, outer.n);
        assert_ok(bv_checkpoint_open(&c, path, &err), err);
        assert_string_equal(bv_checkpoint_container(c), "torch zip");
        assert_int_equal(bv_checkpoint_count(c), 2);
        assert_true(first_value(c, "b") == 0.0f);
        assert_int_equal(bv_checkpoint_other_count(c), 1);
        assert_string_equal(bv_checkpoint_other(c, 0), "extra.pt");
        assert_ok(bv_checkpoint_add(c, "extra.pt", "x.", &err), err);
        assert_int_equal(bv_checkpoint_count(c), 4);
        assert_ok(bv_checkpoint_read_file(c, "config.json", 10, &data, &size, &err), err);
        assert_string_equal(data, "{}");
        free(data);
        bv_checkpoint_close(&c);
        bytes_free(&outer);
    }
    bytes_free(&inner);
}

// What users take for a model by accident is named for what it is.
static void test_accidents(void **state)
{
    static const uint8_t zeros[100];
    static const struct {
        const char *data;
        size_t n;
        enum bv_status status;
        const char *words;
    } cases[] = {
        {LITERAL(""), BV_ERR_FORMAT, "empty"},
        {LITERAL("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 438012345\n"),
         BV_ERR_FORMAT, "Git LFS pointer, not the model itself, which has 438012345 bytes"},
        {LITERAL("\n<!DOCTYPE html><html><head>"), BV_ERR_FORMAT, "web page"},
        {LITERAL("<html lang=en>"), BV_ERR_FORMAT, "web page"},
        {LITERAL("<?xml version='1.0'?><Error><Code>AccessDenied</Code>"), BV_ERR_FORMAT, "XML"},
        {LITERAL("{\"error\": \"Access to model is restricted\"}"), BV_ERR_FORMAT, "JSON"},
        {LITERAL("Entry not found\n"), BV_ERR_FORMAT, "text file"},
        {LITERAL("\x1f\x8b\x08\x00\x00\x00\x00\x00"), BV_ERR_UNSUPPORTED, "gzip"},
        {LITERAL("\x89HDF\r\n\x1a\n\x00\x00"), BV_ERR_UNSUPPORTED, "HDF5"},
        {LITERAL("GGUF\x03\x00\x00\x00"), BV_ERR_UNSUPPORTED, "GGUF"},
        {LITERAL("\x08\x07\x12\x07pytorch\x1a\x03"), BV_ERR_UNSUPPORTED, "ONNX"},
        {LITERAL("\x08\x01\x12\xf0\x0a\x0a\x00\x00"), BV_ERR_UNSUPPORTED, "TensorFlow"},
        {LITERAL("\x1c\x00\x00\x00TFL3\x00"), BV_ERR_UNSUPPORTED, "TensorFlow Lite"},
        {LITERAL("\x89PNG\r\n\x1a\n"), BV_ERR_FORMAT, "PNG"},
        {LITERAL("\x93NUMPY\x01\x00"), BV_ERR_UNSUPPORTED, "NumPy"},
        {LITERAL("\x01\x02\x03\x04\x05"), BV_ERR_FORMAT, "01 02 03 04"},
        {LITERAL("cposix\nsystem\n(S'id'\ntR."), BV_ERR_REFUSED, "posix.system"},
        {LITERAL("\x80\x04\x8c\x05posix\x8c\x06system\x93."), BV_ERR_REFUSED, "posix.system"},
        {LITERAL("PK\x03\x04 half an archive"), BV_ERR_FORMAT, "truncated"},
        {(const char *)zeros, sizeof zeros, BV_ERR_FORMAT, "zero bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_checkpoint *c = NULL;
        struct bv_error err = {0};
        const char *path = temporary_file(state, "model.pt", cases[i].data, cases[i].n);
        enum bv_status status = bv_checkpoint_open(&c, path, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].words))
            fail_msg("%s: %s: %s", cases[i].words, bv_status_name(status), err.text);
        assert_ptr_equal(strstr(err.text, path), err.text);
        assert_null(strstr(err.text + 1, path)); // once
    }
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    const char *path = temporary_path(state, "nowhere.pt");
    assert_int_equal(bv_checkpoint_open(&c, path, &err), BV_ERR_IO);
    assert_ptr_equal(strstr(err.text, path), err.text);
    assert_null(strstr(err.text + 1, path));
}

// Big-endian archives, and archives that hold no model.
static void test_other_archives(void **state)
{
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    const struct member big[] = {{.name = "a/data.pkl", .data = "\x80\x02}.", .n = 4},
                                 {.name = "a/byteorder", .data = "big", .n = 3}};
    const struct member text = {.name = "readme.txt", .data = "hello there", .n = 11};
    const struct member empty = {.name = "a/data.pkl", .data = "\x80\x02}.", .n = 4};
    struct bytes zip = {0};
    put_zip(&zip, big, 2, 0);
    const char *path = temporary_file(state, "a.pt", zip.data, zip.n);
    assert_int_equal(bv_checkpoint_open(&c, path, &err), BV_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "big-endian"));
    bytes_free(&zip);
    put_zip(&zip, &text, 1, 0);
    path = temporary_file(state, "a.pt", zip.data, zip.n);
    assert_int_equal(bv_checkpoint_open(&c, path, &err), BV_ERR_FORMAT);
    assert_non_null(strstr(err.text, "no checkpoint"));
    bytes_free(&zip);
    put_zip(&zip, &empty, 1, 0);
    path = temporary_file(state, "a.pt", zip.data, zip.n);
    assert_int_equal(bv_checkpoint_open(&c, path, &err), BV_ERR_FORMAT);
    assert_non_null(strstr(err.text, "no tensors"));
    bytes_free(&zip);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_folder, temporary_folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_torch_zip),      TEST(test_cut_off),   TEST(test_legacy),
        TEST(test_torch_script),   TEST(test_lightning), TEST(test_folder),
        TEST(test_shards),         TEST(test_archive),   TEST(test_averages_beside),
        TEST(test_averages_among), TEST(test_accidents), TEST(test_other_archives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
