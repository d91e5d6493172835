// From where a radiograph was taken, by what its header says.
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "image/dicom.h"

enum {
    TAG_CODE_VALUE = BV_TAG(0x0008, 0x0100),
    TAG_CODE_MEANING = BV_TAG(0x0008, 0x0104),
    TAG_SERIES_DESCRIPTION = BV_TAG(0x0008, 0x103e),
    TAG_ANATOMIC_REGION = BV_TAG(0x0008, 0x2218),
    TAG_REGION_MODIFIER = BV_TAG(0x0008, 0x2220),
    TAG_PROTOCOL_NAME = BV_TAG(0x0018, 0x1030),
    TAG_PROCESSING_DESCRIPTION = BV_TAG(0x0018, 0x1400),
    TAG_VIEW_POSITION = BV_TAG(0x0018, 0x5101),
    TAG_PATIENT_ORIENTATION = BV_TAG(0x0020, 0x0020),
    TAG_LATERALITY = BV_TAG(0x0020, 0x0060),
    TAG_IMAGE_LATERALITY = BV_TAG(0x0020, 0x0062),
    TAG_FRAME_ANATOMY = BV_TAG(0x0020, 0x9071),
    TAG_FRAME_LATERALITY = BV_TAG(0x0020, 0x9072),
    TAG_FRAME_ORIENTATION = BV_TAG(0x0020, 0x9450),
    TAG_VIEW_CODE = BV_TAG(0x0054, 0x0220),
};

// What a text says; several views at once say none ("CHEST PA AND LATERAL").
struct said {
    enum bv_view view;
    bool several, lateral; // of several: whether a lateral view is one of them
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
    struct said said = {BV_VIEW_UNKNOWN, is_pa + is_ap + is_lateral > 1, is_lateral};
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
        return (struct said){BV_VIEW_UNKNOWN, false, false};
    return read_words(text);
}

// A code that is none of the context group's says what it means in words.
static enum bv_view read_code(const struct bv_dataset *ds)
{
    char text[65];
    const struct bv_item *code = bv_item_child(bv_dataset_root(ds), TAG_VIEW_CODE, 0);
    enum bv_view view = BV_VIEW_UNKNOWN;
    if (bv_item_text(code, TAG_CODE_VALUE, 0, text, sizeof text))
        view = view_of_code(text);
    if (view == BV_VIEW_UNKNOWN && bv_item_text(code, TAG_CODE_MEANING, 0, text, sizeof text))
        view = read_words(text).view;
    return view;
}

// Whether the part that was examined is one side's: by the laterality of the frame, the image or
// the series, or the modifier of the anatomic region.
static bool is_one_sided(const struct bv_dataset *ds, unsigned frame)
{
    const struct bv_item *root = bv_dataset_root(ds);
    const struct bv_item *anatomy = bv_dataset_group(ds, frame, TAG_FRAME_ANATOMY);
    const struct bv_item *region = bv_item_child(anatomy, TAG_ANATOMIC_REGION, 0);
    char text[65];
    if (!region)
        region = bv_item_child(root, TAG_ANATOMIC_REGION, 0);
    if (bv_item_text(anatomy, TAG_FRAME_LATERALITY, 0, text, sizeof text) ||
        bv_item_text(root, TAG_IMAGE_LATERALITY, 0, text, sizeof text) ||
        bv_item_text(root, TAG_LATERALITY, 0, text, sizeof text))
        return strcmp(text, "L") == 0 || strcmp(text, "R") == 0;
    // CID 244: left and right, in SNOMED CT and RT.
    const struct bv_item *modifier = bv_item_child(region, TAG_REGION_MODIFIER, 0);
    return bv_item_text(modifier, TAG_CODE_VALUE, 0, text, sizeof text) &&
           (strcmp(text, "7771000") == 0 || strcmp(text, "24028007") == 0 ||
            strcmp(text, "G-A101") == 0 || strcmp(text, "G-A100") == 0);
}

// Whether the rows run from front to back or back to front and the columns to the feet, as in a
// lateral view alone (PS3.3 C.7.6.1.1.1), by the frame's orientation or the image's.
static bool rows_run_through(const struct bv_dataset *ds, unsigned frame)
{
    char row[17], column[17];
    const struct bv_item *item = bv_dataset_group(ds, frame, TAG_FRAME_ORIENTATION);
    if (!bv_item_text(item, TAG_PATIENT_ORIENTATION, 0, row, sizeof row))
        item = bv_dataset_root(ds);
    return bv_item_text(item, TAG_PATIENT_ORIENTATION, 0, row, sizeof row) &&
           bv_item_text(item, TAG_PATIENT_ORIENTATION, 1, column, sizeof column) &&
           (row[0] == 'A' || row[0] == 'P') && (column[0] == 'F' || column[0] == 'H');
}

// The words of what people and machines call a series or protocol; its text goes no further.
static struct said read_descriptions(const struct bv_dataset *ds)
{
    static const uint32_t tags[] = {TAG_SERIES_DESCRIPTION, TAG_PROCESSING_DESCRIPTION,
                                    TAG_PROTOCOL_NAME};
    struct said said = {BV_VIEW_UNKNOWN, false, false};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        struct said one = read_element(ds, tags[i]);
        if (one.view != BV_VIEW_UNKNOWN)
            return one;
        said.several |= one.several;
        said.lateral |= one.several && one.lateral;
    }
    return said;
}

static void set(struct bv_image *image, enum bv_view view, const char *why)
{
    image->view = view;
    image->view_reason = why;
}

static const char *why_unknown(const struct said *words, bool one_sided)
{
    if (words->several && words->lateral && one_sided)
        return "its description names more than one, and that it is of one side decides nothing";
    return words->several ? "its description names more than one" : "the file does not say";
}

// The element for it, else the view code, else the orientation of the picture, else words. The
// laterality is of the part examined, not of the view: frontal views of one side of the ribs have
// one, and lateral chests may have none. So it decides nothing; where nothing else
// does either, the reason says so.
void bv_dicom_view(const struct bv_dataset *ds, struct bv_image *image)
{
    unsigned frame = (unsigned)image->frame;
    struct said position = read_element(ds, TAG_VIEW_POSITION);
    enum bv_view coded = read_code(ds);
    enum bv_view view = position.view != BV_VIEW_UNKNOWN ? position.view : coded;
    bool through = rows_run_through(ds, frame);
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
        set(image, BV_VIEW_UNKNOWN, why_unknown(&words, is_one_sided(ds, frame)));
}
