#include "graph/rewrite.h"

void bv_rewrite_all(struct bv_graph *g)
{
    static void (*const rewrites[])(struct bv_graph *) = {
        bv_rewrite_push_slices,   bv_rewrite_fold_slices,   bv_rewrite_fold_batch_norm,
        bv_rewrite_fuse_qkv,      bv_rewrite_fuse_residual, bv_rewrite_fuse_activation,
        bv_rewrite_fuse_add_norm,
    };
    for (size_t i = 0; i < sizeof rewrites / sizeof *rewrites && g->status == BV_OK; i++) {
        rewrites[i](g);
        if (g->status == BV_OK)
            bv_graph_sweep(g); // what was absorbed must not count as a reader in the next one
    }
}
