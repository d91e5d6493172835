// oplist.h: THE list of operations. Each line names an op once; the enum, the names, the shape
// rules, the reference kernels, the backend tables and the test registry are generated from it.
//
//     BV_OP(name, inputs)     name: the op's files are src/op/<name>.c and tests/op/<name>.c;
//                             its parameters are struct bv_<name>_params in graph/params.h.
//                             inputs: the most it takes; optional ones may be NULL.
//
// How to add one: docs/adding-an-op.md.

BV_OP(conv2d, 4)       // x, weight, [bias], [residual]
BV_OP(linear, 4)       // x, weight, [bias], [residual]
BV_OP(matmul, 2)       // a, b
BV_OP(attention, 5)    // q, k, v, [bias], [lengths]
BV_OP(layer_norm, 4)   // x, gamma, beta, [residual]
BV_OP(batch_norm, 5)   // x, mean, variance, [gamma], [beta]
BV_OP(group_norm, 4)   // x, gamma, beta, [offset]
BV_OP(softmax, 1)      // x
BV_OP(activation, 1)   // x
BV_OP(add, 2)          // a, b
BV_OP(mul, 2)          // a, b
BV_OP(glu, 1)          // x
BV_OP(rope, 2)         // x, table
BV_OP(scale, 1)        // x
BV_OP(pool2d, 1)       // x
BV_OP(reduce, 2)       // x, [lengths]
BV_OP(embed, 2)        // ids, table
BV_OP(gather, 2)       // x, index
BV_OP(concat, 8)       // up to eight parts
BV_OP(slice, 1)        // x
BV_OP(permute, 1)      // x
BV_OP(expand, 1)       // x
BV_OP(patch_merge, 1)  // x
BV_OP(l2_normalize, 1) // x
BV_OP(interpolate, 1)  // x
