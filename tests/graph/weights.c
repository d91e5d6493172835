// The weight store: look-ups, and derivation once per key under threads.
#include "graph/weights.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/thread.h"
#include "support/check.h"

static void test_find(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    static const float data[2] = {1, 2};
    assert_ok(bv_weights_create(&weights, &err), err);
    assert_null(bv_weights_find(weights, "a"));
    char name[32];
    for (int i = 0; i < 1000; i++) { // grows several times; names are copied
        (void)snprintf(name, sizeof name, "layer.%d.weight", i);
        const struct bv_weight w = {name, BV_F32, 1, {1 + i % 2}, data};
        assert_ok(bv_weights_add(weights, &w, &err), err);
    }
    const struct bv_weight again = {"layer.7.weight", BV_F32, 1, {1}, data};
    assert_int_equal(bv_weights_add(weights, &again, &err), BV_ERR_MODEL);
    assert_int_equal(bv_weights_count(weights), 1000);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "layer.%d.weight", i);
        const struct bv_weight *w = bv_weights_find(weights, name);
        assert_non_null(w);
        assert_string_equal(w->name, name);
        assert_int_equal(w->dim[0], 1 + i % 2);
    }
    assert_null(bv_weights_find(weights, "layer.1000.weight"));
    bv_weights_destroy(&weights);
}

static atomic_int n_made;

static void make(void *arg, void *memory)
{
    atomic_fetch_add(&n_made, 1);
    for (int i = 0; i < 100; i++)
        ((int *)memory)[i] = *(const int *)arg + i;
}

struct shared {
    struct bv_weights *weights;
    const void *seen[64];
    enum bv_status status[64];
};

static void derive_one(void *arg, size_t i)
{
    struct shared *s = arg;
    struct bv_error err = {0};
    int key = (int)i % 4;
    char name[16];
    (void)snprintf(name, sizeof name, "key %d", key);
    s->status[i] =
        bv_weights_derive(s->weights, name, 100 * sizeof(int), make, &key, &s->seen[i], &err);
    if (s->status[i] == BV_OK && ((const int *)s->seen[i])[99] != key + 99)
        s->status[i] = BV_ERR_INTERNAL; // seen before it was made
}

static void test_derive_once(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct shared s = {0};
    struct bv_pool *pool = NULL;
    assert_ok(bv_weights_create(&s.weights, &err), err);
    assert_ok(bv_pool_create(&pool, 8, &err), err);
    bv_pool_for(pool, 64, derive_one, &s);
    assert_int_equal(atomic_load(&n_made), 4);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(s.status[i], BV_OK);
        assert_ptr_equal(s.seen[i], s.seen[i % 4]);
        assert_int_equal((uintptr_t)s.seen[i] % 64, 0);
    }
    assert_int_equal(bv_weights_derived_bytes(s.weights), 4 * 100 * sizeof(int));
    bv_pool_destroy(&pool);
    bv_weights_destroy(&s.weights);
}

static void test_forget(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    const void *data = NULL;
    int key = 1;
    assert_ok(bv_weights_create(&weights, &err), err);
    bv_weights_hold(weights);
    assert_ok(bv_weights_derive(weights, "panels a", 400, make, &key, &data, &err), err);
    assert_ok(bv_weights_derive(weights, "other a", 400, make, &key, &data, &err), err);
    bv_weights_hold(weights); // a second session may use them
    bv_weights_forget(weights, "panels");
    assert_int_equal(bv_weights_derived_bytes(weights), 800);
    bv_weights_unhold(weights);
    bv_weights_forget(weights, "panels");
    assert_int_equal(bv_weights_derived_bytes(weights), 400);
    assert_null(bv_weights_derived(weights, "panels a"));
    assert_ptr_equal(bv_weights_derived(weights, "other a"), data);
    assert_ok(bv_weights_derive(weights, "panels a", 400, make, &key, &data, &err), err);
    assert_int_equal(((const int *)data)[99], 100);
    bv_weights_unhold(weights);
    bv_weights_destroy(&weights);
}

