// target.h: what libFuzzer and replay.c call.
#ifndef BV_TESTS_FUZZ_TARGET_H
#define BV_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
