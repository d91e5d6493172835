// commitment.h: what a request for storage commitment asks, and the report that answers it (PS3.4
// annex J). Used inside src/pacs only.
#ifndef BV_PACS_COMMITMENT_H
#define BV_PACS_COMMITMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define BV_COMMITMENT_CLASS "1.2.840.10008.1.20.1"
#define BV_COMMITMENT_INSTANCE "1.2.840.10008.1.20.1.1"

struct bv_commitment {
    uint8_t *report; // the data set of the report
    size_t size;
    size_t n_held, n_failed;
};

// Makes the report of a request's data set: holds is asked about every object. BV_ERR_FORMAT when
// there is no transaction or no object in it. bv_commitment_free() releases.
enum bv_status bv_commitment_make(struct bv_commitment *commitment, const uint8_t *request,
                                  size_t size, bool implicit,
                                  bool (*holds)(void *arg, const char *sop), void *arg,
                                  struct bv_error *err);
void bv_commitment_free(struct bv_commitment *commitment);

#endif
