// blas.h: OpenBLAS, loaded when FAISS needs it.
//
// A process that links OpenBLAS starts with a thread of it per processor, which stay awake for some
// 20 ms: as long as it takes to score a radiograph. So the BLAS and LAPACK functions that
// libfaiss.a calls are defined here and hand over to the library, which bv_blas_load() opens.
#ifndef BV_RETRIEVAL_BLAS_H
#define BV_RETRIEVAL_BLAS_H

#include "base/status.h"

// To be called before anything of FAISS that multiplies or trains; loads at the first call, from
// any thread. BV_ERR_UNSUPPORTED when the library or a function of it is missing.
enum bv_status bv_blas_load(struct bv_error *err);

#endif
