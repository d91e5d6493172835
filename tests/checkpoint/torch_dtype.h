// torch_dtype.h: what torch calls the element types.
#ifndef BV_TESTS_TORCH_DTYPE_H
#define BV_TESTS_TORCH_DTYPE_H

#include <stdbool.h>

#include "base/dtype.h"

static inline const char *torch_dtype(enum bv_dtype dtype, bool is_complex)
{
    static const char *const names[BV_DTYPE_COUNT] = {
        [BV_F32] = "float32", [BV_F16] = "float16", [BV_BF16] = "bfloat16", [BV_F64] = "float64",
        [BV_I64] = "int64",   [BV_I32] = "int32",   [BV_I16] = "int16",     [BV_I8] = "int8",
        [BV_U8] = "uint8",    [BV_BOOL] = "bool",
    };
    if (is_complex)
        return dtype == BV_F32 ? "complex64" : "complex128";
    return names[dtype];
}

#endif
