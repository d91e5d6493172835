#include "graph/rewrite.h"

void bv_rewrite_fold_slices(struct bv_graph *g)
{
    for (struct bv_node *n = g->first; n; n = n->next) {
        if (n->op != BV_OP_attention)
            continue;
        struct bv_attention_params *p = &n->params.attention;
        int64_t *offsets[] = {&p->q_offset, &p->k_offset, &p->v_offset};
        for (int i = 0; i < 3; i++) {
            struct bv_tensor *t = n->in[i];
            if (t->alias_of || !t->producer || t->producer->op != BV_OP_slice)
                continue;
            const struct bv_slice_params *slice = &t->producer->params.slice;
            if (slice->axis != t->rank - 1 || slice->step != 1)
                continue;
            *offsets[i] += slice->start;
            n->in[i] = t->producer->in[0];
        }
    }
}
