// dicom_identifiers.h: everything in a DICOM object that says whose it is.
#ifndef BV_RETRIEVAL_DICOM_IDENTIFIERS_H
#define BV_RETRIEVAL_DICOM_IDENTIFIERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "retrieval/identifiers.h"

// Adds the names of all persons (every value of every Person Name attribute, at any depth), the
// patient's, visit's, request's and study's numbers, addresses, telephone numbers, institutions
// and dates, as UTF-8. bytes are what bv_dataset_open() accepted; bare: the elements of an explicit
// little-endian data set alone. BV_ERR_FORMAT when it cannot be parsed; name stands for it.
enum bv_status bv_dicom_identifiers(const uint8_t *bytes, size_t size, bool bare, const char *name,
                                    struct bv_arena *arena, struct bv_identifiers *identifiers,
                                    struct bv_error *err);

#endif
