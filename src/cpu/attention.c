// attention: softmax(scale · q kᵀ + bias) v, head by head, with the gemm's micro-kernel for both
// products.
//
// A unit is one head of one sequence or of one Swin window; where there are fewer units than four
// to a thread, a unit's queries are split among several. Its keys are packed as panels (a key is a
// column of the first product), its values too: a row of v is a row of a panel already, only the
// distance between rows differs. Then a strip of MR queries at a time: all scores of the strip
// [MR,Tk] by one pass of the key panels, each row's exponentials around its maximum in place, one
// pass of the value panels, and the division by the row's sum at the end, on head_dim elements
// instead of Tk. A strip of scores is all that exists of the T × T matrix; it stays in the
// first-level cache, so an online softmax would save no memory traffic and cost a rescaling.
//
// Masks cost nothing where there are none: keys beyond a sequence's length are left out of the
// products, keys after a causal query get weight 0, and a shifted window that mixes regions sets
// the scores across them to -inf. A query without any key gives zeros. In bf16 the first product
// takes words of two channels, the second words of two keys (pair_values); scores and sums are f32.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "cpu/isa.h"
#include "cpu/kernels.h"

// Floats of packed keys and values up to which a thread has four tasks.
static const size_t most_packed = 1 << 21;

// What does not change within a call. T: queries and keys of one unit (all, or one window's).
struct attention {
    const struct bv_kernel_args *a;
    const struct bv_cpu_isa *isa;
    bool bf16;
    int64_t Tq, Tk, windows;
    int64_t key_panels, head_panels; // panels that Tk keys and head_dim channels fill
    int64_t query_parts;             // a unit's queries are shared by so many tasks
    int64_t units, tasks;
    size_t task_scratch;
};

