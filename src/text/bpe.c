#include "text/pieces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"

struct bv_merge {
    int32_t left, right, result;
    uint32_t rank; // its own place, or that of all merges with an equal score
};

enum { MAX_PROBES = 512 };
static const uint32_t no_merge = UINT32_MAX;
static const uint32_t no_symbol = UINT32_MAX;

uint32_t bv_bpe_byte_rune(unsigned char byte)
{
    if ((byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae)
        return byte;
    if (byte <= 0x20)
        return 0x100u + byte;
    return byte == 0xad ? 0x143u : 0x121u + (byte - 0x7fu);
}

void bv_bpe_merge(const struct bv_bpe *bpe, size_t rank, int32_t *left, int32_t *right)
{
    *left = bpe->merges[rank].left;
    *right = bpe->merges[rank].right;
}

static uint32_t pair_hash(int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key = (key ^ key >> 29) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(key >> 32);
}

// The merge of two symbols; no_merge where there is none.
static uint32_t merge_of(const struct bv_bpe *bpe, int32_t left, int32_t right)
{
    for (uint32_t i = pair_hash(left, right) & bpe->mask; bpe->slots[i]; i = (i + 1) & bpe->mask) {
        const struct bv_merge *merge = &bpe->merges[bpe->slots[i] - 1];
        if (merge->left == left && merge->right == right)
            return bpe->slots[i] - 1;
    }
    return no_merge;
}

// Of equal pairs the last counts, as in a Python dict.
static enum bv_status insert(struct bv_bpe *bpe, uint32_t index, struct bv_error *err)
{
    const struct bv_merge *merge = &bpe->merges[index];
    uint32_t i = pair_hash(merge->left, merge->right) & bpe->mask;
    for (int probes = 0; bpe->slots[i]; i = (i + 1) & bpe->mask, probes++) {
        if (probes == MAX_PROBES)
            return bv_fail(err, BV_ERR_LIMIT, "merges: too many pairs with one hash");
        const struct bv_merge *other = &bpe->merges[bpe->slots[i] - 1];
        if (other->left == merge->left && other->right == merge->right)
            break;
    }
    bpe->slots[i] = index + 1;
    return BV_OK;
}

static enum bv_status resolve(struct bv_merge *merge, const struct bv_vocab *vocab,
                              const struct bv_merge_text *text, size_t rank, char **joined,
                              size_t *capacity, struct bv_error *err)
{
    // Neither sum overflows: tokens are at most BV_VOCAB_MAX_BYTES long.
    size_t n = text->left.n + text->right.n;
    if (text->left.n > vocab->longest || text->right.n > vocab->longest)
        return bv_fail(err, BV_ERR_FORMAT, "merges: entry %zu is no token of the vocabulary", rank);
    if (n > *capacity) {
        char *grown = realloc(*joined, 2 * n);
        if (!grown)
            return bv_fail_nomem(err, "merges");
        *joined = grown;
        *capacity = 2 * n;
    }
    memcpy(*joined, text->left.at, text->left.n);
    memcpy(*joined + text->left.n, text->right.at, text->right.n);
    merge->left = bv_vocab_find(vocab, text->left.at, text->left.n);
    merge->right = bv_vocab_find(vocab, text->right.at, text->right.n);
    merge->result = bv_vocab_find(vocab, *joined, n);
    if (merge->left < 0 || merge->right < 0 || merge->result < 0)
        return bv_fail(err, BV_ERR_FORMAT, "merges: entry %zu is no token of the vocabulary", rank);
    return BV_OK;
}

// Memory for n merges and the table of their pairs.
static enum bv_status reserve(struct bv_bpe *bpe, size_t n, struct bv_error *err)
{
    size_t n_slots = 16;
    if (n > BV_VOCAB_MAX_TOKENS)
        return bv_fail(err, BV_ERR_LIMIT, "merges: %zu entries, at most %zu are allowed", n,
                       BV_VOCAB_MAX_TOKENS);
    while (n_slots < 2 * n)
        n_slots *= 2;
    bpe->mask = (uint32_t)(n_slots - 1);
    bpe->merges = malloc((n + 1) * sizeof *bpe->merges);
    bpe->slots = calloc(n_slots, sizeof *bpe->slots);
    return bpe->merges && bpe->slots ? BV_OK : bv_fail_nomem(err, "merges");
}

static void find_byte_tokens(struct bv_bpe *bpe, const struct bv_vocab *vocab, const char *suffix)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[16];
        size_t n = bv_utf8_encode(bv_bpe_byte_rune((unsigned char)byte), text);
        bpe->bytes[byte] = bv_vocab_find(vocab, text, n);
        (void)snprintf(text + n, sizeof text - n, "%s", suffix);
        bpe->finals[byte] = bv_vocab_find(vocab, text, n + strlen(suffix));
    }
}

