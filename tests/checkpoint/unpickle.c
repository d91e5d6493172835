// Tests of the pickle machine: values it builds, and streams it refuses.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/build.h"
#include "checkpoint/pickle.h"
#include "checkpoint/source.h"
#include "support/check.h"

#define LITERAL(text) text, sizeof(text) - 1

static enum bv_status run(struct bv_pickle *pickle, const void *data, size_t n,
                          struct bv_pickle_value **root, struct bv_error *err)
{
    size_t used = 0;
    enum bv_status status = bv_unpickle(pickle, data, n, NULL, NULL, root, &used, err);
    if (status == BV_OK)
        assert_int_equal(used, n);
    return status;
}

// Plain values, as the JSON they become.
static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *pickle;
        size_t n;
        const char *json;
    } cases[] = {
        {LITERAL("\x80\x02N."), "null"},
        {LITERAL("\x80\x02\x88."), "true"},
        {LITERAL("\x80\x02K\x07."), "7"},
        {LITERAL("\x80\x02M\x01\x02."), "513"},
        {LITERAL("\x80\x02J\xff\xff\xff\xff."), "-1"},
        {LITERAL("\x80\x02\x8a\x00."), "0"},
        {LITERAL("\x80\x02\x8a\x01\x80."), "-128"},
        {LITERAL("\x80\x02\x8a\x06\x00\x00\x00\x00\x00\xff."), "-1099511627776"},
        {LITERAL("\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x40."),
         "\"1180591620717411303424\""},
        {LITERAL("\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x80."),
         "\"-2361183241434822606848\""},
        {LITERAL("\x80\x02G\x3f\xf8\x00\x00\x00\x00\x00\x00."), "1.5"},
        {LITERAL("\x80\x02G\x7f\xf0\x00\x00\x00\x00\x00\x00."), "null"}, // infinity
        {LITERAL("\x80\x02X\x02\x00\x00\x00hi."), "\"hi\""},
        {LITERAL("\x80\x02U\x02hi."), "\"hi\""},
        {LITERAL("\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x02hi."), "\"hi\""},
        {LITERAL("\x80\x02]q\x00(K\x01K\x02"
                 "e."),
         "[1,2]"},
        {LITERAL("\x80\x02(K\x01K\x02l."), "[1,2]"},
        {LITERAL("\x80\x02(K\x01K\x02t."), "[1,2]"},
        {LITERAL("\x80\x02K\x01K\x02\x86."), "[1,2]"},
        {LITERAL("\x80\x02}U\x01xK\x01s."), "{\"x\":1}"},
        {LITERAL("\x80\x02(U\x01xK\x01"
                 "d."),
         "{\"x\":1}"},
        {LITERAL("\x80\x04\x8f(K\x01\x90."), "[1]"},
        {LITERAL("\x80\x04(K\x01\x91."), "[1]"},
        {LITERAL("\x80\x02"
                 "K\x01q\x00"
                 "0(h\x00h\x00t."),
         "[1,1]"},
        {LITERAL("\x80\x02K\x01K\x02"
                 "0."),
         "1"},
        {LITERAL("\x80\x02K\x01(K\x02"
                 "1."),
         "1"},
        {LITERAL("\x80\x02K\x01"
                 "2\x86."),
         "[1,1]"},
        {LITERAL("\x80\x02"
                 "ccollections\nOrderedDict\n)R}b."),
         "{}"},
        {LITERAL("\x80\x02"
                 "ccollections\nOrderedDict\n](U\x01xK\x01\x86"
                 "e\x85R."),
         "{\"x\":1}"},
        {LITERAL("\x80\x02"
                 "c__builtin__\nset\n](K\x05"
                 "e\x85R."),
         "[5]"},
        {LITERAL("\x80\x02"
                 "cargparse\nNamespace\n)\x81}U\x01xK\x01sb."),
         "{\"x\":1}"},
        {LITERAL("\x80\x02"
                 "cpathlib\nPosixPath\n(U\x01/U\x01"
                 "aU\x01"
                 "btR."),
         "\"/a/b\""},
        {LITERAL("\x80\x02"
                 "ctorch\ndevice\nU\x04"
                 "cudaK\x01\x86R."),
         "\"cuda:1\""},
        {LITERAL("\x80\x02"
                 "ctorch\nfloat16\n."),
         "\"torch.float16\""},
        {LITERAL("\x80\x02"
                 "cmy.project\nConfig\n)\x81}U\x01xK\x01sb."),
         "{\"x\":1}"},
        {LITERAL("\x80\x02"
                 "cmy.project\nDict\n)\x81(U\x01xK\x01u."),
         "{\"x\":1}"},
        {LITERAL("\x80\x02"
                 "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02"
                 "f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
                 "U\x04\x00\x00\x80\x3etR."),
         "0.25"},
        // a list that holds itself ends where JSON does
        {LITERAL("\x80\x02]q\x00h\x00"
                 "a."),
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_pickle pickle = {0};
        struct bv_pickle_value *root = NULL;
        struct bv_error err = {0};
        assert_ok(run(&pickle, cases[i].pickle, cases[i].n, &root, &err), err);
        json_t *json = bv_pickle_json(root);
        assert_non_null(json);
        char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        if (cases[i].json)
            assert_string_equal(text, cases[i].json);
        free(text);
        json_decref(json);
        bv_pickle_free(&pickle);
    }
}

