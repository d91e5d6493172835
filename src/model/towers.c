#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/session_run.h"

#define TOKEN_STEP 8 // sequences are padded to a multiple of this within a batch, never further

// ---- Images: sizes are N, H, W, C ----

static enum bv_status check_image_tower(const struct bv_model *m, struct bv_error *err)
{
    if (!bv_model_has_image(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no image encoder", m->name);
    return BV_OK;
}

static enum bv_status build_image(const struct bv_model *m, const int64_t *size,
                                  struct bv_graph **graph, struct bv_error *err)
{
    BV_TRY(check_image_tower(m, err));
    return bv_model_image_graph(m, size[0], size[1], size[2], size[3], graph, err);
}

static enum bv_status build_prior(const struct bv_model *m, const int64_t *size,
                                  struct bv_graph **graph, struct bv_error *err)
{
    BV_TRY(check_image_tower(m, err));
    if (!bv_model_takes_prior(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" takes no prior image", m->name);
    return bv_model_prior_graph(m, size[0], size[1], size[2], size[3], graph, err);
}

static const struct bv_tower image_tower = {build_image, true}, prior_tower = {build_prior, true};

enum bv_status bv_session_encode_pixels(struct bv_session *s, const struct bv_pixel_batch *b,
                                        const struct bv_wanted *wanted, int n_wanted,
                                        struct bv_error *err)
{
    const struct bv_input inputs[] = {{"pixels", b->pixels}, {"prior", b->prior}};
    const struct bv_tower_key key = {b->prior ? &prior_tower : &image_tower,
                                     {b->N, b->H, b->W, b->C}};
    return bv_session_run(s, &key, inputs, b->prior ? 2 : 1, wanted, n_wanted, err);
}

// ---- Texts: sizes are B, T ----

static enum bv_status build_text(const struct bv_model *m, const int64_t *size,
                                 struct bv_graph **graph, struct bv_error *err)
{
    if (!bv_model_has_text(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no text encoder", m->name);
    return bv_model_text_graph(m, size[0], size[1], graph, err);
}

static const struct bv_tower text_tower = {build_text, true};

// The inputs of one text batch.
struct text_batch {
    int32_t *ids, *types; // [B,T] each, one block at ids
    int32_t lengths[BV_BATCH_TEXTS], last[BV_BATCH_TEXTS], inner[BV_BATCH_TEXTS];
    int64_t B, T;
};

static enum bv_status run_text(struct bv_session *s, struct text_batch *b,
                               const struct bv_wanted *wanted, int n_wanted, struct bv_error *err)
{
    const struct bv_input inputs[] = {{"ids", b->ids},
                                      {"types", b->types},
                                      {"lengths", b->lengths},
                                      {"last", b->last},
                                      {"inner", b->inner}};
    const struct bv_tower_key key = {&text_tower, {b->B, b->T}};
    return bv_session_run(s, &key, inputs, 5, wanted, n_wanted, err);
}

static enum bv_status make_room(struct text_batch *b, struct bv_error *err)
{
    b->ids = calloc(2 * (size_t)(b->B * b->T), sizeof *b->ids);
    if (!b->ids)
        return bv_fail_nomem(err, "a batch of texts");
    b->types = b->ids + b->B * b->T;
    return BV_OK;
}

// Whether the encoder reads every text at its greatest length, padding like other tokens: card
// "text": {"pad": true}.
static bool pads_texts(const struct bv_model *m)
{
    return m->max_tokens > 0 && bv_json_boolean(json_object_get(m->card, "text"), "pad", false);
}

static void put_text(struct text_batch *b, int64_t row, const struct bv_model *m,
                     const struct bv_tokens *text)
{
    int64_t n = pads_texts(m) ? b->T : (int64_t)text->n;
    int32_t pad = bv_tokenizer_special(m->tokenizer, BV_TOKEN_PAD);
    memcpy(b->ids + row * b->T, text->ids, text->n * sizeof *b->ids);
    memcpy(b->types + row * b->T, text->types, text->n * sizeof *b->types);
    for (int64_t i = (int64_t)text->n; i < n; i++)
        b->ids[row * b->T + i] = pad < 0 ? 0 : pad;
    b->lengths[row] = (int32_t)n;
    b->last[row] = (int32_t)n - 1;
    b->inner[row] = n > 2 ? (int32_t)n - 2 : 1;
}

enum bv_status bv_check_length(const struct bv_model *model, const struct bv_tokens *text,
                               struct bv_error *err)
{
    if (text->n == 0 || (model->max_tokens > 0 && (int64_t)text->n > model->max_tokens))
        return bv_fail(err, BV_ERR_ARG, "a text of %zu tokens; model \"%s\" takes 1 to %lld",
                       text->n, model->name, (long long)model->max_tokens);
    return BV_OK;
}

static int compare_length(const void *a, const void *b)
{
    const struct bv_by_length *x = a, *y = b;
    if (x->n_tokens != y->n_tokens)
        return x->n_tokens < y->n_tokens ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

enum bv_status bv_order_by_length(const struct bv_tokens *const *texts, size_t n,
                                  struct bv_by_length **out, struct bv_error *err)
{
    struct bv_by_length *order = calloc(n, sizeof *order);
    if (!order)
        return bv_fail_nomem(err, "a list of texts");
    for (size_t i = 0; i < n; i++)
        order[i] = (struct bv_by_length){texts[i]->n, i};
    qsort(order, n, sizeof *order, compare_length);
    *out = order;
    return BV_OK;
}

int64_t bv_padded_length(const struct bv_model *model, size_t n)
{
    int64_t T = ((int64_t)n + TOKEN_STEP - 1) / TOKEN_STEP * TOKEN_STEP;
    if (pads_texts(model))
        return model->max_tokens;
    return model->max_tokens > 0 && T > model->max_tokens ? model->max_tokens : T;
}

// One batch, B texts from `first` on, padded to T tokens; the results of each of n outputs go to
// their places in its list.
static enum bv_status encode_batch(struct bv_session *s, const struct bv_text_list *lists, int n,
                                   size_t first, int64_t B, int64_t T, struct bv_error *err)
{
    const struct bv_by_length *order = lists->order + first;
    struct text_batch b = {.B = B, .T = T};
    struct bv_wanted wanted[BV_MAX_GRAPH_OUTPUTS];
    size_t width = 0, used = 0;
    for (int k = 0; k < n; k++)
        width += (size_t)lists[k].D;
    float *rows = calloc((size_t)B * width, sizeof *rows);
    enum bv_status status = rows ? make_room(&b, err) : bv_fail_nomem(err, "a batch of texts");
    for (int64_t i = 0; status == BV_OK && i < B; i++)
        put_text(&b, i, bv_session_model(s), lists->texts[order[i].index]);
    for (int k = 0; k < n; k++) {
        size_t floats = (size_t)(B * lists[k].D);
        wanted[k] = (struct bv_wanted){lists[k].output, rows + used, floats};
        used += floats;
    }
    if (status == BV_OK)
        status = run_text(s, &b, wanted, n, err);
    for (int k = 0; status == BV_OK && k < n; k++)
        for (int64_t i = 0; i < B; i++)
            memcpy(lists[k].out + order[i].index * (size_t)lists[k].D,
                   wanted[k].out + i * lists[k].D, (size_t)lists[k].D * sizeof *rows);
    free(rows);
    free(b.ids);
    return status;
}

static enum bv_status pooled_dim(const struct bv_model *m, const char *output, int64_t *D,
                                 struct bv_error *err)
{
    struct bv_output_shape shape = {.rank = 1, .dim = {m->text_dim}};
    if (strcmp(output, "global") != 0 || m->text_dim == 0)
        BV_TRY(bv_model_text_shape(m, output, bv_padded_length(m, 1), &shape, err));
    if (shape.rank != 1)
        return bv_fail(err, BV_ERR_ARG, "output \"%s\" is not one vector per text", output);
    *D = shape.dim[0];
    return BV_OK;
}

// In batches of texts of similar lengths, or, with T > 0, all padded to T tokens.
static enum bv_status encode_all(struct bv_session *s, const struct bv_tokens *const *texts,
                                 size_t n, int64_t T, const struct bv_wanted *wanted, int n_wanted,
                                 struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_text_list lists[BV_MAX_GRAPH_OUTPUTS];
    struct bv_by_length *order = NULL;
    for (int k = 0; k < n_wanted; k++) {
        int64_t D = 0;
        BV_TRY(pooled_dim(m, wanted[k].output, &D, err));
        BV_TRY(bv_check_wanted(&wanted[k], (int64_t)n * D, m, err));
        lists[k] = (struct bv_text_list){texts, NULL, wanted[k].output, D, wanted[k].out};
    }
    BV_TRY(bv_order_by_length(texts, n, &order, err));
    for (int k = 0; k < n_wanted; k++)
        lists[k].order = order;
    enum bv_status status = BV_OK;
    if (n > BV_BATCH_TEXTS)
        bv_session_expect_runs(s, &text_tower);
    for (size_t first = 0; status == BV_OK && first < n; first += BV_BATCH_TEXTS) {
        size_t B = n - first < BV_BATCH_TEXTS ? n - first : BV_BATCH_TEXTS;
        bool own = T > 0 && !pads_texts(m);
        int64_t length = own ? T : bv_padded_length(m, order[first + B - 1].n_tokens);
        status = encode_batch(s, lists, n_wanted, first, (int64_t)B, length, err);
    }
    free(order);
    return status;
}

enum bv_status bv_session_encode_outputs(struct bv_session *s, const struct bv_tokens *const *texts,
                                         size_t n, const struct bv_wanted *wanted, int n_wanted,
                                         struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    if (n_wanted < 1 || n_wanted > BV_MAX_GRAPH_OUTPUTS)
        return bv_fail(err, BV_ERR_ARG, "%d outputs at once; 1 to %d", n_wanted,
                       BV_MAX_GRAPH_OUTPUTS);
    for (size_t i = 0; i < n; i++)
        BV_TRY(bv_check_length(m, texts[i], err));
    return n == 0 ? BV_OK : encode_all(s, texts, n, 0, wanted, n_wanted, err);
}

enum bv_status bv_session_encode_tokens(struct bv_session *s, const struct bv_tokens *const *texts,
                                        size_t n, const struct bv_wanted *wanted,
                                        struct bv_error *err)
{
    return bv_session_encode_outputs(s, texts, n, wanted, 1, err);
}

enum bv_status bv_session_encode_padded(struct bv_session *s, const struct bv_tokens *const *texts,
                                        size_t n, const struct bv_wanted *wanted,
                                        struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    int64_t T = 0;
    for (size_t i = 0; i < n; i++) {
        BV_TRY(bv_check_length(m, texts[i], err));
        T = (int64_t)texts[i]->n > T ? (int64_t)texts[i]->n : T;
    }
    return n == 0 ? BV_OK : encode_all(s, texts, n, T, wanted, 1, err);
}

// One text padded to T tokens; of an output with a row for each token those of the text's own.
static enum bv_status encode_in_full(struct bv_session *s, struct text_batch *b, size_t n,
                                     const struct bv_wanted *wanted, struct bv_error *err)
{
    struct bv_output_shape shape = {0};
    BV_TRY(bv_model_text_shape(bv_session_model(s), wanted->output, b->T, &shape, err));
    const size_t all = bv_shape_elements(&shape), T = (size_t)b->T;
    if (T == 0 || shape.rank < 2 || (size_t)shape.dim[0] != T)
        return run_text(s, b, wanted, 1, err);
    BV_TRY(bv_check_wanted(wanted, (int64_t)(all / T * n), bv_session_model(s), err));
    float *rows = malloc(all * sizeof *rows);
    if (!rows)
        return bv_fail_nomem(err, "a text");
    const struct bv_wanted whole = {wanted->output, rows, all};
    enum bv_status status = run_text(s, b, &whole, 1, err);
    if (status == BV_OK)
        memcpy(wanted->out, rows, wanted->n_floats * sizeof *rows);
    free(rows);
    return status;
}

enum bv_status bv_session_encode_sequence(struct bv_session *s, const struct bv_tokens *text,
                                          const struct bv_wanted *wanted, int n_wanted,
                                          struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    BV_TRY(bv_check_length(m, text, err));
    struct text_batch b = {.B = 1, .T = pads_texts(m) ? m->max_tokens : (int64_t)text->n};
    BV_TRY(make_room(&b, err));
    put_text(&b, 0, m, text);
    enum bv_status status = BV_OK;
    if (pads_texts(m))
        for (int i = 0; status == BV_OK && i < n_wanted; i++)
            status = encode_in_full(s, &b, text->n, &wanted[i], err);
    else
        status = run_text(s, &b, wanted, n_wanted, err);
    free(b.ids);
    return status;
}
