// The safetensors reader on any bytes; every byte of every tensor it hands out is read.
#include "target.h"

#include <stdlib.h>

#include "checkpoint/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_safetensors file = {0};
    struct bv_error err = {0};
    size_t sum = 0;
    if (bv_safetensors_parse(&file, data, size, &err) != BV_OK)
        return 0;
    for (size_t i = 0; i < file.n_tensors; i++) {
        const struct bv_safetensors_tensor *t = bv_safetensors_find(&file, file.tensors[i].name);
        if (t != &file.tensors[i])
            abort();
        for (size_t b = 0; b < t->bytes; b++)
            sum += t->data[b];
    }
    (void)sum;
    bv_safetensors_close(&file);
    return 0;
}
