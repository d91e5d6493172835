// The DICOM reader, with and without preamble, on any bytes.
#include "target.h"

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_image(BV_FORMAT_DICOM, data, size);
    return 0;
}
