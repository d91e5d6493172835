// What a model's thread computes for /v1/search.
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "serve/server.h"

enum { MOST_CONDITIONS = 16 };

static bool fill_conditions(const json_t *list, const char **where, size_t *n)
{
    *n = json_array_size(list);
    for (size_t i = 0; i < *n && *n <= MOST_CONDITIONS; i++) {
        where[i] = json_string_value(json_array_get(list, i));
        if (!where[i])
            return false;
    }
    return *n <= MOST_CONDITIONS;
}

static json_t *hits_json(const struct bv_hits *hits)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bv_hits_count(hits); i++) {
        char *text = NULL;
        if (bv_hits_json(hits, i, &text) != BV_OK)
            break;
        (void)json_array_append_new(list, json_loads(text, 0, NULL));
        bv_free(text);
    }
    return list;
}

void bv_work_search(struct bv_served *s, struct bv_asked *item)
{
    const json_t *asked = item->call->document;
    const char *where[MOST_CONDITIONS];
    struct bv_index_query query = {.size = sizeof query,
                                   .image = item->image,
                                   .text = bv_json_string(asked, "text", NULL),
                                   .id = bv_json_string(asked, "id", NULL),
                                   .find = bv_json_string(asked, "find", NULL),
                                   .match = bv_json_string(asked, "match", NULL),
                                   .where = where,
                                   .k = (size_t)bv_json_integer(asked, "k", 10),
                                   .by_study = bv_json_boolean(asked, "by_study", false)};
    struct bv_hits *hits = NULL;
    if (!fill_conditions(json_object_get(asked, "where"), where, &query.n_where)) {
        bv_item_fail(item, BV_ERR_ARG, "\"where\" is a list of at most 16 conditions");
        return;
    }
    enum bv_status status = bv_index_check_fields(s->index, where, query.n_where);
    if (status == BV_OK)
        status = bv_index_search(s->index, s->engine, &query, &hits);
    if (status != BV_OK) {
        bv_item_fail(item, status, bv_last_error(s->context));
        return;
    }
    item->value = json_pack("{s:o, s:{s:s, s:s}}", "hits", hits_json(hits), "model", "name",
                            s->name, "sha256", s->facts.sha256);
    bv_hits_free(&hits);
    bv_item_done(item);
}
