// warnings.h: the warnings of images (image/plausibility.h) in an evaluation: as bits, as text in
// journals, counted, and as the file warnings.csv.
#ifndef BV_EVAL_DATA_WARNINGS_H
#define BV_EVAL_DATA_WARNINGS_H

#include <jansson.h>

#include "eval/data/out_folder.h"
#include "image/image.h"

enum { BV_WARNINGS_CHARS = 512 }; // room for all names and their commas

// Bit i: the image has a warning of enum bv_reason i.
uint32_t bv_warnings_of(const struct bv_image *image);

// "lateral_view,small", in the order of enum bv_reason; "" without any.
void bv_warnings_format(uint32_t warnings, char text[BV_WARNINGS_CHARS]);
// False where a name is unknown.
bool bv_warnings_parse(const char *text, uint32_t *warnings);

// Zero-initialise.
struct bv_warning_counts {
    uint64_t by_reason[BV_REASON_COUNT], images; // images: with any
};
void bv_warning_counts_add(struct bv_warning_counts *counts, uint32_t warnings);
// {"images", "by_reason": {name: images}}, reasons that occur.
json_t *bv_warning_counts_json(const struct bv_warning_counts *counts);

// warnings.csv: line, path, reason; a line per image and reason.
enum bv_status bv_warnings_create(struct bv_row_file *rows, const char *folder,
                                  struct bv_error *err);
void bv_warnings_put(struct bv_row_file *rows, uint64_t line, const char *path, uint32_t warnings);

#endif
