// args.h: the push constants of each shader, read by C and by GLSL.
//
// Sizes and strides count elements, not bytes. n_groups is the number of workgroups that have work:
// the grid may be larger (see the top of each main()).
#ifndef BV_SHADERS_ARGS_H
#define BV_SHADERS_ARGS_H

#ifndef VULKAN // C: GLSL has these types already
#include <stdint.h>
typedef uint32_t uint;
#endif

// out[z,i,j] = act(alpha · Σ_k a[z,i,k] b[z,j,k] + bias[j] + residual[z,i,j])
struct bv_gemm_args {
    uint n_groups, tiles_m, tiles_n;
    uint m, n, k;
    uint lda, ldb, ldc;             // elements between rows; the residual has ldc
    uint a_batch, b_batch, c_batch; // elements between matrices of a batch
    float alpha;
};

struct bv_conv2d_args {
    uint n_groups, tiles_m, tiles_n;
    uint m, n, k; // m = images · out_h · out_w, n = out channels of one group, k = kh · kw · c
    uint h, w, channels, c; // input; c = channels of one group
    uint out_h, out_w, out_channels;
    uint kw;
    int stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
};

struct bv_depthwise_args {
    uint n_groups, count;
    uint h, w, c, out_h, out_w;
    int kh, kw;
    int stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
};

struct bv_attention_args {
    uint n_groups, q_blocks;
    uint heads, tq, tk; // tokens of one sequence (of one window)
    uint ldq, ldk, ldv; // elements between tokens
    uint q_offset, k_offset, v_offset;
    uint bias_head, bias_batch; // elements between heads and batches of the bias; 0: shared
    float scale;
    uint window, shift, grid_h, grid_w;
};

// Ops on rows of c elements.
struct bv_rows_args {
    uint n_groups, c;
    float value; // eps, or the scale of a softmax
};

struct bv_pointwise_args {
    uint n_groups, count;
    float factor, offset; // scale
    uint period;          // of b where it repeats
    uint dim[5];          // of a, for general broadcasting
    uint stride[5];       // in b; 0 where it is broadcast
};

struct bv_batch_norm_args {
    uint n_groups, count, c;
    float eps;
};

struct bv_group_norm_args {
    uint n_groups, c, size, rows; // size = channels of a group, rows = positions of an image
    float eps;
};

struct bv_glu_args {
    uint n_groups, count, c; // c = channels of the result
};

struct bv_rope_args {
    uint n_groups, count;
    uint c, tokens, ld, offset; // ld = elements between tokens of x, c = of out
    uint d, skip;               // channels of a head, tokens without a place
};

struct bv_pool2d_args {
    uint n_groups, count;
    uint h, w, c, out_h, out_w;
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
};

struct bv_reduce_args {
    uint n_groups, count; // count = batch · c
    uint t, c;
};

// out[i] = table[index[i] - first + i / per_batch · batch_rows] for first ≤ index[i] < first + rows
struct bv_gather_args {
    uint n_groups, count; // count = indices · c
    uint c, first, rows, per_batch, batch_rows;
};

struct bv_move_args {
    uint n_groups, count;
    uint dim[5];
    uint in_stride[5], out_stride[5];
    uint in_offset, out_offset;
};

struct bv_interpolate_args {
    uint n_groups, count;
    uint h, w, c, out_h, out_w;
    float scale_h, scale_w; // source pixels per output pixel
};

#endif
