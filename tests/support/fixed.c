#include "support/fixed.h"

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
