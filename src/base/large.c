#define _GNU_SOURCE // madvise
#include "base/memory.h"

#include <stdlib.h>
#include <sys/mman.h>

void *bv_alloc_large(size_t bytes)
{
    const size_t huge = (size_t)2 << 20;
    void *memory = NULL;
    if (posix_memalign(&memory, bytes >= huge ? huge : 64, bytes ? bytes : 64) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= huge) // whole pages only; a refusal changes nothing
        (void)madvise(memory, bytes / huge * huge, MADV_HUGEPAGE);
#endif
    return memory;
}
