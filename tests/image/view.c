// The view of a radiograph by what its header says, and why.
#include <string.h>

#include "image/fixture.h"
#include "image/image.h"
#include "support/check.h"

struct header {
    const char *position, *code, *orientation, *description, *protocol;
    enum bv_view view;
    const char *why;        // part of the reason
    const char *laterality; // of the image
};

static const struct header headers[] = {
    {"PA", NULL, NULL, NULL, NULL, BV_VIEW_PA, "View Position", NULL},
    {"AP", NULL, "L\\F", "CHEST LATERAL", NULL, BV_VIEW_AP, "View Position", NULL},
    {"LL", NULL, NULL, NULL, NULL, BV_VIEW_LATERAL, "View Position", NULL},
    {"lateral", NULL, NULL, NULL, NULL, BV_VIEW_LATERAL, "View Position", NULL},
    // Decubitus positions are of the patient.
    {"AP LLD", NULL, NULL, NULL, NULL, BV_VIEW_AP, "View Position", NULL},
    {"RLD", NULL, NULL, NULL, NULL, BV_VIEW_UNKNOWN, "does not say", NULL},
    {NULL, "272479007", NULL, "CHEST LATERAL", NULL, BV_VIEW_PA, "View Code", NULL},
    {NULL, "R-10236", NULL, NULL, NULL, BV_VIEW_LATERAL, "View Code", NULL},
    {"", "399348003", NULL, NULL, NULL, BV_VIEW_AP, "View Code", NULL},
    {NULL, NULL, "P\\F", "CHEST PA", NULL, BV_VIEW_LATERAL, "Patient Orientation", NULL},
    {NULL, NULL, "A\\F", NULL, NULL, BV_VIEW_LATERAL, "Patient Orientation", NULL},
    {NULL, NULL, "L\\F", NULL, NULL, BV_VIEW_UNKNOWN, "does not say", NULL},
    // One word too many is no view.
    {NULL, NULL, NULL, "CHEST PA AND LATERAL", NULL, BV_VIEW_UNKNOWN, "more than one", NULL},
    {NULL, NULL, NULL, "Chest PA/LAT", NULL, BV_VIEW_UNKNOWN, "more than one", NULL},
    {NULL, NULL, NULL, "Chest 2 views (AP, lat.)", NULL, BV_VIEW_UNKNOWN, "more than one", NULL},
    {NULL, NULL, NULL, "CHEST PA AND LATERAL", "Thorax seitl.", BV_VIEW_LATERAL, "description",
     NULL},
    {"LL", NULL, NULL, "CHEST PA AND LATERAL", NULL, BV_VIEW_LATERAL, "View Position", NULL},
    {NULL, NULL, NULL, "chest lateral", NULL, BV_VIEW_LATERAL, "description", NULL},
    {NULL, NULL, NULL, "Thorax p.a.", NULL, BV_VIEW_PA, "description", NULL},
    {NULL, NULL, NULL, "bilateral chest", "CHEST AP", BV_VIEW_AP, "description", NULL},
    {NULL, NULL, NULL, "CHEST LATERAL DECUBITUS", NULL, BV_VIEW_UNKNOWN, "does not say", NULL},
    {NULL, NULL, NULL, "PATIENT", NULL, BV_VIEW_UNKNOWN, "does not say", NULL},
    // Contradictions.
    {"PA", NULL, "P\\F", NULL, NULL, BV_VIEW_UNKNOWN, "contradict", NULL},
    {"PA", "399067008", NULL, NULL, NULL, BV_VIEW_UNKNOWN, "contradict", NULL},
    {"LL", NULL, "L\\F", NULL, NULL, BV_VIEW_LATERAL, "View Position", NULL},
    // One side of the body is no view.
    {NULL, NULL, NULL, "CHEST PA AND LATERAL", NULL, BV_VIEW_UNKNOWN, "decides nothing", "L"},
    {NULL, NULL, NULL, "CHEST PA AND LATERAL", NULL, BV_VIEW_UNKNOWN, "more than one", "U"},
    {"PA", NULL, NULL, "RIBS", NULL, BV_VIEW_PA, "View Position", "R"},
    {NULL, NULL, NULL, "RIBS AP", NULL, BV_VIEW_AP, "description", "R"},
    {NULL, NULL, NULL, NULL, NULL, BV_VIEW_UNKNOWN, "does not say", "L"},
};

