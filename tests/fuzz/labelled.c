// A labelled CSV file of any bytes; the first one chooses the options. Every row has a path or a
// reason, and truths that are truths.
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/data/labelled.h"
#include "memory_file.h"

static void expect(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {"Edema", "Pleural Effusion"};
    static const char *const where[] = {"split=val"};
    if (!size)
        return 0;
    char path[64];
    const unsigned choice = data[0];
    struct bv_labelled_options options = {.path = path,
                                          .labels = labels,
                                          .n_labels = 2,
                                          .where = where,
                                          .n_where = choice & 1,
                                          .uncertain = (enum bv_uncertain)(choice >> 1 & 3),
                                          .blank_is_zero = choice >> 3 & 1,
                                          .repeats = choice >> 4 & 1,
                                          .list_column = choice >> 5 & 1 ? "findings" : NULL,
                                          .stratum_column = choice >> 6 & 1 ? "view" : NULL};
    int file = memory_file(data + 1, size - 1, path);
    struct bv_labelled *dataset = NULL;
    const struct bv_labelled_row *row = NULL;
    struct bv_error err = {0};
    if (bv_labelled_open(&dataset, &options, &err) == BV_OK)
        while (bv_labelled_next(dataset, &row, &err) == BV_OK && row) {
            expect(row->reason ? *row->reason && *row->message : *row->path != 0);
            expect(row->truth[0] <= BV_TRUTH_NONE && row->truth[1] <= BV_TRUTH_NONE);
        }
    bv_labelled_close(&dataset);
    (void)close(file);
    return 0;
}
