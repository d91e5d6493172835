// page.h: the page: one HTML document with its styles and scripts inside, and the policy that
// names their digests.
#ifndef BV_SERVE_PAGE_H
#define BV_SERVE_PAGE_H

#include <stddef.h>

#include "base/status.h"

struct bv_page {
    char *html; // malloc'd
    size_t size;
    char *policy; // Content-Security-Policy of every answer, malloc'd
};

// Puts the files of assets/page together: in index.html, a line "<!-- style NAME -->" or
// "<!-- script NAME -->" stands for a file.
enum bv_status bv_page_open(struct bv_page *page, struct bv_error *err);
void bv_page_close(struct bv_page *page);

// A file of the service's own by its name ("service.json"); NULL where there is none.
const char *bv_page_file(const char *name, size_t *size);

#endif
