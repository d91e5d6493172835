#include "retrieval/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"

static bool parse_hex(const char *text, unsigned char out[32])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 64; i++) {
        const char *at = text[i] ? strchr(digits, text[i]) : NULL;
        if (!at)
            return false;
        unsigned value = (unsigned)(at - digits);
        out[i / 2] = (unsigned char)(i % 2 ? (unsigned)out[i / 2] | value : value << 4);
    }
    return true;
}

static enum bv_status create_key(const char *path, struct bv_error *err)
{
    unsigned char random[32];
    char hex[65];
    FILE *source = fopen("/dev/urandom", "rb");
    size_t n = source ? fread(random, 1, sizeof random, source) : 0;
    if (source)
        (void)fclose(source);
    if (n != sizeof random)
        return bv_fail(err, BV_ERR_IO, "/dev/urandom: no random bytes for a site key");
    bv_digest_hex(random, hex);
    hex[64] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    bool written = write(fd, hex, sizeof hex) == (ssize_t)sizeof hex && fsync(fd) == 0;
    written = close(fd) == 0 && written;
    if (!written) {
        (void)unlink(path);
        return bv_fail(err, BV_ERR_IO, "%s: the site key could not be written", path);
    }
    return BV_OK;
}

enum bv_status bv_sitekey_load(struct bv_sitekey *key, const char *path, bool create,
                               struct bv_error *err)
{
    if (create && access(path, F_OK) != 0)
        BV_TRY(create_key(path, err));
    char *text;
    size_t size;
    struct bv_sitekey loaded = {.keep_identifiers = key->keep_identifiers};
    BV_TRY(bv_read_all(path, 4096, &text, &size, err));
    bool good =
        size >= 64 && parse_hex(text, loaded.bytes) && strspn(text + 64, " \r\n\t") == size - 64;
    free(text);
    if (!good)
        return bv_fail(err, BV_ERR_FORMAT, "%s: a site key is 64 hexadecimal digits", path);
    *key = loaded;
    return BV_OK;
}

void bv_sitekey_hash(const struct bv_sitekey *key, const char *identifier,
                     char name[BV_SITEKEY_NAME])
{
    unsigned char digest[32];
    char hex[65];
    bv_hmac_sha256(key->bytes, sizeof key->bytes, identifier, strlen(identifier), digest);
    bv_digest_hex(digest, hex);
    memcpy(name, hex, BV_SITEKEY_NAME - 1);
    name[BV_SITEKEY_NAME - 1] = 0;
}

void bv_sitekey_check(const struct bv_sitekey *key, char check[BV_SITEKEY_NAME])
{
    bv_sitekey_hash(key, "biovl: which site key is this?", check);
}
