// The tables of tasks, of any bytes; the first one chooses which.
#include "target.h"

#include <jansson.h>
#include <unistd.h>

#include "eval/tasks/finding_tables.h"
#include "eval/tasks/grounding.h"
#include "eval/tasks/subgroups.h"
#include "eval/tasks/vqa.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_group_column column = {.n_values = 0};
    struct bv_error err = {0};
    json_t *result = NULL;
    char path[64], text[256] = "";
    if (!size)
        return 0;
    int file = memory_file(data + 1, size - 1, path);
    switch (data[0] & 3) {
    case 0:
        (void)bv_vqa_table(path, data[0] & 4 ? "type" : NULL, &result, &err);
        break;
    case 1:
        (void)bv_finding_tables(path, path, &result, &err);
        break;
    case 2: // no file is outside the empty folder
        (void)bv_grounding_table(path, "/var/empty", &result, &err);
        break;
    default:
        for (size_t i = 1; i < size && i < sizeof text; i++)
            text[i - 1] = (char)data[i];
        (void)bv_group_column_parse(&column, text, &err);
    }
    json_decref(result);
    (void)close(file);
    return 0;
}
