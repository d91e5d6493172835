// dicom_characters.hh: all texts of a data set as UTF-8. C++, for what wraps DCMTK.
#ifndef BV_IMAGE_DICOM_CHARACTERS_HH
#define BV_IMAGE_DICOM_CHARACTERS_HH

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include <cstddef>
#include <string>

// Converts the texts of an item and of those in it, by the Specific Character Set of each item or
// of the item around it. Where something was converted, the item's becomes ISO_IR 192. A text that
// cannot be read (character_set.c) stays as it is. sets: of what is around the item, "" for a data
// set. Returns how many stayed. Throws std::bad_alloc.
std::size_t bv_dicom_to_utf8(DcmItem *item, const std::string &sets);

#endif
