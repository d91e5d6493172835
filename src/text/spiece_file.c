#include "text/pieces.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

// A message, and the field under way.
struct reader {
    const unsigned char *at, *end;
    bool damaged;
    uint32_t number;
    unsigned wire;
    uint64_t value;            // of a varint or fixed field
    struct bv_token_text text; // of a field of bytes
};

static struct reader read_from(const char *bytes, size_t n)
{
    const unsigned char *at = (const unsigned char *)bytes;
    return (struct reader){.at = at, .end = at + n};
}

static uint64_t take_varint(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end)
            break;
        unsigned char byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    r->damaged = true;
    return 0;
}

static uint64_t take_fixed(struct reader *r, unsigned n)
{
    uint64_t value = 0;
    if ((size_t)(r->end - r->at) < n) {
        r->damaged = true;
        return 0;
    }
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)*r->at++ << (8 * i);
    return value;
}

// Takes the next field; false at the end or where the message is damaged.
static bool next_field(struct reader *r)
{
    if (r->damaged || r->at == r->end)
        return false;
    uint64_t tag = take_varint(r);
    r->number = (uint32_t)(tag >> 3);
    r->wire = tag & 7;
    r->text = (struct bv_token_text){0};
    r->value = 0;
    if (r->wire == VARINT) {
        r->value = take_varint(r);
    } else if (r->wire == FIXED64 || r->wire == FIXED32) {
        r->value = take_fixed(r, r->wire == FIXED64 ? 8 : 4);
    } else if (r->wire == BYTES) {
        uint64_t n = take_varint(r);
        if (n > (uint64_t)(r->end - r->at))
            r->damaged = true;
        else
            r->text = (struct bv_token_text){(const char *)r->at, (size_t)n};
        r->at += r->text.n;
    } else { // groups are not used
        r->damaged = true;
    }
    return !r->damaged && r->number > 0 && tag >> 3 == r->number;
}

static enum bv_status fail_damaged(struct bv_error *err)
{
    return bv_fail(err, BV_ERR_FORMAT, "vocabulary: damaged or no SentencePiece model");
}

static bool is_field(const struct reader *r, uint32_t number, enum wire wire)
{
    return r->number == number && r->wire == (unsigned)wire;
}

static enum bv_status read_piece(struct bv_piece *piece, size_t id, struct bv_token_text message,
                                 struct bv_error *err)
{
    struct reader r = read_from(message.at, message.n);
    *piece = (struct bv_piece){.type = BV_PIECE_NORMAL};
    while (next_field(&r)) {
        if (is_field(&r, 1, BYTES)) {
            piece->text = r.text;
        } else if (is_field(&r, 2, FIXED32)) {
            uint32_t bits = (uint32_t)r.value;
            float score = 0;
            memcpy(&score, &bits, sizeof bits);
            piece->score = (double)score;
        } else if (is_field(&r, BV_PIECE_DOUBLE_SCORE, FIXED64)) {
            memcpy(&piece->score, &r.value, sizeof r.value);
        } else if (is_field(&r, 3, VARINT)) {
            if (r.value < BV_PIECE_NORMAL || r.value > BV_PIECE_BYTE)
                return bv_fail(err, BV_ERR_FORMAT, "vocabulary: piece %zu has an unknown type", id);
            piece->type = (enum bv_piece_type)r.value;
        }
    }
    if (r.damaged)
        return fail_damaged(err);
    if (piece->text.n == 0 || piece->text.n > BV_PIECE_MAX_BYTES)
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: piece %zu has %zu bytes, 1 to %d are right",
                       id, piece->text.n, BV_PIECE_MAX_BYTES);
    if (!bv_utf8_valid(piece->text.at, piece->text.n, NULL))
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: piece %zu is not valid UTF-8", id);
    if (!isfinite(piece->score))
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: the score of piece %zu is no number", id);
    return BV_OK;
}

