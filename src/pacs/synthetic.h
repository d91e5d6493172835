// synthetic.h: pictures that a model made, as DICOM objects that say so.
#ifndef BV_PACS_SYNTHETIC_H
#define BV_PACS_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// A Secondary Capture of RGB [height][width][3] in a study of its own: Image Type
// DERIVED\SECONDARY, patient "SYNTHETIC", the word in the descriptions of study and series, and
// what the picture was made of (JSON, UTF-8) in Image Comments, cut to what that holds. UIDs are
// functions of the content. The caller frees *bytes.
enum bv_status bv_synthetic_capture(const uint8_t *rgb, unsigned width, unsigned height,
                                    const char *description, const char *version, uint8_t **bytes,
                                    size_t *size, struct bv_error *err);

#endif
