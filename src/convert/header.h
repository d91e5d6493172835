// header.h: values written into the header of a safetensors file after its data.
#ifndef BV_CONVERT_HEADER_H
#define BV_CONVERT_HEADER_H

#include <stdbool.h>

#include "base/status.h"

// Replaces the value of a __metadata__ key in place by text, filled up with spaces. *fits becomes
// false, and the file stays as it is, when the value there has not the room.
enum bv_status bv_header_put(const char *path, const char *key, const char *text, bool *fits,
                             struct bv_error *err);

#endif
