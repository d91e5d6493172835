// Normalisations of one row.
#include "cpu/simd/bf16.h"
#include "cpu/simd/math.h"
#include "cpu/simd/simd.h"

// Vector i of x + residual; n elements are left, lanes beyond them read 0.
INLINE vf element(const float *x, const float *residual, int64_t i, int64_t n)
{
    vf v = n >= LANES ? load(x + i) : load_n(x + i, n);
    if (residual)
        v += n >= LANES ? load(residual + i) : load_n(residual + i, n);
    return v;
}

// The mean is found twice: the sums of differences from the first are small numbers, so that a
// large mean costs no digits of the variance.
void ISA(layer_norm)(const float *x, const float *residual, const float *gamma, const float *beta,
                     float eps, void *out, bool bf16, int64_t n)
{
    vf sum = splat(0);
    for (int64_t i = 0; i < n; i += LANES)
        sum += element(x, residual, i, n - i);
    const float first = sum_lanes(sum) / (float)n;
    vf mean = splat(first), sum_d = splat(0), sum_dd = splat(0);
    int64_t whole = n / LANES * LANES, rest = n - whole;
    for (int64_t i = 0; i < whole; i += LANES) {
        vf d = element(x, residual, i, LANES) - mean;
        sum_d += d;
        sum_dd = madd(d, d, sum_dd);
    }
    float tail_d = 0, tail_dd = 0;
    for (int64_t i = whole; i < n; i++) {
        float d = (residual ? x[i] + residual[i] : x[i]) - first;
        tail_d += d;
        tail_dd += d * d;
    }
    const float shift = (sum_lanes(sum_d) + tail_d) / (float)n;
    const float variance = (sum_lanes(sum_dd) + tail_dd) / (float)n - shift * shift;
    const float factor = 1 / sqrtf((variance > 0 ? variance : 0) + eps);
    vf rest_of_mean = splat(shift), f = splat(factor);
    for (int64_t i = 0; i < whole; i += LANES) {
        vf y = (element(x, residual, i, LANES) - mean - rest_of_mean) * f;
        store_as(out, bf16, i, madd(y, load(gamma + i), load(beta + i)), LANES);
    }
    if (rest > 0) {
        vf y = (element(x, residual, whole, rest) - mean - rest_of_mean) * f;
        y = madd(y, load_n(gamma + whole, rest), load_n(beta + whole, rest));
        store_as(out, bf16, whole, y, rest);
    }
}

// MOMENT_VECTORS vectors at a time stay in registers while the rows go by.
enum { MOMENT_VECTORS = 4 };

void ISA(moments)(const void *x, bool bf16, int64_t n_rows, int64_t stride, const float *first,
                  float *sum, float *squares, int64_t n)
{
    int64_t i = 0;
    for (; i + MOMENT_VECTORS * LANES <= n; i += MOMENT_VECTORS * LANES) {
        vf start[MOMENT_VECTORS], s[MOMENT_VECTORS], ss[MOMENT_VECTORS];
        for (int k = 0; k < MOMENT_VECTORS; k++) {
            start[k] = load(first + i + k * LANES);
            s[k] = ss[k] = splat(0);
        }
        for (int64_t row = 0; row < n_rows; row++)
            for (int k = 0; k < MOMENT_VECTORS; k++) {
                vf d = load_as(x, bf16, row * stride + i + k * LANES, LANES) - start[k];
                s[k] += d;
                ss[k] = madd(d, d, ss[k]);
            }
        for (int k = 0; k < MOMENT_VECTORS; k++) {
            store(sum + i + k * LANES, s[k]);
            store(squares + i + k * LANES, ss[k]);
        }
    }
    for (; i < n; i += LANES) {
        int64_t lanes = n - i < LANES ? n - i : LANES;
        vf start = load_as(first, false, i, lanes), s = splat(0), ss = splat(0);
        for (int64_t row = 0; row < n_rows; row++) {
            vf d = load_as(x, bf16, row * stride + i, lanes) - start;
            s += d;
            ss = madd(d, d, ss);
        }
        store_as(sum, false, i, s, lanes);
        store_as(squares, false, i, ss, lanes);
    }
}

void ISA(l2_normalize)(const float *x, float eps, float *out, int64_t n)
{
    vf sum = splat(0);
    for (int64_t i = 0; i < n; i += LANES) {
        vf v = element(x, NULL, i, n - i);
        sum = madd(v, v, sum);
    }
    float norm = sqrtf(sum_lanes(sum));
    vf divisor = splat(norm > eps ? norm : eps);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(out + i, load(x + i) / divisor);
    if (i < n)
        store_n(out + i, load_n(x + i, n - i) / divisor, n - i);
}

// scale·x + bias, with the lanes beyond n at -inf.
INLINE vf scaled(const float *x, vf scale, const float *bias, int64_t i, int64_t n)
{
    vf v = n >= LANES ? load(x + i) : load_n(x + i, n);
    if (bias)
        v = madd(v, scale, n >= LANES ? load(bias + i) : load_n(bias + i, n));
    else
        v = v * scale;
    return n >= LANES ? v : keep_first(v, splat(-INFINITY), n);
}

float ISA(exponentials)(const float *x, float scale, const float *bias, float *out, int64_t n)
{
    vf s = splat(scale), largest = splat(-INFINITY);
    for (int64_t i = 0; i < n; i += LANES)
        largest = vmax(scaled(x, s, bias, i, n - i), largest);
    float m = max_lanes(largest);
    if (m == -INFINITY) {
        memset(out, 0, (size_t)n * sizeof *out);
        return 0;
    }
    vf sum = splat(0), top = splat(m);
    for (int64_t i = 0; i < n; i += LANES) {
        vf e = exp_bounded(scaled(x, s, bias, i, n - i) - top);
        sum += e;
        if (n - i >= LANES)
            store(out + i, e);
        else
            store_n(out + i, e, n - i);
    }
    return sum_lanes(sum);
}