static void put(struct buffer *file, uint16_t group, uint16_t element, const char *vr,
                const char *text)
{
    if (text)
        dicom_text(file, group, element, vr, text);
}

static void put_code(struct buffer *file, uint16_t group, uint16_t element, const char *code,
                     const char *meaning)
{
    struct buffer item = {0};
    dicom_text(&item, 0x08, 0x0100, "SH", code);
    put(&item, 0x08, 0x0104, "LO", meaning);
    uint8_t start[8] = {0xfe, 0xff, 0x00, 0xe0, (uint8_t)item.size, 0, 0, 0};
    struct buffer sequence = {0};
    buffer_add(&sequence, start, sizeof start);
    buffer_add(&sequence, item.data, item.size);
    dicom_bytes(file, group, element, "SQ", sequence.data, sequence.size);
    buffer_free(&item);
    buffer_free(&sequence);
}

static void test_views(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        const struct header *h = &headers[i];
        struct buffer file = {0};
        uint16_t cells[6] = {1, 2, 3, 4, 5, 6};
        struct pixel_module m = PIXELS_16(2, 3);
        dicom_begin(&file, EXPLICIT_LE);
        put(&file, 0x08, 0x103e, "LO", h->description);
        put(&file, 0x18, 0x1030, "LO", h->protocol);
        put(&file, 0x18, 0x5101, "CS", h->position);
        put(&file, 0x20, 0x0020, "CS", h->orientation);
        put(&file, 0x20, 0x0062, "CS", h->laterality);
        dicom_pixel_module(&file, &m);
        if (h->code)
            put_code(&file, 0x54, 0x0220, h->code, NULL);
        dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
        struct bv_error err = {0};
        struct bv_image *image = NULL;
        assert_int_equal(bv_image_decode(file.data, file.size, "f", NULL, &image, &err), BV_OK);
        if (image->view != h->view || !strstr(image->view_reason, h->why))
            fail_msg("header %zu: %s, %s", i, bv_view_name(image->view), image->view_reason);
        bv_image_free(&image);
        buffer_free(&file);
    }
}

// The anatomic region says what was examined where no word does, and a view code of another scheme
// what it means.
static void test_codes(void **state)
{
    static const struct {
        const char *region, *meaning, *part;
    } regions[] = {{"T-D3000", "Brustkorb", "CHEST"},
                   {"51185008", NULL, "CHEST"},
                   {"T-D9200", "Hand", "HAND"},
                   {"1", "A region of a long name", "A REGION OF A LO"}};
    (void)state;
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        struct buffer file = {0};
        uint16_t cells[6] = {1, 2, 3, 4, 5, 6};
        struct pixel_module m = PIXELS_16(2, 3);
        dicom_begin(&file, EXPLICIT_LE);
        put_code(&file, 0x08, 0x2218, regions[i].region, regions[i].meaning);
        dicom_pixel_module(&file, &m);
        put_code(&file, 0x54, 0x0220, "99X", "Lateral projection");
        dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
        struct bv_error err = {0};
        struct bv_image *image = NULL;
        assert_int_equal(bv_image_decode(file.data, file.size, "f", NULL, &image, &err), BV_OK);
        assert_string_equal(image->body_part, regions[i].part);
        assert_int_equal(image->view, BV_VIEW_LATERAL);
        bv_image_free(&image);
        buffer_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_views), cmocka_unit_test(test_codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
