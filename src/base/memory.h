// memory.h: memory: sizes that cannot wrap, and the arena.
#ifndef BV_BASE_MEMORY_H
#define BV_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Size arithmetic that reports overflow instead of wrapping.

static inline bool bv_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool bv_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool bv_mul_i64(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool bv_add_i64(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

// arena.c: memory that is freed all at once, and large blocks.

// A growing list of blocks. Zero-initialise; free with bv_arena_free(). Not thread-safe.
struct bv_arena {
    struct bv_arena_block *head;
};

// size bytes, zeroed, aligned for any type; NULL when memory is out. Never freed on its own.
void *bv_arena_alloc(struct bv_arena *arena, size_t size);

// n × size bytes with an overflow check; NULL when the product overflows or memory is out.
void *bv_arena_array(struct bv_arena *arena, size_t n, size_t size);

// A copy of the string, or of its first n bytes with a terminator.
char *bv_arena_strdup(struct bv_arena *arena, const char *text);
char *bv_arena_strndup(struct bv_arena *arena, const char *text, size_t n);

// printf into arena memory; NULL when memory is out.
char *bv_arena_printf(struct bv_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Gives everything back; the arena can be used again. Accepts an empty arena.
void bv_arena_free(struct bv_arena *arena);

// 64-byte aligned memory, freed with free(); NULL when there is none. Blocks of megabytes are asked
// for in huge pages: a fault for each 4 KiB costs more than reading a radiograph, and the weights
// of a large model outgrow the processor's address cache.
void *bv_alloc_large(size_t bytes);

#endif