static enum bv_status read_merges(struct bv_bpe *bpe, const struct bv_vocab *vocab,
                                  const struct bv_merge_text *merges, size_t n,
                                  struct bv_error *err)
{
    char *joined = NULL;
    size_t capacity = 0;
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        status = resolve(&bpe->merges[i], vocab, &merges[i], i, &joined, &capacity, err);
        bpe->merges[i].rank = (uint32_t)i;
        bpe->n_merges = i + 1;
        if (status == BV_OK)
            status = insert(bpe, (uint32_t)i, err);
    }
    free(joined);
    return status;
}

enum bv_status bv_bpe_build(struct bv_bpe *bpe, const struct bv_vocab *vocab, const char *suffix,
                            const struct bv_merge_text *merges, size_t n_merges, int32_t unknown,
                            struct bv_error *err)
{
    struct bv_bpe built = {.unknown = unknown};
    enum bv_status status = reserve(&built, n_merges, err);
    if (status == BV_OK)
        status = read_merges(&built, vocab, merges, n_merges, err);
    if (status != BV_OK) {
        bv_bpe_free(&built);
        return status;
    }
    find_byte_tokens(&built, vocab, suffix);
    *bpe = built;
    return BV_OK;
}

enum bv_status bv_bpe_build_ranked(struct bv_bpe *bpe, const struct bv_ranked_merge *merges,
                                   size_t n_merges, struct bv_error *err)
{
    struct bv_bpe built = {.at_once = true, .unknown = -1};
    enum bv_status status = reserve(&built, n_merges, err);
    for (size_t i = 0; status == BV_OK && i < n_merges; i++) {
        built.merges[i] =
            (struct bv_merge){merges[i].left, merges[i].right, merges[i].result, merges[i].rank};
        built.n_merges = i + 1;
        status = insert(&built, (uint32_t)i, err);
    }
    if (status == BV_OK)
        *bpe = built;
    else
        bv_bpe_free(&built);
    return status;
}

void bv_bpe_free(struct bv_bpe *bpe)
{
    free(bpe->merges);
    free(bpe->slots);
    *bpe = (struct bv_bpe){0};
}

// A word as a linked list of symbols, and the possible merges as a heap ordered by rank, then by
// place. An entry of the heap is stale when no merge of that rank is possible at its place.
struct work {
    int32_t *id;     // [n] symbol, by the place of its first byte
    uint32_t *next;  // [n] place of the symbol after, no_symbol at the end
    uint32_t *prev;  // [n]
    uint32_t *merge; // [n] of this symbol with the next
    uint64_t *heap;  // [3 n] rank << 32 | place
    uint64_t *fresh; // [2 n] entries that wait until the current pass is over
    size_t n_heap, n_fresh;
};

void bv_bpe_scratch_free(struct bv_bpe_scratch *scratch)
{
    free(scratch->block);
    *scratch = (struct bv_bpe_scratch){0};
}

static enum bv_status prepare(struct work *w, struct bv_bpe_scratch *scratch, size_t n,
                              struct bv_error *err)
{
    const size_t per_symbol = 5 * sizeof(uint64_t) + 4 * sizeof(uint32_t);
    if (!scratch->block || n > scratch->capacity) {
        size_t capacity = n < 64 ? 64 : n, bytes;
        if (!bv_mul_size(capacity, per_symbol, &bytes) || capacity >= no_symbol)
            return bv_fail_nomem(err, "a long word");
        void *block = malloc(bytes);
        if (!block)
            return bv_fail_nomem(err, "a long word");
        free(scratch->block);
        *scratch = (struct bv_bpe_scratch){block, capacity};
    }
    size_t capacity = scratch->capacity;
    w->heap = scratch->block;
    w->fresh = w->heap + 3 * capacity;
    w->next = (uint32_t *)(w->fresh + 2 * capacity);
    w->prev = w->next + capacity;
    w->merge = w->prev + capacity;
    w->id = (int32_t *)(w->merge + capacity);
    w->n_heap = w->n_fresh = 0;
    return BV_OK;
}

