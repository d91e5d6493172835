#include "retrieval/ann_index.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

static const char library[] = "libopenblas.so.0";

// The functions that libfaiss.a leaves undefined, with their number of arguments: FUNCTION(name,
// n). As in Fortran all arguments are pointers, and FAISS passes no lengths of strings behind them.
#define EACH_FUNCTION                                                                              \
    FUNCTION(sgemm_, 13)                                                                           \
    FUNCTION(dgemm_, 13)                                                                           \
    FUNCTION(ssyrk_, 10)                                                                           \
    FUNCTION(sgeqrf_, 8)                                                                           \
    FUNCTION(sorgqr_, 9)                                                                           \
    FUNCTION(sgetrf_, 6)                                                                           \
    FUNCTION(dgetrf_, 6)                                                                           \
    FUNCTION(sgetri_, 7)                                                                           \
    FUNCTION(dgetri_, 7)                                                                           \
    FUNCTION(sgesvd_, 14)                                                                          \
    FUNCTION(dgesvd_, 14)                                                                          \
    FUNCTION(dsyev_, 9)                                                                            \
    FUNCTION(sgelsd_, 14)

#define TAKE_6 void *a, void *b, void *c, void *d, void *e, void *f
#define TAKE_7 TAKE_6, void *g
#define TAKE_8 TAKE_7, void *h
#define TAKE_9 TAKE_8, void *i
#define TAKE_10 TAKE_9, void *j
#define TAKE_13 TAKE_10, void *k, void *l, void *m
#define TAKE_14 TAKE_13, void *n
#define GIVE_6 a, b, c, d, e, f
#define GIVE_7 GIVE_6, g
#define GIVE_8 GIVE_7, h
#define GIVE_9 GIVE_8, i
#define GIVE_10 GIVE_9, j
#define GIVE_13 GIVE_10, k, l, m
#define GIVE_14 GIVE_13, n

#define FUNCTION(name, n)                                                                          \
    int name(TAKE_##n);                                                                            \
    static int (*found_##name)(TAKE_##n);                                                          \
    int name(TAKE_##n)                                                                             \
    {                                                                                              \
        return found_##name(GIVE_##n);                                                             \
    }
EACH_FUNCTION
#undef FUNCTION

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct bv_error failure;
static enum bv_status loaded;

static enum bv_status find(void *handle, const char *name, void *function, size_t size)
{
    void *address = dlsym(handle, name);
    if (!address)
        return bv_fail(&failure, BV_ERR_UNSUPPORTED, "FAISS needs OpenBLAS, but %s has no %s",
                       library, name);
    memcpy(function, &address, size); // C has no conversion between the two kinds of pointers
    return BV_OK;
}

// The library stays open for the life of the process: its threads cannot be unloaded.
static enum bv_status open_library(void)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return bv_fail(&failure, BV_ERR_UNSUPPORTED,
                       "FAISS needs OpenBLAS, which cannot be loaded: %s", dlerror());
#define FUNCTION(name, n) BV_TRY(find(handle, #name, &found_##name, sizeof found_##name));
    EACH_FUNCTION
#undef FUNCTION
    return BV_OK;
}

static void load(void)
{
    loaded = open_library();
}

enum bv_status bv_blas_load(struct bv_error *err)
{
    (void)pthread_once(&once, load);
    if (loaded != BV_OK && err)
        *err = failure;
    return loaded;
}
