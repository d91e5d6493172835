#include "retrieval/synthetic.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "retrieval/store.h"

void synthetic_vector(uint64_t seed, float *out, size_t n)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    float norm = 0.0f;
    for (size_t i = 0; i < n; i++) {
        float sum = 0.0f;
        for (int j = 0; j < 4; j++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += (float)(state >> 40) / 16777216.0f - 0.5f;
        }
        out[i] = sum;
        norm += sum * sum;
    }
    for (size_t i = 0; i < n; i++)
        out[i] /= sqrtf(norm);
}

struct bv_store_info synthetic_info(void)
{
    return (struct bv_store_info){.dimension = SYNTHETIC_DIMENSION,
                                  .fingerprint = "0123456789abcdef",
                                  .model = "synthetic",
                                  .key_check = "key",
                                  .accelerator = "exact",
                                  .thumbnail = 64};
}

const char *synthetic_id(uint64_t i)
{
    static char id[32];
    (void)snprintf(id, sizeof id, "%016llx", (unsigned long long)(i * 0x9e3779b97f4a7c15u));
    return id;
}

enum bv_status synthetic_add(struct bv_store *store, uint64_t i, struct bv_error *err)
{
    float vector[SYNTHETIC_DIMENSION];
    char study[32], report[64], metadata[64], thumbnail[64];
    synthetic_vector(i, vector, SYNTHETIC_DIMENSION);
    (void)snprintf(study, sizeof study, "study%llu", (unsigned long long)(i / 2));
    (void)snprintf(report, sizeof report, "finding number %llu", (unsigned long long)i);
    (void)snprintf(metadata, sizeof metadata, "{\"view\":\"%s\",\"age\":%llu}", i % 2 ? "PA" : "AP",
                   (unsigned long long)(i % 90));
    (void)snprintf(thumbnail, sizeof thumbnail, "not really a picture %llu", (unsigned long long)i);
    bool is_report = i % 3 == 2;
    struct bv_item item = {.id = synthetic_id(i),
                           .study = study,
                           .kind = is_report ? BV_KIND_REPORT : BV_KIND_IMAGE,
                           .vector = vector,
                           .metadata = metadata};
    if (!is_report) {
        item.thumbnail = thumbnail;
        item.thumbnail_bytes = strlen(thumbnail);
    }
    BV_TRY(bv_store_add(store, &item, err));
    const struct bv_report words = {.id = item.id, .study = study, .text = report};
    enum bv_change change;
    return is_report ? bv_store_put_report(store, &words, &change, err) : BV_OK;
}

struct digest {
    struct bv_store *store;
    uint32_t crc;
};

static enum bv_status add_entry(void *arg, const struct bv_entry *e, struct bv_error *err)
{
    struct digest *d = arg;
    uint16_t vector[SYNTHETIC_DIMENSION];
    struct bv_arena arena = {0};
    const void *thumbnail;
    size_t size;
    const char *const texts[] = {e->id, e->study, e->metadata, e->report};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        d->crc = bv_crc32c(d->crc, texts[i], strlen(texts[i]) + 1);
    d->crc = bv_crc32c(d->crc, &e->kind, sizeof e->kind);
    BV_TRY(bv_store_vector(d->store, e->kind, e->row, vector, err));
    d->crc = bv_crc32c(d->crc, vector, sizeof vector);
    enum bv_status status =
        bv_store_thumbnail(d->store, e->kind, e->row, &arena, &thumbnail, &size, err);
    if (status == BV_OK)
        d->crc = bv_crc32c(d->crc, thumbnail ? thumbnail : "", size);
    bv_arena_free(&arena);
    return status;
}

enum bv_status synthetic_digest(struct bv_store *store, uint32_t *digest, struct bv_error *err)
{
    struct digest d = {.store = store};
    BV_TRY(bv_store_each(store, add_entry, &d, err));
    *digest = d.crc;
    return BV_OK;
}
