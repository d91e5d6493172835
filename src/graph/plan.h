// plan.h: where each intermediate of a graph lies in one block of memory.
#ifndef BV_GRAPH_PLAN_H
#define BV_GRAPH_PLAN_H

#include "graph/graph.h"

#define BV_NO_OFFSET SIZE_MAX

// Offsets by tensor id; inputs and intermediates have one, weights have BV_NO_OFFSET. Reshapes
// share the offset of what they alias. Two tensors overlap only when their lifetimes do not.
struct bv_plan {
    size_t arena_bytes; // what a run needs, known before the first one
    size_t *offset;     // [graph->n_tensors]
    int n_nodes;
};

// Numbers the graph's nodes in execution order and plans with the given alignment (a power of
// two). Bytes per element are those of each tensor's dtype. BV_ERR_LIMIT when sizes overflow.
enum bv_status bv_plan_make(struct bv_plan *plan, struct bv_graph *g, size_t alignment,
                            struct bv_error *err);
void bv_plan_free(struct bv_plan *plan);

#endif
