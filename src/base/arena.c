#include "base/memory.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bv_arena_block {
    struct bv_arena_block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

static const size_t block_bytes = 64 * 1024;

void *bv_arena_alloc(struct bv_arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX - block_bytes)
        return NULL;
    size = (size + align - 1) / align * align;
    struct bv_arena_block *b = arena->head;
    if (!b || b->size - b->used < size) {
        size_t room = size > block_bytes / 4 ? size : block_bytes;
        struct bv_arena_block *fresh = calloc(1, sizeof *fresh + room);
        if (!fresh)
            return NULL;
        fresh->size = room;
        if (b && room == size) { // a large block goes behind the head, which may have room left
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            arena->head = fresh;
        }
        b = fresh;
    }
    void *p = b->data + b->used;
    b->used += size;
    return p;
}

void *bv_arena_array(struct bv_arena *arena, size_t n, size_t size)
{
    size_t bytes = 0;
    return bv_mul_size(n, size, &bytes) ? bv_arena_alloc(arena, bytes) : NULL;
}

char *bv_arena_strndup(struct bv_arena *arena, const char *text, size_t n)
{
    if (n == SIZE_MAX)
        return NULL;
    char *copy = bv_arena_alloc(arena, n + 1);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

char *bv_arena_strdup(struct bv_arena *arena, const char *text)
{
    return bv_arena_strndup(arena, text, strlen(text));
}

char *bv_arena_printf(struct bv_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : bv_arena_alloc(arena, (size_t)n + 1);
    if (text)
        (void)vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

void bv_arena_free(struct bv_arena *arena)
{
    for (struct bv_arena_block *b = arena->head; b;) {
        struct bv_arena_block *next = b->next;
        free(b);
        b = next;
    }
    arena->head = NULL;
}
