// Detector regions (.npz, .safetensors) of any bytes: what is accepted is finite.
#include "target.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory_file.h"
#include "model/fusion_session.h"

static void expect_finite(const struct bv_matrix *m)
{
    for (int64_t i = 0; i < m->rows * m->columns; i++)
        if (!isfinite(m->data[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_region_file regions = {.features = {NULL, 0, 0}};
    struct bv_error err = {0};
    char path[64];
    int file = memory_file(data, size, path);
    if (bv_region_file_read(path, &regions, &err) == BV_OK) {
        expect_finite(&regions.features);
        expect_finite(&regions.boxes);
    }
    bv_region_file_free(&regions);
    (void)close(file);
    return 0;
}