static enum bv_status read_trainer(struct bv_spiece_file *file, struct bv_token_text message,
                                   struct bv_error *err)
{
    static const char *const models[] = {"unigram", "bpe", "word", "char"};
    struct reader r = read_from(message.at, message.n);
    while (next_field(&r)) {
        if (is_field(&r, 3, VARINT) && r.value != 1 && r.value != 2)
            return bv_fail(err, BV_ERR_UNSUPPORTED,
                           "vocabulary: a SentencePiece model of kind %s, neither unigram nor bpe",
                           r.value >= 1 && r.value <= 4 ? models[r.value - 1] : "unknown");
        if (is_field(&r, 3, VARINT))
            file->merges = r.value == 2;
        if (is_field(&r, 24, VARINT))
            file->space_last = r.value != 0;
        if (is_field(&r, 35, VARINT))
            file->bytes = r.value != 0;
    }
    return r.damaged ? fail_damaged(err) : BV_OK;
}

static enum bv_status read_normalizer(struct bv_spiece_file *file, struct bv_token_text message,
                                      struct bv_error *err)
{
    struct reader r = read_from(message.at, message.n);
    while (next_field(&r)) {
        if (is_field(&r, 2, BYTES))
            file->charsmap = r.text;
        if (is_field(&r, 3, VARINT))
            file->dummy_prefix = r.value != 0;
        if (is_field(&r, 4, VARINT))
            file->remove_spaces = r.value != 0;
        if (is_field(&r, 5, VARINT))
            file->escape_spaces = r.value != 0;
    }
    return r.damaged ? fail_damaged(err) : BV_OK;
}

static enum bv_status count_pieces(const char *bytes, size_t n, size_t *count, struct bv_error *err)
{
    struct reader r = read_from(bytes, n);
    size_t pieces = 0;
    while (next_field(&r))
        pieces += is_field(&r, 1, BYTES);
    if (r.damaged || r.at != r.end)
        return fail_damaged(err);
    if (pieces > BV_VOCAB_MAX_TOKENS)
        return bv_fail(err, BV_ERR_LIMIT, "vocabulary: %zu entries, at most %zu are allowed",
                       pieces, BV_VOCAB_MAX_TOKENS);
    *count = pieces;
    return BV_OK;
}

static enum bv_status check_unknown(const struct bv_spiece_file *file, struct bv_error *err)
{
    size_t unknown = 0;
    for (size_t i = 0; i < file->n; i++)
        unknown += file->pieces[i].type == BV_PIECE_UNKNOWN;
    return unknown == 1 ? BV_OK
                        : bv_fail(err, BV_ERR_FORMAT,
                                  "vocabulary: %zu unknown pieces instead of one", unknown);
}

enum bv_status bv_spiece_file_read(struct bv_spiece_file *file, const void *bytes, size_t n,
                                   struct bv_error *err)
{
    size_t count = 0;
    if (n > BV_VOCAB_MAX_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "vocabulary: %zu bytes, at most %zu are allowed", n,
                       BV_VOCAB_MAX_BYTES);
    BV_TRY(count_pieces(bytes, n, &count, err));
    if (count == 0)
        return fail_damaged(err);
    struct bv_spiece_file out = {
        .dummy_prefix = true, .remove_spaces = true, .escape_spaces = true};
    out.pieces = calloc(count, sizeof *out.pieces);
    if (!out.pieces)
        return bv_fail_nomem(err, "vocabulary");
    enum bv_status status = BV_OK;
    struct reader r = read_from(bytes, n);
    while (status == BV_OK && next_field(&r)) {
        if (is_field(&r, 1, BYTES)) {
            status = read_piece(&out.pieces[out.n], out.n, r.text, err);
            out.n++;
        } else if (is_field(&r, 2, BYTES)) {
            status = read_trainer(&out, r.text, err);
        } else if (is_field(&r, 3, BYTES)) {
            status = read_normalizer(&out, r.text, err);
        }
    }
    if (status == BV_OK)
        status = check_unknown(&out, err);
    if (status != BV_OK) {
        bv_spiece_file_free(&out);
        return status;
    }
    *file = out;
    return BV_OK;
}

void bv_spiece_file_free(struct bv_spiece_file *file)
{
    free(file->pieces);
    *file = (struct bv_spiece_file){0};
}
