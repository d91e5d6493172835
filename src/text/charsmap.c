#include "text/pieces.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RESULT = 1024, MAX_RULE = 1024 };

static uint32_t read_u32(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static enum bv_status check_results(const char *results, size_t n, struct bv_error *err)
{
    for (size_t at = 0; at < n;) {
        const char *end = memchr(results + at, 0, n - at);
        if (!end || (size_t)(end - results) - at > MAX_RESULT)
            return bv_fail(err, BV_ERR_FORMAT,
                           "vocabulary: a result of the normalisation does not end");
        at = (size_t)(end - results) + 1;
    }
    return BV_OK;
}

enum bv_status bv_charsmap_read(struct bv_charsmap *map, struct bv_token_text blob,
                                struct bv_error *err)
{
    if (blob.n == 0)
        return BV_OK;
    uint32_t size = blob.n >= 4 ? read_u32(blob.at) : 0;
    if (size == 0 || size % 4 != 0 || size > blob.n - 4)
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: damaged normalisation");
    const char *units = blob.at + 4, *results = units + size;
    struct bv_charsmap out = {.n_units = size / 4, .n_results = blob.n - 4 - size};
    BV_TRY(check_results(results, out.n_results, err));
    out.units = malloc(size);
    out.results = malloc(out.n_results + 1);
    if (!out.units || !out.results) {
        bv_charsmap_free(&out);
        return bv_fail_nomem(err, "vocabulary");
    }
    for (size_t i = 0; i < out.n_units; i++)
        out.units[i] = read_u32(units + 4 * i);
    memcpy(out.results, results, out.n_results);
    *map = out;
    return BV_OK;
}

void bv_charsmap_free(struct bv_charsmap *map)
{
    free(map->units);
    free(map->results);
    *map = (struct bv_charsmap){0};
}

static size_t children(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 0x200) >> 6);
}

static size_t match(const struct bv_charsmap *map, const char *text, size_t n, bool shortest,
                    struct bv_token_text *result)
{
    if (map->n_units == 0)
        return 0;
    size_t taken = 0, at = children(map->units[0]), value = 0;
    for (size_t i = 0; i < n && i < MAX_RULE && !(shortest && taken); i++) {
        unsigned char byte = (unsigned char)text[i];
        at ^= byte;
        if (at >= map->n_units || (map->units[at] & 0x800000ffu) != byte)
            break;
        uint32_t unit = map->units[at];
        at ^= children(unit);
        if (!(unit >> 8 & 1) || at >= map->n_units)
            continue;
        uint32_t leaf = map->units[at] & 0x7fffffffu;
        if (leaf < map->n_results) {
            taken = i + 1;
            value = leaf;
        }
    }
    if (taken)
        *result = (struct bv_token_text){map->results + value, strlen(map->results + value)};
    return taken;
}

size_t bv_charsmap_match(const struct bv_charsmap *map, const char *text, size_t n,
                         struct bv_token_text *result)
{
    return match(map, text, n, false, result);
}

size_t bv_charsmap_shortest(const struct bv_charsmap *map, const char *text, size_t n,
                            struct bv_token_text *result)
{
    return match(map, text, n, true, result);
}
