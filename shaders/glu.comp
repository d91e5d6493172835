#version 450
#extension GL_GOOGLE_include_directive : require
// glu: x [rows,2c] to out [rows,c]: out = act(x[c]) · x[C+c], or x[c] · act(x[C+c]) (GATE_LAST).
// Grid: one thread per element of out.
#include "lib/types.glsl"
#include "lib/activation.glsl"

layout(constant_id = 2) const uint ACTIVATION = 0;
layout(constant_id = 3) const bool GATE_LAST = false;

BV_INPUT(0, x)
BV_OUTPUT(1, out)

layout(push_constant) uniform push
{
    bv_glu_args p;
};

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    uint at = i + i / p.c * p.c;
    float a = load_x(at), b = load_x(at + p.c);
    store_out(i, GATE_LAST ? a * activate(ACTIVATION, b) : activate(ACTIVATION, a) * b);
}
