// attention: with P = softmax(scale q·k + bias) and g the gradient of the result,
//   dP = g·v, dS = P (dP - Σ P dP), dq = scale dS k, dk = scale dSᵀ q, dv = Pᵀ g.
#include <math.h>
#include <stdlib.h>

#include "explain/adjoint/adjoint.h"

struct heads {
    const struct bv_adjoint *a;
    int64_t Tq, Tk;
    float *rows; // [threads' items, 2, Tk]: P and dS of one query
};

static const float *vector(const struct bv_tensor *t, const float *data, int64_t offset,
                           int64_t row, int64_t channel)
{
    return data + row * t->dim[2] + offset + channel;
}

static double dot(const float *x, const float *y, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)x[i] * y[i];
    return sum;
}

// P[j] of query i of a head.
static void weights_of(const struct heads *h, int head, int64_t i, float *P)
{
    const struct bv_adjoint *a = h->a;
    const struct bv_attention_params *p = &a->node->params.attention;
    const int64_t channel = (int64_t)head * p->head_dim, n = p->causal ? i + 1 : h->Tk;
    const struct bv_tensor *b = a->node->in[3];
    const int64_t *d = b ? b->dim + b->rank - 3 : NULL;
    const float *q = vector(a->node->in[0], a->in[0], p->q_offset, i, channel);
    double largest = -INFINITY, total = 0;
    for (int64_t j = 0; j < h->Tk; j++) {
        double s = -INFINITY;
        if (j < n)
            s = p->scale *
                dot(q, vector(a->node->in[1], a->in[1], p->k_offset, j, channel), p->head_dim);
        if (d)
            s += a->in[3][((d[0] == 1 ? 0 : head) * d[1] + i) * d[2] + j];
        P[j] = (float)s;
        largest = fmax(largest, s);
    }
    for (int64_t j = 0; j < h->Tk; j++)
        total += exp(P[j] - largest);
    for (int64_t j = 0; j < h->Tk; j++)
        P[j] = largest == -INFINITY ? 0 : (float)(exp(P[j] - largest) / total);
}

static void add_scaled(float *to, const float *x, float factor, int n)
{
    for (int i = 0; to && i < n; i++)
        to[i] += factor * x[i];
}

static float *place(float *to, const struct bv_tensor *t, int64_t item, int64_t row, int64_t at)
{
    return to ? to + item * bv_elements(t) + row * t->dim[2] + at : NULL;
}

// Query i of a head, with the gradient g [head_dim] of its result in item n.
static void query(const struct heads *h, int64_t n, int head, int64_t i, const float *g,
                  const float *P, float *dS)
{
    const struct bv_adjoint *a = h->a;
    const struct bv_node *node = a->node;
    const struct bv_attention_params *p = &node->params.attention;
    const int64_t c = (int64_t)head * p->head_dim;
    const int D = p->head_dim;
    double mean = 0;
    for (int64_t j = 0; j < h->Tk; j++) {
        dS[j] = (float)dot(g, vector(node->in[2], a->in[2], p->v_offset, j, c), D);
        mean += (double)P[j] * dS[j];
        add_scaled(place(a->to[2], node->in[2], n, j, p->v_offset + c), g, P[j], D);
    }
    const float *q = vector(node->in[0], a->in[0], p->q_offset, i, c);
    for (int64_t j = 0; j < h->Tk; j++) {
        const float s = (float)(p->scale * P[j] * (dS[j] - mean));
        add_scaled(place(a->to[0], node->in[0], n, i, p->q_offset + c),
                   vector(node->in[1], a->in[1], p->k_offset, j, c), s, D);
        add_scaled(place(a->to[1], node->in[1], n, j, p->k_offset + c), q, s, D);
    }
}

static bool is_zero(const float *x, int n)
{
    for (int i = 0; i < n; i++)
        if (x[i] != 0)
            return false;
    return true;
}

// All queries of one head: heads write to channels of their own.
static void one_head(void *arg, size_t head)
{
    const struct heads *h = arg;
    const struct bv_adjoint *a = h->a;
    const int D = a->node->params.attention.head_dim;
    const int64_t C = bv_last_dim(a->node->out), each = bv_elements(a->node->out);
    float *P = h->rows + (int64_t)head * 2 * h->Tk, *dS = P + h->Tk;
    for (int64_t i = 0; i < h->Tq; i++) {
        bool known = false;
        for (int64_t n = 0; n < a->n; n++) {
            const float *g = a->gradient + n * each + i * C + (int64_t)head * D;
            if (is_zero(g, D))
                continue;
            if (!known)
                weights_of(h, (int)head, i, P);
            known = true;
            query(h, n, (int)head, i, g, P, dS);
        }
    }
}

enum bv_status bv_adjoint_attention(const struct bv_adjoint *a, struct bv_error *err)
{
    const struct bv_node *node = a->node;
    const struct bv_attention_params *p = &node->params.attention;
    struct heads h = {a, node->in[0]->dim[1], node->in[1]->dim[1], NULL};
    if (p->window || node->in[4] || node->in[0]->dim[0] != 1)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "attention in windows or over several lengths has no derivative");
    h.rows = calloc((size_t)p->heads * 2 * (size_t)h.Tk, sizeof *h.rows);
    if (!h.rows)
        return bv_fail_nomem(err, "the derivative of attention");
    bv_pool_for(a->pool, (size_t)p->heads, one_head, &h);
    free(h.rows);
    return BV_OK;
}
