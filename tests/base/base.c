// Tests of src/base: half floats, SHA-256, UTF-8, files, threads, arena, errors.
#define _DEFAULT_SOURCE // syscall()
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "base/thread.h"
#include "support/check.h"

// Every f16 value survives the way through f32; halfway cases round to even.
static void test_half(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = bv_f16_to_f32((uint16_t)h);
        if (isnan(f))
            assert_true((bv_f32_to_f16(f) & 0x7c00) == 0x7c00 && (bv_f32_to_f16(f) & 0x3ff));
        else
            assert_int_equal(bv_f32_to_f16(f), h);
    }
    assert_int_equal(bv_f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(bv_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(bv_f32_to_f16(1.0f + 0x1p-11f), 0x3c00);
    assert_int_equal(bv_f32_to_f16(1.0f + 3 * 0x1p-11f), 0x3c02);
    assert_int_equal(bv_f32_to_f16(0x1p-25f), 0);
    assert_int_equal(bv_f32_to_f16(3 * 0x1p-26f), 1);
    assert_int_equal(bv_f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);
    assert_int_equal(bv_f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);
    assert_true(isnan(bv_bf16_to_f32(bv_f32_to_bf16(NAN))));
}

// The examples of FIPS 180-4 and RFC 4231.
static void test_sha256(void **state)
{
    (void)state;
    char hex[65];
    bv_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    bv_sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    unsigned char digest[32];
    bv_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
    bv_digest_hex(digest, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    struct bv_sha256 sha; // one million 'a', fed in odd pieces
    bv_sha256_init(&sha);
    char piece[977];
    memset(piece, 'a', sizeof piece);
    for (size_t left = 1000000; left;) {
        size_t n = left < sizeof piece ? left : sizeof piece;
        bv_sha256_update(&sha, piece, n);
        left -= n;
    }
    bv_sha256_final(&sha, digest);
    bv_digest_hex(digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_build(void **state)
{
    (void)state;
    struct bv_sha256 sha, empty;
    unsigned char digest[32], nothing[32];
    bv_sha256_init(&sha);
    bv_sha256_init(&empty);
    assert_true(bv_sha256_add_build(&sha));
    assert_true(sha.n_bytes >= 8); // build-ids have 8 to 32 bytes
    bv_sha256_final(&sha, digest);
    bv_sha256_final(&empty, nothing);
    assert_memory_not_equal(digest, nothing, sizeof digest);
}

static void test_utf8(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c += c < 0x10000 ? 1 : 97) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        char text[4];
        size_t n = bv_utf8_encode(c, text);
        uint32_t back = 0;
        assert_int_equal(bv_utf8_decode(text, n, &back), n);
        assert_int_equal(back, c);
        assert_int_equal(bv_utf8_decode(text, n - 1, &back), 0);
    }
    size_t bad = 0;
    assert_false(bv_utf8_valid("ab\xc0\x80", 4, &bad)); // overlong
    assert_int_equal(bad, 2);
    assert_false(bv_utf8_valid("\xed\xa0\x80", 3, NULL));     // surrogate
    assert_false(bv_utf8_valid("\xf4\x90\x80\x80", 4, NULL)); // past U+10FFFF
    assert_false(bv_utf8_valid("\xff", 1, NULL));
}

static void test_files(void **state)
{
    (void)state;
    struct bv_error err = {0};
    char folder[] = "/tmp/biovl-base-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof path, "%s/file", folder);

    struct bv_new_file file = {0};
    assert_ok(bv_new_file_create(&file, path, &err), err);
    assert_int_equal(fputs("first", file.stream) >= 0, 1);
    assert_ok(bv_new_file_commit(&file, &err), err);
    assert_ok(bv_new_file_create(&file, path, &err), err); // discarded: the old content stays
    assert_int_equal(fputs("second, longer", file.stream) >= 0, 1);
    bv_new_file_discard(&file);

    struct bv_mapping mapping = {0};
    assert_ok(bv_mapping_open(&mapping, path, 0, &err), err);
    assert_int_equal(mapping.size, 5);
    assert_memory_equal(mapping.data, "first", 5);
    bv_mapping_close(&mapping);
    assert_int_equal(bv_mapping_open(&mapping, path, 4, &err), BV_ERR_LIMIT);
    assert_int_equal(bv_mapping_open(&mapping, folder, 0, &err), BV_ERR_IO);
    char *text = NULL;
    size_t size = 0;
    assert_ok(bv_read_all(path, 5, &text, &size, &err), err);
    assert_string_equal(text, "first");
    free(text);
    assert_int_equal(bv_read_all(path, 4, &text, &size, &err), BV_ERR_LIMIT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); // no temporary file is left
}

// Output to a link replaces what it leads to; a pipe gets the bytes and stays a pipe.
static void test_outputs(void **state)
{
    (void)state;
    struct bv_error err = {0};
    char folder[] = "/tmp/biovl-base-XXXXXX", path[64], link_path[64], pipe_path[64], gone[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/file", folder);
    (void)snprintf(link_path, sizeof link_path, "%s/link", folder);
    (void)snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
    (void)snprintf(gone, sizeof gone, "%s/gone", folder);
    assert_ok(bv_write_file(path, "one", 3, &err), err);
    assert_int_equal(symlink("file", link_path), 0);
    assert_ok(bv_write_file(link_path, "two!", 4, &err), err);
    struct stat st;
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4);
    assert_int_equal(symlink("nothing", gone), 0);
    assert_int_equal(bv_write_file(gone, "x", 1, &err), BV_ERR_IO);
    assert_int_equal(bv_write_file(folder, "x", 1, &err), BV_ERR_IO);

    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    int end = open(pipe_path, O_RDONLY | O_NONBLOCK);
    assert_true(end >= 0);
    assert_ok(bv_write_file(pipe_path, "three", 5, &err), err);
    char got[8] = "";
    assert_int_equal(read(end, got, sizeof got), 5);
    assert_memory_equal(got, "three", 5);
    assert_int_equal(lstat(pipe_path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    (void)close(end);

    // Reading: what a pipe holds is an input too.
    end = open(pipe_path, O_RDWR);
    assert_int_equal(write(end, "four", 4), 4);
    int reader = open(pipe_path, O_RDONLY | O_NONBLOCK);
    struct bv_mapping mapping = {0};
    char by_number[64];
    (void)snprintf(by_number, sizeof by_number, "/proc/self/fd/%d", reader);
    (void)close(end); // the last writer: the pipe has an end
    assert_ok(bv_mapping_open(&mapping, by_number, 0, &err), err);
    assert_int_equal(mapping.size, 4);
    assert_memory_equal(mapping.data, "four", 4);
    bv_mapping_close(&mapping);
    (void)close(reader);

    // What a program that is told to end leaves behind.
    struct bv_new_file file = {0};
    assert_ok(bv_new_file_create(&file, path, &err), err);
    bv_unfinished_remove();
    assert_int_equal(access(file.temporary, F_OK), -1);
    bv_new_file_discard(&file);
    assert_int_equal(unlink(pipe_path) | unlink(gone) | unlink(link_path) | unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *text; // NULL: refused with words
        const char *words;
    } cases[] = {
        {"", 0, "", NULL},
        {"a\nb\n", 4, "a\nb\n", NULL},
        {"\xef\xbb\xbf"
         "a\r\nb",
         7, "a\nb", NULL},
        {"\xef\xbb\xbf", 3, "", NULL},
        {"a\rb\r", 4, "a\nb\n", NULL},
        {"a\r\r\nb", 5, "a\n\nb", NULL},
        {"\xc3\xa4\r", 3, "\xc3\xa4\n", NULL},
        {"a\n\0b", 4, NULL, "line 2 has a byte of zero"},
        {"a\r\rG\xfc"
         "n",
         6, NULL, "line 3 is not UTF-8"},
        {"\xc3", 1, NULL, "line 1 is not UTF-8"},
        {"\xff\xfe"
         "a\0",
         4, NULL, "UTF-16"},
        {"\xfe\xff\0a", 4, NULL, "UTF-16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[16];
        size_t size = cases[i].n;
        struct bv_error err = {0};
        memcpy(text, cases[i].bytes, size);
        enum bv_status status = bv_text_tidy(text, &size, "t.txt", &err);
        assert_int_equal(status, cases[i].text ? BV_OK : BV_ERR_FORMAT);
        if (cases[i].text) {
            assert_string_equal(text, cases[i].text);
            assert_int_equal(size, strlen(cases[i].text));
        } else {
            assert_memory_equal(err.text, "t.txt: ", 7);
            assert_non_null(strstr(err.text, cases[i].words));
        }
    }
}

struct tally {
    atomic_int count[1000];
};

static void count_one(void *arg, size_t i)
{
    atomic_fetch_add(&((struct tally *)arg)->count[i], 1);
}

static void test_threads(void **state)
{
    (void)state;
    struct bv_error err = {0};
    assert_true(bv_processor_count() >= 1);
    assert_int_equal(bv_pool_create(NULL, -1, &err), BV_ERR_ARG);
    for (int threads = 1; threads <= 5; threads += 2) {
        struct bv_pool *pool = NULL;
        assert_ok(bv_pool_create(&pool, threads, &err), err);
        struct tally *tally = calloc(1, sizeof *tally);
        assert_non_null(tally);
        for (int round = 0; round < 100; round++)
            bv_pool_for(pool, 1000, count_one, tally);
        for (int i = 0; i < 1000; i++)
            assert_int_equal(tally->count[i], 100);
        free(tally);
        bv_pool_destroy(&pool);
        assert_null(pool);
    }
}

static void count_range(const void *arg, int64_t first, int64_t last)
{
    int *const *count = arg;
    for (int64_t i = first; i < last; i++)
        (*count)[i]++; // ranges do not overlap
}

static void test_ranges(void **state)
{
    (void)state;
    struct bv_error err = {0};
    static const struct {
        int64_t n, cost;
    } cases[] = {{0, 1}, {1, 1}, {7, 1 << 20}, {999, 1}, {999, 16384}};
    for (int threads = 1; threads <= 3; threads += 2) {
        struct bv_pool *pool = NULL;
        assert_ok(bv_pool_create(&pool, threads, &err), err);
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            int *count = calloc(1000, sizeof *count);
            assert_non_null(count);
            bv_pool_for_ranges(pool, cases[k].n, cases[k].cost, count_range, &count);
            for (int i = 0; i < 1000; i++)
                assert_int_equal(count[i], i < cases[k].n);
            free(count);
        }
        bv_pool_destroy(&pool);
    }
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

// Limits of the own group and of those around it, in both versions.
static void test_cgroup_limits(void **state)
{
    (void)state;
    char root[] = "/tmp/biovl-cgroup-XXXXXX", slice[64], job[80], v1[64], old[80], command[64];
    assert_non_null(mkdtemp(root));
    (void)snprintf(slice, sizeof slice, "%s/slice", root);
    (void)snprintf(job, sizeof job, "%s/job", slice);
    (void)snprintf(v1, sizeof v1, "%s/cpu", root);
    (void)snprintf(old, sizeof old, "%s/old", v1);
    const char *const folders[] = {slice, job, v1, old};
    for (int i = 0; i < 4; i++)
        assert_int_equal(mkdir(folders[i], 0700), 0);
    assert_int_equal(bv_cgroup_processors(root, "0::/slice/job\n"), 0);
    write_text(job, "cpu.max", "max 100000\n");
    assert_int_equal(bv_cgroup_processors(root, "0::/slice/job\n"), 0);
    write_text(slice, "cpu.max", "350000 100000\n");
    assert_int_equal(bv_cgroup_processors(root, "0::/slice/job\n"), 4);
    write_text(job, "cpu.max", "50000 100000\n");
    assert_int_equal(bv_cgroup_processors(root, "0::/slice/job\n"), 1);
    assert_int_equal(bv_cgroup_processors(root, "0::/slice\n"), 4);
    assert_int_equal(bv_cgroup_processors(root, "0::/\n"), 0);
    write_text(root, "cpu.max", "200000 100000\n");
    assert_int_equal(bv_cgroup_processors(root, "0::/\n"), 2);
    write_text(old, "cpu.cfs_quota_us", "-1\n");
    write_text(old, "cpu.cfs_period_us", "100000\n");
    assert_int_equal(bv_cgroup_processors(root, "7:memory:/x\n4:cpu,cpuacct:/old\n"), 0);
    write_text(old, "cpu.cfs_quota_us", "250000\n");
    assert_int_equal(bv_cgroup_processors(root, "7:memory:/x\n4:cpu,cpuacct:/old\n"), 3);
    assert_int_equal(bv_cgroup_processors(root, "no colons\n\n:::\n0::"), 2);
    (void)snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

struct uneven {
    atomic_llong sum;
    size_t slow; // this item, counted from 1
};

static void add_slowly(void *arg, size_t i)
{
    struct uneven *u = arg;
    if (i + 1 == u->slow)
        (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    atomic_fetch_add(&u->sum, (long long)i + 1);
}

// Loops at once after one another, after a pause in which the workers go to sleep, with an item
// that keeps the caller waiting until it sleeps; each finds the loop before it finished. With more
// threads than processors too.
static void test_loops_in_a_row(void **state)
{
    (void)state;
    struct bv_error err = {0};
    int counts[] = {2, 3, 2 * bv_processor_count() + 1};
    for (size_t t = 0; t < sizeof counts / sizeof *counts; t++) {
        struct bv_pool *pool = NULL;
        assert_ok(bv_pool_create(&pool, counts[t], &err), err);
        for (int round = 0; round < 2000; round++) {
            size_t n = (size_t)(round % 9);
            struct uneven u = {.slow = round % 50 == 7 ? n : 0};
            if (round % 100 == 3)
                (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            bv_pool_for(pool, n, add_slowly, &u);
            assert_int_equal(u.sum, (long long)(n * (n + 1) / 2));
        }
        bv_pool_destroy(&pool);
    }
}

static void test_arena(void **state)
{
    (void)state;
    struct bv_arena arena = {0};
    char *first = bv_arena_strdup(&arena, "first");
    for (size_t i = 1; i < 200000; i += i / 3 + 1) {
        unsigned char *p = bv_arena_alloc(&arena, i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        assert_int_equal(p[0] | p[i - 1], 0);
        memset(p, 0xff, i);
    }
    assert_string_equal(first, "first");
    assert_null(bv_arena_array(&arena, SIZE_MAX / 2, 3));
    assert_string_equal(bv_arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    bv_arena_free(&arena);
}

static void test_errors(void **state)
{
    (void)state;
    struct bv_error err = {0};
    assert_int_equal(bv_fail(&err, BV_ERR_FORMAT, "bad %d", 3), BV_ERR_FORMAT);
    assert_int_equal(bv_fail_prefix(&err, "%s", "a.png"), BV_ERR_FORMAT);
    assert_string_equal(err.text, "a.png: bad 3");
    json_t *value = NULL;
    assert_int_equal(bv_json_parse(&value, "{\"a\":1,\"a\":2}", 13, "doc", &err), BV_ERR_FORMAT);
    assert_int_equal(bv_json_parse(&value, "{} x", 4, "doc", &err), BV_ERR_FORMAT);
}

// The mask of the process in place of the library's: a call of the library would be counted.
static int mask_calls;

mode_t umask(mode_t mask)
{
    mask_calls++;
    return (mode_t)syscall(SYS_umask, mask);
}

// A new file has the permissions that the mask leaves, and the mask, which belongs to all threads,
// is never touched on the way.
static void test_new_file_mode(void **state)
{
    (void)state;
    static const mode_t masks[] = {077, 022, 0, 0133};
    struct bv_error err = {0};
    char folder[] = "/tmp/biovl-mode-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    mode_t before = umask(0);
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct bv_new_file file = {0}, second = {0};
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/file%zu", folder, i);
        (void)umask(masks[i]);
        mask_calls = 0;
        assert_ok(bv_new_file_create(&file, path, &err), err);
        assert_ok(bv_new_file_create(&second, path, &err), err); // its name is another
        assert_string_not_equal(file.temporary, second.temporary);
        assert_int_equal(fstat(fileno(file.stream), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0666 & ~masks[i]);
        bv_new_file_discard(&second);
        assert_ok(bv_new_file_commit(&file, &err), err);
        assert_int_equal(mask_calls, 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0666 & ~masks[i]);
        assert_int_equal(unlink(path), 0);
    }
    (void)umask(before);
    assert_int_equal(rmdir(folder), 0);
}

// A path of any bytes becomes a JSON text and comes back; one of plain UTF-8 stands as it is.
static void test_json_paths(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a/b.png", "a/b.png"},
        {"", ""},
        {"R\xc3\xb6ntgen.dcm", "R\xc3\xb6ntgen.dcm"},
        {"R\xf6ntgen.dcm", "R\\xF6ntgen.dcm"},
        {"cut \xe2\x82", "cut \\xE2\\x82"},
        {"\\", "\\"},
        {"a\\b\\\\c", "a\\b\\\\c"},
        {"\\xF6", "\\x5CxF6"},
        {"\\\\x\\\xf6x", "\\\\x5Cx\\\\xF6x"},
        {"\\x\\x5C", "\\x5Cx\\x5Cx5C"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = bv_json_path(cases[i][0]);
        assert_string_equal(json_string_value(value), cases[i][1]);
        char *path = bv_json_path_bytes(json_string_value(value));
        assert_string_equal(path, cases[i][0]);
        free(path);
        json_decref(value);
    }
    char *odd = bv_json_path_bytes("\\x \\x4 \\x00 \\xg1");
    assert_string_equal(odd, "\\x \\x4 \\x00 \\xg1");
    free(odd);
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        static const char bytes[] = "\\\\xx5CF\xc3\xb6\xe2\x82\xac\xff";
        char path[9] = {0};
        for (size_t i = 0; i < 8; i++) {
            random = random * 1664525 + 1013904223;
            path[i] = bytes[(random >> 16) % (sizeof bytes - 1)];
        }
        json_t *value = bv_json_path(path);
        assert_non_null(value);
        char *back = bv_json_path_bytes(json_string_value(value));
        assert_string_equal(back, path);
        free(back);
        json_decref(value);
    }
}

static void test_json_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool reads;
        double value; // of "n"
    } cases[] = {
        {"{\"n\": 1000000000000000019884624838656, \"m\": true}", true, 1e30},
        {"{\"m\": true, \"n\":-9223372036854775809}", true, -9223372036854775808.0},
        {"{\"n\": 7, \"m\": true, \"l\": -Infinity, \"k\": [NaN, Infinity]}", true, 7},
        {"{\"s\": \"NaN \\\"\", \"m\": true, \"n\": 3, \"l\": NaN}", true, 3},
        {"{\"n\": 7, \"m\": true, \"l\": nan}", false, 0},
        {"{\"l\": [NaN,NaN,NaN,NaN,NaN,NaN,NaN,NaN], \"m\": true, \"n\": 7}", true, 7},
        {"{\"s\": \"\\\"9223372036854775808\", \"m\": true, \"n\": 1e+0000000000000000000001}",
         true, 10},
        {"\xef\xbb\xbf{\"m\": true, \"n\": 2}", true, 2},
        {"{\"m\": true, \"n\": 1e999}", false, 0},
        {"{\"m\": true, \"n\": 9223372036854775808", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *root = NULL;
        enum bv_status status =
            bv_json_parse(&root, cases[i].text, strlen(cases[i].text), "a file", NULL);
        assert_int_equal(status, cases[i].reads ? BV_OK : BV_ERR_FORMAT);
        if (cases[i].reads) {
            assert_true(bv_json_boolean(root, "m", false));
            assert_true(json_number_value(json_object_get(root, "n")) == cases[i].value);
        }
        json_decref(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half),          cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_utf8),          cmocka_unit_test(test_files),
        cmocka_unit_test(test_text),          cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_loops_in_a_row),
        cmocka_unit_test(test_ranges),        cmocka_unit_test(test_cgroup_limits),
        cmocka_unit_test(test_arena),         cmocka_unit_test(test_errors),
        cmocka_unit_test(test_json_numbers),  cmocka_unit_test(test_json_paths),
        cmocka_unit_test(test_new_file_mode), cmocka_unit_test(test_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
