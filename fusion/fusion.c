#include "fusion/fusion.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bv_fusion_definition *build;
} architectures[] = {
    {"single-stream", bv_fusion_single_stream},
    {"dual-stream", bv_fusion_dual_stream},
    {"co-attention", bv_fusion_co_attention},
    {"lvit", bv_fusion_lvit},
};

void bv_fusion_build(struct bv_graph *g, const json_t *config, const char *prefix,
                     const struct bv_fusion_inputs *in, struct bv_features *features)
{
    const char *arch = bv_json_string(config, "arch", "");
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (strcmp(architectures[i].name, arch) == 0) {
            architectures[i].build(g, config, prefix, in, features);
            return;
        }
    (void)bv_graph_fail(g, BV_ERR_UNSUPPORTED, "unknown fusion architecture \"%s\"", arch);
}

static const struct bv_weight *find(struct bv_weights *weights, const char *prefix,
                                    const char *name)
{
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    return bv_weights_find(weights, full);
}

struct bv_fusion_wants bv_fusion_wants(const json_t *config, struct bv_weights *weights,
                                       const char *prefix)
{
    const char *image = bv_json_string(config, "image", "");
    bool lvit = strcmp(bv_json_string(config, "arch", ""), "lvit") == 0;
    const struct bv_weight *w = find(weights, prefix, "regions.dense.weight");
    const struct bv_weight *knowledge = find(weights, prefix, "text_layer.0.knowledge2text.weight");
    const struct bv_weight *words = find(weights, prefix, "text_module4.weight");
    const struct bv_weight *lift = find(weights, prefix, "downVit.CTBN3.conv.weight");
    return (struct bv_fusion_wants){
        .text_tower = bv_json_string(config, "text", NULL) != NULL,
        .regions = strcmp(image, "regions") == 0,
        .boxes = find(weights, prefix, "regions.box.weight") != NULL,
        .pixels = lvit,
        .knowledge = knowledge != NULL,
        .extra_count = knowledge                 ? 2
                       : lift && lift->rank == 4 ? lift->dim[3]
                                                 : 0,
        .extra_width = knowledge                   ? knowledge->dim[1]
                       : words && words->rank == 4 ? words->dim[3]
                                                   : 0,
        .text_features = lvit,
        .sample = bv_json_integer(config, "sample", 0),
        .prefix = bv_json_boolean(config, "frame", false) ? 2 : 0,
        .region_width = w && w->rank == 2 ? w->dim[1] : 0,
    };
}

int64_t bv_fusion_max_tokens(struct bv_weights *weights, const char *prefix)
{
    const struct bv_weight *w = find(weights, prefix, "embeddings.position_embeddings.weight");
    return w && w->rank == 2 ? w->dim[0] : 0;
}
