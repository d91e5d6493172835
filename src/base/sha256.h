// sha256.h: FIPS 180-4 SHA-256, for fingerprints of models, prompts and data.
#ifndef BV_BASE_SHA256_H
#define BV_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bv_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    unsigned char block[64];
};

void bv_sha256_init(struct bv_sha256 *sha);
void bv_sha256_update(struct bv_sha256 *sha, const void *data, size_t size);
void bv_sha256_final(struct bv_sha256 *sha, unsigned char digest[32]);

// The digest of size bytes as 64 lower-case hexadecimal digits and a terminator.
void bv_sha256_hex(const void *data, size_t size, char hex[65]);

// RFC 2104 HMAC with SHA-256.
void bv_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                    unsigned char digest[32]);

// 32 bytes as 64 hexadecimal digits and a terminator.
void bv_digest_hex(const unsigned char digest[32], char hex[65]);

// Adds which build of this library it is: the linker's digest of its code. False where the linker
// wrote none.
bool bv_sha256_add_build(struct bv_sha256 *sha);

#endif
