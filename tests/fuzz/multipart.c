// The first part of a multipart answer: the input's first line is its content type.
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "pacs/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[300];
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL, *part = NULL;
    if (!end || (size_t)(end - data) >= sizeof type)
        return 0;
    memcpy(type, data, (size_t)(end - data));
    type[end - data] = 0;
    const uint8_t *body = end + 1;
    size_t n = size - (size_t)(body - data), part_size = 0;
    struct bv_error err = {0};
    if (bv_multipart_first(body, n, type, &part, &part_size, &err) == BV_OK &&
        (part < body || part_size > n || (size_t)(part - body) > n - part_size))
        abort();
    return 0;
}
