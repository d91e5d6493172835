#version 450
#extension GL_GOOGLE_include_directive : require
// rope: x [B,tokens,ld] to out [B,tokens,c]: channels offset … of x, neighbours turned in pairs by
// the angles of the token's place, table [tokens-skip,d] with cosine and sine of each pair.
// Grid: one thread per element of out.
#include "lib/types.glsl"

BV_INPUT(0, x)
BV_INPUT(1, table)
BV_OUTPUT(2, out)

layout(push_constant) uniform push
{
    bv_rope_args p;
};

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    uint row = i / p.c, c = i % p.c, token = row % p.tokens;
    uint at = row * p.ld + p.offset;
    float y = load_x(at + c);
    if (token >= p.skip) {
        uint angle = (token - p.skip) * p.d + (c % p.d & ~1u);
        float other = load_x(at + (c ^ 1u)), sine = load_table(angle + 1u);
        y = y * load_table(angle) + ((c & 1u) != 0u ? other * sine : -other * sine);
    }
    store_out(i, y);
}
