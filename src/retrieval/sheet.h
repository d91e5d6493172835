// sheet.h: hits to look at: a page of thumbnails.
#ifndef BV_RETRIEVAL_SHEET_H
#define BV_RETRIEVAL_SHEET_H

#include "retrieval/query.h"

// A self-contained HTML page: thumbnails, scores, ids, metadata and reports, everything escaped, no
// script and nothing loaded from elsewhere. title is shown as it is. The caller frees *text.
enum bv_status bv_sheet_html(struct bv_store *store, const char *title, const struct bv_hit *hits,
                             size_t n, char **text, size_t *size, struct bv_error *err);

// A PNG: thumbnails in rows of at most 6 in the order of the hits, rank and score under each. Hits
// without a thumbnail are gray fields. At most 600 hits. The caller frees *bytes.
enum bv_status bv_sheet_png(struct bv_store *store, const struct bv_hit *hits, size_t n,
                            uint8_t **bytes, size_t *size, struct bv_error *err);

#endif
