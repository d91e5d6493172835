// A SentencePiece model of byte-pair encoding as merges: any two neighbours that make a piece may
// become it, the piece with the largest score first (bpe_model.cc of the sentencepiece library).
#include <stdlib.h>

#include "base/encoding.h"
#include "text/pieces.h"

// Of all pieces together: the squares of their lengths, which the ways to cut them in two cost.
static const size_t max_work = (size_t)1 << 30;

struct merges {
    const struct bv_vocab *vocab;
    const struct bv_spiece_file *file;
    struct bv_ranked_merge *list;
    size_t n, capacity;
};

static bool is_text(const struct bv_spiece_file *file, int32_t id)
{
    enum bv_piece_type type = file->pieces[id].type;
    return type == BV_PIECE_NORMAL || type == BV_PIECE_USER;
}

// A part of a piece: one that texts can hold, -1 for none.
static int32_t find_part(const struct merges *m, const char *text, size_t n)
{
    int32_t id = bv_vocab_find(m->vocab, text, n);
    return id >= 0 && is_text(m->file, id) ? id : -1;
}

static enum bv_status add(struct merges *m, struct bv_ranked_merge merge, struct bv_error *err)
{
    if (m->n == m->capacity) {
        size_t capacity = 2 * m->capacity + 1024;
        struct bv_ranked_merge *grown = realloc(m->list, capacity * sizeof *grown);
        if (!grown)
            return bv_fail_nomem(err, "merges");
        m->list = grown;
        m->capacity = capacity;
    }
    m->list[m->n++] = merge;
    return BV_OK;
}

// All ways to cut a piece in two.
static enum bv_status cut(struct merges *m, int32_t id, uint32_t rank, struct bv_error *err)
{
    struct bv_token_text piece = m->file->pieces[id].text;
    uint32_t rune = 0;
    for (size_t at = bv_utf8_decode(piece.at, piece.n, &rune); at > 0 && at < piece.n;
         at += bv_utf8_decode(piece.at + at, piece.n - at, &rune)) {
        int32_t left = find_part(m, piece.at, at);
        int32_t right = left < 0 ? -1 : find_part(m, piece.at + at, piece.n - at);
        if (right >= 0)
            BV_TRY(add(m, (struct bv_ranked_merge){left, right, id, rank}, err));
    }
    return BV_OK;
}

struct scored {
    float score;
    int32_t id;
};

static int compare(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

// The pieces of texts, the largest score first.
static enum bv_status sort_pieces(const struct bv_spiece_file *file, struct scored **out, size_t *n,
                                  struct bv_error *err)
{
    struct scored *list = malloc((file->n + 1) * sizeof *list);
    size_t count = 0, work = 0;
    enum bv_status status = list ? BV_OK : bv_fail_nomem(err, "vocabulary");
    for (size_t i = 0; status == BV_OK && i < file->n; i++) {
        const struct bv_piece *piece = &file->pieces[i];
        work += piece->text.n * piece->text.n;
        if (piece->type == BV_PIECE_UNUSED)
            status = bv_fail(err, BV_ERR_UNSUPPORTED,
                             "vocabulary: piece %zu of the BPE model is marked as unused", i);
        else if (work > max_work)
            status = bv_fail(err, BV_ERR_LIMIT, "vocabulary: the pieces are too long for BPE");
        else if (is_text(file, (int32_t)i))
            list[count++] = (struct scored){(float)piece->score, (int32_t)i};
    }
    if (status != BV_OK) {
        free(list);
        return status;
    }
    qsort(list, count, sizeof *list, compare);
    *out = list;
    *n = count;
    return BV_OK;
}

enum bv_status bv_spiece_merges(struct bv_bpe *bpe, const struct bv_vocab *vocab,
                                const struct bv_spiece_file *file, struct bv_error *err)
{
    struct merges m = {.vocab = vocab, .file = file};
    struct scored *pieces = NULL;
    size_t n = 0;
    uint32_t rank = 0;
    BV_TRY(sort_pieces(file, &pieces, &n, err));
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        rank += i > 0 && pieces[i].score != pieces[i - 1].score;
        status = cut(&m, pieces[i].id, rank, err);
    }
    if (status == BV_OK)
        status = bv_bpe_build_ranked(bpe, m.list, m.n, err);
    free(m.list);
    free(pieces);
    return status;
}
