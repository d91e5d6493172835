// The zip reader on any bytes; what is not too large is inflated.
#include "target.h"

#include <stdlib.h>

#include "checkpoint/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_zip zip = {0};
    struct bv_error err = {0};
    uint8_t sample[64];
    if (bv_zip_open(&zip, data, size, &err) != BV_OK)
        return 0;
    for (size_t i = 0; i < zip.n_members; i++) {
        uint8_t *out = NULL;
        if (bv_zip_find(&zip, zip.members[i].name) != &zip.members[i])
            abort();
        (void)bv_zip_sample(&zip.members[i], sample, sizeof sample);
        if (bv_zip_read_new(&zip.members[i], 1 << 20, &out, &err) == BV_OK)
            free(out);
    }
    bv_zip_close(&zip);
    return 0;
}
