// large.h: memory for large blocks that are used whole.
#ifndef BV_BASE_LARGE_H
#define BV_BASE_LARGE_H

#include <stddef.h>

// 64-byte aligned memory, freed with free(); NULL when there is none. Blocks of megabytes are asked
// for in huge pages: a fault for each 4 KiB costs more than reading a radiograph, and the weights
// of a large model outgrow the processor's address cache.
void *bv_alloc_large(size_t bytes);

#endif
