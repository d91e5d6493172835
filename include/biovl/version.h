// biovl/version.h: which version of the library a program was compiled for and which it runs with.
// What a later version may change: docs/api.md.
#ifndef BIOVL_VERSION_H
#define BIOVL_VERSION_H

#include "biovl/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BV_VERSION_MAJOR 0
#define BV_VERSION_MINOR 9
#define BV_VERSION_PATCH 0

// Grows with every change after which a compiled program no longer fits; the SONAME carries it.
#define BV_ABI_VERSION 1

// Of the library that runs: "0.9.0", and its BV_ABI_VERSION. A binding that was not linked compares
// the latter with its own before it calls anything else.
BV_API const char *bv_version(void);
BV_API int bv_abi_version(void);

#ifdef __cplusplus
}
#endif
#endif
