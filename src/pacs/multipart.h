// multipart.h: multipart/related bodies (RFC 2387), as DICOMweb sends objects.
#ifndef BV_PACS_MULTIPART_H
#define BV_PACS_MULTIPART_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// The first part of a body; *part points into it. content_type is that of the whole answer; an
// answer that is no multipart is its own part. A body without a complete part is BV_ERR_FORMAT.
enum bv_status bv_multipart_first(const uint8_t *body, size_t size, const char *content_type,
                                  const uint8_t **part, size_t *part_size, struct bv_error *err);

#endif
