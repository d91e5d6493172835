// params.h: the parameters of each op of oplist.h, with the op's formula and shapes.
#ifndef BV_GRAPH_PARAMS_H
#define BV_GRAPH_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/tensor.h"

// Pointwise functions, alone (op activation) or as the last step of conv2d, linear, batch_norm,
// group_norm and add.
enum bv_activation {
    BV_ACT_NONE,
    BV_ACT_RELU,
    BV_ACT_GELU,       // x/2 (1 + erf(x/√2))
    BV_ACT_GELU_TANH,  // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
    BV_ACT_QUICK_GELU, // x σ(1.702 x), as in OpenAI's CLIP
    BV_ACT_TANH,
    BV_ACT_SIGMOID,
    BV_ACT_SILU,       // x σ(x)
    BV_ACT_ELU,        // x > 0 ? x : exp(x) - 1
    BV_ACT_LEAKY_RELU, // slope 0.2, as in graph attention networks
    BV_ACT_EXP,
    BV_ACT_RELU6, // min(max(x, 0), 6)
    BV_ACT_COUNT
};

// out[n,y,x,o] = act(Σ weight[o,i,j,c] · x[n, y·stride_h - pad_h + i·dilation_h, …, c] + bias[o]
//                    + residual[n,y,x,o]);  zero padding: pad_h lines above and pad_h + more_h
// below, pad_w columns left and pad_w + more_w right (TensorFlow's "same" pads unevenly).
// x [N,H,W,C], weight [O,KH,KW,C/groups], bias [O], residual and out [N,OH,OW,O].
struct bv_conv2d_params {
    int stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
    enum bv_activation activation;
    int more_h, more_w;
};

// out[…,n] = act(Σ_k x[…,k] weight[n,k] + bias[n] + residual[…,n]).
// x […,K], weight [N,K], bias [N], residual and out […,N].
struct bv_linear_params {
    enum bv_activation activation;
};

// out[…,m,n] = scale · Σ_k a[…,m,k] b[…,k,n], or b[…,n,k] when transpose_b. The leading
// dimensions of a and b are equal, or b has rank 2 and is shared.
struct bv_matmul_params {
    bool transpose_b;
    float scale;
};

// Multi-head scaled dot-product attention (Vaswani et al. 2017):
//   out[b,i,h·D+d] = Σ_j softmax_j(scale · q[b,i,h]·k[b,j,h] + bias) v[b,j,h,d]
// q [B,Tq,*], k and v [B,Tk,*]; head h of q is channels q_offset + h·D … of its last dimension (so
// that q, k and v may be one fused [B,T,3C] tensor); out [B,Tq,heads·D].
// bias: [H,Tq,Tk] or [B,H,Tq,Tk], where B and H may be 1; f32, -inf masks a key out.
// lengths: i32 [B], only keys j < lengths[b] exist. causal: only keys j ≤ i.
// window > 0: Swin's shifted windows (Liu et al. 2021). The T = grid_h·grid_w tokens form a grid;
// each window×window tile, after a cyclic shift by -shift, attends to itself only, and tokens that
// the shift brought together from different regions do not see each other. bias is then
// [H,window²,window²]; grid_h and grid_w are multiples of window.
struct bv_attention_params {
    int heads, head_dim;
    float scale;
    bool causal;
    int64_t q_offset, k_offset, v_offset;
    int window, shift, grid_h, grid_w;
};

// y = x + residual; out = (y - mean(y)) / sqrt(var(y) + eps) · gamma + beta over the last
// dimension, biased variance (Ba et al. 2016).
struct bv_layer_norm_params {
    float eps;
};

// out = act((x - mean) / sqrt(variance + eps) · gamma + beta), per channel of the last dimension;
// inference form (Ioffe and Szegedy 2015). Without gamma and beta: affine=False.
struct bv_batch_norm_params {
    float eps;
    enum bv_activation activation;
};

