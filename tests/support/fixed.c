#include "support/fixed.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

void fixed_values(const char *name, float mean, float spread, int64_t n, float *out)
{
    uint32_t state = (uint32_t)crc32(0, (const unsigned char *)name, (unsigned)strlen(name));
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        out[i] = mean + spread * ((float)(state >> 8) * 0x1p-23f - 1);
    }
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

void fixed_weight(const char *name, int rank, const int64_t *dim, float *out)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= dim[i];
    if (ends_with(name, "running_var"))
        fixed_values(name, 1, 0.5f, n, out);
    else if (rank == 1 && ends_with(name, "weight"))
        fixed_values(name, 1, 0.3f, n, out);
    else
        fixed_values(name, 0, rank > 1 ? (float)(1.5 / sqrt((double)(n / dim[0]))) : 0.4f, n, out);
}
