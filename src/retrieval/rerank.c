#include "retrieval/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "retrieval/ingest.h"
#include "score/fusion_scores.h"

static void forget(struct bv_rerank_image *item)
{
    free(item->path);
    bv_fusion_image_free(&item->image);
    *item = (struct bv_rerank_image){0};
}

void bv_rerank_images_free(struct bv_rerank_images *images)
{
    for (size_t i = 0; i < images->n; i++)
        forget(&images->items[i]);
    *images = (struct bv_rerank_images){0};
}

// What is kept of an image, or the place of the one that was used longest ago.
static struct bv_rerank_image *find(struct bv_rerank_images *images, const struct bv_image *image,
                                    const char *path, struct bv_rerank_image **oldest)
{
    *oldest = &images->items[0];
    for (size_t i = 0; i < images->n; i++) {
        struct bv_rerank_image *item = &images->items[i];
        if (image ? image->serial != 0 && item->serial == image->serial
                  : item->path && strcmp(item->path, path) == 0)
            return item;
        if (item->used < (*oldest)->used)
            *oldest = item;
    }
    return NULL;
}

// Where an image comes from: memory, a path, or, for an item without one, the query's again().
struct source {
    const struct bv_image *image;
    const char *path; // of an item without one a name that no file has
    const struct bv_rerank_query *query;
    const struct bv_entry *entry; // NULL: there is a path
};

static enum bv_status read_again(struct bv_session *session, const struct source *s,
                                 struct bv_fusion_image *out, struct bv_error *err)
{
    const struct bv_rerank_query *q = s->query;
    struct bv_image *image = NULL;
    struct bv_error ignored = {0};
    if (bv_rerank_cache_read(q->index, s->entry->id, session, out))
        return BV_OK;
    BV_TRY(q->again(q->again_arg, s->entry, &image, err));
    enum bv_status status = bv_fusion_image_make(session, image, NULL, out, err);
    bv_image_free(&image);
    // What cannot be kept is fetched again another time.
    if (status == BV_OK)
        (void)bv_rerank_cache_write(q->index, s->entry->id, session, out, &ignored);
    return status;
}

static enum bv_status read_image(struct bv_session *session, const struct source *s,
                                 struct bv_rerank_image *fresh, struct bv_error *err)
{
    struct bv_image *loaded = NULL;
    if (!s->image) {
        fresh->path = strdup(s->path);
        if (!fresh->path)
            return bv_fail_nomem(err, "an image");
        if (s->entry)
            return read_again(session, s, &fresh->image, err);
        BV_TRY(bv_image_load(s->path, NULL, &loaded, err));
    } else {
        fresh->serial = s->image->serial;
    }
    enum bv_status status =
        bv_fusion_image_make(session, s->image ? s->image : loaded, NULL, &fresh->image, err);
    bv_image_free(&loaded);
    return status;
}

// An image as the encoder reads it, read unless it is kept.
static enum bv_status get_image(struct bv_rerank_images *images, const struct source *s,
                                const struct bv_fusion_image **image, struct bv_error *err)
{
    struct bv_rerank_image *oldest, *item = find(images, s->image, s->path, &oldest);
    if (!item) {
        struct bv_rerank_image fresh = {0};
        enum bv_status status = read_image(images->session, s, &fresh, err);
        if (status != BV_OK) {
            forget(&fresh);
            return status;
        }
        item = images->n < BV_RERANK_IMAGES ? &images->items[images->n++] : oldest;
        forget(item);
        *item = fresh;
        images->n_encoded++;
    }
    item->used = ++images->clock;
    *image = &item->image;
    return BV_OK;
}

static enum bv_status get_entry(const struct bv_rerank_query *q, const struct bv_entry *entry,
                                struct bv_arena *arena, const struct bv_fusion_image **image,
                                struct bv_error *err)
{
    struct source s = {.query = q};
    BV_TRY(bv_rerank_path(entry, arena, &s.path, err));
    if (s.path)
        return get_image(q->images, &s, image, err);
    if (!q->again)
        return bv_fail(err, BV_ERR_ARG,
                       "%s does not hold the path of image %s, so it cannot be read again: add "
                       "images with --keep-paths, or name the archive they came from (--from)",
                       q->index, entry->id);
    s.entry = entry;
    s.path = bv_arena_printf(arena, "//%s//%s", q->index, entry->id);
    return s.path ? get_image(q->images, &s, image, err) : bv_fail_nomem(err, "an image");
}

