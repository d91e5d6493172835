// rope: turns neighbouring channels in pairs by the angles of a token's place.
#include "op/kernel.h"

enum bv_status bv_shape_rope(const struct bv_node *node, struct bv_tensor *out,
                             struct bv_error *err)
{
    const struct bv_rope_params *p = &node->params.rope;
    const struct bv_tensor *x = node->in[0], *table = node->in[1];
    BV_TRY(bv_expect_floats(node, 2, err));
    int64_t C = (int64_t)p->heads * p->head_dim;
    if (x->rank != 3 || p->heads < 1 || p->head_dim < 2 || p->head_dim % 2 != 0)
        return bv_fail(err, BV_ERR_MODEL, "needs [B,T,C] and heads of an even width");
    if (p->offset < 0 || p->offset > x->dim[2] || C > x->dim[2] - p->offset)
        return bv_fail(err, BV_ERR_MODEL, "%d heads of %d channels lie outside of %lld", p->heads,
                       p->head_dim, (long long)x->dim[2]);
    if (p->skip < 0 || p->skip > x->dim[1] || table->rank != 2 ||
        table->dim[0] != x->dim[1] - p->skip || table->dim[1] != p->head_dim)
        return bv_fail(err, BV_ERR_MODEL, "the table does not fit the tokens");
    BV_TRY(bv_shape_same(x, out));
    out->dim[2] = C;
    return BV_OK;
}

void bv_reference_rope(const struct bv_kernel_args *a)
{
    const struct bv_rope_params *p = &a->node->params.rope;
    const struct bv_tensor *x = a->node->in[0];
    int64_t T = x->dim[1], width = x->dim[2], C = bv_last_dim(a->node->out);
    for (int64_t i = 0; i < x->dim[0] * T; i++)
        for (int64_t c = 0; c < C; c += 2) {
            const float *pair = (const float *)a->in[0] + i * width + p->offset + c;
            float *out = (float *)a->out + i * C + c;
            int64_t place = i % T - p->skip;
            double cosine = 1, sine = 0, first = (double)pair[0], second = (double)pair[1];
            if (place >= 0) {
                const float *angle =
                    (const float *)a->in[1] + place * p->head_dim + c % p->head_dim;
                cosine = (double)angle[0];
                sine = (double)angle[1];
            }
            out[0] = (float)(first * cosine - second * sine);
            out[1] = (float)(second * cosine + first * sine);
        }
}
