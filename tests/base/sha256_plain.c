// SHA-256 as processors without instructions for it compute it.
#define BV_SHA256_PLAIN
#include "base/sha256.c" // NOLINT: the other half of the file is what base.c tests

#include <stdio.h>

#include "support/check.h"

static void assert_digest(const char *text, size_t n, const char *expected)
{
    struct bv_sha256 sha;
    unsigned char digest[32];
    char hex[65];
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, text, n / 3); // in two pieces
    bv_sha256_update(&sha, text + n / 3, n - n / 3);
    bv_sha256_final(&sha, digest);
    for (int i = 0; i < 32; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned)digest[i]);
    assert_string_equal(hex, expected);
}

// FIPS 180-4's examples.
static void test_examples(void **state)
{
    (void)state;
    static char letters[1000000];
    memset(letters, 'a', sizeof letters);
    assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_digest(letters, sizeof letters,
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
