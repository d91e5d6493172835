// npz.h: reads NumPy's .npy arrays and .npz archives (NEP 1) for the tests that compare with
// arrays written by Python.
#ifndef BV_TESTS_NPZ_H
#define BV_TESTS_NPZ_H

#include <stddef.h>
#include <stdint.h>

#define NPY_MAX_DIMS 8

// One array in C order (Fortran order is transposed while reading), little-endian. kind is NumPy's:
// 'f' float, 'i' signed, 'u' unsigned, 'b' bool, 'U' UCS-4 strings.
struct npy {
    char *name; // "pixel_values/x.png": the archive member without ".npy"
    char kind;
    size_t item_bytes;
    int n_dims;
    size_t shape[NPY_MAX_DIMS];
    size_t n; // elements
    void *data;
};

struct npz {
    struct npy *arrays;
    size_t n_arrays;
};

// Reads a whole archive into memory. Prints the reason on stderr and returns -1 when it cannot.
int npz_open(struct npz *npz, const char *path);
void npz_close(struct npz *npz);

// Borrowed; NULL when there is no such array.
const struct npy *npz_find(const struct npz *npz, const char *name);

// Reads one .npy file. The caller frees with npy_free(). -1 and a line on stderr on failure.
int npy_read(struct npy *array, const char *path);
void npy_free(struct npy *array);

// Borrowed data when the array has this type; NULL otherwise.
const float *npy_f32(const struct npy *array);
const double *npy_f64(const struct npy *array);
const uint8_t *npy_u8(const struct npy *array);
const uint16_t *npy_u16(const struct npy *array);
const int64_t *npy_i64(const struct npy *array);

#endif
