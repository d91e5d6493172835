#include "base/sha256.h"

#include <stdbool.h>
#include <string.h>

// Tests compile this file without them as well.
#if defined(__x86_64__) && !defined(BV_SHA256_PLAIN)
#define HAS_SHA_INSTRUCTIONS
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void compress_block(uint32_t state[8], const unsigned char block[64])
{
    uint32_t w[64];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
        uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        state[i] += sums[i];
}

static void compress_plain(uint32_t state[8], const unsigned char *blocks, size_t n)
{
    for (; n > 0; n--, blocks += 64)
        compress_block(state, blocks);
}

#ifdef HAS_SHA_INSTRUCTIONS
// The same with the processor's SHA instructions: two registers hold A B E F and C D G H, and one
// instruction makes two rounds.
__attribute__((target("sha,sse4.1"))) static void
compress_sha(uint32_t state[8], const unsigned char *blocks, size_t n)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    for (; n > 0; n--, blocks += 64) {
        __m128i w[4], old_abef = abef, old_cdgh = cdgh;
        for (int i = 0; i < 16; i++) { // four rounds each; w[i % 4] holds their words
            __m128i *now = &w[i % 4], *last = &w[(i + 3) % 4], *before = &w[(i + 2) % 4];
            if (i < 4)
                *now = _mm_shuffle_epi8(
                    _mm_loadu_si128((const __m128i *)(const void *)(blocks + 16 * i)), swap);
            else
                *now =
                    _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) % 4]),
                                                       _mm_alignr_epi8(*last, *before, 4)),
                                         *last);
            __m128i sum = _mm_add_epi32(
                *now, _mm_loadu_si128((const __m128i *)(const void *)(round_constants + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
        }
        abef = _mm_add_epi32(abef, old_abef);
        cdgh = _mm_add_epi32(cdgh, old_cdgh);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static bool has_sha(void)
{
    unsigned a, b, c, d, features;
    if (!__get_cpuid(1, &a, &b, &features, &d) || !(features >> 19 & 1)) // SSE4.1
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}

static void compress(uint32_t state[8], const unsigned char *blocks, size_t n)
{
    static _Atomic int known; // 0: not asked yet, 1: no, 2: yes
    if (known == 0)
        known = has_sha() ? 2 : 1;
    if (known == 2)
        compress_sha(state, blocks, n);
    else
        compress_plain(state, blocks, n);
}
#else
static void compress(uint32_t state[8], const unsigned char *blocks, size_t n)
{
    compress_plain(state, blocks, n);
}
#endif

void bv_sha256_init(struct bv_sha256 *sha)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(sha, 0, sizeof *sha);
    memcpy(sha->state, initial, sizeof initial);
}

void bv_sha256_update(struct bv_sha256 *sha, const void *data, size_t size)
{
    const unsigned char *p = data;
    size_t have = (size_t)(sha->n_bytes % 64);
    if (size == 0) // data may be NULL
        return;
    sha->n_bytes += size;
    if (have) {
        size_t take = size < 64 - have ? size : 64 - have;
        memcpy(sha->block + have, p, take);
        if (have + take < 64)
            return;
        compress(sha->state, sha->block, 1);
        p += take;
        size -= take;
    }
    compress(sha->state, p, size / 64);
    p += size / 64 * 64;
    size %= 64;
    if (size)
        memcpy(sha->block, p, size);
}

void bv_sha256_final(struct bv_sha256 *sha, unsigned char digest[32])
{
    uint64_t n_bits = sha->n_bytes * 8;
    static const unsigned char padding[64] = {0x80};
    size_t have = (size_t)(sha->n_bytes % 64);
    bv_sha256_update(sha, padding, have < 56 ? 56 - have : 120 - have);
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(n_bits >> (56 - 8 * i));
    bv_sha256_update(sha, length, sizeof length);
    for (int i = 0; i < 32; i++)
        digest[i] = (unsigned char)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

void bv_digest_hex(const unsigned char digest[32], char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = 0;
}

void bv_sha256_hex(const void *data, size_t size, char hex[65])
{
    struct bv_sha256 sha;
    unsigned char digest[32];
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, data, size);
    bv_sha256_final(&sha, digest);
    bv_digest_hex(digest, hex);
}

void bv_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                    unsigned char digest[32])
{
    unsigned char pad[64] = {0};
    struct bv_sha256 sha;
    if (key_size > sizeof pad) {
        bv_sha256_init(&sha);
        bv_sha256_update(&sha, key, key_size);
        bv_sha256_final(&sha, pad);
    } else if (key_size) {
        memcpy(pad, key, key_size);
    }
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, pad, sizeof pad);
    bv_sha256_update(&sha, data, size);
    bv_sha256_final(&sha, digest);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, pad, sizeof pad);
    bv_sha256_update(&sha, digest, 32);
    bv_sha256_final(&sha, digest);
}
