#include "eval/data/labelled.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"

enum { FIRST_SLOTS = 1024 };

static uint64_t hash_of(const char *id)
{
    struct bv_sha256 sha;
    unsigned char digest[32];
    uint64_t hash = 0;
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, id, strlen(id));
    bv_sha256_final(&sha, digest);
    memcpy(&hash, digest, sizeof hash);
    return hash;
}

static struct bv_group_id *find(struct bv_group_id *slots, size_t n_slots, uint64_t hash)
{
    size_t at = (size_t)hash & (n_slots - 1);
    while (slots[at].used && slots[at].hash != hash)
        at = (at + 1) & (n_slots - 1);
    return &slots[at];
}

// Keeps the table at most half full.
static enum bv_status make_room(struct bv_group_ids *ids, struct bv_error *err)
{
    if (2 * ((size_t)ids->n + 1) <= ids->n_slots)
        return BV_OK;
    if (ids->n > UINT32_MAX / 4)
        return bv_fail(err, BV_ERR_LIMIT, "more than 2^30 distinct identifiers");
    size_t n_slots = ids->n_slots ? 2 * ids->n_slots : FIRST_SLOTS;
    struct bv_group_id *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return bv_fail_nomem(err, "the identifiers");
    for (size_t i = 0; i < ids->n_slots; i++)
        if (ids->slots[i].used)
            *find(slots, n_slots, ids->slots[i].hash) = ids->slots[i];
    free(ids->slots);
    ids->slots = slots;
    ids->n_slots = n_slots;
    return BV_OK;
}

enum bv_status bv_group_ids_number(struct bv_group_ids *ids, const char *id, uint32_t *number,
                                   bool *is_new, struct bv_error *err)
{
    BV_TRY(make_room(ids, err));
    uint64_t hash = hash_of(id);
    struct bv_group_id *slot = find(ids->slots, ids->n_slots, hash);
    if (is_new)
        *is_new = !slot->used;
    if (!slot->used)
        *slot = (struct bv_group_id){hash, ids->n++, true};
    *number = slot->number;
    return BV_OK;
}

void bv_group_ids_free(struct bv_group_ids *ids)
{
    free(ids->slots);
    *ids = (struct bv_group_ids){0};
}
