// spiece_file.h: SentencePiece's model file (spiece.model): a protocol buffer, ModelProto of
// sentencepiece_model.proto, with the pieces, their scores, and how text is normalised before.
#ifndef BV_TEXT_SPIECE_FILE_H
#define BV_TEXT_SPIECE_FILE_H

#include <stdbool.h>

#include "text/vocab.h"

#define BV_PIECE_MAX_BYTES 1024 // of one piece

enum bv_piece_type {
    BV_PIECE_NORMAL = 1,
    BV_PIECE_UNKNOWN = 2, // what no piece covers; exactly one
    BV_PIECE_CONTROL = 3, // never in a text: [CLS], [SEP]
    BV_PIECE_USER = 4,    // always cut out of the text as it is
    BV_PIECE_UNUSED = 5,
    BV_PIECE_BYTE = 6, // "<0x0A>": stands for a byte of what no piece covers
};

struct bv_piece {
    struct bv_token_text text; // borrowed from the file's bytes
    double score;              // log probability; a float in the library's own files
    enum bv_piece_type type;
};

// A piece's field for a score that no float holds, among those that the format leaves to others.
#define BV_PIECE_DOUBLE_SCORE 200

// Zero-initialise; free with bv_spiece_file_free().
struct bv_spiece_file {
    struct bv_piece *pieces; // by id
    size_t n;
    struct bv_token_text charsmap; // precompiled normalisation (charsmap.h), borrowed; empty: none
    bool dummy_prefix;             // a space before the text
    bool remove_spaces;            // at both ends, and runs of them to one
    bool escape_spaces;            // a space becomes U+2581
    bool space_last;               // the dummy prefix stands behind instead
    bool bytes;                    // what no piece covers becomes bytes
};

void bv_spiece_file_free(struct bv_spiece_file *file);

// Reads a model of n bytes (at most BV_VOCAB_MAX_BYTES), which must outlive file. Damage, a piece
// that is empty, too long or not UTF-8, a score that is no number, and a file without its one
// unknown piece are BV_ERR_FORMAT; a model other than unigram is BV_ERR_UNSUPPORTED.
enum bv_status bv_spiece_file_read(struct bv_spiece_file *file, const void *bytes, size_t n,
                                   struct bv_error *err);

// Writes the model files that spiece_file.h reads.

// Writes the pieces and how text is normalised, as malloc'd bytes. What a reader would refuse (a
// piece that is empty or too long, no unknown piece) is not looked for here. A score that no float
// holds is written beside the float nearest to it. More than BV_VOCAB_MAX_BYTES is BV_ERR_LIMIT.
enum bv_status bv_spiece_file_write(const struct bv_spiece_file *file, char **bytes, size_t *n,
                                    struct bv_error *err);

#endif