static int64_t ceiling(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static struct attention describe(const struct bv_node *n, int n_threads)
{
    const struct bv_attention_params *p = &n->params.attention;
    struct attention s = {.isa = bv_cpu_isa(), .Tq = n->in[0]->dim[1], .Tk = n->in[1]->dim[1]};
    int64_t nr = s.isa->nr, mr = s.isa->mr;
    s.bf16 = n->in[0]->dtype == BV_BF16;
    s.windows = 1;
    if (p->window) {
        s.Tq = s.Tk = (int64_t)p->window * p->window;
        s.windows = n->in[0]->dim[1] / s.Tq;
    }
    s.key_panels = ceiling(s.Tk, nr);
    s.head_panels = ceiling(p->head_dim, nr);
    s.units = n->in[0]->dim[0] * s.windows * p->heads;
    size_t keys = (size_t)(s.key_panels * nr * p->head_dim);
    size_t values = (size_t)(s.head_panels * nr * (s.Tk + 1));
    // Each task packs the keys and values that it meets: of long sequences few tasks should.
    int64_t each = keys + values > most_packed ? 1 : 4;
    int64_t wanted = n_threads == 1 ? 1 : each * (int64_t)n_threads;
    s.query_parts = s.units < wanted ? ceiling(wanted, s.units) : 1;
    if (s.query_parts > ceiling(s.Tq, mr))
        s.query_parts = ceiling(s.Tq, mr);
    s.units *= s.query_parts;
    s.tasks = s.units < wanted ? s.units : wanted;
    size_t scores = (size_t)(mr * s.key_panels * nr);
    size_t result = (size_t)(mr * s.head_panels * nr);
    // and pointers to the rows of k and v, the windows' places and regions
    s.task_scratch = keys + values + scores + result + (size_t)(8 * s.Tk);
    s.task_scratch = (s.task_scratch + 15) / 16 * 16;
    return s;
}

size_t bv_cpu_attention_scratch(const struct bv_node *node, enum bv_cpu_format format,
                                int n_threads)
{
    (void)format;
    struct attention s = describe(node, n_threads);
    return (size_t)s.tasks * s.task_scratch;
}

// One unit: a head of a sequence or window, or a part of its queries.
struct unit {
    int64_t b, head, first, last; // query rows
    const float **pointer;        // [max(Tk, mr)] rows
    int32_t *token, *region;      // [T] of a window, or NULL
    float *keys, *values, *scores, *result;
    int64_t valid;  // keys that exist
    int64_t placed; // the window that token and region describe, or -1
    bool mixed;     // the shift brought several regions into it
};

static int band(int64_t at, int size, int window, int shift)
{
    return shift == 0 || at < size - window ? 0 : at < size - shift ? 1 : 2;
}

// Which token stands at each place of a window after the cyclic shift, and its region.
static void place_window(const struct bv_attention_params *p, int64_t window, struct unit *u)
{
    if (u->placed == window)
        return;
    int across = p->grid_w / p->window, w = p->window;
    int top = (int)window / across * w, left = (int)window % across * w;
    for (int i = 0; i < w; i++)
        for (int j = 0; j < w; j++) {
            int row = top + i, column = left + j, y = row + p->shift, x = column + p->shift;
            y -= y >= p->grid_h ? p->grid_h : 0;
            x -= x >= p->grid_w ? p->grid_w : 0;
            u->token[i * w + j] = y * p->grid_w + x;
            u->region[i * w + j] =
                3 * band(row, p->grid_h, w, p->shift) + band(column, p->grid_w, w, p->shift);
        }
    u->placed = window;
    u->mixed = p->shift > 0 && (top + w == p->grid_h || left + w == p->grid_w);
}

// The row of input `which` at place i of the unit; in bf16, its words.
static const float *row_of(const struct attention *s, const struct unit *u, int which, int64_t i)
{
    const struct bv_node *n = s->a->node;
    const struct bv_attention_params *p = &n->params.attention;
    const struct bv_tensor *t = n->in[which];
    int64_t offset = which == 0 ? p->q_offset : which == 1 ? p->k_offset : p->v_offset;
    int64_t token = u->token ? u->token[i] : i;
    int64_t at = (u->b * t->dim[1] + token) * t->dim[2] + offset + u->head * p->head_dim;
    return (const float *)s->a->in[which] + (s->bf16 ? at / 2 : at);
}

static int64_t words_per_head(const struct attention *s)
{
    int64_t D = s->a->node->params.attention.head_dim;
    return s->bf16 ? D / 2 : D;
}

static void pack_keys(const struct attention *s, struct unit *u)
{
    int64_t D = words_per_head(s), nr = s->isa->nr;
    for (int64_t j = 0; j < u->valid; j++)
        u->pointer[j] = row_of(s, u, 1, j);
    for (int64_t j = 0; j < u->valid; j += nr) {
        int64_t columns = u->valid - j < nr ? u->valid - j : nr;
        s->isa->pack(u->pointer + j, (int)columns, D, u->keys + j * D);
    }
}

// Two keys to a row of words; the last may be alone.
static void pair_values(const struct attention *s, struct unit *u)
{
    int64_t D = s->a->node->params.attention.head_dim, nr = s->isa->nr;
    int64_t pairs = (u->valid + 1) / 2;
    for (int64_t j = 0; j < pairs; j++) {
        const uint16_t *x = (const uint16_t *)(const void *)row_of(s, u, 2, 2 * j), *y = NULL;
        if (2 * j + 1 < u->valid)
            y = (const uint16_t *)(const void *)row_of(s, u, 2, 2 * j + 1);
        for (int64_t d = 0; d < D; d += nr) {
            float *to = u->values + (d / nr * pairs + j) * nr;
            int64_t columns = D - d < nr ? D - d : nr;
            s->isa->pair_bf16(x + d, y ? y + d : NULL, columns, to);
            memset(to + columns, 0, (size_t)(nr - columns) * sizeof *to);
        }
    }
}

// v is a panel already but for the distance of its rows.
static void pack_values(const struct attention *s, struct unit *u)
{
    int64_t D = s->a->node->params.attention.head_dim, nr = s->isa->nr;
    for (int64_t j = 0; j < u->valid; j++) {
        const float *v = row_of(s, u, 2, j);
        for (int64_t d = 0; d < D; d += nr) {
            float *to = u->values + (d / nr * u->valid + j) * nr;
            int64_t columns = D - d < nr ? D - d : nr;
            memcpy(to, v + d, (size_t)columns * sizeof *to);
            memset(to + columns, 0, (size_t)(nr - columns) * sizeof *to);
        }
    }
}

static const float *bias_row(const struct attention *s, const struct unit *u, int64_t i)
{
    const struct bv_tensor *bias = s->a->node->in[3];
    if (!bias)
        return NULL;
    const int64_t *d = bias->dim + bias->rank - 3;
    int64_t at = (d[0] == 1 ? 0 : u->head) * d[1] * d[2] + i * d[2];
    if (bias->rank == 4 && bias->dim[0] != 1)
        at += u->b * d[0] * d[1] * d[2];
    return (const float *)s->a->in[3] + at;
}

// The exponentials of query i's scores, in place; returns their sum. Keys beyond its reach get 0.
static float weigh_row(const struct attention *s, const struct unit *u, int64_t i, float *scores)
{
    const struct bv_attention_params *p = &s->a->node->params.attention;
    int64_t reach = p->causal && i + 1 < u->valid ? i + 1 : u->valid;
    if (u->mixed)
        for (int64_t j = 0; j < reach; j++)
            if (u->region[i] != u->region[j])
                scores[j] = p->scale < 0 ? INFINITY : -INFINITY;
    float sum = s->isa->exponentials(scores, p->scale, bias_row(s, u, i), scores, reach);
    memset(scores + reach, 0, (size_t)(u->valid - reach) * sizeof *scores);
    return sum;
}

// Turns the exponentials of a query into words and returns their number.
static int64_t narrow_weights(const struct attention *s, const struct unit *u, float *scores)
{
    if (!s->bf16)
        return u->valid;
    if (u->valid % 2)
        scores[u->valid] = 0; // panels are even: there is room
    s->isa->to_bf16(scores, (u->valid + 1) / 2 * 2, scores);
    return (u->valid + 1) / 2;
}

static void store_result(const struct attention *s, const struct unit *u, int64_t i, float sum,
                         float *result)
{
    const struct bv_tensor *out = s->a->node->out;
    int64_t D = s->a->node->params.attention.head_dim, token = u->token ? u->token[i] : i;
    int64_t at = (u->b * out->dim[1] + token) * out->dim[2] + u->head * D;
    float factor = sum != 0 ? 1 / sum : 0; // no key at all: zero by definition
    if (out->dtype != BV_BF16) {
        s->isa->mul(result, &factor, true, (float *)s->a->out + at, D);
        return;
    }
    s->isa->mul(result, &factor, true, result, D);
    s->isa->to_bf16(result, D, (uint16_t *)s->a->out + at);
}

// MR query rows of one head against all its keys:
//
//   scores[MR,Tk] = q[MR,D] · kᵀ        tiles over panels of NR keys; k is packed [Tk/NR][D][NR]
//   scores[i,:]   = exp(scale · scores[i,:] + bias - largest)    and its sum, row by row
//   result[MR,D]  = scores[MR,Tk] · v   tiles over panels of NR channels; v is [D/NR][Tk][NR]
//   out[i,:]      = result[i,:] / sum[i]
//
// The full [Tq,Tk] matrix never exists: a strip's scores (MR × Tk floats) are written, weighed and
// read again while they are in the cache. Dividing at the end costs D operations a row instead of
// Tk. The last panel may hold fewer than NR keys; its scores beyond `valid` are computed and then
// left out by `depth`, over which the second product sums.
static void attend_strip(const struct attention *s, struct unit *u, int64_t first, int n_rows)
{
    enum bv_cpu_format format = s->bf16 ? BV_CPU_BF16 : BV_CPU_F32;
    int64_t nr = s->isa->nr, D = s->a->node->params.attention.head_dim;
    int64_t words = words_per_head(s), depth = 0, ld = s->key_panels * nr;
    int64_t ldr = s->head_panels * nr;
    const float *rows[16];
    for (int i = 0; i < n_rows; i++)
        rows[i] = row_of(s, u, 0, first + i);
    struct bv_cpu_tile tile = {.rows = rows, .taps = 1, .depth = words, .ldo = ld};
    for (int64_t j = 0; j < u->valid; j += nr) {
        tile.panel = u->keys + j * words;
        tile.out = u->scores + j;
        tile.columns = (int)nr;
        s->isa->tile[format](&tile, n_rows);
    }
    float sum[16];
    for (int i = 0; i < n_rows; i++) {
        sum[i] = weigh_row(s, u, first + i, u->scores + i * ld);
        depth = narrow_weights(s, u, u->scores + i * ld);
        rows[i] = u->scores + i * ld;
    }
    tile = (struct bv_cpu_tile){.rows = rows, .taps = 1, .depth = depth, .ldo = ldr};
    for (int64_t d = 0; d < D; d += nr) {
        tile.panel = u->values + d * depth;
        tile.out = u->result + d;
        tile.columns = (int)nr;
        s->isa->tile[format](&tile, n_rows);
    }
    for (int i = 0; i < n_rows; i++)
        store_result(s, u, first + i, sum[i], u->result + i * ldr);
}

static void attend_unit(const struct attention *s, int64_t which, struct unit *u)
{
    const struct bv_attention_params *p = &s->a->node->params.attention;
    int64_t query_part = which % s->query_parts, sequence;
    which /= s->query_parts;
    u->head = which % p->heads;
    sequence = which / p->heads;
    u->b = sequence / s->windows;
    u->first = s->Tq * query_part / s->query_parts;
    u->last = s->Tq * (query_part + 1) / s->query_parts;
    u->valid = s->a->in[4] ? ((const int32_t *)s->a->in[4])[u->b] : s->Tk;
    if (p->window)
        place_window(p, sequence % s->windows, u);
    pack_keys(s, u);
    if (s->bf16)
        pair_values(s, u);
    else
        pack_values(s, u);
    int64_t rows = u->last - u->first, strips = ceiling(rows, s->isa->mr);
    for (int64_t i = 0; i < strips; i++) {
        int64_t at = u->first + rows * i / strips, end = u->first + rows * (i + 1) / strips;
        attend_strip(s, u, at, (int)(end - at));
    }
}

static void attention_task(void *arg, size_t task)
{
    const struct attention *s = arg;
    const struct bv_attention_params *p = &s->a->node->params.attention;
    int64_t nr = s->isa->nr;
    float *scratch = s->a->scratch + task * s->task_scratch;
    struct unit u = {.placed = -1};
    u.pointer = (const float **)(void *)scratch; // first: the most aligned
    u.keys = scratch + 2 * s->Tk;                // a pointer is two floats wide at most
    u.values = u.keys + s->key_panels * nr * p->head_dim;
    u.scores = u.values + s->head_panels * nr * (s->Tk + 1);
    u.result = u.scores + s->isa->mr * s->key_panels * nr;
    if (p->window) {
        u.token = (int32_t *)(void *)(u.result + s->isa->mr * s->head_panels * nr);
        u.region = u.token + s->Tk;
    }
    int64_t first = s->units * (int64_t)task / s->tasks;
    int64_t last = s->units * ((int64_t)task + 1) / s->tasks;
    for (int64_t i = first; i < last; i++)
        attend_unit(s, i, &u);
}

void bv_cpu_attention(const struct bv_kernel_args *a)
{
    struct attention s = describe(a->node, bv_pool_threads(a->pool));
    s.a = a;
    bv_pool_for(a->pool, (size_t)s.tasks, attention_task, &s);
}
