#include "text/encoder.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bv_text_definition *build;
    const char *positions;  // the position table, after the prefix; NULL: none
    int64_t first_position; // rows before the first token's
} architectures[] = {
    {"bert", bv_text_bert, "embeddings.position_embeddings.weight", 0},
    {"roberta", bv_text_bert, "embeddings.position_embeddings.weight", 2},
    {"albert", bv_text_albert, "embeddings.position_embeddings.weight", 0},
    {"megatron-bert", bv_text_megatron_bert, "embeddings.position_embeddings.weight", 0},
    {"clip-text", bv_text_clip, "positional_embedding", 0},
    {"glove", bv_text_glove, NULL, 0},
};

static int find(const char *arch)
{
    for (int i = 0; i < (int)(sizeof architectures / sizeof *architectures); i++)
        if (strcmp(architectures[i].name, arch) == 0)
            return i;
    return -1;
}

void bv_text_build(struct bv_graph *g, const json_t *config, const char *prefix,
                   const struct bv_text_inputs *in, struct bv_features *features)
{
    const char *arch = bv_json_string(config, "arch", "");
    int i = find(arch);
    if (i < 0)
        (void)bv_graph_fail(g, BV_ERR_UNSUPPORTED, "unknown text architecture \"%s\"", arch);
    else
        architectures[i].build(g, config, prefix, in, features);
}

int64_t bv_text_max_tokens(struct bv_weights *weights, const json_t *config, const char *prefix)
{
    int i = find(bv_json_string(config, "arch", ""));
    if (i < 0 || !architectures[i].positions)
        return 0;
    char name[512];
    (void)snprintf(name, sizeof name, "%s%s", prefix, architectures[i].positions);
    const struct bv_weight *table = bv_weights_find(weights, name);
    return table && table->rank == 2 ? table->dim[0] - architectures[i].first_position : 0;
}
