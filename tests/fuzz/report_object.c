// Structured reports and encapsulated documents: any bytes as a DICOM object on its way into an
// index.
#include "target.h"

#include <stdlib.h>

#include "image/dicom_dataset.h"
#include "retrieval/ingest.h"
#include "retrieval/record.h"
#include "retrieval/scrub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_arena arena = {0};
    struct bv_error err = {0};
    struct bv_record record = {0};
    const char *text = NULL;
    if (bv_record_from_dicom(&record, data, size, "fuzz", true, &arena, &err) == BV_OK) {
        if (!record.id || record.identifiers.n > BV_MAX_IDENTIFIERS)
            abort();
        if (record.report && bv_scrub(&arena, record.report, &record.identifiers))
            (void)bv_report_essence(&arena, record.report);
        bv_record_clear(&record);
    }
    // A data set alone, as deflated ones come to be.
    struct bv_dataset *bare = NULL;
    if (bv_dataset_open((struct bv_bytes){data, size}, true, &bare, &err) == BV_OK) {
        bv_dataset_close(&bare);
        struct bv_report_facts facts = {0};
        (void)bv_dicom_text(data, size, true, "fuzz", &arena, &text, &facts, &err);
    }
    bv_arena_free(&arena);
    return 0;
}
