// dataset_bytes.hh: a DICOM object of DCMTK as a file in memory. C++, used inside src/pacs only.
#ifndef BV_PACS_DATASET_BYTES_HH
#define BV_PACS_DATASET_BYTES_HH

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

extern "C" {
#include "base/status.h"
}

// Writes with a preamble and meta information in the transfer syntax given. The caller frees
// *bytes.
bv_status bv_dataset_to_bytes(DcmFileFormat *file, E_TransferSyntax syntax, uint8_t **bytes,
                              size_t *size, bv_error *err);

// Reads a whole file; EC_Normal or what DCMTK says.
OFCondition bv_dataset_from_bytes(const uint8_t *bytes, size_t size, DcmFileFormat *file);

#endif
