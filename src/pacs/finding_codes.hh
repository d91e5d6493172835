// finding_codes.hh: coded entries of the objects that say what a model found.
#ifndef BV_PACS_FINDING_CODES_HH
#define BV_PACS_FINDING_CODES_HH

#include <string>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmsr/dsrcodvl.h>

namespace bv_derived
{

extern const char code_scheme[]; // our private one

// A private code for a text: letters and digits of it, 16 at most, told apart by a hash.
DSRCodedEntryValue private_code(const std::string &text);

// The finding in SNOMED CT where a code of exactly that meaning is known, else a private one.
DSRCodedEntryValue finding_code(const char *label);

// A text of at most n bytes, cut between characters.
std::string cut_text(const std::string &text, size_t n);

// A text without control characters, which are spaces instead, and without spaces at its ends.
std::string plain_text(const std::string &text);

// The same as one value of an element that can have several (LO, 64 characters): a backslash, which
// would part two of them, is a slash.
std::string one_value(const std::string &text);

} // namespace bv_derived

#endif
