// types.glsl: operands that are f32 or f16 in memory and f32 in registers.
//
// Each shader is compiled twice: without 16-bit storage for devices that lack it (BV_HALF=0), and
// with it, where bit s of HALF_MASK says whether binding s holds f16. Only one of the two views of
// a binding survives specialization.
#extension GL_EXT_control_flow_attributes : require
#if BV_HALF
#extension GL_EXT_shader_16bit_storage : require
#endif

#include "args.h"

layout(constant_id = 0) const uint HALF_MASK = 0;
layout(local_size_x_id = 1) in;

#define BV_VIEW(slot, access, type, name)                                                          \
    layout(std430, binding = slot) access buffer name##_view                                       \
    {                                                                                              \
        type value[];                                                                              \
    } name;

#if BV_HALF
// x rounded to an f16, to nearest even; drivers are free to truncate, which biases sums. It is still
// a float: a value of type float16_t would need arithmetic in f16, which not every device with
// 16-bit storage has, so that only the store converts.
float to_half(float x)
{
    uint bits = floatBitsToUint(x);
    if ((bits & 0x7f800000u) != 0x7f800000u)
        bits = (bits + 0xfffu + (bits >> 13 & 1u)) & 0xffffe000u;
    return uintBitsToFloat(bits);
}

#define BV_INPUT(slot, name)                                                                       \
    BV_VIEW(slot, readonly, float, name##_32)                                                      \
    BV_VIEW(slot, readonly, float16_t, name##_16)                                                  \
    float load_##name(uint i)                                                                      \
    {                                                                                              \
        if ((HALF_MASK >> slot & 1u) != 0u)                                                        \
            return float(name##_16.value[i]);                                                      \
        return name##_32.value[i];                                                                 \
    }
#define BV_OUTPUT(slot, name)                                                                      \
    BV_VIEW(slot, writeonly, float, name##_32)                                                     \
    BV_VIEW(slot, writeonly, float16_t, name##_16)                                                 \
    void store_##name(uint i, float x)                                                             \
    {                                                                                              \
        if ((HALF_MASK >> slot & 1u) != 0u)                                                        \
            name##_16.value[i] = float16_t(to_half(x));                                            \
        else                                                                                       \
            name##_32.value[i] = x;                                                                \
    }
#else
#define BV_INPUT(slot, name)                                                                       \
    BV_VIEW(slot, readonly, float, name##_32)                                                      \
    float load_##name(uint i)                                                                      \
    {                                                                                              \
        return name##_32.value[i];                                                                 \
    }
#define BV_OUTPUT(slot, name)                                                                      \
    BV_VIEW(slot, writeonly, float, name##_32)                                                     \
    void store_##name(uint i, float x)                                                             \
    {                                                                                              \
        name##_32.value[i] = x;                                                                    \
    }
#endif

#define BV_INDICES(slot, name)                                                                     \
    layout(std430, binding = slot) readonly buffer name##_view                                     \
    {                                                                                              \
        int name[];                                                                                \
    };

// An operand of BV_INPUT once more, in fours: load4_name(i) gives its elements 4 i … 4 i + 3.
#if BV_HALF
#define BV_INPUT4(slot, name)                                                                      \
    BV_VIEW(slot, readonly, vec4, name##_32x4)                                                     \
    BV_VIEW(slot, readonly, uvec2, name##_16x4)                                                    \
    vec4 load4_##name(uint i)                                                                      \
    {                                                                                              \
        if ((HALF_MASK >> slot & 1u) == 0u)                                                        \
            return name##_32x4.value[i];                                                           \
        uvec2 halves = name##_16x4.value[i];                                                       \
        return vec4(unpackHalf2x16(halves.x), unpackHalf2x16(halves.y));                           \
    }
#else
#define BV_INPUT4(slot, name)                                                                      \
    BV_VIEW(slot, readonly, vec4, name##_32x4)                                                     \
    vec4 load4_##name(uint i)                                                                      \
    {                                                                                              \
        return name##_32x4.value[i];                                                               \
    }
#endif

// Grids are one-dimensional in meaning; the host folds them into three where a device's limit asks
// for it, and the groups beyond n_groups return.
uint group_index()
{
    return gl_WorkGroupID.x +
           gl_NumWorkGroups.x * (gl_WorkGroupID.y + gl_NumWorkGroups.y * gl_WorkGroupID.z);
}

uint thread_index()
{
    return group_index() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}