// What calls or names something is refused, with the name.
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pickle;
        size_t n;
        const char *name;
    } cases[] = {
        {LITERAL("\x80\x02"
                 "cposix\nsystem\nX\x04\x00\x00\x00true\x85R."),
         "posix.system"},
        {LITERAL("cos\nsystem\n(S'true'\ntR."), "os.system"},
        {LITERAL("\x80\x02"
                 "cos\nsystem\n0N."),
         "os.system"}, // named and dropped
        {LITERAL("\x80\x04\x8c\x02os\x8c\x06system\x93."), "os.system"},
        {LITERAL("\x80\x04\x8c\x08"
                 "builtins\x8c\x04"
                 "eval\x93\x8c\x01"
                 "1\x85R."),
         "builtins.eval"},
        {LITERAL("\x80\x02"
                 "c__builtin__\neval\n."),
         "__builtin__.eval"},
        {LITERAL("\x80\x02"
                 "c__builtin__\ngetattr\n."),
         "__builtin__.getattr"},
        {LITERAL("\x80\x02"
                 "csubprocess\nPopen\nU\x02id\x85\x81."),
         "subprocess.Popen"},
        {LITERAL("\x80\x02(U\x02idios\nsystem\n."), "os.system"},
        {LITERAL("\x80\x02(cruncode\nexec_module\nU\x02ido."), "runcode.exec_module"},
        {LITERAL("\x80\x02"
                 "cnumpy.testing._private.utils\nrunstring\nU\x02id}\x86R."),
         "numpy.testing._private.utils.runstring"},
        {LITERAL("\x80\x02"
                 "ctorch.storage\n_load_from_bytes\nU\x02id\x85R."),
         "torch.storage._load_from_bytes"},
        {LITERAL("\x80\x02"
                 "ctorch.hub\nload\nU\x02id\x85R."),
         "torch.hub.load"},
        {LITERAL("\x80\x02"
                 "cmy.project\nmake\n)R."),
         "my.project.make"},
        {LITERAL("\x80\x02"
                 "cmy.project\nConfig\n}b."),
         "my.project.Config"},
        {LITERAL("\x80\x02"
                 "c__builtin__\nstr\n)R."),
         "builtins.str"},
        {LITERAL("\x80\x02"
                 "cnumpy.core.multiarray\n_reconstruct\ncmy\nX\n\x85R."),
         "other than an array"},
        {LITERAL("\x80\x02\x82\x01."), "extension registry"},
        {LITERAL("\x80\x02"
                 "cmy.project\nConfig\n)\x81)R."),
         "made itself"},
        {LITERAL("\x80\x02"
                 "ctorch._tensor\n_rebuild_from_type_v2\n(cmy\nf\nNN)tR."),
         "other than torch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_pickle pickle = {0};
        struct bv_pickle_value *root = NULL;
        struct bv_error err = {0};
        enum bv_status status = run(&pickle, cases[i].pickle, cases[i].n, &root, &err);
        if (status != BV_ERR_REFUSED || !strstr(err.text, cases[i].name))
            fail_msg("case %zu, %s: %s: %s", i, cases[i].name, bv_status_name(status), err.text);
        bv_pickle_free(&pickle);
    }
}

