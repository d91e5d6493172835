// memory_file.h: bytes as a file that has a path, for readers that take no stream.
#ifndef BV_TESTS_FUZZ_MEMORY_FILE_H
#define BV_TESTS_FUZZ_MEMORY_FILE_H

#include <stddef.h>

// A descriptor, to be closed; path receives a name that opens the bytes again.
int memory_file(const void *data, size_t size, char path[64]);

#endif