static void heap_push(struct work *w, uint64_t entry)
{
    size_t i = w->n_heap++;
    for (; i > 0 && w->heap[(i - 1) / 2] > entry; i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = entry;
}

static uint64_t heap_pop(struct work *w)
{
    uint64_t top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < w->n_heap; child = 2 * i + 1) {
        if (child + 1 < w->n_heap && w->heap[child + 1] < w->heap[child])
            child++;
        if (w->heap[child] >= last)
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

static bool has_rank(const struct bv_bpe *bpe, const struct work *w, uint32_t place, uint32_t rank)
{
    return w->merge[place] != no_merge && bpe->merges[w->merge[place]].rank == rank;
}

// Finds again whether the symbol at a place merges with the one after it.
static void look(const struct bv_bpe *bpe, struct work *w, uint32_t place)
{
    uint32_t next = w->next[place];
    w->merge[place] = next == no_symbol ? no_merge : merge_of(bpe, w->id[place], w->id[next]);
    if (w->merge[place] != no_merge)
        w->fresh[w->n_fresh++] = (uint64_t)bpe->merges[w->merge[place]].rank << 32 | place;
}

// Makes one symbol of those at left and after it; the list keeps the place of left.
static void merge_at(const struct bv_bpe *bpe, struct work *w, uint32_t left)
{
    uint32_t right = w->next[left];
    w->id[left] = bpe->merges[w->merge[left]].result;
    w->next[left] = w->next[right];
    w->merge[right] = no_merge;
    if (w->next[left] != no_symbol)
        w->prev[w->next[left]] = left;
    look(bpe, w, left);
    if (w->prev[left] != no_symbol)
        look(bpe, w, w->prev[left]);
}

static void merge_all(const struct bv_bpe *bpe, struct work *w)
{
    while (w->n_heap || w->n_fresh) {
        for (size_t i = 0; i < w->n_fresh; i++)
            heap_push(w, w->fresh[i]);
        w->n_fresh = 0;
        // One pass: all places of one pair from the left. What they give rise to comes after, or,
        // at once, takes part with the next place.
        uint32_t rank = (uint32_t)(w->heap[0] >> 32);
        while (w->n_heap && (uint32_t)(w->heap[0] >> 32) == rank) {
            uint32_t place = (uint32_t)heap_pop(w);
            if (has_rank(bpe, w, place, rank))
                merge_at(bpe, w, place);
            if (bpe->at_once && w->n_fresh)
                break;
        }
    }
}

static void link_all(const struct bv_bpe *bpe, struct work *w, size_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        w->prev[i] = i ? i - 1 : no_symbol;
        w->next[i] = i + 1 < n ? i + 1 : no_symbol;
    }
    for (uint32_t i = 0; i < n; i++)
        look(bpe, w, i);
    merge_all(bpe, w);
}

enum bv_status bv_bpe_merge_spans(const struct bv_bpe *bpe, struct bv_piece_span *spans, size_t *n,
                                  struct bv_bpe_scratch *scratch, struct bv_error *err)
{
    struct work w = {0};
    if (*n == 0)
        return BV_OK;
    if (*n > BV_BPE_MAX_SPANS)
        return bv_fail(err, BV_ERR_LIMIT, "a text of more than %zu characters", BV_BPE_MAX_SPANS);
    BV_TRY(prepare(&w, scratch, *n, err));
    for (size_t i = 0; i < *n; i++)
        w.id[i] = spans[i].id;
    link_all(bpe, &w, *n);
    size_t left = 0;
    for (uint32_t i = 0; i != no_symbol; i = w.next[i]) {
        size_t last = (w.next[i] == no_symbol ? *n : w.next[i]) - 1;
        spans[left++] = (struct bv_piece_span){w.id[i], spans[i].start, spans[last].end};
    }
    *n = left;
    return BV_OK;
}

enum bv_status bv_bpe_word(const struct bv_bpe *bpe, const char *word, size_t n,
                           struct bv_bpe_scratch *scratch, struct bv_tokens *out,
                           struct bv_error *err)
{
    struct work w = {0};
    if (n == 0)
        return BV_OK;
    BV_TRY(prepare(&w, scratch, n, err));
    for (uint32_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)word[i];
        w.id[i] = i + 1 < n ? bpe->bytes[byte] : bpe->finals[byte];
    }
    link_all(bpe, &w, n);
    bool continues = false;
    for (uint32_t i = 0; i != no_symbol; i = w.next[i]) {
        int32_t id = w.id[i] >= 0 ? w.id[i] : bpe->unknown;
        if (id < 0)
            continue;
        BV_TRY(bv_tokens_push(out, id, continues, err));
        continues = true;
    }
    return BV_OK;
}
