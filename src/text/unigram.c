#include "text/pieces.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "text/runes.h"

static const char space_symbol[] = "\xe2\x96\x81"; // U+2581
enum { SPACE_BYTES = 3 };
static const size_t max_normalized = (size_t)64 << 20;
static const double unknown_penalty = 10;

struct bv_piece_entry {
    const char *at;
    size_t n;
    int32_t id;
};

// ---- the lists ----

static int compare_entries(const void *a, const void *b)
{
    const struct bv_piece_entry *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

// Whether pieces of this type are looked for in texts.
static bool is_listed(enum bv_unigram_rules rules, enum bv_piece_type type)
{
    return type == BV_PIECE_NORMAL || type == BV_PIECE_USER || type == BV_PIECE_UNUSED ||
           (type == BV_PIECE_UNKNOWN && rules == BV_UNIGRAM_TOKENIZERS);
}

static enum bv_status make_list(struct bv_piece_list *list, enum bv_unigram_rules rules,
                                const struct bv_vocab *vocab, const struct bv_spiece_file *file,
                                bool user, struct bv_error *err)
{
    list->entries = malloc((file->n + 1) * sizeof *list->entries);
    if (!list->entries)
        return bv_fail_nomem(err, "vocabulary");
    for (size_t i = 0; i < file->n; i++) {
        enum bv_piece_type type = file->pieces[i].type;
        struct bv_token_text text = bv_vocab_text(vocab, (int32_t)i);
        if (user ? type == BV_PIECE_USER : is_listed(rules, type))
            list->entries[list->n++] = (struct bv_piece_entry){text.at, text.n, (int32_t)i};
    }
    qsort(list->entries, list->n, sizeof *list->entries, compare_entries);
    for (size_t i = 1; i < list->n; i++)
        if (compare_entries(&list->entries[i - 1], &list->entries[i]) == 0)
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: the pieces %d and %d are equal",
                           (int)list->entries[i - 1].id, (int)list->entries[i].id);
    return BV_OK;
}

