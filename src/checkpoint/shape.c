#include "checkpoint/container.h"

#include <string.h>

#include "base/memory.h"

bool bv_shape_bytes(const int64_t *shape, int n_dims, size_t element_bytes, size_t *bytes)
{
    size_t product = element_bytes;
    bool empty = false;
    for (int i = 0; i < n_dims; i++) {
        if (shape[i] < 0)
            return false;
        if (shape[i] == 0)
            empty = true;
        else if (!bv_mul_size(product, (size_t)shape[i], &product))
            return false;
    }
    if (product > (size_t)INT64_MAX)
        return false;
    *bytes = empty ? 0 : product;
    return true;
}

void bv_shape_strides(const int64_t *shape, int n_dims, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = n_dims - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape[i] > 1 ? shape[i] : 1;
    }
}

void bv_gather(void *out, const uint8_t *first, size_t element_bytes, const int64_t *shape,
               const int64_t *strides, int n_dims)
{
    int64_t index[BV_MAX_DIMS] = {0};
    uint8_t *to = out;
    for (int i = 0; i < n_dims; i++)
        if (shape[i] == 0)
            return;
    for (;;) {
        memcpy(to, first, element_bytes);
        to += element_bytes;
        int d = n_dims - 1;
        while (d >= 0 && index[d] == shape[d] - 1) {
            first -= index[d] * strides[d] * (int64_t)element_bytes;
            index[d--] = 0;
        }
        if (d < 0)
            return;
        index[d]++;
        first += strides[d] * (int64_t)element_bytes;
    }
}
