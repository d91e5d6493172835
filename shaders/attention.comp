#version 450
#extension GL_GOOGLE_include_directive : require
// attention: out[b,i,h] = Σ_j softmax_j(scale q[b,i,h]·k[b,j,h] + bias) v[b,j,h], with an online
// softmax in f32 (Milakov and Gimelshein 2018): no score matrix in memory. Keys may be limited by
// length, causally, or to Swin's shifted windows, whose tokens are found by index.
// q, k, v: channels offset + h·D … of rows of ldq, ldk, ldv elements; out [B,T,heads·D].
// Grid: one workgroup per (sequence or window, head, block of Q_ROWS queries), blocks fastest.
// Threads: at least Q_ROWS · LANES. Shared memory: 4 · ((Q_ROWS + KEYS) · (D + 3) +
// Q_ROWS · (KEYS + 3 + 2 LANES)) bytes.
#include "lib/types.glsl"

layout(constant_id = 2) const uint D = 64; // channels of a head
layout(constant_id = 3) const uint Q_ROWS = 16;
layout(constant_id = 4) const uint KEYS = 32;
layout(constant_id = 5) const bool HAS_BIAS = false;
layout(constant_id = 6) const bool HAS_LENGTHS = false;
layout(constant_id = 7) const bool CAUSAL = false;
layout(constant_id = 8) const bool WINDOWED = false;
layout(constant_id = 9) const uint PER_THREAD = 16; // ceil(Q_ROWS · D / threads)
layout(constant_id = 10) const uint LANES = 8;      // threads that share the softmax of a query
layout(constant_id = 11) const bool VECTOR = false; // D, offsets and row strides are multiples of 4

BV_INPUT(0, q)
BV_INPUT(1, k)
BV_INPUT(2, v)
BV_INPUT4(0, q)
BV_INPUT4(1, k)
BV_INPUT4(2, v)
BV_INPUT(3, bias)
BV_INDICES(4, lengths)
BV_OUTPUT(5, out)

layout(push_constant) uniform push
{
    bv_attention_args p;
};

const float MASKED = -3.0e38;

shared float queries[Q_ROWS * (D + 1)];
shared float keys[KEYS * (D + 1)]; // then the values of the same tokens
shared float scores[Q_ROWS * (KEYS + 1)];
shared float row_scale[Q_ROWS], row_sum[Q_ROWS];
shared float lane_largest[Q_ROWS * LANES], lane_sum[Q_ROWS * LANES];
// Where the tokens of the block and of the tile of keys lie, and their regions: found once, as the
// divisions of a window cost more than the products of a head.
shared uint query_token[Q_ROWS], key_token[KEYS];
shared int query_region[Q_ROWS], key_region[KEYS];

uint batch, window_y, window_x;

int band(uint at, uint size)
{
    return p.shift == 0u || at < size - p.window ? 0 : at < size - p.shift ? 1 : 2;
}

// The token of place i of this sequence, in the whole batch.
uint token(uint i, uint length)
{
    if (!WINDOWED)
        return batch * length + i;
    uint y = (window_y * p.window + i / p.window + p.shift) % p.grid_h;
    uint x = (window_x * p.window + i % p.window + p.shift) % p.grid_w;
    return (batch * p.grid_h + y) * p.grid_w + x;
}

// Which of the regions that the cyclic shift brought together place i belongs to.
int region(uint i)
{
    return 3 * band(window_y * p.window + i / p.window, p.grid_h) +
           band(window_x * p.window + i % p.window, p.grid_w);
}

// The rows of a head to shared memory: row i begins at element place(i) where SEEN(i), else it is 0.
#define LOAD_ROWS(to, count, SEEN, place, operand)                                                 \
    if (VECTOR) {                                                                                  \
        for (uint e = t; e < (count) * (D / 4); e += threads) {                                    \
            uint i = e / (D / 4), d = e % (D / 4) * 4;                                             \
            vec4 x = SEEN(i) ? load4_##operand((place(i) + d) / 4u) : vec4(0.0);                   \
            [[unroll]] for (uint c = 0; c < 4; c++)                                                \
                to[i * (D + 1) + d + c] = x[c];                                                    \
        }                                                                                          \
    } else {                                                                                       \
        for (uint e = t; e < (count) * D; e += threads) {                                          \
            uint i = e / D, d = e % D;                                                             \
            to[i * (D + 1) + d] = SEEN(i) ? load_##operand(place(i) + d) : 0.0;                    \
        }                                                                                          \
    }
#define QUERY_SEEN(i) (q0 + i < p.tq)
#define QUERY_PLACE(i) (query_token[i] * p.ldq + p.q_offset + head * D)
#define KEY_SEEN(i) (k0 + i < last_key)
#define KEY_PLACE(i) (key_token[i] * p.ldk + p.k_offset + head * D)
#define VALUE_PLACE(i) (key_token[i] * p.ldv + p.v_offset + head * D)

