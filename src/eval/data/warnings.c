#include "eval/data/warnings.h"

#include <stdio.h>
#include <string.h>

_Static_assert(BV_REASON_COUNT <= 32, "warnings are bits of 32");

uint32_t bv_warnings_of(const struct bv_image *image)
{
    uint32_t warnings = 0;
    for (int i = 0; i < image->warnings.n; i++)
        warnings |= (uint32_t)1 << image->warnings.items[i].reason;
    return warnings;
}

static bool has(uint32_t warnings, unsigned reason)
{
    return warnings >> reason & 1;
}

void bv_warnings_format(uint32_t warnings, char text[BV_WARNINGS_CHARS])
{
    size_t used = 0;
    text[0] = 0;
    for (unsigned i = 0; i < BV_REASON_COUNT; i++)
        if (has(warnings, i))
            used += (size_t)snprintf(text + used, BV_WARNINGS_CHARS - used, "%s%s", used ? "," : "",
                                     bv_reason_name((enum bv_reason)i));
}

bool bv_warnings_parse(const char *text, uint32_t *warnings)
{
    uint32_t found = 0;
    while (*text) {
        size_t n = strcspn(text, ",");
        unsigned i = 0;
        while (i < BV_REASON_COUNT && (strlen(bv_reason_name((enum bv_reason)i)) != n ||
                                       memcmp(bv_reason_name((enum bv_reason)i), text, n) != 0))
            i++;
        if (i == BV_REASON_COUNT)
            return false;
        found |= (uint32_t)1 << i;
        text += n + (text[n] == ',');
    }
    *warnings = found;
    return true;
}

void bv_warning_counts_add(struct bv_warning_counts *counts, uint32_t warnings)
{
    counts->images += warnings != 0;
    for (unsigned i = 0; i < BV_REASON_COUNT; i++)
        counts->by_reason[i] += has(warnings, i);
}

json_t *bv_warning_counts_json(const struct bv_warning_counts *counts)
{
    json_t *by_reason = json_object();
    for (unsigned i = 0; i < BV_REASON_COUNT; i++)
        if (counts->by_reason[i])
            (void)json_object_set_new(by_reason, bv_reason_name((enum bv_reason)i),
                                      json_integer((json_int_t)counts->by_reason[i]));
    return json_pack("{s:I, s:o}", "images", (json_int_t)counts->images, "by_reason", by_reason);
}

enum bv_status bv_warnings_create(struct bv_row_file *rows, const char *folder,
                                  struct bv_error *err)
{
    static const char *const columns[] = {"line", "path", "reason"};
    return bv_row_file_create(rows, folder, "warnings.csv", columns, 3, err);
}

void bv_warnings_put(struct bv_row_file *rows, uint64_t line, const char *path, uint32_t warnings)
{
    for (unsigned i = 0; i < BV_REASON_COUNT; i++) {
        if (!has(warnings, i))
            continue;
        bv_csv_put_integer(&rows->csv, (int64_t)line);
        bv_csv_put(&rows->csv, path);
        bv_csv_put(&rows->csv, bv_reason_name((enum bv_reason)i));
        bv_csv_end(&rows->csv);
    }
}
