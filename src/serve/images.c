#include "serve/images.h"

#include <string.h>

#include "serve/guard.h"
#include "serve/peers.h"

// Together at most a gigabyte of samples.
static const size_t most_bytes = (size_t)1 << 30;
static const int64_t most_ms = (int64_t)15 * 60 * 1000;

static void forget(struct bv_kept_images *images, struct bv_kept_image *kept)
{
    images->bytes -= kept->bytes;
    bv_image_close(&kept->image);
    *kept = (struct bv_kept_image){.id = ""};
}

static struct bv_kept_image *find(struct bv_kept_images *images, const char *id)
{
    for (struct bv_kept_image *k = images->items; k < images->items + BV_IMAGES_KEPT; k++)
        if (k->image && bv_same_secret(k->id, id, strlen(id)))
            return k;
    return NULL;
}

// The place of what was used longest ago, emptied unless it is free already.
static struct bv_kept_image *make_place(struct bv_kept_images *images, size_t bytes)
{
    for (;;) {
        struct bv_kept_image *oldest = NULL, *empty = NULL;
        for (struct bv_kept_image *k = images->items; k < images->items + BV_IMAGES_KEPT; k++) {
            if (!k->image)
                empty = k;
            else if (!oldest || k->used < oldest->used)
                oldest = k;
        }
        if (empty && (!oldest || images->bytes + bytes <= most_bytes))
            return empty;
        forget(images, oldest);
    }
}

size_t bv_image_bytes(const struct bv_image *image)
{
    struct bv_image_facts facts = {.size = sizeof facts};
    if (bv_image_describe(image, &facts) != BV_OK)
        return 0;
    return (size_t)facts.width * (size_t)facts.height * (size_t)facts.channels *
           (facts.bits > 16 ? 4 : 2);
}

enum bv_status bv_images_keep(struct bv_kept_images *images, struct bv_image *image,
                              char id[BV_IMAGE_ID_SIZE], struct bv_error *err)
{
    BV_TRY(bv_random_hex(id, (BV_IMAGE_ID_SIZE - 1) / 2, err));
    size_t bytes = bv_image_bytes(image);
    (void)pthread_mutex_lock(&images->lock);
    struct bv_kept_image *kept = make_place(images, bytes);
    memcpy(kept->id, id, BV_IMAGE_ID_SIZE);
    kept->image = image;
    kept->bytes = bytes;
    kept->used = bv_now_ms();
    images->bytes += bytes;
    (void)pthread_mutex_unlock(&images->lock);
    return BV_OK;
}

struct bv_image *bv_images_find(struct bv_kept_images *images, const char *id)
{
    (void)pthread_mutex_lock(&images->lock);
    struct bv_kept_image *kept = find(images, id);
    struct bv_image *image = kept ? bv_image_keep(kept->image) : NULL;
    if (kept)
        kept->used = bv_now_ms();
    (void)pthread_mutex_unlock(&images->lock);
    return image;
}

bool bv_images_drop(struct bv_kept_images *images, const char *id)
{
    (void)pthread_mutex_lock(&images->lock);
    struct bv_kept_image *kept = find(images, id);
    if (kept)
        forget(images, kept);
    (void)pthread_mutex_unlock(&images->lock);
    return kept != NULL;
}

void bv_images_expire(struct bv_kept_images *images, bool all)
{
    int64_t now = bv_now_ms();
    (void)pthread_mutex_lock(&images->lock);
    for (struct bv_kept_image *k = images->items; k < images->items + BV_IMAGES_KEPT; k++)
        if (k->image && (all || now - k->used > most_ms))
            forget(images, k);
    (void)pthread_mutex_unlock(&images->lock);
}
