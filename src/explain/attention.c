// Where a query decoder looks for a label: its cross-attention, the mean over heads and over the
// label's queries, of the layers that the card names.
#include "explain/probe.h"

#include <stdlib.h>
#include <string.h>

#include "model/graphs.h"

struct decoded {
    size_t image_rows; // of which the last h · w are positions
    float *image, *attention, *logits;
};

static enum bv_status decode(struct bv_session *session, const struct bv_probe_request *r,
                             struct decoded *d, struct bv_error *err)
{
    const struct bv_decoder_queries *q = r->goal->queries;
    const struct bv_decoder_shape shape = {(int64_t)q->n, (int64_t)q->rows, (int64_t)d->image_rows,
                                           (int64_t)q->D, true};
    d->image = malloc(d->image_rows * q->D * sizeof *d->image);
    d->attention = malloc(q->n * d->image_rows * sizeof *d->attention);
    const size_t n_logits = q->n / q->concepts * q->classes;
    d->logits = malloc(n_logits * sizeof *d->logits);
    if (!d->image || !d->attention || !d->logits)
        return bv_fail_nomem(err, "heat maps");
    const struct bv_wanted rows = {r->goal->output, d->image, d->image_rows * q->D};
    const struct bv_wanted wanted[] = {{"logits", d->logits, n_logits},
                                       {"attention", d->attention, q->n * d->image_rows}};
    const struct bv_pixel_batch batch = {
        r->pixels->data, NULL, 1, r->pixels->height, r->pixels->width, r->pixels->channels};
    BV_TRY(bv_session_encode_pixels(session, &batch, &rows, 1, err));
    return bv_session_decode(session, &shape, q->texts, d->image, wanted, 2, err);
}

static void read_label(const struct bv_probe_request *r, const struct decoded *d, size_t i,
                       struct bv_maps *maps)
{
    const struct bv_decoder_queries *q = r->goal->queries;
    const size_t cells = (size_t)(maps->h * maps->w), before = d->image_rows - cells;
    const float *logits = d->logits + q->row[i] * q->classes;
    const float *looks = d->attention + q->row[i] * q->concepts * d->image_rows + before;
    for (size_t cell = 0; cell < cells; cell++) {
        double sum = 0;
        for (size_t k = 0; k < q->concepts; k++)
            sum += (double)looks[k * d->image_rows + cell];
        maps->values[i * cells + cell] = (float)(sum / (double)q->concepts);
    }
    maps->scores[i] = q->classes == 2 ? (double)logits[1] - (double)logits[0] : (double)logits[0];
}

// The image's rows: positions of a grid, before which an embedding of the whole may stand.
static enum bv_status find_grid(const struct bv_model *m, const struct bv_probe_request *r,
                                struct bv_maps *maps, size_t *image_rows, struct bv_error *err)
{
    struct bv_output_shape rows = {0}, grid = {0};
    BV_TRY(
        bv_model_image_shape(m, r->goal->output, r->pixels->height, r->pixels->width, &rows, err));
    BV_TRY(bv_model_image_shape(m, "local", r->pixels->height, r->pixels->width, &grid, err));
    if (rows.rank != 2 || grid.rank != 3 || rows.dim[1] != (int64_t)r->goal->queries->D ||
        rows.dim[0] < grid.dim[0] * grid.dim[1])
        return bv_fail(err, BV_ERR_UNSUPPORTED, "output \"%s\" has no rows of a grid's cells",
                       r->goal->output);
    maps->h = grid.dim[0];
    maps->w = grid.dim[1];
    *image_rows = (size_t)rows.dim[0];
    return BV_OK;
}

static enum bv_status sweep_attention(struct bv_session *session, const struct bv_probe_request *r,
                                      struct bv_maps *maps, struct bv_error *err)
{
    struct decoded d = {.image_rows = 0};
    if (!r->goal->queries)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "method attention is of labels");
    BV_TRY(find_grid(bv_session_model(session), r, maps, &d.image_rows, err));
    maps->values = calloc(r->goal->n * (size_t)(maps->h * maps->w) + 1, sizeof *maps->values);
    maps->scores = calloc(r->goal->n + 1, sizeof *maps->scores);
    enum bv_status status = maps->values && maps->scores ? BV_OK : bv_fail_nomem(err, "heat maps");
    if (status == BV_OK)
        status = decode(session, r, &d, err);
    for (size_t i = 0; status == BV_OK && i < r->goal->n; i++)
        read_label(r, &d, i, maps);
    free(d.image);
    free(d.attention);
    free(d.logits);
    return status;
}

const struct bv_map_method bv_method_attention = {.name = "attention",
                                                  .unit = "share of attention",
                                                  .of_decoder = true,
                                                  .sweep = sweep_attention};
