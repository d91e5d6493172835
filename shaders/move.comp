#version 450
#extension GL_GOOGLE_include_directive : require
// move: a strided copy of up to five dimensions: the ops concat (one dispatch per part), slice,
// permute, expand (stride 0) and patch_merge.
// Grid: one thread per element.
#include "lib/types.glsl"

BV_INPUT(0, x)
BV_OUTPUT(1, out)

layout(push_constant) uniform push
{
    bv_move_args p;
};

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    uint from = p.in_offset, to = p.out_offset;
    for (int d = 4; d >= 0; d--) {
        uint at = i % p.dim[d];
        from += at * p.in_stride[d];
        to += at * p.out_stride[d];
        i /= p.dim[d];
    }
    store_out(to, load_x(from));
}
