// reduction.glsl: sums and maxima over a workgroup, in a fixed order (a tree over shared memory:
// no subgroup operations, so the result does not depend on the subgroup size).
// Shared memory: 4 bytes per thread, up to MAX_THREADS. Every thread calls and gets the result.

const uint MAX_THREADS = 256;
shared float partial[MAX_THREADS];

#define BV_REDUCTION(name, combine)                                                                \
    float name(float x)                                                                            \
    {                                                                                              \
        uint t = gl_LocalInvocationID.x;                                                           \
        partial[t] = x;                                                                            \
        barrier();                                                                                 \
        for (uint half_way = gl_WorkGroupSize.x / 2u; half_way > 0u; half_way /= 2u) {             \
            if (t < half_way)                                                                      \
                partial[t] = combine(partial[t], partial[t + half_way]);                           \
            barrier();                                                                             \
        }                                                                                          \
        float result = partial[0];                                                                 \
        barrier();                                                                                 \
        return result;                                                                             \
    }

float plus(float a, float b)
{
    return a + b;
}

BV_REDUCTION(workgroup_sum, plus)
BV_REDUCTION(workgroup_max, max)
