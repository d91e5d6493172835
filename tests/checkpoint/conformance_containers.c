// conformance.containers: every checkpoint under $BIOVL_CONFORMANCE opens, and holds the tensors
// that the list beside it (FILE.keys.txt: name, shape, type) gives.
#include <ftw.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/torch_dtype.h"
#include "support/check.h"
#include "support/reference.h"

static const char *const suffixes[] = {".pt", ".pth", ".bin",        ".ckpt",
                                       ".th", ".tar", ".safetensors"};
static int n_files, n_listed, n_tensors;

// "(2, 3)" as Python prints a tuple.
static void print_shape(const struct bv_checkpoint_tensor *t, char *out, size_t room)
{
    size_t n = (size_t)snprintf(out, room, "(");
    for (int i = 0; i < t->n_dims; i++)
        n += (size_t)snprintf(out + n, room - n, "%s%lld", i ? ", " : "", (long long)t->shape[i]);
    (void)snprintf(out + n, room - n, "%s)", t->n_dims == 1 ? "," : "");
}

// Removes "state_dict / " and the like, which the checkpoint has taken off, and joins what is left
// with dots. false for an entry beside the state dict.
static bool local_name(const struct bv_checkpoint *c, const char *listed, char *out, size_t room)
{
    const char *origin = bv_checkpoint_origin(c);
    size_t n = strlen(origin);
    if (n && (strncmp(listed, origin, n) != 0 || strncmp(listed + n, " / ", 3) != 0))
        return false;
    (void)snprintf(out, room, "%s", n ? listed + n + 3 : listed);
    for (char *at; (at = strstr(out, " / "));) {
        *at = '.';
        memmove(at + 1, at + 3, strlen(at + 3) + 1);
    }
    return true;
}

// One line of a list; 1 where it is that of a tensor.
static int check_line(struct bv_checkpoint *c, const char *path, char *line)
{
    char name[1024], shape[256];
    char *wanted_shape = strchr(line, '\t');
    char *type = wanted_shape ? strchr(wanted_shape + 1, '\t') : NULL;
    if (!type || wanted_shape[1] != '(')
        return 0;
    *wanted_shape++ = 0;
    *type++ = 0;
    if (!local_name(c, line, name, sizeof name))
        return 0;
    const struct bv_checkpoint_tensor *t = bv_checkpoint_find(c, name);
    if (!t)
        fail_msg("%s: no tensor '%s'", path, name);
    print_shape(t, shape, sizeof shape);
    if (strcmp(shape, wanted_shape) != 0 || strcmp(torch_dtype(t->dtype, false), type) != 0)
        fail_msg("%s: '%s' is %s %s, not %s %s", path, name, shape, torch_dtype(t->dtype, false),
                 wanted_shape, type);
    return 1;
}

static void check_list(struct bv_checkpoint *c, const char *path)
{
    char list[4096];
    char *text = NULL;
    size_t size = 0, n = 0;
    struct bv_error err = {0};
    (void)snprintf(list, sizeof list, "%s.keys.txt", path);
    if (bv_read_all(list, SIZE_MAX, &text, &size, &err) != BV_OK)
        return;
    for (char *line = text, *end; line && *line; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = 0;
        n += (size_t)check_line(c, path, line);
    }
    if (n != bv_checkpoint_count(c))
        fail_msg("%s: %zu tensors, the list has %zu", path, bv_checkpoint_count(c), n);
    n_listed++;
    free(text);
}

static void check_file(const char *path)
{
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    check_list(c, path);
    for (size_t i = 0; i < bv_checkpoint_count(c); i++) {
        const struct bv_checkpoint_tensor *t = bv_checkpoint_tensor(c, i);
        void *data = malloc(t->bytes + 1);
        assert_non_null(data);
        assert_ok(bv_checkpoint_read(c, t, data, &err), err);
        const void *in_place = bv_checkpoint_data(c, t);
        if (in_place)
            assert_memory_equal(in_place, data, t->bytes);
        free(data);
    }
    print_message("%-13s %5zu tensors  %s\n", bv_checkpoint_container(c), bv_checkpoint_count(c),
                  path);
    n_files++;
    n_tensors += (int)bv_checkpoint_count(c);
    bv_checkpoint_close(&c);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)where;
    if (type != FTW_F || strstr(path, "/evil_"))
        return 0;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t n = strlen(path), m = strlen(suffixes[i]);
        if (n > m && strcmp(path + n - m, suffixes[i]) == 0)
            check_file(path);
    }
    return 0;
}

static void test_files(void **state)
{
    (void)state;
    assert_int_equal(nftw(conformance_dir(), visit, 16, FTW_PHYS), 0);
    print_message("%d files, %d of them with a list; %d tensors\n", n_files, n_listed, n_tensors);
    assert_true(n_listed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files)};
    if (!conformance_dir())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
