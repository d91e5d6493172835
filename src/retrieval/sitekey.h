// sitekey.h: names that say nothing: HMAC-SHA256 of identifiers under a site's own key.
//
// The same identifier gets the same name wherever the key is used, so that indexes of one site can
// be merged and joined; without the key a name cannot be traced or tested against a list of
// patients.
#ifndef BV_RETRIEVAL_SITEKEY_H
#define BV_RETRIEVAL_SITEKEY_H

#include <stdbool.h>

#include "base/status.h"

struct bv_sitekey {
    unsigned char bytes[32];
    bool keep_identifiers; // names are the identifiers themselves
};

#define BV_SITEKEY_NAME 33 // the first 128 bits of the HMAC in hexadecimal, and a terminator

// Reads a key file (64 hexadecimal digits). With create a missing file is made, readable by its
// owner only, from the system's random source.
enum bv_status bv_sitekey_load(struct bv_sitekey *key, const char *path, bool create,
                               struct bv_error *err);

// The keyed hash of an identifier; 32 hexadecimal digits, whatever keep_identifiers says.
void bv_sitekey_hash(const struct bv_sitekey *key, const char *identifier,
                     char name[BV_SITEKEY_NAME]);

// A value that tells two keys apart and reveals neither.
void bv_sitekey_check(const struct bv_sitekey *key, char check[BV_SITEKEY_NAME]);

#endif
