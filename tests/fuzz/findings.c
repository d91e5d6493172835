// A report and a picture derived from any bytes as the object that was read: what is written is a
// data set that the check of objects passes.
#include "target.h"

#include <stdlib.h>

#include "archive/pull.h"
#include "pacs/derived_object.h"

static void expect_sound(const uint8_t *bytes, size_t size)
{
    struct bv_error err = {0};
    if (bv_object_check(bytes, size, &err) != BV_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bv_finding findings[] = {{.label = "Edema", .score = 0.25},
                                                 {.label = "Erg\xc3\xbcsse", .score = 0.5}};
    static const struct bv_findings_source from = {"cosine", "model", "digest", "set", "1", NULL};
    enum { SIDE = 2 }; // others are refused
    static const uint8_t rgb[12], mask[SIDE * SIDE] = {1};
    struct bv_error err = {0};
    uint8_t *bytes = NULL;
    size_t n = 0;
    // ASCII labels where the first byte is even: others are refused for some character sets.
    if (!size)
        return 0;
    const struct bv_source_object object = {data + 1, size - 1, "object"};
    const struct bv_derived_picture picture = {rgb, 2, 2, "map", "1"};
    if (bv_findings_report(&object, findings, 1 + (data[0] & 1), &from, &bytes, &n, &err) == BV_OK)
        expect_sound(bytes, n);
    free(bytes);
    bytes = NULL;
    if (bv_findings_capture(&object, &picture, &bytes, &n, &err) == BV_OK)
        expect_sound(bytes, n);
    free(bytes);
    bytes = NULL;
    const struct bv_segment segments[] = {{"Edema", mask}, {"Erg\xc3\xbcsse", mask}};
    if (bv_findings_segmentation(&object, segments, 1 + (data[0] & 1), SIDE, SIDE, &from, &bytes,
                                 &n, &err) == BV_OK)
        expect_sound(bytes, n);
    free(bytes);
    return 0;
}
