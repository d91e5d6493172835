// images.h: the images that a page works with, decoded once: the last few, in memory only, each by
// a name that cannot be guessed.
#ifndef BV_SERVE_IMAGES_H
#define BV_SERVE_IMAGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "biovl/biovl.h"

enum { BV_IMAGES_KEPT = 16, BV_IMAGE_ID_SIZE = 33 };

struct bv_kept_image {
    char id[BV_IMAGE_ID_SIZE];
    struct bv_image *image;
    size_t bytes;
    int64_t used; // milliseconds
};

struct bv_kept_images {
    pthread_mutex_t lock; // made by the owner
    struct bv_kept_image items[BV_IMAGES_KEPT];
    size_t bytes; // of all
};

// What an image's samples take, at most.
size_t bv_image_bytes(const struct bv_image *image);

// Takes an image; those that were used longest ago make room. id receives its name.
enum bv_status bv_images_keep(struct bv_kept_images *images, struct bv_image *image,
                              char id[BV_IMAGE_ID_SIZE], struct bv_error *err);

// A reference of the image of that name, which the caller closes; NULL when there is none.
struct bv_image *bv_images_find(struct bv_kept_images *images, const char *id);

bool bv_images_drop(struct bv_kept_images *images, const char *id);

// Forgets what nobody used for a quarter of an hour; all of it with `all`.
void bv_images_expire(struct bv_kept_images *images, bool all);

#endif
