// op.h: what is generated from oplist.h: ids, names, nodes, shape rules.
#ifndef BV_GRAPH_OP_H
#define BV_GRAPH_OP_H

#include "base/status.h"
#include "graph/params.h"
#include "graph/tensor.h"

#define BV_MAX_INPUTS 8

enum bv_op {
#define BV_OP(name, inputs) BV_OP_##name,
#include "graph/oplist.h"
#undef BV_OP
    BV_OP_COUNT
};

union bv_params {
#define BV_OP(name, inputs) struct bv_##name##_params name;
#include "graph/oplist.h"
#undef BV_OP
};

// One op applied to tensors. in[i] is NULL where an optional input is absent.
struct bv_node {
    enum bv_op op;
    union bv_params params;
    struct bv_tensor *in[BV_MAX_INPUTS];
    struct bv_tensor *out;
    struct bv_node *next; // in execution order
    int index;            // position in that order, set by the plan
};

const char *bv_op_name(enum bv_op op);

// Checks the inputs and parameters of a node and writes dtype, rank and dimensions of out; the
// rule of each op stands in src/op/<name>.c.
typedef enum bv_status bv_shape_rule(const struct bv_node *node, struct bv_tensor *out,
                                     struct bv_error *err);

#define BV_OP(name, inputs) bv_shape_rule bv_shape_##name;
#include "graph/oplist.h"
#undef BV_OP

enum bv_status bv_infer_shape(const struct bv_node *node, struct bv_tensor *out,
                              struct bv_error *err);

#endif
