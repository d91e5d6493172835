#include "vision/vision.h"

#include <string.h>

static const struct {
    const char *name;
    bv_vision_definition *build;
    bv_vision_prior_definition *build_pair; // NULL: takes one image only
} architectures[] = {
    {"resnet", bv_vision_resnet, NULL},
    {"clip-resnet", bv_vision_clip_resnet, NULL},
    {"vit", bv_vision_vit, NULL},
    {"swin", bv_vision_swin, NULL},
    {"densenet", bv_vision_densenet, NULL},
    {"efficientnet-lite", bv_vision_efficientnet, NULL},
    {"biovil-t", bv_vision_biovil_t, bv_vision_biovil_t_prior},
};

static int find(const char *arch)
{
    for (int i = 0; i < (int)(sizeof architectures / sizeof *architectures); i++)
        if (strcmp(architectures[i].name, arch) == 0)
            return i;
    return -1;
}

void bv_vision_build(struct bv_graph *g, const json_t *config, const char *prefix,
                     struct bv_tensor *pixels, struct bv_features *features)
{
    const char *arch = bv_json_string(config, "arch", "");
    int i = find(arch);
    if (i < 0)
        (void)bv_graph_fail(g, BV_ERR_UNSUPPORTED, "unknown image architecture \"%s\"", arch);
    else
        architectures[i].build(g, config, prefix, pixels, features);
}

bool bv_vision_takes_prior(const json_t *config)
{
    int i = find(bv_json_string(config, "arch", ""));
    return i >= 0 && architectures[i].build_pair;
}

void bv_vision_build_prior(struct bv_graph *g, const json_t *config, const char *prefix,
                           struct bv_tensor *pixels, struct bv_tensor *prior,
                           struct bv_features *features)
{
    const char *arch = bv_json_string(config, "arch", "");
    int i = find(arch);
    if (i < 0 || !architectures[i].build_pair)
        (void)bv_graph_fail(g, BV_ERR_ARG, "image architecture \"%s\" takes no prior image", arch);
    else
        architectures[i].build_pair(g, config, prefix, pixels, prior, features);
}
