#include "vision/vision.h"

#include <string.h>

static const struct {
    const char *name;
    bv_vision_definition *build;
} architectures[] = {
    {"resnet", bv_vision_resnet}, {"clip-resnet", bv_vision_clip_resnet}, {"vit", bv_vision_vit},
    {"swin", bv_vision_swin},     {"densenet", bv_vision_densenet},
};

void bv_vision_build(struct bv_graph *g, const json_t *config, const char *prefix,
                     struct bv_tensor *pixels, struct bv_features *features)
{
    const char *arch = bv_json_string(config, "arch", "");
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (strcmp(architectures[i].name, arch) == 0) {
            architectures[i].build(g, config, prefix, pixels, features);
            return;
        }
    (void)bv_graph_fail(g, BV_ERR_UNSUPPORTED, "unknown image architecture \"%s\"", arch);
}