static void test_broken(void **state)
{
    (void)state;
    static const struct {
        const char *pickle;
        size_t n;
        enum bv_status status;
    } cases[] = {
        {LITERAL(""), BV_ERR_FORMAT},
        {LITERAL("\x80\x02."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02NN."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02N(."), BV_ERR_FORMAT},
        {LITERAL("\x80\x06N."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02(R."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02N(0R."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02t."), BV_ERR_FORMAT},
        {LITERAL("(e"), BV_ERR_FORMAT}, // items of an empty stack
        {LITERAL("\x80\x02h\x63."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02Nr\xff\xff\x3f\x00."), BV_ERR_FORMAT}, // a memo with a hole
        {LITERAL("\x80\x02}(Nu."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02(Nd."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02NNa."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02]NNs."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02X\xff\xff\xff\x7fX."), BV_ERR_FORMAT},
        {LITERAL("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffX."), BV_ERR_FORMAT},
        {LITERAL("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffX."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02\x8b\x00\x01\x00\x00."), BV_ERR_LIMIT},
        {LITERAL("\x80\x02"
                 "ca"),
         BV_ERR_FORMAT},
        {LITERAL("\x80\x02"
                 "ca b\nc\n."),
         BV_ERR_FORMAT},
        {LITERAL("\x80\x02"
                 "c\n\n."),
         BV_ERR_FORMAT},
        {LITERAL("\x80\x04K\x01K\x01\x93."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02NN\x81."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02NQ."), BV_ERR_FORMAT},
        {LITERAL("\x80\x02I1\n."), BV_ERR_UNSUPPORTED},
        {LITERAL("\x80\x05\x97."), BV_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_pickle pickle = {0};
        struct bv_pickle_value *root = NULL;
        struct bv_error err = {0};
        enum bv_status status = run(&pickle, cases[i].pickle, cases[i].n, &root, &err);
        if (status != cases[i].status)
            fail_msg("case %zu: %s: %s", i, bv_status_name(status), err.text);
        bv_pickle_free(&pickle);
    }
}

// n times the same opcodes between a head and a tail.
static enum bv_status run_after(const struct bytes *head, const char *body, size_t body_bytes,
                                size_t n, const char *tail)
{
    struct bytes bytes = {0};
    struct bv_pickle pickle = {0};
    struct bv_pickle_value *root = NULL;
    struct bv_error err = {0};
    pickle_begin(&bytes);
    put(&bytes, head->data, head->n);
    for (size_t i = 0; i < n; i++)
        put(&bytes, body, body_bytes);
    put_text(&bytes, tail);
    enum bv_status status = run(&pickle, bytes.data, bytes.n, &root, &err);
    if (status == BV_OK) { // walks over it end too
        struct bv_state_dict found = {0};
        json_decref(bv_pickle_json(root));
        assert_int_not_equal(bv_state_dict_find(&pickle, root, &found, &err), BV_OK);
    }
    bv_pickle_free(&pickle);
    bytes_free(&bytes);
    return status;
}

static enum bv_status run_repeated(const char *head, const char *body, size_t body_bytes, size_t n,
                                   const char *tail)
{
    struct bytes bytes = {0};
    put_text(&bytes, head);
    enum bv_status status = run_after(&bytes, body, body_bytes, n, tail);
    bytes_free(&bytes);
    return status;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(run_repeated("", "N", 1, (1 << 20) + 1, "."), BV_ERR_LIMIT);   // stack
    assert_int_equal(run_repeated("", "(", 1, (1 << 16) + 1, "."), BV_ERR_LIMIT);   // marks
    assert_int_equal(run_repeated("]", "Na", 2, (1 << 21) + 1, "."), BV_ERR_LIMIT); // values
    // items: the same value again and again
    assert_int_equal(run_repeated("Nq\1]", "h\1a", 3, (1 << 22) + 1, "."), BV_ERR_LIMIT);
    assert_int_equal(run_repeated("", "}", 1, 1, "."), BV_OK);
    // nested deeper than any walk goes
    assert_int_equal(run_repeated("", "]", 1, 100000, "."), BV_ERR_FORMAT);
    assert_int_equal(run_repeated("N", "\x85", 1, 200000, "."), BV_OK);
}

// A long text made into bytes, or a name, over and over from the memo; a large dictionary reached
// along many ways.
static void test_repetition(void **state)
{
    (void)state;
    struct bytes text = {0};
    static const size_t n = 1 << 20;
    char *letters = malloc(n + 1);
    assert_non_null(letters);
    memset(letters, 'x', n);
    letters[n] = 0;
    put_text(&text, "c_codecs\nencode\nq\1");
    pickle_text(&text, letters);
    put_text(&text, "\x85q\2]"); // its arguments
    assert_int_equal(run_after(&text, "h\1h\2Ra", 6, 100, "."), BV_ERR_LIMIT);
    text.n = 0;
    letters[200] = 0;
    pickle_text(&text, letters);
    put_text(&text, "q\1]");
    assert_int_equal(run_after(&text, "h\1h\1\x93\x30", 6, 1 << 18, "."), BV_ERR_LIMIT);
    // 1000 dictionaries of 1000 pairs of the same dictionary of 100000 pairs
    text.n = 0;
    put_text(&text, "}q\1(");
    for (int i = 0; i < 100000; i++)
        put_text(&text, "NN");
    put_text(&text, "u0}(");
    for (int i = 0; i < 1000; i++)
        put_text(&text, "K\7h\1");
    put_text(&text, "uq\2"
                    "0}(");
    assert_int_equal(run_after(&text, "K\7h\2", 4, 1000, "u."), BV_OK);
    free(letters);
    bytes_free(&text);
}

// Forty dictionaries, each of the one before twice: 2^40 leaves for a reader that copies.
static void test_blow_up(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    struct bv_pickle pickle = {0};
    struct bv_pickle_value *root = NULL;
    struct bv_state_dict found = {0};
    struct bv_error err = {0};
    pickle_begin(&bytes);
    put_text(&bytes, "}");
    for (int i = 0; i < 40; i++) {
        put_text(&bytes, "q\1");
        put_text(&bytes, "0}(U\1xh\1U\1yh\1u");
    }
    put_text(&bytes, ".");
    assert_ok(run(&pickle, bytes.data, bytes.n, &root, &err), err);
    json_t *json = bv_pickle_json(root);
    assert_non_null(json);
    json_decref(json);
    assert_int_equal(bv_state_dict_find(&pickle, root, &found, &err), BV_ERR_LIMIT);
    bv_pickle_free(&pickle);
    bytes_free(&bytes);
}

// A tensor's description as torch writes it, with sizes and strides of choice.
static enum bv_status rebuild(int64_t numel, int64_t offset, int64_t size, int64_t stride,
                              int64_t size2, int64_t stride2, struct bv_error *err)
{
    struct bytes b = {0};
    struct bv_pickle pickle = {0};
    struct bv_pickle_value *root = NULL;
    pickle_begin(&b);
    pickle_global(&b, "torch._utils", "_rebuild_tensor_v2");
    put_text(&b, "((");
    pickle_text(&b, "storage");
    pickle_global(&b, "torch", "FloatStorage");
    pickle_text(&b, "0");
    pickle_text(&b, "cuda:0");
    pickle_int(&b, numel);
    put_text(&b, "tQ");
    pickle_int(&b, offset);
    pickle_int(&b, size);
    pickle_int(&b, size2);
    put(&b, "\x86", 1);
    pickle_int(&b, stride);
    pickle_int(&b, stride2);
    put(&b, "\x86\x89NtR.", 6);
    enum bv_status status = run(&pickle, b.data, b.n, &root, err);
    if (status == BV_OK)
        assert_int_equal(root->kind, BV_PICKLE_TENSOR);
    bv_pickle_free(&pickle);
    bytes_free(&b);
    return status;
}

static void test_tensors(void **state)
{
    (void)state;
    struct bv_error err = {0};
    assert_int_equal(rebuild(6, 0, 2, 3, 3, 1, &err), BV_OK);
    assert_int_equal(rebuild(6, 1, 2, 3, 3, 1, &err), BV_ERR_FORMAT); // one too far
    assert_int_equal(rebuild(6, 0, 2, 4, 3, 1, &err), BV_ERR_FORMAT);
    assert_int_equal(rebuild(6, 0, 2, 1, 3, 2, &err), BV_OK);  // transposed
    assert_int_equal(rebuild(3, 0, 2, 0, 3, 1, &err), BV_OK);  // expanded
    assert_int_equal(rebuild(0, 99, 0, 7, 3, 1, &err), BV_OK); // empty: offset and stride are free
    assert_int_equal(rebuild(6, -1, 2, 3, 3, 1, &err), BV_ERR_FORMAT);
    assert_int_equal(rebuild(6, 0, -2, 3, 3, 1, &err), BV_ERR_FORMAT);
    assert_int_equal(rebuild(6, 5, 2, -3, 3, 1, &err), BV_ERR_FORMAT);
    assert_int_equal(rebuild(6, 0, INT64_MAX, INT64_MAX, 3, 1, &err), BV_ERR_FORMAT);
    assert_int_equal(rebuild(6, INT64_MAX, 2, INT64_MAX, 3, 1, &err), BV_ERR_FORMAT);
    assert_int_equal(rebuild(INT64_MAX, 0, 2, 3, 3, 1, &err), BV_ERR_FORMAT);
    assert_int_equal(rebuild(1, 0, 1 << 20, 0, 1 << 20, 0, &err), BV_ERR_LIMIT); // 2^40 from one
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_broken),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_blow_up), cmocka_unit_test(test_repetition),
        cmocka_unit_test(test_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
