// A damaged index file: whatever is damaged, everything that is asked of it ends, with an answer or
// a sentence.
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edited_index.h"
#include "retrieval/query.h"

static enum bv_status visit(void *arg, const struct bv_entry *entry, struct bv_error *err)
{
    (void)arg;
    (void)err;
    if (!entry->id || !entry->study || !entry->metadata || !entry->report)
        abort();
    return BV_OK;
}

static void use(struct bv_store *store)
{
    struct bv_error err = {0};
    struct bv_store_counts counts;
    struct bv_arena arena = {0};
    struct bv_vectors v = {0};
    struct bv_entry entry;
    const void *picture = NULL;
    size_t size, n_set;
    uint64_t *bits = NULL;
    bool found = false;
    (void)bv_store_count(store, &counts, &err);
    (void)bv_store_each(store, visit, NULL, &err);
    (void)bv_store_find(store, "item7", &arena, &entry, &found, &err);
    (void)bv_store_thumbnail(store, BV_KIND_IMAGE, 3, &arena, &picture, &size, &err);
    const struct bv_filter filter = {"s.patient = ''", NULL, 0};
    if (bv_store_select(store, BV_KIND_IMAGE, &filter, 20, &bits, &n_set, &err) == BV_OK)
        free(bits);
    if (bv_store_rows(store, BV_KIND_IMAGE) < 100000 &&
        bv_store_load(store, BV_KIND_IMAGE, NULL, &v, &err) == BV_OK)
        bv_vectors_free(&v);
    (void)bv_store_verify(store, &err);
    if (bv_store_begin(store, &err) == BV_OK) {
        float *vector = calloc(bv_store_info(store)->dimension, sizeof *vector);
        struct bv_item item = {
            .id = "new", .study = "study1", .kind = BV_KIND_IMAGE, .vector = vector};
        struct bv_report report = {.id = "item1", .study = "study0", .text = "Other words."};
        enum bv_change change;
        if (vector && bv_store_add(store, &item, &err) == BV_OK)
            (void)bv_store_put_report(store, &report, &change, &err);
        (void)bv_store_commit(store, &err);
        free(vector);
    }
    bv_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[160], journal[176];
    struct bv_store *store = NULL;
    struct bv_error err = {0};
    const char *index = edited_index_path();
    (void)snprintf(path, sizeof path, "%.*sedited", (int)(strlen(index) - 5), index);
    (void)snprintf(journal, sizeof journal, "%s-journal", path);
    (void)unlink(journal);
    edited_file(index, path, data, size);
    if (bv_store_open(&store, path, true, &err) == BV_OK)
        use(store);
    bv_store_close(&store);
    return 0;
}
