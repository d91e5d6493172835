#include "graph/rewrite.h"

void bv_rewrite_all(struct bv_graph *g)
{
    bv_rewrite_fold_slices(g);
    bv_rewrite_fold_batch_norm(g);
    bv_rewrite_fuse_qkv(g);
    bv_rewrite_fuse_residual(g);
    bv_rewrite_fuse_activation(g);
    bv_rewrite_fuse_add_norm(g);
    if (g->status == BV_OK)
        bv_graph_sweep(g);
}