// Names as long as rewrites make them, which differ at their ends only.
static void test_f32_long_names(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    static const uint16_t one[1] = {0x3c00}, two[1] = {0x4000};
    char a[1600], b[1600];
    memset(a, 'n', sizeof a - 1);
    a[sizeof a - 1] = 0;
    memcpy(b, a, sizeof b);
    b[sizeof b - 2] = 'm';
    assert_ok(bv_weights_create(&weights, &err), err);
    const float *first = NULL, *second = NULL;
    struct bv_tensor t = {.name = a, .dtype = BV_F16, .rank = 1, .dim = {1}, .data = one};
    assert_ok(bv_weights_f32(weights, &t, &first, &err), err);
    t = (struct bv_tensor){.name = b, .dtype = BV_F16, .rank = 1, .dim = {1}, .data = two};
    assert_ok(bv_weights_f32(weights, &t, &second, &err), err);
    assert_true(first[0] == 1.0f && second[0] == 2.0f);
    bv_weights_destroy(&weights);
}

static void test_f32(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    static const float aligned[2] = {1, 2};
    static const uint16_t half[2] = {0x3c00, 0xc000}; // 1, -2
    char bytes[9];
    memcpy(bytes + 1, aligned, sizeof aligned);
    assert_ok(bv_weights_create(&weights, &err), err);
    const float *data = NULL, *again = NULL;
    struct bv_tensor t = {.name = "t", .dtype = BV_F32, .rank = 1, .dim = {2}, .data = aligned};
    assert_ok(bv_weights_f32(weights, &t, &data, &err), err);
    assert_ptr_equal(data, aligned); // no copy
    t = (struct bv_tensor){.name = "h", .dtype = BV_F16, .rank = 1, .dim = {2}, .data = half};
    assert_ok(bv_weights_f32(weights, &t, &data, &err), err);
    assert_true(data[0] == 1.0f && data[1] == -2.0f);
    assert_ok(bv_weights_f32(weights, &t, &again, &err), err);
    assert_ptr_equal(data, again);
    char *odd = (uintptr_t)(bytes + 1) % sizeof(float) ? bytes + 1 : bytes;
    memmove(odd, aligned, sizeof aligned);
    t = (struct bv_tensor){.name = "o", .dtype = BV_F32, .rank = 1, .dim = {2}, .data = odd};
    assert_ok(bv_weights_f32(weights, &t, &data, &err), err);
    assert_int_equal((uintptr_t)data % sizeof(float), 0);
    assert_memory_equal(data, aligned, sizeof aligned);
    bv_weights_destroy(&weights);
}

// "Rss" of the mapping that starts at an address, from /proc/self/smaps.
static long resident_kilobytes(const void *start)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    char line[512];
    bool here = false;
    long kilobytes = -1;
    while (kilobytes < 0 && fgets(line, sizeof line, maps)) {
        unsigned long first = 0, last = 0;
        if (sscanf(line, "%lx-%lx ", &first, &last) == 2)
            here = first == (unsigned long)(uintptr_t)start;
        else if (here)
            (void)sscanf(line, "Rss: %ld kB", &kilobytes);
    }
    (void)fclose(maps);
    return kilobytes;
}

// Pages of a mapped file that were released come back from the file.
static void test_let_go(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    const size_t n = 64 * 1024; // 64 pages of 4 KiB
    FILE *file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < n; i++) {
        float x = (float)i;
        assert_int_equal(fwrite(&x, sizeof x, 1, file), 1);
    }
    assert_int_equal(fflush(file), 0);
    size_t bytes = n * sizeof(float);
    float *data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fileno(file), 0);
    assert_true(data != MAP_FAILED);
    assert_ok(bv_weights_create(&weights, &err), err);
    bv_weights_set_mapping(weights, data, bytes);
    struct bv_tensor t = {
        .name = "t", .dtype = BV_F32, .rank = 1, .dim = {(int64_t)n - 8}, .data = data + 4};
    float *copy = malloc(bytes);
    assert_non_null(copy);
    for (int round = 0; round < 2; round++) {
        bv_weights_read(weights, &t, copy);
        assert_memory_equal(copy, data + 4, (n - 8) * sizeof *copy);
        bv_weights_let_go(weights, &t);
        assert_true(resident_kilobytes(data) <= 8); // the two pages at its ends
    }
    free(copy);
    assert_int_equal(munmap(data, bytes), 0);
    (void)fclose(file);
    // Memory that is not in the mapping is never touched.
    float own[4] = {1, 2, 3, 4};
    t = (struct bv_tensor){.name = "o", .dtype = BV_F32, .rank = 1, .dim = {4}, .data = own};
    bv_weights_let_go(weights, &t);
    assert_true(own[3] == 4);
    bv_weights_destroy(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),   cmocka_unit_test(test_derive_once),
        cmocka_unit_test(test_forget), cmocka_unit_test(test_f32),
        cmocka_unit_test(test_let_go), cmocka_unit_test(test_f32_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
