// derived_object.h: objects that are derived of images or made: structured reports, secondary
// captures, synthetic images.
#ifndef BV_PACS_DERIVED_OBJECT_H
#define BV_PACS_DERIVED_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// findings.cc: what a model said, as DICOM objects that go back into the study.
//
// Both objects take patient and study from the source object: they belong beside it in the archive,
// and hold the same identifiers.

// The object that others are derived from; name stands for it in messages.
struct bv_source_object {
    const uint8_t *bytes;
    size_t size;
    const char *name;
};

// A picture that becomes an object, RGB [height][width][3].
struct bv_derived_picture {
    const uint8_t *rgb;
    unsigned width, height;
    const char *description; // what it shows
    const char *version;     // of this software
};

// In pixels of the image, from its left upper corner.
struct bv_finding_region {
    double x, y, width, height;
};

// A control character of a text is a space in the objects, and a backslash a slash where it would
// part two values. A label that is nothing but spaces then is BV_ERR_ARG.
struct bv_finding {
    const char *label; // "Pleural effusion"
    double score;
    // Of a heat map:
    struct bv_finding_region region; // of its peak; width 0: none
    double peak;                     // its largest value
    bool nothing;                    // which neutral texts reach as well
};

// Where scores come from; written into the objects. No string is NULL.
struct bv_findings_source {
    const char *kind;    // what the numbers are: "pair_softmax", "cosine", …
    const char *model;   // name
    const char *digest;  // SHA-256 of the model
    const char *prompts; // name of the prompt set
    const char *version; // of this software
    const char *map;     // method and unit of the heat maps; NULL: there are none
};

// A TID 1500 Measurement Report (Comprehensive 3D SR): per label a measurement group with the
// label as tracking identifier, the finding coded in SNOMED CT where a code of exactly that meaning
// is known and in our private scheme otherwise, and the score as a number of a private concept
// that names the quantity: it is no probability of disease, and no standard code says so. Each
// group names a region of the image (TID 1410): that of the heat map's peak, else all of it.
// The object's UID is a function of source and content. The caller frees *bytes. BV_ERR_ARG when
// the source names no study or no instance, or has several frames.
enum bv_status bv_findings_report(const struct bv_source_object *source,
                                  const struct bv_finding *findings, size_t n,
                                  const struct bv_findings_source *from, uint8_t **bytes,
                                  size_t *size, struct bv_error *err);

// A Secondary Capture of a picture that was derived from the source, such as a radiograph with a
// heat map over it. The caller frees *bytes.
enum bv_status bv_findings_capture(const struct bv_source_object *source,
                                   const struct bv_derived_picture *picture, uint8_t **bytes,
                                   size_t *size, struct bv_error *err);

// segmentation.cc: masks that were derived from the source.

struct bv_segment {
    const char *label;
    const uint8_t *mask; // [height,width], 0 or 1
};

// A binary Segmentation with a segment for each of n masks, of the size of the source's image.
// BV_ERR_ARG where it has another one, or several frames. The object's UID is a function of source
// and content. The caller frees *bytes.
enum bv_status bv_findings_segmentation(const struct bv_source_object *source,
                                        const struct bv_segment *segments, size_t n, unsigned width,
                                        unsigned height, const struct bv_findings_source *from,
                                        uint8_t **bytes, size_t *size, struct bv_error *err);

// synthetic.cc: pictures that a model made, as DICOM objects that say so.

// A Secondary Capture in a study of its own: Image Type DERIVED\SECONDARY, patient "SYNTHETIC", the
// word in the descriptions of study and series, and the description (JSON, UTF-8: what the picture
// was made of) in Image Comments, cut to what that holds. UIDs are functions of the content. The
// caller frees *bytes.
enum bv_status bv_synthetic_capture(const struct bv_derived_picture *picture, uint8_t **bytes,
                                    size_t *size, struct bv_error *err);

#endif
