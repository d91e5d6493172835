#include "checkpoint/torch.h"

#include <string.h>

#include "base/memory.h"
#include "checkpoint/container.h"
#include "checkpoint/pickle.h"

// "NAME/" of the one member NAME/data.pkl, whose length goes to *n; NULL where there is none.
static const char *find_prefix(const struct bv_zip *zip, size_t *n)
{
    static const char object[] = "data.pkl";
    const size_t tail = sizeof object - 1;
    for (size_t i = 0; i < zip->n_members; i++) {
        const char *name = zip->members[i].name;
        size_t length = strlen(name);
        if (length < tail || strcmp(name + length - tail, object) != 0)
            continue;
        const char *slash = strchr(name, '/');
        if (length == tail || (slash && (size_t)(slash - name) + 1 == length - tail)) {
            *n = length - tail;
            return name;
        }
    }
    return NULL;
}

static const struct bv_zip_member *find(const struct bv_zip *zip, struct bv_arena *arena,
                                        const char *prefix, size_t n, const char *name)
{
    char *path = bv_arena_printf(arena, "%.*s%s", (int)n, prefix, name);
    return path ? bv_zip_find(zip, path) : NULL;
}

bool bv_torch_zip_probe(const struct bv_zip *zip, bool *is_script)
{
    size_t n = 0;
    const char *prefix = find_prefix(zip, &n);
    if (!prefix)
        return false;
    *is_script = false;
    for (size_t i = 0; i < zip->n_members; i++) {
        const char *name = zip->members[i].name;
        if (strncmp(name, prefix, n) == 0 &&
            (strncmp(name + n, "code/", 5) == 0 || strcmp(name + n, "constants.pkl") == 0))
            *is_script = true;
    }
    return true;
}

static enum bv_status check_byte_order(const struct bv_zip *zip, struct bv_arena *arena,
                                       const char *prefix, size_t n, struct bv_error *err)
{
    const struct bv_zip_member *m = find(zip, arena, prefix, n, "byteorder");
    if (m && !m->deflated && m->bytes == 3 && memcmp(m->data, "big", 3) == 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "written on a big-endian machine");
    return BV_OK;
}

// The pickle's bytes: in the archive, or inflated into the arena.
static enum bv_status read_object(const struct bv_zip_member *m, struct bv_arena *arena,
                                  const uint8_t **data, struct bv_error *err)
{
    if (m->bytes > BV_PICKLE_MAX_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "a pickle of %zu bytes, the limit is %zu", m->bytes,
                       BV_PICKLE_MAX_BYTES);
    *data = m->data;
    if (!m->deflated)
        return bv_zip_check(m, err);
    uint8_t *inflated = bv_arena_alloc(arena, m->bytes);
    if (!inflated)
        return bv_fail_nomem(err, "a pickle");
    *data = inflated;
    return bv_zip_read(m, inflated, err);
}

static enum bv_status place_storages(const struct bv_zip *zip, struct bv_pickle *pickle,
                                     const char *prefix, size_t n, struct bv_error *err)
{
    for (size_t i = 0; i < pickle->n_storages; i++) {
        struct bv_pickle_storage *s = &pickle->storages[i];
        if (s->data)
            continue;
        char *path = bv_arena_printf(&pickle->arena, "%.*sdata/%s", (int)n, prefix, s->key);
        if (!path)
            return bv_fail_nomem(err, "the list of storages");
        const struct bv_zip_member *m = bv_zip_find(zip, path);
        if (!m)
            return bv_fail(err, BV_ERR_FORMAT, "the archive lacks the storage '%.80s'", path);
        if (m->bytes != s->bytes)
            return bv_fail(err, BV_ERR_FORMAT, "storage '%.80s' has %zu bytes instead of %zu", path,
                           m->bytes, s->bytes);
        s->member = m;
        if (!m->deflated)
            s->data = m->data;
    }
    return BV_OK;
}

enum bv_status bv_torch_zip_read(const struct bv_zip *zip, struct bv_pickle *pickle,
                                 struct bv_pickle_value **root, struct bv_error *err)
{
    size_t n = 0, used = 0;
    const uint8_t *data = NULL;
    struct bv_pickle_value *value = NULL;
    const char *prefix = find_prefix(zip, &n);
    if (!prefix)
        return bv_fail(err, BV_ERR_FORMAT, "the archive holds no data.pkl");
    BV_TRY(check_byte_order(zip, &pickle->arena, prefix, n, err));
    const struct bv_zip_member *m = bv_zip_find(zip, prefix); // prefix is that member's name
    BV_TRY(read_object(m, &pickle->arena, &data, err));
    BV_TRY(bv_unpickle(pickle, data, m->bytes, NULL, NULL, &value, &used, err));
    if (used != m->bytes)
        return bv_fail(err, BV_ERR_FORMAT, "%zu bytes follow the pickle", m->bytes - used);
    BV_TRY(place_storages(zip, pickle, prefix, n, err));
    *root = value;
    return BV_OK;
}

size_t bv_torch_zip_storage_bytes(const uint8_t *data, size_t size)
{
    static const char object[] = "data.pkl";
    const size_t header = 30, tail = sizeof object - 1;
    if (!bv_zip_probe(data, size) || size < header)
        return 0;
    size_t name = bv_le16(data + 26), begin = header + name + bv_le16(data + 28);
    bool stored = bv_le16(data + 8) == 0;
    if (!stored || begin >= size || name < tail ||
        memcmp(data + header + name - tail, object, tail) != 0)
        return 0;
    size_t used = 0, total = 0, room = size - begin;
    struct bv_pickle pickle = {0};
    struct bv_pickle_value *root = NULL;
    room = room < BV_PICKLE_MAX_BYTES ? room : BV_PICKLE_MAX_BYTES;
    if (bv_unpickle(&pickle, data + begin, room, NULL, NULL, &root, &used, NULL) == BV_OK)
        for (size_t i = 0; i < pickle.n_storages; i++)
            if (!bv_add_size(total, pickle.storages[i].bytes, &total))
                break;
    bv_pickle_free(&pickle);
    return total;
}
