#include "pacs/finding_codes.hh"

extern "C" {
#include "base/sha256.h"
}

#include <cctype>

namespace bv_derived
{

const char code_scheme[] = "99BIOVL";

namespace
{

// Codes of exactly the label's meaning. A label that is not here gets a private code: a near miss
// in a standard vocabulary would say something else.
const struct {
    const char *label, *code, *meaning;
} snomed[] = {
    {"atelectasis", "46621007", "Atelectasis"},
    {"cardiomegaly", "8186001", "Cardiomegaly"},
    {"pleural effusion", "60046008", "Pleural effusion"},
    {"pneumonia", "233604007", "Pneumonia"},
    {"pneumothorax", "36118008", "Pneumothorax"},
};

} // namespace

std::string cut_text(const std::string &text, size_t n)
{
    if (text.size() <= n)
        return text;
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80)
        n--;
    return text.substr(0, n);
}

std::string plain_text(const std::string &text)
{
    std::string plain;
    for (char c : text) {
        const unsigned char byte = static_cast<unsigned char>(c);
        plain += byte < 0x20 || byte == 0x7f ? ' ' : c;
    }
    const size_t first = plain.find_first_not_of(' ');
    return first == std::string::npos
               ? std::string()
               : plain.substr(first, plain.find_last_not_of(' ') + 1 - first);
}

std::string one_value(const std::string &text)
{
    std::string value = plain_text(text);
    for (char &c : value)
        c = c == '\\' ? '/' : c;
    return plain_text(cut_text(value, 64));
}

DSRCodedEntryValue private_code(const std::string &text)
{
    char hex[65];
    bv_sha256_hex(text.data(), text.size(), hex);
    std::string code;
    for (char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) && code.size() < 8)
            code += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    code += "_" + std::string(hex, 6);
    return DSRCodedEntryValue(code.c_str(), code_scheme, one_value(text).c_str());
}

DSRCodedEntryValue finding_code(const char *label)
{
    std::string lower = plain_text(label);
    for (char &c : lower)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const auto &known : snomed) {
        if (lower == known.label)
            return DSRCodedEntryValue(known.code, "SCT", known.meaning);
    }
    return private_code(label);
}

} // namespace bv_derived
