// The NumPy array reader on any bytes; what it accepts is copied.
#include "target.h"

#include <stdlib.h>

#include "checkpoint/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_npy array = {0};
    struct bv_error err = {0};
    if (bv_npy_parse(&array, data, size, &err) != BV_OK)
        return 0;
    void *copy = malloc(array.bytes + 1);
    if (copy)
        bv_npy_copy(&array, copy);
    free(copy);
    bv_npy_close(&array);
    return 0;
}
