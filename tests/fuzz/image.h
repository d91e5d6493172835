// image.h: what the targets of the image formats share.
#ifndef BV_TESTS_FUZZ_IMAGE_H
#define BV_TESTS_FUZZ_IMAGE_H

#include "image/decode.h"

// Reads data if it has the format, and looks at what was read as classify does.
void fuzz_image(enum bv_format format, const uint8_t *data, size_t size);

#endif
