#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

void bv_features_add(struct bv_graph *g, struct bv_features *features, struct bv_tensor *t,
                     const char *format, ...)
{
    if (features->n == BV_MAX_FEATURES) {
        (void)bv_graph_fail(g, BV_ERR_LIMIT, "more than %d features", BV_MAX_FEATURES);
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(features->item[features->n].name, sizeof features->item[0].name, format, args);
    va_end(args);
    features->item[features->n++].tensor = t;
}

struct bv_tensor *bv_features_find(const struct bv_features *features, const char *name)
{
    for (int i = 0; i < features->n; i++)
        if (strcmp(features->item[i].name, name) == 0)
            return features->item[i].tensor;
    return NULL;
}

const char *bv_features_names(struct bv_graph *g, const struct bv_features *features)
{
    const char *list = "";
    for (int i = 0; i < features->n && list; i++)
        list = bv_arena_printf(&g->arena, "%s%s%s", list, i ? ", " : "", features->item[i].name);
    return list ? list : "";
}
