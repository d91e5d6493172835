// image.h: the inside of public image handles.
#ifndef BV_API_IMAGE_H
#define BV_API_IMAGE_H

#include "image/image.h"

// A reference more to an image, which bv_image_close() takes back.
struct bv_image *bv_image_keep(const struct bv_image *image);

#endif
