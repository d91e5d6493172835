#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "eval/data/labelled.h"

enum bv_status bv_path_list_add(struct bv_path_list *list, const char *path, struct bv_error *err)
{
    if (list->n == list->room) {
        size_t room = 2 * list->room + 256;
        char **items = realloc(list->items, room * sizeof *items);
        if (!items)
            return bv_fail_nomem(err, "the list of images");
        list->items = items;
        list->room = room;
    }
    list->items[list->n] = strdup(path);
    if (!list->items[list->n])
        return bv_fail_nomem(err, "the list of images");
    list->n++;
    return BV_OK;
}

static int in_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void bv_path_list_digest(struct bv_path_list *list, char hex[65])
{
    struct bv_sha256 sha;
    unsigned char digest[32];
    bv_sha256_init(&sha);
    if (list->n)
        qsort(list->items, list->n, sizeof *list->items, in_order);
    for (size_t i = 0; i < list->n; i++) {
        bv_sha256_update(&sha, list->items[i], strlen(list->items[i]));
        bv_sha256_update(&sha, "\n", 1);
    }
    bv_sha256_final(&sha, digest);
    bv_digest_hex(digest, hex);
}

void bv_path_list_free(struct bv_path_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct bv_path_list){.n = 0};
}
