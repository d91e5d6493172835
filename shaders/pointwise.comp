#version 450
#extension GL_GOOGLE_include_directive : require
// pointwise: out = act(f(a, b)): the ops activation, scale, add and mul. b is absent, of a's shape,
// repeated with a period, or broadcast by strides.
// Grid: one thread per element.
#include "lib/types.glsl"
#include "lib/activation.glsl"

layout(constant_id = 2) const uint FUNCTION = 0; // 0: a, 1: factor · a + offset, 2: a + b, 3: a · b
layout(constant_id = 3) const uint BROADCAST = 0; // 0: b has a's shape, 1: period, 2: strides
layout(constant_id = 4) const uint ACTIVATION = 0;

BV_INPUT(0, a)
BV_INPUT(1, b)
BV_OUTPUT(2, out)

layout(push_constant) uniform push
{
    bv_pointwise_args p;
};

uint place_in_b(uint i)
{
    if (BROADCAST == 0u)
        return i;
    if (BROADCAST == 1u)
        return i % p.period;
    uint at = 0u;
    for (int d = 4; d >= 0; d--) {
        at += i % p.dim[d] * p.stride[d];
        i /= p.dim[d];
    }
    return at;
}

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    float x = load_a(i);
    if (FUNCTION == 1u)
        x = p.factor * x + p.offset;
    else if (FUNCTION == 2u)
        x += load_b(place_in_b(i));
    else if (FUNCTION == 3u)
        x *= load_b(place_in_b(i));
    store_out(i, activate(ACTIVATION, x));
}
