// pull_counts.h: what a pull or a receiver tells of its work.
#ifndef BV_API_PULL_COUNTS_H
#define BV_API_PULL_COUNTS_H

#include "base/json.h"
#include "retrieval/ingest.h"

// A new object {"images", "reports", "skipped", "failed", "retries"}; NULL when memory is out.
static inline json_t *bv_pull_counts(const struct bv_ingest_counts *counts, size_t retries)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "images", (json_int_t)counts->images, "reports",
                     (json_int_t)counts->reports, "skipped", (json_int_t)counts->skipped, "failed",
                     (json_int_t)counts->failed, "retries", (json_int_t)retries);
}

#endif
