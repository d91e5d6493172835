#version 450
#extension GL_GOOGLE_include_directive : require
// gather: rows by index: out[i] = table[index[i] - first + i / per_batch · batch_rows]. The ops
// gather and embed. A table larger than one descriptor range is read by several dispatches, each of
// which writes the rows it holds (first ≤ index < first + rows).
// Grid: one thread per output element.
#include "lib/types.glsl"

BV_INPUT(0, table)
BV_INDICES(1, index)
BV_OUTPUT(2, out)

layout(push_constant) uniform push
{
    bv_gather_args p;
};

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    uint at = i / p.c;
    uint row = uint(index[at]) - p.first; // wraps below first: then not less than rows
    if (row < p.rows)
        store_out(i, load_table((row + at / p.per_batch * p.batch_rows) * p.c + i % p.c));
}