enum bv_status bv_rerank_check(const struct bv_model *m, struct bv_error *err)
{
    char text[256];
    if (!bv_fusion_can(m, "match"))
        return bv_fail(err, BV_ERR_MODEL,
                       "model \"%s\" cannot rerank: it has no matching head; it can: %s", m->name,
                       bv_fusion_abilities(m, text));
    if (bv_model_fusion_wants(m).regions)
        return bv_fail(err, BV_ERR_MODEL,
                       "model \"%s\" cannot rerank: it reads detector regions, not images",
                       m->name);
    return BV_OK;
}

enum bv_status bv_rerank_path(const struct bv_entry *entry, struct bv_arena *arena,
                              const char **path, struct bv_error *err)
{
    json_t *metadata = NULL;
    BV_TRY(bv_json_parse(&metadata, entry->metadata, strlen(entry->metadata), "metadata", err));
    const char *value = bv_json_string(metadata, "path", NULL);
    char *bytes = value ? bv_json_path_bytes(value) : NULL;
    const char *copy = bytes ? bv_arena_strdup(arena, bytes) : NULL;
    free(bytes);
    json_decref(metadata);
    if (value && !copy)
        return bv_fail_nomem(err, "a path");
    *path = copy;
    return BV_OK;
}

// One image, the reports of all hits.
static enum bv_status match_reports(const struct bv_rerank_query *q, const struct bv_hit *hits,
                                    size_t n, double *scores, struct bv_arena *arena,
                                    struct bv_error *err)
{
    const struct bv_fusion_image *image = NULL;
    const char **texts = bv_arena_array(arena, n + 1, sizeof *texts);
    if (!texts)
        return bv_fail_nomem(err, "reports");
    for (size_t i = 0; i < n; i++) {
        if (!*hits[i].entry.report)
            return bv_fail(err, BV_ERR_ARG,
                           "%s: item %s has no report that could be matched with the image: search "
                           "with --find report",
                           q->index, hits[i].entry.id);
        texts[i] = bv_report_essence(arena, hits[i].entry.report);
        if (!texts[i])
            return bv_fail_nomem(err, "a report");
    }
    const struct source asked = {.image = q->image};
    BV_TRY(q->entry ? get_entry(q, q->entry, arena, &image, err)
                    : get_image(q->images, &asked, &image, err));
    return bv_fusion_match(q->images->session, image, texts, n, scores, NULL, err);
}

// One text, the images of all hits.
static enum bv_status match_images(const struct bv_rerank_query *q, const struct bv_hit *hits,
                                   size_t n, double *scores, struct bv_arena *arena,
                                   struct bv_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct bv_entry *entry = &hits[i].entry;
        const struct bv_fusion_image *image = NULL;
        if (entry->kind != BV_KIND_IMAGE)
            return bv_fail(err, BV_ERR_ARG,
                           "a text and a report cannot be matched: rerank images (--find image)");
        BV_TRY(get_entry(q, entry, arena, &image, err));
        BV_TRY(bv_fusion_match(q->images->session, image, &q->text, 1, &scores[i], NULL, err));
    }
    return BV_OK;
}

enum bv_status bv_rerank_hits(void *query, const struct bv_hit *hits, size_t n, float *scores,
                              struct bv_error *err)
{
    const struct bv_rerank_query *q = query;
    struct bv_arena arena = {0};
    double *exact = calloc(n + 1, sizeof *exact);
    enum bv_status status = exact ? BV_OK : bv_fail_nomem(err, "a reranking");
    if (status == BV_OK)
        status = q->image || q->entry ? match_reports(q, hits, n, exact, &arena, err)
                                      : match_images(q, hits, n, exact, &arena, err);
    for (size_t i = 0; status == BV_OK && i < n; i++)
        scores[i] = (float)exact[i];
    free(exact);
    bv_arena_free(&arena);
    return status;
}
