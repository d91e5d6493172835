#include "model/folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/safetensors.h"
#include "checkpoint/temporary.h"
#include "support/check.h"
#include "support/fixed.h"

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), tail = strlen(suffix);
    return n > tail && strcmp(name + n - tail, suffix) == 0;
}

static void draw(const struct shape *s, enum values rule, int64_t elements, float *out)
{
    bool variance = rule == VALUES_SCALED && ends_in(s->name, "running_var");
    float spread = variance ? 0.5f : 0.3f;
    if (rule == VALUES_SCALED && s->rank > 1)
        spread = (float)(1.5 / sqrt((double)(elements / s->dim[0])));
    fixed_values(s->name, variance || (s->rank == 1 && ends_in(s->name, "weight")) ? 1 : 0, spread,
                 elements, out);
}

static char *prefixed(const char *prefix, const char *name)
{
    size_t n = strlen(prefix) + strlen(name) + 1;
    char *whole = malloc(n);
    assert_non_null(whole);
    (void)snprintf(whole, n, "%s%s", prefix, name);
    return whole;
}

const char *folder_weights(void *const *state, const char *file, const struct shape *shapes,
                           size_t n, enum values rule, const struct fault *fault)
{
    struct bv_error err = {0};
    struct bv_safetensors_spec *specs = calloc(n, sizeof *specs);
    float **data = calloc(n, sizeof *data);
    assert_non_null(specs);
    assert_non_null(data);
    char **names = calloc(n, sizeof *names);
    assert_non_null(names);
    for (size_t i = 0; i < n; i++) {
        int64_t elements = 1;
        bool counter = ends_in(shapes[i].name, "num_batches_tracked");
        specs[i] = (struct bv_safetensors_spec){
            .name = shapes[i].name, .dtype = counter ? BV_I64 : BV_F32, .n_dims = shapes[i].rank};
        for (int d = 0; d < shapes[i].rank; d++)
            elements *= specs[i].shape[d] = shapes[i].dim[d];
        data[i] = calloc((size_t)elements, sizeof(int64_t));
        assert_non_null(data[i]);
        if (!counter)
            draw(&shapes[i], rule, elements, data[i]);
        if (fault && fault->poison && strcmp(fault->poison, shapes[i].name) == 0)
            data[i][elements / 2] = fault->value;
        if (fault && fault->rename && strcmp(fault->rename, shapes[i].name) == 0)
            specs[i].name = fault->to;
        if (fault && fault->prefix)
            specs[i].name = names[i] = prefixed(fault->prefix, specs[i].name);
        specs[i].data = data[i];
    }
    const char *path = temporary_path(state, file);
    assert_ok(bv_safetensors_write(path, specs, n, NULL, NULL, NULL, &err), err);
    for (size_t i = 0; i < n; i++) {
        free(data[i]);
        free(names[i]);
    }
    free(names);
    free(data);
    free(specs);
    return path;
}

const char *folder_write(void *const *state, const struct shape *shapes, size_t n,
                         const char *config, const char *vocabulary, const char *merges,
                         const struct fault *fault)
{
    (void)folder_weights(state, "model.safetensors", shapes, n, VALUES_PLAIN, fault);
    (void)temporary_file(state, "config.json", config, strlen(config));
    (void)temporary_file(state, merges ? "vocab.json" : "vocab.txt", vocabulary,
                         strlen(vocabulary));
    if (merges)
        (void)temporary_file(state, "merges.txt", merges, strlen(merges));
    return *state;
}
