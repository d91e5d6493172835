// A damaged copy of the vectors: what is loaded through it is what the index holds.
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edited_index.h"
#include "retrieval/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bv_store *store; // one for all inputs: only the copy changes
    static struct bv_vectors truth;
    static char beside[160], whole[160];
    struct bv_error err = {0};
    struct bv_vectors v = {0};
    const char *index = edited_index_path();
    if (!store) {
        (void)snprintf(beside, sizeof beside, "%s.image.vectors", index);
        (void)snprintf(whole, sizeof whole, "%.*sedited", (int)(strlen(index) - 5), index);
        if (bv_store_open(&store, index, false, &err) != BV_OK ||
            bv_store_load(store, BV_KIND_IMAGE, NULL, &truth, &err) != BV_OK ||
            bv_vector_file_load(store, BV_KIND_IMAGE, 1, NULL, &v, NULL, &err) != BV_OK)
            abort();
        bv_vectors_free(&v);
        edited_file(beside, whole, NULL, 0); // a copy of the copy
    }
    edited_file(whole, beside, data, size);
    if (bv_vector_file_load(store, BV_KIND_IMAGE, 1, NULL, &v, NULL, &err) != BV_OK ||
        v.n != truth.n || memcmp(v.rows, truth.rows, v.n * v.stride * sizeof *v.rows) != 0)
        abort();
    bv_vectors_free(&v);
    return 0;
}
