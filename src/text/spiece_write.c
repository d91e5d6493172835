#include "text/pieces.h"

#include <stdlib.h>
#include <string.h>

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

// Everything is written twice: first to count the bytes, with at NULL, then to memory for them.
struct writer {
    char *at;
    size_t n;
};

static void put_byte(struct writer *w, unsigned byte)
{
    if (w->at)
        w->at[w->n] = (char)byte;
    w->n++;
}

static void put_varint(struct writer *w, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_byte(w, (unsigned)(value & 0x7f) | 0x80);
    put_byte(w, (unsigned)value);
}

static void put_tag(struct writer *w, uint32_t number, enum wire wire)
{
    put_varint(w, (uint64_t)number << 3 | (unsigned)wire);
}

static void put_fixed(struct writer *w, uint64_t bits, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put_byte(w, (unsigned)(bits >> (8 * i)) & 0xff);
}

static void put_flag(struct writer *w, uint32_t number, bool flag)
{
    put_tag(w, number, VARINT);
    put_varint(w, flag);
}

static void put_text(struct writer *w, uint32_t number, struct bv_token_text text)
{
    put_tag(w, number, BYTES);
    put_varint(w, text.n);
    for (size_t i = 0; i < text.n; i++)
        put_byte(w, (unsigned char)text.at[i]);
}

static void put_score(struct writer *w, double score)
{
    float nearest = (float)score;
    uint32_t bits = 0;
    uint64_t all_bits = 0;
    memcpy(&bits, &nearest, sizeof bits);
    put_tag(w, 2, FIXED32);
    put_fixed(w, bits, 4);
    if ((double)nearest == score)
        return;
    memcpy(&all_bits, &score, sizeof all_bits);
    put_tag(w, BV_PIECE_DOUBLE_SCORE, FIXED64);
    put_fixed(w, all_bits, 8);
}

static void put_piece(struct writer *w, const struct bv_piece *piece)
{
    put_text(w, 1, piece->text);
    put_score(w, piece->score);
    if (piece->type != BV_PIECE_NORMAL) {
        put_tag(w, 3, VARINT);
        put_varint(w, (uint64_t)piece->type);
    }
}

static void put_trainer(struct writer *w, const struct bv_spiece_file *file)
{
    put_flag(w, 24, file->space_last);
    put_flag(w, 35, file->bytes);
}

static void put_normalizer(struct writer *w, const struct bv_spiece_file *file)
{
    put_text(w, 2, file->charsmap);
    put_flag(w, 3, file->dummy_prefix);
    put_flag(w, 4, file->remove_spaces);
    put_flag(w, 5, file->escape_spaces);
}

static void put_file(struct writer *w, const struct bv_spiece_file *file)
{
    for (size_t i = 0; i < file->n; i++) {
        struct writer size = {0};
        put_piece(&size, &file->pieces[i]);
        put_tag(w, 1, BYTES);
        put_varint(w, size.n);
        put_piece(w, &file->pieces[i]);
    }
    struct writer trainer = {0}, normalizer = {0};
    put_trainer(&trainer, file);
    put_tag(w, 2, BYTES);
    put_varint(w, trainer.n);
    put_trainer(w, file);
    put_normalizer(&normalizer, file);
    put_tag(w, 3, BYTES);
    put_varint(w, normalizer.n);
    put_normalizer(w, file);
}

enum bv_status bv_spiece_file_write(const struct bv_spiece_file *file, char **bytes, size_t *n,
                                    struct bv_error *err)
{
    struct writer size = {0}, out = {0};
    put_file(&size, file);
    if (size.n > BV_VOCAB_MAX_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "vocabulary: %zu bytes, at most %zu are allowed", size.n,
                       BV_VOCAB_MAX_BYTES);
    out.at = malloc(size.n + 1);
    if (!out.at)
        return bv_fail_nomem(err, "vocabulary");
    put_file(&out, file);
    *bytes = out.at;
    *n = out.n;
    return BV_OK;
}