void main()
{
    uint group = group_index();
    if (group >= p.n_groups)
        return;
    uint t = gl_LocalInvocationID.x, threads = gl_WorkGroupSize.x;
    uint q0 = group % p.q_blocks * Q_ROWS, head = group / p.q_blocks % p.heads;
    batch = group / p.q_blocks / p.heads;
    window_y = window_x = 0u;
    if (WINDOWED) {
        uint across = p.grid_w / p.window, windows = p.grid_h / p.window * across;
        window_y = batch % windows / across;
        window_x = batch % across;
        batch /= windows;
    }
    uint key_end = HAS_LENGTHS ? min(p.tk, uint(lengths[batch])) : p.tk;
    uint last_key = CAUSAL ? min(key_end, q0 + Q_ROWS) : key_end;

    if (t < Q_ROWS) {
        query_token[t] = token(q0 + t, p.tq);
        query_region[t] = WINDOWED ? region(q0 + t) : 0;
    }
    barrier();
    LOAD_ROWS(queries, Q_ROWS, QUERY_SEEN, QUERY_PLACE, q)
    float acc[PER_THREAD];
    [[unroll]] for (uint e = 0; e < PER_THREAD; e++)
        acc[e] = 0.0;
    float largest = MASKED, total = 0.0; // of query t / LANES

    for (uint k0 = 0; k0 < last_key; k0 += KEYS) {
        if (t < KEYS) {
            key_token[t] = token(k0 + t, p.tk);
            key_region[t] = WINDOWED ? region(k0 + t) : 0;
        }
        barrier();
        LOAD_ROWS(keys, KEYS, KEY_SEEN, KEY_PLACE, k)
        barrier();
        for (uint e = t; e < Q_ROWS * KEYS; e += threads) {
            uint i = e / KEYS, j = e % KEYS, row = q0 + i, column = k0 + j;
            float s = MASKED;
            bool seen = row < p.tq && column < last_key && (!CAUSAL || column <= row);
            if (WINDOWED && p.shift > 0u && seen)
                seen = query_region[i] == key_region[j];
            if (seen) {
                float sum = 0.0;
                for (uint d = 0; d < D; d++)
                    sum = fma(queries[i * (D + 1) + d], keys[j * (D + 1) + d], sum);
                s = sum * p.scale;
                if (HAS_BIAS)
                    s += load_bias(batch * p.bias_batch + head * p.bias_head + row * p.tk + column);
            }
            scores[i * (KEYS + 1) + j] = s;
        }
        barrier();
        // Every lane of a query comes to the same largest score and total.
        uint row = t / LANES, lane = t % LANES;
        if (t < Q_ROWS * LANES) {
            float mine = MASKED;
            for (uint j = lane; j < KEYS; j += LANES)
                mine = max(mine, scores[row * (KEYS + 1) + j]);
            lane_largest[t] = mine;
        }
        barrier();
        if (t < Q_ROWS * LANES) {
            float before = largest, sum = 0.0;
            for (uint n = 0; n < LANES; n++)
                largest = max(largest, lane_largest[row * LANES + n]);
            for (uint j = lane; j < KEYS; j += LANES) {
                float s = scores[row * (KEYS + 1) + j];
                float weight = s <= MASKED ? 0.0 : exp(s - largest);
                scores[row * (KEYS + 1) + j] = weight;
                sum += weight;
            }
            float keep = before <= MASKED ? 0.0 : exp(before - largest);
            total *= keep;
            lane_sum[t] = sum;
            if (lane == 0)
                row_scale[row] = keep;
        }
        LOAD_ROWS(keys, KEYS, KEY_SEEN, VALUE_PLACE, v)
        barrier();
        if (t < Q_ROWS * LANES)
            for (uint n = 0; n < LANES; n++)
                total += lane_sum[t / LANES * LANES + n];
        [[unroll]] for (uint n = 0; n < PER_THREAD; n++) {
            uint e = t + n * threads;
            if (e < Q_ROWS * D) {
                uint i = e / D, d = e % D;
                float sum = acc[n] * row_scale[i];
                for (uint j = 0; j < KEYS; j++)
                    sum = fma(scores[i * (KEYS + 1) + j], keys[j * (D + 1) + d], sum);
                acc[n] = sum;
            }
        }
        barrier();
    }
    if (t < Q_ROWS * LANES && t % LANES == 0)
        row_sum[t / LANES] = total;
    barrier();
    [[unroll]] for (uint n = 0; n < PER_THREAD; n++) {
        uint e = t + n * threads, i = e / D, d = e % D;
        if (e < Q_ROWS * D && q0 + i < p.tq)
            store_out((query_token[i] * p.heads + head) * D + d,
                      row_sum[i] == 0.0 ? 0.0 : acc[n] / row_sum[i]); // no key at all: zero
    }
}
