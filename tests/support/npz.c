#include "support/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zip.h>

void npy_free(struct npy *array)
{
    free(array->name);
    free(array->data);
    memset(array, 0, sizeof *array);
}

// The header is a Python dict in text: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
static int parse_header(struct npy *array, const char *header, int *fortran)
{
    const char *descr = strstr(header, "'descr'"), *order = strstr(header, "'fortran_order'"),
               *shape = strstr(header, "'shape'");
    if (!descr || !order || !shape)
        return -1;
    *fortran = strncmp(order, "'fortran_order': True", 21) == 0;
    char endian = 0;
    if (sscanf(descr, "'descr': '%c%c%zu'", &endian, &array->kind, &array->item_bytes) != 3 ||
        endian == '>')
        return -1;
    if (array->kind == 'U')
        array->item_bytes *= 4;
    const char *p = strchr(shape, '(');
    if (!p)
        return -1;
    array->n = 1;
    for (p++; *p && *p != ')';) {
        char *end = NULL;
        unsigned long long size = strtoull(p, &end, 10);
        if (end == p || array->n_dims == NPY_MAX_DIMS)
            return -1;
        array->shape[array->n_dims++] = (size_t)size;
        array->n *= (size_t)size;
        p = end + strspn(end, ", ");
    }
    return 0;
}

// The first axis varies fastest in from, the last one in array->data.
static void copy_fortran(struct npy *array, const unsigned char *from)
{
    unsigned char *to = array->data;
    for (size_t i = 0; i < array->n; i++, from += array->item_bytes) {
        size_t at = 0, rest = i;
        for (int d = 0; d < array->n_dims; d++) {
            size_t stride = 1;
            for (int e = d + 1; e < array->n_dims; e++)
                stride *= array->shape[e];
            at += rest % array->shape[d] * stride;
            rest /= array->shape[d];
        }
        memcpy(to + at * array->item_bytes, from, array->item_bytes);
    }
}

static int parse_npy(struct npy *array, const unsigned char *bytes, size_t size)
{
    if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return -1;
    size_t length = bytes[8] | (size_t)bytes[9] << 8, start = 10;
    if (bytes[6] >= 2) {
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
        start = 12;
    }
    if (length > size - start)
        return -1;
    char *header = strndup((const char *)bytes + start, length);
    if (!header)
        return -1;
    int fortran = 0, failed = parse_header(array, header, &fortran);
    free(header);
    if (failed || size - start - length < array->n * array->item_bytes)
        return -1;
    size_t n_bytes = array->n * array->item_bytes;
    array->data = malloc(n_bytes ? n_bytes : 1);
    if (!array->data)
        return -1;
    if (fortran)
        copy_fortran(array, bytes + start + length);
    else
        memcpy(array->data, bytes + start + length, n_bytes);
    return 0;
}

static int read_member(struct npy *array, zip_t *archive, zip_uint64_t index)
{
    zip_stat_t st;
    if (zip_stat_index(archive, index, 0, &st) != 0)
        return -1;
    unsigned char *bytes = malloc((size_t)st.size + 1);
    zip_file_t *file = zip_fopen_index(archive, index, 0);
    int failed = !bytes || !file || zip_fread(file, bytes, st.size) != (zip_int64_t)st.size;
    if (!failed)
        failed = parse_npy(array, bytes, (size_t)st.size);
    size_t n = strlen(st.name);
    if (!failed)
        array->name = strndup(st.name, n > 4 && !strcmp(st.name + n - 4, ".npy") ? n - 4 : n);
    if (file)
        (void)zip_fclose(file);
    free(bytes);
    return failed;
}

int npz_open(struct npz *npz, const char *path)
{
    *npz = (struct npz){0};
    int code = 0;
    zip_t *archive = zip_open(path, ZIP_RDONLY, &code);
    if (!archive) {
        (void)fprintf(stderr, "%s: cannot open (libzip error %d)\n", path, code);
        return -1;
    }
    zip_int64_t n = zip_get_num_entries(archive, 0);
    npz->arrays = calloc((size_t)n + 1, sizeof *npz->arrays);
    int failed = !npz->arrays;
    for (zip_int64_t i = 0; i < n && !failed; i++) {
        failed = read_member(&npz->arrays[i], archive, (zip_uint64_t)i);
        npz->n_arrays = (size_t)i + 1;
        if (failed)
            (void)fprintf(stderr, "%s: cannot read member %s\n", path,
                          zip_get_name(archive, (zip_uint64_t)i, 0));
    }
    zip_discard(archive);
    if (failed)
        npz_close(npz);
    return failed;
}

void npz_close(struct npz *npz)
{
    for (size_t i = 0; i < npz->n_arrays; i++)
        npy_free(&npz->arrays[i]);
    free(npz->arrays);
    *npz = (struct npz){0};
}

const struct npy *npz_find(const struct npz *npz, const char *name)
{
    for (size_t i = 0; i < npz->n_arrays; i++)
        if (!strcmp(npz->arrays[i].name, name))
            return &npz->arrays[i];
    return NULL;
}

int npy_read(struct npy *array, const char *path)
{
    *array = (struct npy){0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    unsigned char *bytes = NULL;
    long size = -1;
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    rewind(file);
    if (size > 0)
        bytes = malloc((size_t)size);
    int failed = !bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size ||
                 parse_npy(array, bytes, (size_t)size) != 0;
    free(bytes);
    (void)fclose(file);
    if (failed) {
        (void)fprintf(stderr, "%s: not a readable .npy file\n", path);
        npy_free(array);
    }
    return failed ? -1 : 0;
}

static const void *typed(const struct npy *array, char kind, size_t item_bytes)
{
    return array && array->kind == kind && array->item_bytes == item_bytes ? array->data : NULL;
}

const float *npy_f32(const struct npy *array)
{
    return typed(array, 'f', 4);
}

const double *npy_f64(const struct npy *array)
{
    return typed(array, 'f', 8);
}

const uint8_t *npy_u8(const struct npy *array)
{
    return typed(array, 'u', 1);
}

const uint16_t *npy_u16(const struct npy *array)
{
    return typed(array, 'u', 2);
}

const int64_t *npy_i64(const struct npy *array)
{
    return typed(array, 'i', 8);
}
