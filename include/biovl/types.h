// biovl/types.h: enumerations that several headers use. Values are never renumbered; a later
// version may add some, so that a switch needs a default. Each has a function that names it.
#ifndef BIOVL_TYPES_H
#define BIOVL_TYPES_H

#include "biovl/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// Projection of a chest radiograph.
enum bv_view {
    BV_VIEW_UNKNOWN = 0,
    BV_VIEW_PA,
    BV_VIEW_AP,
    BV_VIEW_LATERAL,
};

// Which end of the gray scale is bright.
enum bv_photometric {
    BV_MONOCHROME2 = 0, // larger is brighter; every image that is not DICOM
    BV_MONOCHROME1,     // larger is darker
};

// What an image was read from.
enum bv_image_format {
    BV_IMAGE_DICOM = 0,
    BV_IMAGE_PNG,
    BV_IMAGE_JPEG,
    BV_IMAGE_JPEG2000,
    BV_IMAGE_PIXELS, // bv_image_open_pixels()
};

// Reasons to doubt a score; each warning has one, and a sentence.
enum bv_reason {
    BV_REASON_LATERAL_VIEW = 0,
    BV_REASON_VIEW_UNKNOWN,
    BV_REASON_NOT_RADIOGRAPH, // modality other than CR, DX, RG and not a secondary capture
    BV_REASON_NOT_CHEST,      // the body part named is another
    BV_REASON_IMPLAUSIBLE,    // does not look like a chest radiograph at all
    BV_REASON_LOOKS_INVERTED, // bone is dark
    BV_REASON_COLOUR,         // colour was reduced to BT.601 luma
    BV_REASON_ALPHA_DROPPED,
    BV_REASON_LOSSY,            // compressed with loss at some time
    BV_REASON_BURNED_IN,        // the file says that text is burned into the pixels
    BV_REASON_FOR_PROCESSING,   // raw detector values, not meant for display
    BV_REASON_PIXEL_ASPECT,     // pixels are not square
    BV_REASON_BAD_WINDOW,       // a window or VOI function that cannot be applied
    BV_REASON_BAD_LUT,          // a lookup table that cannot be applied, or was repaired
    BV_REASON_BAD_HEADER,       // a header value that contradicts another and was worked around
    BV_REASON_MIRRORED,         // patient orientation says that left and right are exchanged
    BV_REASON_DARK_SIXTEEN_BIT, // the authors' code keeps only the high byte, and it is nearly
                                // empty
    BV_REASON_SMALL,            // few pixels
    BV_REASON_ORIENTATION,      // Exif says to turn it, and the model's authors did not
};

// What a score is.
enum bv_score_rule {
    BV_SCORE_COSINE = 0,         // cosine of image and text
    BV_SCORE_LOGIT,              // cosine × logit scale
    BV_SCORE_PAIR_SOFTMAX,       // e^p / (e^p + e^n) of a positive and a negative text (CheXzero)
    BV_SCORE_SOFTMAX,            // softmax of the logits over the labels
    BV_SCORE_GLOBAL_LOCAL,       // mean of cosine and word-region similarity (GLoRIA)
    BV_SCORE_MUTUAL_INFORMATION, // what a critic network gives (MultiInfo)
    BV_SCORE_OPERATING_POINT, // sigmoid of a trained head, 0.5 at its threshold (torchxrayvision)
    BV_SCORE_HEAD_SIGMOID,    // sigmoid of a trained head (Ark+)
    BV_SCORE_QUERY_DECODER,   // of a decoder whose queries are the labels (KAD, MedKLIP, CARZero)
    BV_SCORE_SIGMOID,         // sigmoid of the logit with a bias, each label by itself (SigLIP)
};

// Where an engine computes.
enum bv_device {
    BV_DEVICE_CPU = 0,
    BV_DEVICE_VULKAN,
    BV_DEVICE_REFERENCE, // slow and exact
};

// In which numbers.
enum bv_precision {
    BV_PRECISION_F32 = 0,
    BV_PRECISION_F16,
    BV_PRECISION_BF16,
    BV_PRECISION_INT8,
};

BV_API const char *bv_score_rule_name(enum bv_score_rule rule);       // "pair_softmax", …
BV_API const char *bv_view_name(enum bv_view view);                   // "unknown", "PA", …
BV_API const char *bv_image_format_name(enum bv_image_format format); // "dicom", "png", …
BV_API const char *bv_reason_name(enum bv_reason reason);             // "lateral_view", …

#ifdef __cplusplus
}
#endif
#endif
