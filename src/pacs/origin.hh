// origin.hh: the object that others are derived from, and what they take from it.
#ifndef BV_PACS_ORIGIN_HH
#define BV_PACS_ORIGIN_HH

#include "pacs/derived_object.hh"

namespace bv_derived
{

extern const char own_class[]; // manufacturer and model of what is made here

// An object that another one is made from, with its texts as UTF-8.
struct origin {
    DcmFileFormat file;
    bool readable; // false: a text contradicts its character set, and all are as they were

    DcmDataset *dataset()
    {
        return file.getDataset();
    }
};

// Throws a condition that is bad.
void open_origin(const uint8_t *bytes, size_t size, origin *from);

// The character set of an object with the origin's texts and `added`: names and labels are then the
// same characters for every reader. False where there is none for both.
bool choose_character_set(origin *from, const std::string &added, std::string *set);
bv_status fail_characters(const char *name, bv_error *err);

std::string text_of(DcmItem *dataset, const DcmTagKey &tag); // "" where there is none

// Whether it names its study, its class and itself.
bool names_itself(DcmDataset *dataset);

// BV_ERR_ARG where it has several frames: what is said of it would be said of each.
bv_status check_frames(DcmDataset *dataset, const char *name, bv_error *err);

// BV_ERR_ARG for label i, which holds no character that an object can.
bv_status fail_label(size_t i, bv_error *err);

// Patient and study, copied element by element; type 2 elements exist even when empty.
void copy_study(DcmDataset *from, DcmDataset *to);

} // namespace bv_derived

#endif
