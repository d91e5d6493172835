// dicom_text.h: the words of DICOM structured reports and encapsulated documents, through DCMTK.
#ifndef BV_RETRIEVAL_DICOM_TEXT_H
#define BV_RETRIEVAL_DICOM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "retrieval/record.h"

// The text of a structured report as headed paragraphs, in the order of its tree: container and
// concept names, text, codes' meanings, numbers with units. Person names, dates and times of the
// tree are left out. Or the text of an encapsulated document of MIME type text/…, markup removed.
// Reports are Basic Text, Enhanced, Comprehensive, Comprehensive 3D and Extensible SR; Key Object
// Selections, dose reports, results of CAD and measurement reports are none. facts->kind is
// "addendum" for a document that calls itself so, "correction" for another one that names
// predecessors, which are filled in.
//
// bytes are what bv_dataset_open() accepted: DCMTK alone would believe the lengths that they
// declare. bare: the elements of an explicit little-endian data set alone. *text and the facts'
// strings are in the arena. BV_ERR_UNSUPPORTED for other objects, BV_ERR_FORMAT for damaged ones.
enum bv_status bv_dicom_text(const uint8_t *bytes, size_t size, bool bare, const char *name,
                             struct bv_arena *arena, const char **text,
                             struct bv_report_facts *facts, struct bv_error *err);

#endif