// y = x + offset; out = act((y - mean) / sqrt(var + eps) · gamma[c] + beta[c]), mean and biased
// variance over all positions and the channels of one group (Wu and He 2018).
// x [N,H,W,C], gamma and beta [C], offset [N,C] (the same at every position), C divisible by
// groups.
struct bv_group_norm_params {
    int groups;
    float eps;
    enum bv_activation activation;
};

// out = exp(scale·x - max) / Σ over the last dimension.
struct bv_softmax_params {
    float scale;
};

struct bv_activation_params {
    enum bv_activation activation;
};

// out = act(a + b); b is broadcast to a: its dimensions, aligned at the last, equal a's or are 1.
struct bv_add_params {
    enum bv_activation activation;
};

// out = a · b with add's broadcasting.
struct bv_mul_params {
    char unused;
};

// Gated linear unit (Dauphin et al. 2017; Shazeer 2020): x […,2C] to […,C],
//   out[c] = act(x[c]) · x[C+c], or x[c] · act(x[C+c]) when gate_last (GEGLU as diffusers has it).
struct bv_glu_params {
    enum bv_activation activation;
    bool gate_last;
};

// Rotary positions (Su et al. 2021) of neighbouring channels: x [B,T,*], of which channels offset …
// of the last dimension are heads · D, to [B,T,heads·D]. Token skip + i of the sequence has row i
// of table [T-skip,D], cosine and sine of each pair's angle:
//   out[2j] = x[2j] · table[i,2j] - x[2j+1] · table[i,2j+1]
//   out[2j+1] = x[2j+1] · table[i,2j] + x[2j] · table[i,2j+1]
// The first skip tokens (a class token) are copied.
struct bv_rope_params {
    int heads, head_dim;
    int64_t offset, skip;
};

// out = factor · x + offset.
struct bv_scale_params {
    float factor, offset;
};

// Windows over [N,H,W,C]; a maximum ignores padding, a mean counts it (PyTorch's default).
struct bv_pool2d_params {
    enum bv_pool_kind { BV_POOL_MAX, BV_POOL_MEAN } kind;
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
};

// x [B,T,C] to [B,C] over T, or over the first lengths[b] rows (i32 [B]).
struct bv_reduce_params {
    enum bv_reduce_kind { BV_REDUCE_MEAN, BV_REDUCE_MAX, BV_REDUCE_SUM } kind;
};

// ids i32 […] and table [V,C] (f32, f16 or bf16) to […,C]; ids outside 0…V-1 are refused before
// the run.
struct bv_embed_params {
    char unused;
};

// x [B,T,C] and index i32 [B,R] to [B,R,C]: out[b,r] = x[b,index[b,r]].
struct bv_gather_params {
    char unused;
};

struct bv_concat_params {
    int axis;
};

// out takes elements start, start + step, … (count of them) of axis.
struct bv_slice_params {
    int axis;
    int64_t start, count, step;
};

// out.dim[i] = x.dim[order[i]].
struct bv_permute_params {
    int order[BV_MAX_RANK];
};

// Repeats dimensions of size 1 until x has this shape (of x's rank).
struct bv_expand_params {
    int64_t dim[BV_MAX_RANK];
};

// Swin's patch merging: [N,H,W,C] to [N,H/2,W/2,4C], the four neighbours in the order (row, column)
// (0,0) (1,0) (0,1) (1,1); H and W even.
struct bv_patch_merge_params {
    char unused;
};

// out = x / max(‖x‖₂, eps) over the last dimension.
struct bv_l2_normalize_params {
    float eps;
};

// [N,H,W,C] to [N,out_h,out_w,C] as torch.nn.functional.interpolate without antialiasing
// (bicubic: a = -0.75).
struct bv_interpolate_params {
    enum bv_interpolation {
        BV_INTERPOLATE_NEAREST,
        BV_INTERPOLATE_BILINEAR,
        BV_INTERPOLATE_BICUBIC
    } mode;
    bool align_corners;
    int out_h, out_w;
};

#endif
