#include "retrieval/scrub.h"

#include <string.h>

#include "base/encoding.h"

static const char *copy_utf8(struct bv_arena *arena, const char *text)
{
    size_t n = strlen(text), used = 0;
    if (bv_utf8_valid(text, n, NULL))
        return bv_arena_strndup(arena, text, n);
    char *out = bv_arena_alloc(arena, 2 * n + 1);
    for (size_t i = 0; out && i < n; i++)
        used += bv_utf8_encode((unsigned char)text[i], out + used);
    if (out)
        out[used] = 0;
    return out;
}

enum bv_status bv_identifiers_add(struct bv_identifiers *list, struct bv_arena *arena,
                                  enum bv_identifier_kind kind, const char *text,
                                  struct bv_error *err)
{
    if (!text || !*text)
        return BV_OK;
    const char *copy = copy_utf8(arena, text);
    if (!copy)
        return bv_fail_nomem(err, "identifiers");
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].kind == kind && strcmp(list->items[i].text, copy) == 0)
            return BV_OK;
    }
    if (list->n == BV_MAX_IDENTIFIERS)
        return bv_fail(err, BV_ERR_LIMIT, "an object with more than %d names and numbers",
                       BV_MAX_IDENTIFIERS);
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct bv_identifier *more = bv_arena_array(arena, room, sizeof *more);
        if (!more)
            return bv_fail_nomem(err, "identifiers");
        if (list->n > 0)
            memcpy(more, list->items, list->n * sizeof *more);
        list->items = more;
        list->room = room;
    }
    list->items[list->n++] = (struct bv_identifier){kind, copy};
    return BV_OK;
}
