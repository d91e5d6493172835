#include "checkpoint/torch.h"

#include <string.h>

#include "base/memory.h"
#include "checkpoint/container.h"
#include "checkpoint/pickle.h"

// 0x1950a86a20f9469cfc6c as LONG1, after a protocol and perhaps a frame opcode.
static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

struct reader {
    const uint8_t *data;
    size_t size, at;
    struct bv_pickle *pickle;
    struct bv_error *err;
};

bool bv_torch_legacy_probe(const uint8_t *data, size_t size)
{
    const size_t proto = 2, frame = 9;
    if (size < proto + sizeof magic || data[0] != 0x80)
        return false;
    return memcmp(data + proto, magic, sizeof magic) == 0 ||
           (size >= proto + frame + sizeof magic &&
            memcmp(data + proto + frame, magic, sizeof magic) == 0);
}

static enum bv_status next_pickle(struct reader *r, struct bv_pickle_value **value)
{
    size_t room = r->size - r->at, used = 0;
    room = room < BV_PICKLE_MAX_BYTES ? room : BV_PICKLE_MAX_BYTES;
    BV_TRY(bv_unpickle(r->pickle, r->data + r->at, room, NULL, NULL, value, &used, r->err));
    r->at += used;
    return BV_OK;
}

static enum bv_status read_preamble(struct reader *r)
{
    struct bv_pickle_value *number = NULL, *version = NULL, *machine = NULL;
    BV_TRY(next_pickle(r, &number));
    BV_TRY(next_pickle(r, &version));
    BV_TRY(next_pickle(r, &machine));
    if (bv_pickle_count(version) != 1001)
        return bv_fail(r->err, BV_ERR_UNSUPPORTED, "a legacy torch file of another version");
    const struct bv_pickle_value *order = bv_pickle_get(machine, "little_endian");
    if (order && order->kind == BV_PICKLE_BOOL && !order->boolean)
        return bv_fail(r->err, BV_ERR_UNSUPPORTED, "written on a big-endian machine");
    return BV_OK;
}

// What the storages take in the file with their counts.
static bool total_bytes(const struct bv_pickle *pickle, size_t *total)
{
    *total = 0;
    for (size_t i = 0; i < pickle->n_storages; i++)
        if (!pickle->storages[i].data && (!bv_add_size(*total, pickle->storages[i].bytes, total) ||
                                          !bv_add_size(*total, 8, total)))
            return false;
    return true;
}

static enum bv_status place_storage(struct reader *r, const struct bv_pickle_value *key)
{
    size_t i = key->kind == BV_PICKLE_STRING ? bv_torch_find_storage(r->pickle, key->text, key->n)
                                             : SIZE_MAX;
    if (i == SIZE_MAX || r->pickle->storages[i].data)
        return bv_fail(r->err, BV_ERR_FORMAT, "a storage that no tensor uses, or twice the same");
    struct bv_pickle_storage *s = &r->pickle->storages[i];
    // The count is one of elements, or of bytes: both are seen for the same files.
    uint64_t count = bv_le64(r->data + r->at);
    if (count ? s->bytes % count || s->bytes / count > 16 : s->bytes)
        return bv_fail(r->err, BV_ERR_FORMAT, "storage '%.40s' has %llu elements, not %zu bytes",
                       s->key, (unsigned long long)count, s->bytes);
    s->data = r->data + r->at + 8;
    r->at += 8 + s->bytes;
    return BV_OK;
}

static enum bv_status place_storages(struct reader *r, const struct bv_pickle_value *keys)
{
    size_t total = 0, room = r->size - r->at;
    if (keys->kind != BV_PICKLE_LIST)
        return bv_fail(r->err, BV_ERR_FORMAT, "a legacy torch file without a list of storages");
    if (!total_bytes(r->pickle, &total))
        return bv_fail(r->err, BV_ERR_FORMAT, "storages of an impossible size");
    if (total > room)
        return bv_fail(r->err, BV_ERR_FORMAT,
                       "the file is truncated: %zu bytes are missing at its end", total - room);
    if (total < room)
        return bv_fail(r->err, BV_ERR_FORMAT, "%zu bytes follow the last storage", room - total);
    size_t placed = 0;
    for (size_t i = 0; i < r->pickle->n_storages; i++)
        placed += r->pickle->storages[i].data != NULL;
    if (keys->n != r->pickle->n_storages - placed)
        return bv_fail(r->err, BV_ERR_FORMAT, "the list of storages does not fit the tensors");
    for (size_t i = 0; i < keys->n; i++)
        BV_TRY(place_storage(r, keys->items[i]));
    return BV_OK;
}

enum bv_status bv_torch_legacy_read(const uint8_t *data, size_t size, struct bv_pickle *pickle,
                                    struct bv_pickle_value **root, struct bv_error *err)
{
    struct reader r = {.data = data, .size = size, .pickle = pickle, .err = err};
    struct bv_pickle_value *object = NULL, *keys = NULL;
    BV_TRY(read_preamble(&r));
    BV_TRY(next_pickle(&r, &object));
    BV_TRY(next_pickle(&r, &keys));
    BV_TRY(place_storages(&r, keys));
    *root = object;
    return BV_OK;
}
