// exif.h: how a photograph is to be turned, by its Exif data (CIPA DC-008, tag 0x0112).
#ifndef BV_IMAGE_EXIF_H
#define BV_IMAGE_EXIF_H

#include "image/decode.h"

// The orientation of TIFF-structured Exif data: 1 (as it is) to 8; 1 where it is absent or damaged.
int bv_exif_orientation(struct bv_bytes exif);

// An upright version of image as its orientation says: upright is a copy whose pixels and luma are
// new, to be freed with bv_exif_upright_free(); the rest is borrowed. BV_ERR_NOMEM.
enum bv_status bv_exif_upright(const struct bv_image *image, struct bv_image *upright,
                               struct bv_error *err);

void bv_exif_upright_free(struct bv_image *upright);

#endif
