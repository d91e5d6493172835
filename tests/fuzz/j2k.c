// The JPEG 2000 reader, codestreams and JP2 files, on any bytes.
#include "target.h"

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_image(BV_FORMAT_JPEG2000, data, size);
    return 0;
}
