#include "model/lovt.h"

#include <string.h>

#include "checkpoint/temporary.h"
#include "convert/convert.h"
#include "model/folder.h"

#include "model/systems.inc"

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsmall\nleft\neffusion\nno\n##s\n";

enum bv_status lovt_convert(void *const *state, const char *set, const char *out,
                            struct bv_error *err)
{
    const char *sets[] = {"text.heads=4", set};
    const char *file =
        folder_weights(state, "weights.safetensors", shapes_lovt,
                       sizeof shapes_lovt / sizeof *shapes_lovt, VALUES_SCALED, NULL);
    (void)temporary_file(state, "vocab.txt", words, strlen(words));
    struct bv_import_options options = {.set = sets, .n_set = set ? 2 : 1, .dtype = BV_F32};
    return bv_import(file, out, &options, NULL, err);
}
