// From where a radiograph was taken, by what its header says.
#include <ctype.h>
#include <string.h>

#include "image/dicom.h"

enum {
    TAG_CODE_VALUE = BV_TAG(0x0008, 0x0100),
    TAG_SERIES_DESCRIPTION = BV_TAG(0x0008, 0x103e),
    TAG_VIEW_POSITION = BV_TAG(0x0018, 0x5101),
    TAG_VIEW_CODE = BV_TAG(0x0054, 0x0220),
};

// Whether text has word as a word of its own.
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        if ((p == text || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
            return true;
    return false;
}

static enum bv_view view_of(const char *text)
{
    static const char *const lateral[] = {"LL", "RL", "LLD", "RLD", "LATERAL", "LAT", "LLAT"};
    for (size_t i = 0; i < sizeof lateral / sizeof *lateral; i++)
        if (has_word(text, lateral[i]))
            return BV_VIEW_LATERAL;
    if (has_word(text, "PA"))
        return BV_VIEW_PA;
    return has_word(text, "AP") ? BV_VIEW_AP : BV_VIEW_UNKNOWN;
}

// View codes of CID 4010 in SNOMED RT and SNOMED CT.
static enum bv_view view_of_code(const char *code)
{
    static const struct {
        const char *code;
        enum bv_view view;
    } codes[] = {
        {"R-10206", BV_VIEW_AP},      {"399348003", BV_VIEW_AP},
        {"R-10214", BV_VIEW_PA},      {"272479007", BV_VIEW_PA},
        {"R-10232", BV_VIEW_LATERAL}, {"399198007", BV_VIEW_LATERAL},
        {"R-10236", BV_VIEW_LATERAL}, {"399173006", BV_VIEW_LATERAL},
        {"R-10228", BV_VIEW_LATERAL}, {"399067008", BV_VIEW_LATERAL},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].view;
    return BV_VIEW_UNKNOWN;
}

static void upper(char *text)
{
    for (; *text; text++)
        *text = (char)toupper((unsigned char)*text);
}

// The tag, else the view code, else words of the series description (whose text goes no further).
void bv_dicom_view(const struct bv_dataset *ds, struct bv_image *image)
{
    char text[65];
    if (bv_dataset_text(ds, TAG_VIEW_POSITION, 0, text, sizeof text)) {
        upper(text);
        image->view = view_of(text);
    }
    if (image->view == BV_VIEW_UNKNOWN &&
        bv_item_text(bv_item_child(bv_dataset_root(ds), TAG_VIEW_CODE, 0), TAG_CODE_VALUE, 0, text,
                     sizeof text))
        image->view = view_of_code(text);
    if (image->view == BV_VIEW_UNKNOWN &&
        bv_dataset_text(ds, TAG_SERIES_DESCRIPTION, 0, text, sizeof text)) {
        upper(text);
        image->view = view_of(text);
    }
}
