#include "graph/op.h"

const char *bv_op_name(enum bv_op op)
{
    static const char *const names[BV_OP_COUNT] = {
#define BV_OP(name, inputs) [BV_OP_##name] = #name,
#include "graph/oplist.h"
#undef BV_OP
    };
    return names[op];
}

enum bv_status bv_infer_shape(const struct bv_node *node, struct bv_tensor *out,
                              struct bv_error *err)
{
    static bv_shape_rule *const rules[BV_OP_COUNT] = {
#define BV_OP(name, inputs) [BV_OP_##name] = bv_shape_##name,
#include "graph/oplist.h"
#undef BV_OP
    };
    return rules[node->op](node, out, err);
}
