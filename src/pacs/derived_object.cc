#include "pacs/derived_object.hh"

extern "C" {
#include "base/sha256.h"
}

namespace bv_derived
{

void check(const OFCondition &condition)
{
    if (condition.bad())
        throw condition;
}

std::string make_uid(const std::vector<std::string> &texts)
{
    struct bv_sha256 sha;
    unsigned char digest[32];
    bv_sha256_init(&sha);
    for (const std::string &text : texts)
        bv_sha256_update(&sha, text.c_str(), text.size() + 1);
    bv_sha256_final(&sha, digest);
    digest[6] = static_cast<unsigned char>((digest[6] & 0x0f) | 0x80); // version 8
    digest[8] = static_cast<unsigned char>((digest[8] & 0x3f) | 0x80);
    std::string decimal;
    for (bool left = true; left;) {
        unsigned remainder = 0;
        left = false;
        for (int i = 0; i < 16; i++) {
            unsigned value = remainder << 8 | digest[i];
            digest[i] = static_cast<unsigned char>(value / 10);
            remainder = value % 10;
            left = left || digest[i] != 0;
        }
        decimal.insert(decimal.begin(), static_cast<char>('0' + remainder));
    }
    return "2.25." + decimal;
}

void put(DcmDataset *to, const DcmTagKey &tag, const std::string &value)
{
    check(to->putAndInsertString(tag, value.c_str()));
}

void put_now(DcmDataset *to, const DcmTagKey &date, const DcmTagKey &time)
{
    OFString value;
    check(DcmDate::getCurrentDate(value));
    put(to, date, value.c_str());
    check(DcmTime::getCurrentTime(value));
    put(to, time, value.c_str());
}

void put_rgb(DcmDataset *to, const uint8_t *rgb, unsigned width, unsigned height)
{
    put(to, DCM_PhotometricInterpretation, "RGB");
    check(to->putAndInsertUint16(DCM_SamplesPerPixel, 3));
    check(to->putAndInsertUint16(DCM_PlanarConfiguration, 0));
    check(to->putAndInsertUint16(DCM_Rows, static_cast<Uint16>(height)));
    check(to->putAndInsertUint16(DCM_Columns, static_cast<Uint16>(width)));
    check(to->putAndInsertUint16(DCM_BitsAllocated, 8));
    check(to->putAndInsertUint16(DCM_BitsStored, 8));
    check(to->putAndInsertUint16(DCM_HighBit, 7));
    check(to->putAndInsertUint16(DCM_PixelRepresentation, 0));
    check(to->putAndInsertUint8Array(DCM_PixelData, rgb,
                                     static_cast<unsigned long>(width) * height * 3));
}

} // namespace bv_derived
