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

// Writes a file unless it exists. Messages call it name.
static enum bv_status write_key(const char *path, const char *name, const char hex[65],
                                struct bv_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 && errno == EEXIST)
        return BV_OK;
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s", name, strerror(errno));
    bool written = write(fd, hex, 65) == 65 && fsync(fd) == 0;
    written = close(fd) == 0 && written;
    if (!written) {
        (void)unlink(path);
        return bv_fail(err, BV_ERR_IO, "%s: the site key could not be written", name);
    }
    return BV_OK;
}

static enum bv_status draw(unsigned char *bytes, size_t size, struct bv_error *err)
{
    FILE *source = fopen("/dev/urandom", "rb");
    size_t n = source ? fread(bytes, 1, size, source) : 0;
    if (source)
        (void)fclose(source);
    return n == size ? BV_OK
                     : bv_fail(err, BV_ERR_IO, "/dev/urandom: no random bytes for a site key");
}

enum bv_status bv_sitekey_random(struct bv_sitekey *key, struct bv_error *err)
{
    *key = (struct bv_sitekey){.keep_identifiers = false};
    return draw(key->bytes, sizeof key->bytes, err);
}

// Of several first runs at once, one makes the key and the others find it, always whole: it is
// written under a name of its own and then linked, which no two can.
static enum bv_status create_key(const char *path, struct bv_error *err)
{
    unsigned char random[40]; // the key, and what the other name differs by
    char hex[65], suffix[65], own[4096];
    BV_TRY(draw(random, sizeof random, err));
    bv_digest_hex(random, hex);
    bv_digest_hex(random + 8, suffix); // its last digits are of no byte of the key
    hex[64] = '\n';
    if ((size_t)snprintf(own, sizeof own, "%s.%s", path, suffix + 48) >= sizeof own)
        return bv_fail(err, BV_ERR_LIMIT, "%s: the path is too long", path);
    BV_TRY(write_key(own, path, hex, err));
    int failure = link(own, path) == 0 ? 0 : errno;
    (void)unlink(own);
    if (failure == 0 || failure == EEXIST)
        return BV_OK;
    return write_key(path, path, hex, err); // a file system without links
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
