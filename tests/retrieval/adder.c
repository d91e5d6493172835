// adder INDEX ITEMS BATCH: adds synthetic items that INDEX lacks, BATCH to a transaction, and
// prints the number of items it holds after each commit. The test kills it at any moment.
#include <stdio.h>
#include <stdlib.h>

#include "retrieval/synthetic.h"

static enum bv_status add_all(struct bv_store *store, uint64_t items, uint64_t batch,
                              struct bv_error *err)
{
    for (uint64_t first = 0; first < items; first += batch) {
        uint64_t end = first + batch < items ? first + batch : items;
        BV_TRY(bv_store_begin(store, err));
        for (uint64_t i = first; i < end; i++) {
            bool has;
            BV_TRY(bv_store_has(store, synthetic_id(i), &has, err));
            if (!has)
                BV_TRY(synthetic_add(store, i, err));
        }
        BV_TRY(bv_store_commit(store, err));
        printf("%llu\n", (unsigned long long)end);
        (void)fflush(stdout);
    }
    return BV_OK;
}

int main(int argc, char **argv)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    if (argc != 4)
        return 2;
    enum bv_status status = bv_store_open(&store, argv[1], true, &err);
    if (status == BV_OK)
        status = add_all(store, strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), &err);
    bv_store_close(&store);
    if (status != BV_OK)
        (void)fprintf(stderr, "adder: %s\n", err.text);
    return status == BV_OK ? 0 : 1;
}
