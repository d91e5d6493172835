// The JPEG reader on any bytes.
#include "target.h"

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_image(BV_FORMAT_JPEG, data, size);
    return 0;
}
