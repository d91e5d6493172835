// A labels file of any bytes with the forms of prompt sets: every label has a name and a prompt.
#include "target.h"

#include <stdlib.h>

#include "score/prompts.h"

static json_t *prompt_set(unsigned choice)
{
    static const char *const sets[] = {
        "{\"templates\": [\"{}\", \"there is {}.\"], \"negative_templates\": [\"no {}\"]}",
        "{\"classes\": {\"Edema\": [\"fluid in the lungs\"]}, \"templates\": [\"{}\"]}",
        "{\"grid\": {\"Edema\": [[\"mild\", \"severe\"], [\"edema\"], [\"left\", \"\"]]}}",
    };
    return choice < 3 ? json_loads(sets[choice], 0, NULL) : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_labels labels = {0};
    struct bv_error err = {0};
    if (!size)
        return 0;
    json_t *set = prompt_set(data[0] & 3);
    if (bv_labels_parse(&labels, (const char *)data + 1, size - 1, "labels", set, &err) == BV_OK)
        for (size_t i = 0; i < labels.n; i++)
            if (!*labels.items[i].name || labels.items[i].n_positive == 0)
                abort();
    bv_labels_free(&labels);
    json_decref(set);
    return 0;
}
