#include "graph/backend.h"

#include <stdlib.h>

#include "base/memory.h"

struct lifetime {
    int tensor, first, last; // node indices, both inclusive
    size_t bytes, offset;
};

static void extend(struct lifetime *lives, const int *slot_of, struct bv_tensor *t, int at)
{
    int slot = slot_of[bv_storage_of(t)->id];
    if (slot >= 0 && lives[slot].last < at)
        lives[slot].last = at;
}

// Largest first, then by birth: a fixed order, so that plans are reproducible.
static int by_size(const void *a, const void *b)
{
    const struct lifetime *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

static int by_offset(const void *a, const void *b)
{
    const struct lifetime *x = *(const struct lifetime *const *)a,
                          *y = *(const struct lifetime *const *)b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

// Places each lifetime at the lowest offset that is free while it lives.
static size_t place(struct lifetime *lives, int n, const struct lifetime **neighbours)
{
    size_t end = 0;
    for (int i = 0; i < n; i++) {
        int n_neighbours = 0;
        for (int k = 0; k < i; k++)
            if (lives[k].first <= lives[i].last && lives[i].first <= lives[k].last)
                neighbours[n_neighbours++] = &lives[k];
        qsort(neighbours, (size_t)n_neighbours, sizeof(const struct lifetime *), by_offset);
        size_t offset = 0;
        for (int k = 0; k < n_neighbours; k++) {
            if (neighbours[k]->offset >= offset + lives[i].bytes)
                break;
            size_t after = neighbours[k]->offset + neighbours[k]->bytes;
            if (after > offset)
                offset = after;
        }
        lives[i].offset = offset;
        if (offset + lives[i].bytes > end)
            end = offset + lives[i].bytes;
    }
    return end;
}

static enum bv_status collect(struct bv_graph *g, size_t alignment, struct lifetime *lives,
                              int *slot_of, int *n_lives, struct bv_error *err)
{
    int n = 0;
    size_t total = 0;
    for (int i = 0; i < g->n_tensors; i++) {
        struct bv_tensor *t = g->tensors[i];
        slot_of[i] = -1;
        if (t->role == BV_ROLE_WEIGHT || t->alias_of)
            continue;
        if (t->role == BV_ROLE_INTERMEDIATE && t->producer->index < 0)
            continue; // its node was swept
        size_t bytes = 0;
        if (!bv_mul_size((size_t)bv_elements(t), bv_dtype_size(t->dtype), &bytes) ||
            !bv_add_size(bytes, alignment - 1, &bytes) || !bv_add_size(total, bytes, &total) ||
            total > SIZE_MAX / 4)
            return bv_fail(err, BV_ERR_LIMIT, "the activations do not fit the address space");
        int born = t->role == BV_ROLE_INPUT ? 0 : t->producer->index;
        int dies = t->is_output ? g->n_nodes : born;
        lives[n] = (struct lifetime){i, born, dies, bytes / alignment * alignment, 0};
        slot_of[i] = n++;
    }
    for (struct bv_node *node = g->first; node; node = node->next)
        for (int i = 0; i < BV_MAX_INPUTS; i++)
            if (node->in[i])
                extend(lives, slot_of, node->in[i], node->index);
    *n_lives = n;
    return BV_OK;
}

// Whether a node is the last to read in[0], which is an intermediate, and reads it once.
static bool frees_first(const struct bv_node *node, const struct lifetime *lives,
                        const int *slot_of)
{
    const struct bv_tensor *x = node->in[0] ? bv_storage_of(node->in[0]) : NULL;
    if (!x || x->role != BV_ROLE_INTERMEDIATE || lives[slot_of[x->id]].last != node->index)
        return false;
    for (int i = 1; i < BV_MAX_INPUTS; i++)
        if (node->in[i] && bv_storage_of(node->in[i]) == x)
            return false;
    return true;
}

// Results that are written over what is read for the last time: both live in one slot.
static void take_places(struct bv_graph *g, const struct bv_plan_rules *rules,
                        struct lifetime *lives, int *slot_of)
{
    for (struct bv_node *node = g->first; node; node = node->next) {
        if (!rules->in_place || !frees_first(node, lives, slot_of) ||
            !rules->in_place(rules->backend, node))
            continue;
        int place = slot_of[bv_storage_of(node->in[0])->id], own = slot_of[node->out->id];
        lives[place].last = lives[own].last;
        if (lives[place].bytes < lives[own].bytes)
            lives[place].bytes = lives[own].bytes;
        lives[own] = (struct lifetime){lives[own].tensor, g->n_nodes + 1, -1, 0, 0}; // never
        slot_of[node->out->id] = place;
    }
}

static void number_nodes(struct bv_graph *g)
{
    for (int i = 0; i < g->n_tensors; i++)
        if (g->tensors[i]->producer)
            g->tensors[i]->producer->index = -1;
    int index = 0;
    for (struct bv_node *node = g->first; node; node = node->next)
        node->index = index++;
    g->n_nodes = index;
}

enum bv_status bv_plan_make(struct bv_plan *plan, struct bv_graph *g,
                            const struct bv_plan_rules *rules, struct bv_error *err)
{
    number_nodes(g);
    size_t n_tensors = (size_t)g->n_tensors;
    struct lifetime *lives = calloc(n_tensors + 1, sizeof *lives);
    const struct lifetime **neighbours = calloc(n_tensors + 1, sizeof *neighbours);
    int *slot_of = calloc(n_tensors + 1, sizeof *slot_of);
    size_t *offset = calloc(n_tensors + 1, sizeof *offset);
    enum bv_status status = BV_OK;
    int n = 0;
    if (!lives || !neighbours || !slot_of || !offset)
        status = bv_fail_nomem(err, "a memory plan");
    if (status == BV_OK)
        status = collect(g, rules->alignment, lives, slot_of, &n, err);
    if (status != BV_OK) {
        free(offset);
        offset = NULL;
    } else {
        take_places(g, rules, lives, slot_of);
        for (size_t i = 0; i < n_tensors; i++) // the tensor whose place it is
            slot_of[i] = slot_of[i] >= 0 ? lives[slot_of[i]].tensor : -1;
        qsort(lives, (size_t)n, sizeof *lives, by_size);
        plan->arena_bytes = place(lives, n, neighbours);
        for (size_t i = 0; i < n_tensors; i++)
            offset[i] = BV_NO_OFFSET;
        for (int i = 0; i < n; i++)
            offset[lives[i].tensor] = lives[i].offset;
        for (size_t i = 0; i < n_tensors; i++) {
            int place = slot_of[bv_storage_of(g->tensors[i])->id];
            offset[i] = place >= 0 ? offset[place] : BV_NO_OFFSET;
        }
        plan->offset = offset;
        plan->n_nodes = g->n_nodes;
    }
    free(lives);
    free(neighbours);
    free(slot_of);
    return status;
}

void bv_plan_free(struct bv_plan *plan)
{
    free(plan->offset);
    *plan = (struct bv_plan){0};
}
