#include "model/folder.h"

#include <stdlib.h>
#include <string.h>

#include "checkpoint/safetensors_writer.h"
#include "checkpoint/temporary.h"
#include "support/check.h"
#include "support/fixed.h"

static bool is_norm(const struct shape *s)
{
    size_t n = strlen(s->name);
    return s->rank == 1 && n > 6 && strcmp(s->name + n - 6, "weight") == 0;
}

const char *folder_write(void *const *state, const struct shape *shapes, size_t n,
                         const char *config, const char *vocabulary, const char *merges,
                         const struct fault *fault)
{
    struct bv_error err = {0};
    struct bv_safetensors_spec *specs = calloc(n, sizeof *specs);
    float **data = calloc(n, sizeof *data);
    assert_non_null(specs);
    assert_non_null(data);
    for (size_t i = 0; i < n; i++) {
        int64_t elements = 1;
        specs[i] = (struct bv_safetensors_spec){
            .name = shapes[i].name, .dtype = BV_F32, .n_dims = shapes[i].rank};
        for (int d = 0; d < shapes[i].rank; d++)
            elements *= specs[i].shape[d] = shapes[i].dim[d];
        data[i] = malloc((size_t)elements * sizeof **data);
        assert_non_null(data[i]);
        fixed_values(shapes[i].name, is_norm(&shapes[i]) ? 1 : 0, 0.3f, elements, data[i]);
        if (fault && fault->poison && strcmp(fault->poison, shapes[i].name) == 0)
            data[i][elements / 2] = fault->value;
        if (fault && fault->rename && strcmp(fault->rename, shapes[i].name) == 0)
            specs[i].name = fault->to;
        specs[i].data = data[i];
    }
    assert_ok(bv_safetensors_write(temporary_path(state, "model.safetensors"), specs, n, NULL, NULL,
                                   NULL, &err),
              err);
    for (size_t i = 0; i < n; i++)
        free(data[i]);
    free(data);
    free(specs);
    (void)temporary_file(state, "config.json", config, strlen(config));
    (void)temporary_file(state, merges ? "vocab.json" : "vocab.txt", vocabulary,
                         strlen(vocabulary));
    if (merges)
        (void)temporary_file(state, "merges.txt", merges, strlen(merges));
    return *state;
}