// The first entry of [lo, hi) whose byte at depth is at least byte; all of them agree before it.
static size_t lower_bound(const struct bv_piece_entry *entries, size_t lo, size_t hi, size_t depth,
                          int byte)
{
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        const struct bv_piece_entry *e = &entries[middle];
        int own = e->n > depth ? (unsigned char)e->at[depth] : -1;
        if (own < byte)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

// A walk along a text: the entries that begin with what was read so far.
struct walk {
    const struct bv_piece_list *list;
    size_t lo, hi, depth;
};

static struct walk start_walk(const struct bv_piece_list *list)
{
    return (struct walk){.list = list, .hi = list->n};
}

// Reads a byte; false when no entry goes on with it. *entry is the one that ends here, or NULL.
static bool step(struct walk *w, char byte, const struct bv_piece_entry **entry)
{
    const struct bv_piece_entry *entries = w->list->entries;
    int value = (unsigned char)byte;
    w->lo = lower_bound(entries, w->lo, w->hi, w->depth, value);
    w->hi = lower_bound(entries, w->lo, w->hi, w->depth, value + 1);
    w->depth++;
    if (w->lo == w->hi)
        return false;
    *entry = entries[w->lo].n == w->depth ? &entries[w->lo] : NULL;
    return true;
}

// ---- building ----

static enum bv_status find_bytes(struct bv_unigram *u, const struct bv_vocab *vocab,
                                 struct bv_error *err)
{
    for (unsigned i = 0; i < 256; i++) {
        char name[8];
        int n = snprintf(name, sizeof name, "<0x%02X>", i);
        u->byte_ids[i] = bv_vocab_find(vocab, name, (size_t)n);
        if (u->byte_ids[i] < 0 || u->type[u->byte_ids[i]] != BV_PIECE_BYTE)
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: no piece for the byte %u", i);
    }
    return BV_OK;
}

// A sum of scores as the rules keep it.
static double kept(const struct bv_unigram *u, double sum)
{
    return u->rules == BV_UNIGRAM_TOKENIZERS ? sum : (double)(float)sum;
}

static void take_scores(struct bv_unigram *u, const struct bv_spiece_file *file)
{
    double smallest = (double)FLT_MAX;
    u->largest_score = FLT_MIN; // as in the reference: the smallest positive number
    for (size_t i = 0; i < file->n; i++) {
        const struct bv_piece *p = &file->pieces[i];
        bool unknown = p->type == BV_PIECE_UNKNOWN;
        u->score[i] = p->score;
        u->type[i] = (unsigned char)p->type;
        if (unknown)
            u->unknown = (int32_t)i;
        if (p->type != BV_PIECE_NORMAL && !(unknown && u->rules == BV_UNIGRAM_TOKENIZERS))
            continue;
        smallest = p->score < smallest ? p->score : smallest;
        if (p->score > (double)u->largest_score)
            u->largest_score = (float)p->score;
    }
    u->unknown_score = kept(u, smallest - unknown_penalty);
}

static enum bv_status build(struct bv_unigram *u, const struct bv_vocab *vocab,
                            const struct bv_spiece_file *file, const void *source, size_t n_source,
                            struct bv_error *err)
{
    u->score = malloc(file->n * sizeof *u->score);
    u->type = malloc(file->n);
    u->source = malloc(n_source + 1);
    if (!u->score || !u->type || !u->source)
        return bv_fail_nomem(err, "vocabulary");
    memcpy(u->source, source, n_source);
    take_scores(u, file);
    BV_TRY(make_list(&u->pieces, u->rules, vocab, file, false, err));
    BV_TRY(make_list(&u->user, u->rules, vocab, file, true, err));
    BV_TRY(bv_charsmap_read(&u->map, file->charsmap, err));
    if (file->merges)
        BV_TRY(bv_spiece_merges(&u->bpe, vocab, file, err));
    return file->bytes ? find_bytes(u, vocab, err) : BV_OK;
}

enum bv_status bv_unigram_build(struct bv_unigram *unigram, enum bv_unigram_rules rules,
                                const struct bv_vocab *vocab, const struct bv_spiece_file *file,
                                const void *source, size_t n_source, struct bv_error *err)
{
    struct bv_unigram u = {.rules = rules,
                           .dummy_prefix = file->dummy_prefix,
                           .remove_spaces = file->remove_spaces,
                           .escape_spaces = file->escape_spaces,
                           .space_last = file->space_last,
                           .bytes = file->bytes,
                           .merges = file->merges,
                           .n_source = n_source};
    enum bv_status status = build(&u, vocab, file, source, n_source, err);
    if (status == BV_OK)
        *unigram = u;
    else
        bv_unigram_free(&u);
    return status;
}

void bv_unigram_free(struct bv_unigram *unigram)
{
    free(unigram->score);
    free(unigram->type);
    free(unigram->pieces.entries);
    free(unigram->user.entries);
    bv_charsmap_free(&unigram->map);
    bv_bpe_free(&unigram->bpe);
    free(unigram->source);
    *unigram = (struct bv_unigram){0};
}

// ---- normalisation ----

// The best way to cut the text that ends at a byte: its last piece.
struct node {
    double score;
    int32_t id;
    uint32_t start; // of the piece; UNREACHED where no piece ends
};
static const uint32_t unreached = UINT32_MAX;

struct bv_unigram_buffers {
    char *text; // normalised
    size_t n, capacity;
    struct node *nodes;
    size_t node_capacity;
    struct bv_piece_span *spans;
    size_t n_spans, span_capacity;
    struct bv_bpe_scratch merging;
};

void bv_unigram_scratch_free(struct bv_unigram_scratch *scratch)
{
    for (int i = 0; i < 2; i++) {
        struct bv_unigram_buffers *b = scratch->buffers[i];
        if (!b)
            continue;
        free(b->text);
        free(b->nodes);
        free(b->spans);
        bv_bpe_scratch_free(&b->merging);
        free(b);
        scratch->buffers[i] = NULL;
    }
}

// Makes room for n elements of a size in *block.
static enum bv_status reserve(void **block, size_t *capacity, size_t n, size_t size,
                              struct bv_error *err)
{
    if (n <= *capacity)
        return BV_OK;
    size_t larger = n + n / 2 + 64;
    void *grown = realloc(*block, larger * size);
    if (!grown)
        return bv_fail_nomem(err, "a text");
    *block = grown;
    *capacity = larger;
    return BV_OK;
}

static enum bv_status put(struct bv_unigram_buffers *b, const char *text, size_t n,
                          struct bv_error *err)
{
    if (n == 0)
        return BV_OK;
    if (b->n + n > max_normalized)
        return bv_fail(err, BV_ERR_LIMIT, "a text of more than %zu bytes once normalised",
                       max_normalized);
    void *block = b->text;
    BV_TRY(reserve(&block, &b->capacity, b->n + n, 1, err));
    b->text = block;
    memcpy(b->text + b->n, text, n);
    b->n += n;
    return BV_OK;
}

static enum bv_status put_space(const struct bv_unigram *u, struct bv_unigram_buffers *b,
                                struct bv_error *err)
{
    return u->escape_spaces ? put(b, space_symbol, SPACE_BYTES, err) : put(b, " ", 1, err);
}

// The longest entry that text[0..n) begins with, NULL where none does.
static const struct bv_piece_entry *longest(const struct bv_piece_list *list, const char *text,
                                            size_t n)
{
    struct walk w = start_walk(list);
    const struct bv_piece_entry *entry = NULL, *found = NULL;
    for (size_t i = 0; i < n && step(&w, text[i], &entry); i++)
        found = entry ? entry : found;
    return found;
}

// What text[0..n) begins with, once normalised; returns the bytes that it stands for.
static size_t normalize_next(const struct bv_unigram *u, const char *text, size_t n,
                             struct bv_token_text *result)
{
    const struct bv_piece_entry *user = longest(&u->user, text, n);
    size_t taken = user ? user->n : 0;
    if (taken == 0) {
        size_t rule = bv_charsmap_match(&u->map, text, n, result);
        if (rule)
            return rule;
        uint32_t rune;
        taken = bv_utf8_decode(text, n, &rune);
        taken = taken ? taken : 1;
    }
    *result = (struct bv_token_text){text, taken};
    return taken;
}

static bool ends_in_space(const struct bv_unigram *u, const struct bv_unigram_buffers *b)
{
    if (!u->escape_spaces)
        return b->n > 0 && b->text[b->n - 1] == ' ';
    return b->n >= SPACE_BYTES &&
           memcmp(b->text + b->n - SPACE_BYTES, space_symbol, SPACE_BYTES) == 0;
}

// Appends a normalised stretch, without its spaces in front where one stands before already.
static enum bv_status put_normalized(const struct bv_unigram *u, struct bv_unigram_buffers *b,
                                     struct bv_token_text piece, bool *after_space,
                                     struct bv_error *err)
{
    while (*after_space && piece.n && *piece.at == ' ') {
        piece.at++;
        piece.n--;
    }
    if (piece.n)
        *after_space = u->remove_spaces && piece.at[piece.n - 1] == ' ';
    for (size_t i = 0; i < piece.n;) {
        const char *space = memchr(piece.at + i, ' ', piece.n - i);
        size_t end = space ? (size_t)(space - piece.at) : piece.n;
        BV_TRY(put(b, piece.at + i, end - i, err));
        if (space)
            BV_TRY(put_space(u, b, err));
        i = end + 1;
    }
    return BV_OK;
}

static enum bv_status normalize(const struct bv_unigram *u, struct bv_unigram_buffers *b,
                                const char *text, size_t n, struct bv_error *err)
{
    struct bv_token_text piece;
    size_t i = 0;
    b->n = 0;
    while (u->remove_spaces && i < n) {
        size_t taken = normalize_next(u, text + i, n - i, &piece);
        if (piece.n != 1 || *piece.at != ' ')
            break;
        i += taken;
    }
    if (i == n)
        return BV_OK;
    if (u->dummy_prefix && !u->space_last)
        BV_TRY(put_space(u, b, err));
    for (bool after_space = u->remove_spaces; i < n;) {
        i += normalize_next(u, text + i, n - i, &piece);
        BV_TRY(put_normalized(u, b, piece, &after_space, err));
        after_space = after_space && u->remove_spaces;
    }
    while (u->remove_spaces && ends_in_space(u, b))
        b->n -= u->escape_spaces ? SPACE_BYTES : 1;
    return u->dummy_prefix && u->space_last ? put_space(u, b, err) : BV_OK;
}

// ---- segmentation ----

// Offers a piece as the last of the text that ends at a node.
static void offer(const struct bv_unigram *u, struct node *node, double score, int32_t id,
                  size_t start)
{
    if (node->start == unreached || score > node->score)
        *node = (struct node){kept(u, score), id, (uint32_t)start};
}

static size_t character_bytes(char first)
{
    static const unsigned char bytes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    return bytes[(unsigned char)first >> 4];
}

// Finds the best piece that ends at each byte. Sums are rounded where the reference rounds them.
static void find_best(const struct bv_unigram *u, const char *text, size_t n, struct node *nodes)
{
    for (size_t i = 0; i <= n; i++)
        nodes[i] = (struct node){.start = unreached};
    for (size_t start = 0; start < n;) {
        size_t character = character_bytes(text[start]);
        character = character < n - start ? character : n - start;
        double here = nodes[start].score;
        bool covered = false;
        struct walk w = start_walk(&u->pieces);
        const struct bv_piece_entry *entry = NULL;
        for (size_t end = start + 1; end <= n && step(&w, text[end - 1], &entry); end++) {
            if (!entry || u->type[entry->id] == BV_PIECE_UNUSED)
                continue;
            double score = u->score[entry->id];
            if (u->type[entry->id] == BV_PIECE_USER) // always preferred
                score = (double)((float)(end - start) * u->largest_score) - 0.1;
            offer(u, &nodes[end], score + here, entry->id, start);
            covered = covered || end - start == character;
        }
        if (!covered)
            offer(u, &nodes[start + character], kept(u, u->unknown_score + here), u->unknown,
                  start);
        start += character;
    }
}

// Neighbouring unknown pieces become one.
static void join_unknown(const struct bv_unigram *u, struct bv_unigram_buffers *b)
{
    size_t joined = 0;
    for (size_t i = 0; i < b->n_spans; i++) {
        if (joined && !u->bytes && b->spans[i].id == u->unknown &&
            b->spans[joined - 1].id == u->unknown)
            b->spans[joined - 1].end = b->spans[i].end;
        else
            b->spans[joined++] = b->spans[i];
    }
    b->n_spans = joined;
}

static enum bv_status reserve_spans(struct bv_unigram_buffers *b, size_t n, struct bv_error *err)
{
    void *block = b->spans;
    BV_TRY(reserve(&block, &b->span_capacity, n, sizeof *b->spans, err));
    b->spans = block;
    return BV_OK;
}

// Reads the best path from its end.
static enum bv_status read_path(struct bv_unigram_buffers *b, size_t n, struct bv_error *err)
{
    size_t count = 0;
    for (size_t end = n; end > 0; end = b->nodes[end].start)
        count++;
    BV_TRY(reserve_spans(b, count, err));
    b->n_spans = count;
    for (size_t end = n; end > 0; end = b->nodes[end].start)
        b->spans[--count] =
            (struct bv_piece_span){b->nodes[end].id, b->nodes[end].start, (uint32_t)end};
    return BV_OK;
}

// Merges the spans from first on.
static enum bv_status merge_from(const struct bv_unigram *u, struct bv_unigram_buffers *b,
                                 size_t first, struct bv_error *err)
{
    size_t n = b->n_spans - first;
    if (n == 0) // there may be no spans at all then
        return BV_OK;
    BV_TRY(bv_bpe_merge_spans(&u->bpe, b->spans + first, &n, &b->merging, err));
    b->n_spans = first + n;
    return BV_OK;
}

// Byte-pair encoding: characters are merged, between pieces that are always cut out.
static enum bv_status cut_merging(const struct bv_unigram *u, struct bv_unigram_buffers *b,
                                  const char *text, size_t n, struct bv_error *err)
{
    size_t first = 0;
    b->n_spans = 0;
    for (size_t i = 0; i < n;) {
        const struct bv_piece_entry *user = longest(&u->user, text + i, n - i), *own = NULL;
        size_t width = character_bytes(text[i]);
        width = user ? user->n : width < n - i ? width : n - i;
        own = user ? user : longest(&u->pieces, text + i, width);
        int32_t id = own && own->n == width ? own->id : u->unknown;
        if (user) {
            BV_TRY(merge_from(u, b, first, err));
            first = b->n_spans + 1;
        }
        BV_TRY(reserve_spans(b, b->n_spans + 1, err));
        b->spans[b->n_spans++] = (struct bv_piece_span){id, (uint32_t)i, (uint32_t)(i + width)};
        i += width;
    }
    return merge_from(u, b, first, err);
}

// Cuts a normalised text: b->spans.
static enum bv_status cut(const struct bv_unigram *u, struct bv_unigram_buffers *b,
                          const char *text, size_t n, struct bv_error *err)
{
    if (u->merges) {
        BV_TRY(cut_merging(u, b, text, n, err));
    } else {
        void *block = b->nodes;
        BV_TRY(reserve(&block, &b->node_capacity, n + 1, sizeof *b->nodes, err));
        b->nodes = block;
        find_best(u, text, n, b->nodes);
        BV_TRY(read_path(b, n, err));
    }
    join_unknown(u, b);
    return BV_OK;
}

static enum bv_status take_buffers(struct bv_unigram_buffers **buffers, struct bv_error *err)
{
    if (!*buffers && !(*buffers = calloc(1, sizeof **buffers)))
        return bv_fail_nomem(err, "a text");
    (*buffers)->n_spans = 0;
    return BV_OK;
}

static enum bv_status segment(const struct bv_unigram *u, struct bv_unigram_buffers **buffers,
                              const char *text, size_t n, struct bv_error *err)
{
    BV_TRY(take_buffers(buffers, err));
    struct bv_unigram_buffers *b = *buffers;
    BV_TRY(normalize(u, b, text, n, err));
    return cut(u, b, b->text, b->n, err);
}

// ---- pieces to tokens ----

static bool begins_word(const char *text, size_t n)
{
    return n >= SPACE_BYTES && memcmp(text, space_symbol, SPACE_BYTES) == 0;
}

static enum bv_status push(struct bv_tokens *out, int32_t id, bool first, const char *text,
                           size_t n, struct bv_error *err)
{
    return bv_tokens_push(out, id, !first && !begins_word(text, n), err);
}

static enum bv_status push_bytes(const struct bv_unigram *u, const char *text, size_t n, bool first,
                                 struct bv_tokens *out, struct bv_error *err)
{
    for (size_t i = 0; i < n; i++)
        BV_TRY(
            push(out, u->byte_ids[(unsigned char)text[i]], first && i == 0, text, i ? 0 : n, err));
    return BV_OK;
}

// Whether a piece is a digit and a comma at its end ("▁9,", "9,").
static bool ends_in_digit_comma(const char *text, size_t n)
{
    size_t before = n - 1; // begin of the character before the comma
    uint32_t rune = 0;
    if (n < 2 || text[n - 1] != ',')
        return false;
    do
        before--;
    while (before > 0 && ((unsigned char)text[before] & 0xc0u) == 0x80u);
    return bv_utf8_decode(text + before, n - 1 - before, &rune) > 0 && bv_rune_is_digit(rune);
}

// ALBERT's rule (google-research/albert, tokenization.encode_pieces): such a piece is cut into the
// pieces of what stands before the comma, and the comma.
static enum bv_status push_before_comma(const struct bv_unigram *u, const struct bv_vocab *vocab,
                                        const char *text, size_t n, bool first,
                                        struct bv_unigram_scratch *scratch, struct bv_tokens *out,
                                        struct bv_error *err)
{
    bool spaced = begins_word(text, n);
    size_t skip = spaced ? SPACE_BYTES : 0;
    BV_TRY(segment(u, &scratch->buffers[1], text + skip, n - 1 - skip, err));
    const struct bv_unigram_buffers *b = scratch->buffers[1];
    for (size_t i = 0; i < b->n_spans; i++) {
        const char *piece = b->text + b->spans[i].start;
        size_t length = b->spans[i].end - b->spans[i].start;
        int32_t id = b->spans[i].id;
        if (i == 0 && !spaced && begins_word(piece, length)) { // the space is the prefix's
            piece += SPACE_BYTES;
            length -= SPACE_BYTES;
            id = length ? bv_vocab_find(vocab, piece, length) : -1;
            if (length == 0)
                continue;
        }
        BV_TRY(push(out, id < 0 ? u->unknown : id, first && i == 0, piece, length, err));
    }
    int32_t comma = bv_vocab_find(vocab, ",", 1);
    return bv_tokens_push(out, comma < 0 ? u->unknown : comma, true, err);
}

enum bv_status bv_unigram_encode(const struct bv_unigram *unigram, const struct bv_vocab *vocab,
                                 const char *text, size_t n, struct bv_unigram_scratch *scratch,
                                 struct bv_tokens *out, struct bv_error *err)
{
    BV_TRY(segment(unigram, &scratch->buffers[0], text, n, err));
    const struct bv_unigram_buffers *b = scratch->buffers[0];
    for (size_t i = 0; i < b->n_spans; i++) {
        const struct bv_piece_span *s = &b->spans[i];
        const char *piece = b->text + s->start;
        size_t length = s->end - s->start;
        if (unigram->split_comma && ends_in_digit_comma(piece, length))
            BV_TRY(push_before_comma(unigram, vocab, piece, length, i == 0, scratch, out, err));
        else if (unigram->bytes && s->id == unigram->unknown)
            BV_TRY(push_bytes(unigram, piece, length, i == 0, out, err));
        else
            BV_TRY(push(out, s->id, i == 0, piece, length, err));
    }
    return BV_OK;
}

enum bv_status bv_unigram_encode_word(const struct bv_unigram *unigram, const char *word, size_t n,
                                      bool first, struct bv_unigram_scratch *scratch,
                                      struct bv_tokens *out, struct bv_error *err)
{
    BV_TRY(take_buffers(&scratch->buffers[0], err));
    struct bv_unigram_buffers *b = scratch->buffers[0];
    BV_TRY(cut(unigram, b, word, n, err));
    for (size_t i = 0; i < b->n_spans; i++) {
        const struct bv_piece_span *s = &b->spans[i];
        BV_TRY(push(out, s->id, first && i == 0, word + s->start, s->end - s->start, err));
    }
    return BV_OK;
}
