// Word vectors (Pennington et al. 2014, GloVe): each word has one, whatever stands beside it.
//
// Configuration: none.
// Features: "tokens" and "last" [B,T,C], the vectors of the words.
#include "text/encoder.h"

void bv_text_glove(struct bv_graph *g, const json_t *config, const char *prefix,
                   const struct bv_text_inputs *in, struct bv_features *features)
{
    (void)config;
    struct bv_tensor *x = bv_embed(g, in->ids, "%sword_embeddings.weight", prefix);
    bv_features_add(g, features, x, "tokens");
    bv_features_add(g, features, x, "last");
}
