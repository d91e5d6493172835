// From where a radiograph was taken, by what its header says.
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "image/dicom.h"

enum {
    TAG_CODE_VALUE = BV_TAG(0x0008, 0x0100),
    TAG_SERIES_DESCRIPTION = BV_TAG(0x0008, 0x103e),
    TAG_PROTOCOL_NAME = BV_TAG(0x0018, 0x1030),
    TAG_PROCESSING_DESCRIPTION = BV_TAG(0x0018, 0x1400),
    TAG_VIEW_POSITION = BV_TAG(0x0018, 0x5101),
    TAG_PATIENT_ORIENTATION = BV_TAG(0x0020, 0x0020),
    TAG_VIEW_CODE = BV_TAG(0x0054, 0x0220),
};

// What a text says; several views at once say none ("CHEST PA AND LATERAL").
struct said {
    enum bv_view view;
    bool several;
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

static bool has_any(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (has_word(text, words[i]))
            return true;
    return false;
}

// Upper case, and "P.A." as "PA".
static void simplify(char *text)
{
    size_t n = 0;
    for (size_t i = 0; text[i]; i++)
        if (text[i] != '.')
            text[n++] = (char)toupper((unsigned char)text[i]);
    text[n] = 0;
}

// A lateral decubitus position is one of the patient, who is then looked at from the front or back.
static struct said read_words(char *text)
{
    static const char *const lateral[] = {"LL",   "RL",       "LATERAL", "LAT",    "LLAT",  "RLAT",
                                          "LATL", "SEITLICH", "SEITL",   "PROFIL", "PERFIL"};
    static const char *const decubitus[] = {"LLD", "RLD", "DECUBITUS", "DECUB", "DECUBITO"};
    static const char *const pa[] = {"PA", "P-A", "DV"};
    static const char *const ap[] = {"AP", "A-P", "VD"};
    simplify(text);
    bool is_pa = has_any(text, pa, sizeof pa / sizeof *pa);
    bool is_ap = has_any(text, ap, sizeof ap / sizeof *ap);
    bool is_lateral = has_any(text, lateral, sizeof lateral / sizeof *lateral) &&
                      !has_any(text, decubitus, sizeof decubitus / sizeof *decubitus);
    struct said said = {BV_VIEW_UNKNOWN, is_pa + is_ap + is_lateral > 1};
    if (!said.several)
        said.view = is_lateral ? BV_VIEW_LATERAL
                    : is_pa    ? BV_VIEW_PA
                    : is_ap    ? BV_VIEW_AP
                               : BV_VIEW_UNKNOWN;
    return said;
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

static struct said read_element(const struct bv_dataset *ds, uint32_t tag)
{
    char text[65];
    if (!bv_dataset_text(ds, tag, 0, text, sizeof text))
        return (struct said){BV_VIEW_UNKNOWN, false};
    return read_words(text);
}

static enum bv_view read_code(const struct bv_dataset *ds)
{
    char text[65];
    const struct bv_item *code = bv_item_child(bv_dataset_root(ds), TAG_VIEW_CODE, 0);
    return bv_item_text(code, TAG_CODE_VALUE, 0, text, sizeof text) ? view_of_code(text)
                                                                    : BV_VIEW_UNKNOWN;
}

// Whether the rows run from front to back or back to front and the columns to the feet, as in a
// lateral view alone (PS3.3 C.7.6.1.1.1).
static bool rows_run_through(const struct bv_dataset *ds)
{
    char row[17], column[17];
    return bv_dataset_text(ds, TAG_PATIENT_ORIENTATION, 0, row, sizeof row) &&
           bv_dataset_text(ds, TAG_PATIENT_ORIENTATION, 1, column, sizeof column) &&
           (row[0] == 'A' || row[0] == 'P') && (column[0] == 'F' || column[0] == 'H');
}

// The words of what people and machines call a series or protocol; its text goes no further.
static struct said read_descriptions(const struct bv_dataset *ds)
{
    static const uint32_t tags[] = {TAG_SERIES_DESCRIPTION, TAG_PROCESSING_DESCRIPTION,
                                    TAG_PROTOCOL_NAME};
    struct said said = {BV_VIEW_UNKNOWN, false};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        struct said one = read_element(ds, tags[i]);
        if (one.view != BV_VIEW_UNKNOWN)
            return one;
        said.several |= one.several;
    }
    return said;
}

static void set(struct bv_image *image, enum bv_view view, const char *why)
{
    image->view = view;
    image->view_reason = why;
}

// The element for it, else the view code, else the orientation of the picture, else words.
void bv_dicom_view(const struct bv_dataset *ds, struct bv_image *image)
{
    struct said position = read_element(ds, TAG_VIEW_POSITION);
    enum bv_view coded = read_code(ds);
    enum bv_view view = position.view != BV_VIEW_UNKNOWN ? position.view : coded;
    bool through = rows_run_through(ds);
    bool frontal = view == BV_VIEW_PA || view == BV_VIEW_AP;
    struct said words = read_descriptions(ds);
    if (view == BV_VIEW_UNKNOWN && through)
        set(image, BV_VIEW_LATERAL, "its Patient Orientation says so");
    else if (frontal && through)
        set(image, BV_VIEW_UNKNOWN, "its view and its Patient Orientation contradict each other");
    else if (frontal && coded == BV_VIEW_LATERAL)
        set(image, BV_VIEW_UNKNOWN, "View Position and View Code contradict each other");
    else if (view != BV_VIEW_UNKNOWN && view == position.view)
        set(image, view, "its View Position says so");
    else if (view != BV_VIEW_UNKNOWN)
        set(image, view, "its View Code says so");
    else if (words.view != BV_VIEW_UNKNOWN)
        set(image, words.view, "a description says so");
    else
        set(image, BV_VIEW_UNKNOWN,
            words.several ? "its description names more than one" : "the file does not say");
}
