// derived_object.hh: what the makers of DICOM objects share: errors, identifiers, pixels.
#ifndef BV_PACS_DERIVED_OBJECT_HH
#define BV_PACS_DERIVED_OBJECT_HH

extern "C" {
#include "base/status.h"
}

#include <new>
#include <string>
#include <vector>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

namespace bv_derived
{

// Throws a condition that is bad; guarded() turns it into a status.
void check(const OFCondition &condition);

template <typename Body> bv_status guarded(const char *name, bv_error *err, Body body)
{
    try {
        return body();
    } catch (const OFCondition &condition) {
        return bv_fail(err, BV_ERR_FORMAT, "%s: no DICOM object can be derived from it (%s)", name,
                       condition.text());
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "a DICOM object");
    } catch (...) {
        return bv_fail(err, BV_ERR_INTERNAL, "%s: DCMTK failed for an unknown reason", name);
    }
}

// 2.25 and the decimal form of a UUID (PS3.5 B.2) that is a hash of the texts.
std::string make_uid(const std::vector<std::string> &texts);

void put(DcmDataset *to, const DcmTagKey &tag, const std::string &value);
void put_now(DcmDataset *to, const DcmTagKey &date, const DcmTagKey &time);

// The image pixel module of 8-bit RGB [height][width][3].
void put_rgb(DcmDataset *to, const uint8_t *rgb, unsigned width, unsigned height);

} // namespace bv_derived

#endif
