#include "op/case.h"

// Two tokens, one head of one channel: scores (0, 0) and (0, ln 3).
static const float q[] = {0, 1.0986123f}, k[] = {0, 1}, v[] = {1, 5};
static const float out[] = {3, 4}; // (1+5)/2, (1+3·5)/4
static const float blocked[] = {0, -INFINITY, -INFINITY, -INFINITY};
static const float masked[] = {1, 0}; // only key 0; no key

// {heads, head_dim, scale, causal, q, k, v offsets, window, shift, grid_h, grid_w}
#define HEADS(h, d)                                                                                \
    {                                                                                              \
        h, d, 0.125f, false, 0, 0, 0, 0, 0, 0, 0                                                   \
    }
#define QKV(b, t, c) INPUT(b, t, c), INPUT(b, t, c), INPUT(b, t, c)
#define FUSED(h, d)                                                                                \
    {                                                                                              \
        h, d, 0.125f, false, 0, (h) * (d), 2 * (h) * (d), 0, 0, 0, 0                               \
    }
#define WINDOW(h, d, w, s, y, x)                                                                   \
    {                                                                                              \
        h, d, 0.177f, false, 0, 0, 0, w, s, y, x                                                   \
    }

static const struct op_case cases[] = {
    {"by hand", .params.attention = {1, 1, 1, false, 0, 0, 0, 0, 0, 0, 0},
     .in = {VALUES(q, 1, 2, 1), VALUES(k, 1, 2, 1), VALUES(v, 1, 2, 1)}, .expected = out},
    {"masked by hand", .params.attention = {1, 1, 1, false, 0, 0, 0, 0, 0, 0, 0},
     .in = {VALUES(q, 1, 2, 1), VALUES(k, 1, 2, 1), VALUES(v, 1, 2, 1), VALUES(blocked, 1, 2, 2)},
     .expected = masked},
    {"one token", .params.attention = HEADS(2, 16), .in = {QKV(3, 1, 32)}, .batch = 7},
    {"one head", .params.attention = HEADS(1, 64), .in = {QKV(2, 33, 64)}, .batch = 7},
    {"vit", .params.attention = HEADS(1, 64), .in = {QKV(2, 197, 64)}, .batch = 7},
    {"odd head size", .params.attention = HEADS(3, 13), .in = {QKV(2, 19, 39)}, .batch = 7},
    {"head of one", .params.attention = HEADS(4, 1), .in = {QKV(2, 7, 4)}, .batch = 7},
    {"wide heads", .params.attention = HEADS(2, 160), .in = {QKV(2, 21, 320)}, .batch = 7},
    {"long", .params.attention = HEADS(1, 32), .in = {QKV(1, 300, 32)}},
    {"cross", .params.attention = HEADS(2, 24),
     .in = {INPUT(2, 5, 48), INPUT(2, 37, 48), INPUT(2, 37, 48)}, .batch = 7},
    {"one query", .params.attention = HEADS(8, 64),
     .in = {INPUT(2, 1, 512), INPUT(2, 50, 512), INPUT(2, 50, 512)}, .batch = 7},
    {"40 channels, cross", .params.attention = HEADS(2, 40),
     .in = {INPUT(1, 37, 80), INPUT(1, 77, 80), INPUT(1, 77, 80)}},
    {"40 channels, long", .params.attention = HEADS(1, 40), .in = {QKV(1, 140, 40)}},
    {"80 channels, cross", .params.attention = HEADS(2, 80),
     .in = {INPUT(1, 21, 160), INPUT(1, 77, 160), INPUT(1, 77, 160)}},
    {"160 channels, cross", .params.attention = HEADS(2, 160),
     .in = {INPUT(1, 9, 320), INPUT(1, 77, 320), INPUT(1, 77, 320)}},
    {"512 channels", .params.attention = {1, 512, 0.0442f, false, 0, 0, 0, 0, 0, 0, 0},
     .in = {QKV(1, 35, 512)}},
    {"fused projection", .params.attention = FUSED(3, 32), .in = {QKV(2, 41, 288)}, .batch = 7},
    {"fused k and v", .params.attention = {2, 16, 0.25f, false, 5, 3, 35, 0, 0, 0, 0},
     .in = {INPUT(2, 9, 40), INPUT(2, 17, 70), INPUT(2, 17, 70)}, .batch = 7},
    {"causal", .params.attention = {2, 64, 0.125f, true, 0, 0, 0, 0, 0, 0, 0},
     .in = {QKV(2, 77, 128)}, .batch = 7},
    {"causal, odd", .params.attention = {2, 9, 0.33f, true, 0, 0, 0, 0, 0, 0, 0},
     .in = {QKV(2, 67, 18)}, .batch = 7},
    {"causal, fewer queries", .params.attention = {2, 16, 0.25f, true, 0, 0, 0, 0, 0, 0, 0},
     .in = {INPUT(2, 5, 32), INPUT(2, 9, 32), INPUT(2, 9, 32)}, .batch = 7},
    {"lengths", .params.attention = HEADS(2, 32), .in = {QKV(5, 23, 64), ABSENT, INTS(1, 23, 5)},
     .batch = 7 | 16},
    {"length 1", .params.attention = HEADS(2, 32), .in = {QKV(3, 70, 64), ABSENT, INTS(1, 1, 3)},
     .batch = 7 | 16},
    {"lengths and causal", .params.attention = {2, 32, 0.2f, true, 0, 0, 0, 0, 0, 0, 0},
     .in = {QKV(5, 71, 64), ABSENT, INTS(1, 71, 5)}, .batch = 7 | 16},
    {"bias per head", .params.attention = HEADS(3, 16), .in = {QKV(2, 11, 48), INPUT(3, 11, 11)},
     .batch = 7},
    {"bias for all heads", .params.attention = HEADS(3, 16),
     .in = {QKV(2, 11, 48), INPUT(1, 11, 11)}, .batch = 7},
    {"bias per item and head", .params.attention = HEADS(3, 16),
     .in = {QKV(2, 11, 48), INPUT(2, 3, 11, 11)}, .batch = 15},
    {"bias per item", .params.attention = HEADS(3, 16), .in = {QKV(2, 11, 48), INPUT(2, 1, 11, 11)},
     .batch = 15},
    {"bias of rank 4, shared", .params.attention = HEADS(3, 16),
     .in = {QKV(2, 11, 48), INPUT(1, 3, 11, 11)}, .batch = 7},
    {"-inf bias", .params.attention = HEADS(3, 16),
     .in = {QKV(2, 70, 48), {SHAPE(1, 70, 70), .fill = FILL_MASK}}, .batch = 7},
    {"-inf bias, lengths", .params.attention = HEADS(3, 16),
     .in = {QKV(2, 70, 48), {SHAPE(3, 70, 70), .fill = FILL_MASK}, INTS(30, 70, 2)},
     .batch = 7 | 16},
    {"no key at all", .params.attention = HEADS(3, 16),
     .in = {QKV(2, 35, 48), {SHAPE(3, 35, 35), .fill = FILL_MASK_ALL}}, .batch = 7},
    {"bias weight", .params.attention = HEADS(2, 16), .in = {QKV(2, 9, 32), WEIGHT(2, 9, 9)},
     .batch = 7},
    {"windows", .params.attention = WINDOW(2, 32, 7, 0, 14, 14),
     .in = {QKV(2, 196, 64), INPUT(2, 49, 49)}, .batch = 7},
    {"one window", .params.attention = WINDOW(3, 16, 7, 0, 7, 7),
     .in = {QKV(2, 49, 48), INPUT(3, 49, 49)}, .batch = 7},
    {"shifted windows", .params.attention = WINDOW(2, 32, 7, 3, 14, 14),
     .in = {QKV(2, 196, 64), INPUT(2, 49, 49)}, .batch = 7},
    {"shifted windows, fused", .params.attention = {3, 8, 0.3f, false, 0, 24, 48, 4, 2, 8, 12},
     .in = {QKV(2, 96, 72), INPUT(3, 16, 16)}, .batch = 7},
    {"shifted, not square, no bias", .params.attention = WINDOW(1, 8, 5, 2, 10, 15),
     .in = {QKV(1, 150, 8)}},
    {"window shifted onto itself", .params.attention = WINDOW(2, 8, 4, 2, 4, 4),
     .in = {QKV(2, 16, 16), INPUT(2, 16, 16)}, .batch = 7},
    {"sharp scores", .params.attention = {2, 32, 1, false, 0, 0, 0, 0, 0, 0, 0},
     .in = {{SHAPE(2, 33, 64), .fill = FILL_WIDE}, INPUT(2, 33, 64), INPUT(2, 33, 64)}, .batch = 7},
    {"constant", .params.attention = HEADS(2, 32),
     .in = {{SHAPE(2, 33, 64), .fill = FILL_CONSTANT},
            {SHAPE(2, 33, 64), .fill = FILL_CONSTANT},
            {SHAPE(2, 33, 64), .fill = FILL_ALTERNATING}},
     .batch = 7},
    {"large mean", .params.attention = HEADS(2, 32),
     .in = {INPUT(2, 33, 64), INPUT(2, 33, 64), {SHAPE(2, 33, 64), .fill = FILL_LARGE_MEAN}},
     .batch = 7},
};

// Scores of several hundred lose digits in f32 before the exponential sees them.
OP_TABLE(attention, cases,
         .f32 = {5e-11, 1e-4}, // measured 1.5e-11, 3.2e-5 (portable, AVX2, AVX-512: the worst)
         // measured 4.7e-4, 1.7e-1: rounded queries move scores of several hundred by one
         .bf16 = {1.5e-3, 5e-1}, .int8 = {1.5e-3, 5e-1}); // as bf16
