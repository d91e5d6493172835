// The public calls that ask an index.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/index.h"
#include "archive/pull.h"
#include "base/dtype.h"
#include "base/file.h"
#include "biovl/retrieval.h"
#include "retrieval/ingest.h"
#include "retrieval/query.h"
#include "retrieval/scrub.h"
#include "score/fusion_scores.h"

enum { RERANK_DEPTH = 50 };

struct bv_hits {
    struct bv_index *index;
    struct bv_arena arena;
    struct bv_hit *items;
    size_t n;
    const char *asked;       // "text", "image", …
    const char *kind;        // of the scores
    const char *reranked_by; // name of the reranker's model; NULL: none
};

enum bv_status bv_reranker_open(struct bv_engine *engine, struct bv_reranker **out)
{
    assert(engine && out);
    struct bv_error *err = bv_begin(engine->context);
    BV_TRY(bv_rerank_check(bv_session_model(engine->session), err));
    struct bv_reranker *reranker = calloc(1, sizeof *reranker);
    if (!reranker)
        return bv_fail_nomem(err, "a reranker");
    reranker->engine = engine;
    reranker->images.session = engine->session;
    *out = reranker;
    return BV_OK;
}

void bv_reranker_close(struct bv_reranker **reranker)
{
    if (!reranker || !*reranker)
        return;
    bv_rerank_images_free(&(*reranker)->images);
    bv_refetch_close(&(*reranker)->refetch);
    free(*reranker);
    *reranker = NULL;
}

size_t bv_reranker_images_read(const struct bv_reranker *reranker)
{
    assert(reranker);
    return reranker->images.n_encoded;
}

// What a report in a text file says, scrubbed; in the arena.
static enum bv_status read_report(const char *path, struct bv_arena *arena, const char **essence,
                                  struct bv_error *err)
{
    char *text = NULL;
    size_t size;
    BV_TRY(bv_text_read(path, (size_t)1 << 20, &text, &size, err));
    const char *clean = bv_scrub(arena, text, NULL);
    *essence = clean ? bv_report_essence(arena, clean) : NULL;
    free(text);
    return *essence ? BV_OK : bv_fail_nomem(err, "a report");
}

// An item by its id, or by the identifier that it had before hashing.
static enum bv_status find_item(struct bv_index *index, const char *id, struct bv_arena *arena,
                                struct bv_entry *entry, struct bv_error *err)
{
    bool found = false;
    char name[BV_SITEKEY_NAME];
    BV_TRY(bv_store_find(index->store, id, arena, entry, &found, err));
    struct bv_error ignored = {0};
    if (!found && bv_index_need_key(index, &ignored) == BV_OK) {
        bv_sitekey_hash(&index->key, id, name);
        BV_TRY(bv_store_find(index->store, name, arena, entry, &found, err));
    }
    return found ? BV_OK
                 : bv_fail(err, BV_ERR_ARG, "%s holds no item of this id%s",
                           bv_store_path(index->store),
                           index->has_key ? "" : " (nor can it be hashed without the site key)");
}

// The vector of what is asked, [dimension]; for an id also the item itself.
static enum bv_status embed_query(struct bv_index *index, struct bv_engine *engine,
                                  const struct bv_index_query *q, struct bv_hits *hits,
                                  float *vector, struct bv_entry *asked, struct bv_error *err)
{
    size_t dimension = bv_store_info(index->store)->dimension;
    char fingerprint[65];
    if (q->id) {
        struct bv_vectors one = {0};
        hits->asked = "id";
        BV_TRY(find_item(index, q->id, &hits->arena, asked, err));
        BV_TRY(bv_vectors_create(&one, 1, dimension, err));
        enum bv_status status =
            bv_store_vector(index->store, asked->kind, asked->row, one.rows, err);
        if (status == BV_OK)
            bv_f16_to_f32_array(one.rows, vector, dimension);
        bv_vectors_free(&one);
        return status;
    }
    if (q->vector) {
        hits->asked = "vector";
        if (q->n_vector != dimension)
            return bv_fail(err, BV_ERR_ARG, "a vector of %zu elements, %s has %zu", q->n_vector,
                           bv_store_path(index->store), dimension);
        memcpy(vector, q->vector, dimension * sizeof *vector);
        return BV_OK;
    }
    if (!engine)
        return bv_fail(err, BV_ERR_ARG, "a query that must be embedded needs a model");
    const struct bv_model *model = bv_session_model(engine->session);
    BV_TRY(bv_model_fingerprint(model, fingerprint, err));
    BV_TRY(bv_store_check_model(index->store, model->name, fingerprint, err));
    hits->asked = q->text ? "text" : q->report_file ? "report" : "image";
    if (q->image)
        return bv_embed_image(engine->session, q->image, dimension, vector, err);
    const char *text = q->text;
    if (q->report_file)
        BV_TRY(read_report(q->report_file, &hits->arena, &text, err));
    return bv_embed_texts(engine->session, &text, 1, dimension, vector, err);
}

// The image or the text that hits are matched with.
static enum bv_status prepare_rerank(struct bv_index *index, const struct bv_index_query *q,
                                     const struct bv_entry *asked, struct bv_arena *arena,
                                     struct bv_rerank_query *r, struct bv_error *err)
{
    r->images = &q->reranker->images;
    r->again = q->reranker->refetch ? bv_refetch_image : NULL;
    r->again_arg = q->reranker->refetch;
    r->index = bv_store_path(index->store);
    r->image = q->image;
    r->text = q->text;
    if (q->vector)
        return bv_fail(err, BV_ERR_ARG, "a vector cannot be matched: rerank images or texts");
    if (q->report_file)
        return read_report(q->report_file, arena, &r->text, err);
    if (!q->id)
        return BV_OK;
    if (asked->kind == BV_KIND_IMAGE) {
        r->entry = asked;
        return BV_OK;
    }
    r->text = bv_report_essence(arena, asked->report);
    return r->text ? BV_OK : bv_fail_nomem(err, "a report");
}

static enum bv_status parse_find(struct bv_index *index, const char *find, enum bv_kind *kind,
                                 struct bv_error *err)
{
    struct bv_store_counts counts;
    if (find && strcmp(find, "image") != 0 && strcmp(find, "report") != 0)
        return bv_fail(err, BV_ERR_ARG, "\"%s\" cannot be found: image or report", find);
    if (!find)
        BV_TRY(bv_store_count(index->store, &counts, err));
    bool report = find ? strcmp(find, "report") == 0 : counts.items[BV_KIND_IMAGE] == 0;
    *kind = report ? BV_KIND_REPORT : BV_KIND_IMAGE;
    return BV_OK;
}

static enum bv_status parse_method(const char *name, enum bv_method *method, struct bv_error *err)
{
    static const char *const names[] = {"auto", "exact", "int8", "faiss"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name ? name : "auto", names[i]) == 0) {
            *method = (enum bv_method)i;
            return BV_OK;
        }
    }
    return bv_fail(err, BV_ERR_ARG, "no search method \"%s\": auto, exact, int8 or faiss", name);
}

static enum bv_status run_query(struct bv_index *index, struct bv_engine *engine,
                                const struct bv_index_query *q, struct bv_hits *hits,
                                struct bv_error *err)
{
    struct bv_filter filter;
    struct bv_entry asked = {0};
    struct bv_rerank_query rerank = {0};
    struct bv_query query = {.k = q->k, .by_study = q->by_study != 0, .effort = q->effort};
    hits->kind = "cosine";
    BV_TRY(parse_find(index, q->find, &query.find, err));
    BV_TRY(parse_method(q->method, &query.method, err));
    const char *match = q->match;
    if (match && !q->match_syntax)
        BV_TRY(bv_filter_words(match, &hits->arena, &match, err));
    BV_TRY(bv_filter_make(&filter, q->where, q->n_where, match, &hits->arena, err));
    float *vector =
        bv_arena_array(&hits->arena, bv_store_info(index->store)->dimension, sizeof *vector);
    if (!vector)
        return bv_fail_nomem(err, "a query");
    BV_TRY(embed_query(index, engine, q, hits, vector, &asked, err));
    if (!index->searcher)
        BV_TRY(bv_searcher_open(&index->searcher, index->store, index->context->pool, err));
    query.vector = vector;
    query.filter = &filter;
    query.leave_out = asked.id;
    if (q->reranker) {
        const struct bv_model *m = bv_session_model(q->reranker->engine->session);
        BV_TRY(prepare_rerank(index, q, &asked, &hits->arena, &rerank, err));
        query.rerank = bv_rerank_hits;
        query.rerank_arg = &rerank;
        query.rerank_depth = q->rerank_depth ? q->rerank_depth : RERANK_DEPTH;
        hits->kind = bv_fusion_kind(m, "match");
        hits->reranked_by = bv_arena_strdup(&hits->arena, m->name);
        if (!hits->reranked_by)
            return bv_fail_nomem(err, "hits");
    }
    return bv_searcher_run(index->searcher, &query, &hits->arena, &hits->items, &hits->n, err);
}

enum bv_status bv_index_search(struct bv_index *index, struct bv_engine *engine,
                               const struct bv_index_query *theirs, struct bv_hits **out)
{
    assert(index && out);
    struct bv_error *err = bv_begin(index->context);
    struct bv_index_query given_query, *query = &given_query;
    BV_TRY(bv_options_read(query, sizeof *query, theirs, "bv_index_query", err));
    int given = (query->image != NULL) + (query->text != NULL) + (query->report_file != NULL) +
                (query->id != NULL) + (query->vector != NULL);
    if (given != 1)
        return bv_fail(err, BV_ERR_ARG, "a query is one image, text, report, id or vector");
    struct bv_hits *hits = calloc(1, sizeof *hits);
    if (!hits)
        return bv_fail_nomem(err, "hits");
    hits->index = index;
    enum bv_status status = run_query(index, engine, query, hits, err);
    if (status == BV_OK)
        *out = hits;
    else
        bv_hits_free(&hits);
    return status;
}

void bv_hits_free(struct bv_hits **hits)
{
    if (!hits || !*hits)
        return;
    bv_arena_free(&(*hits)->arena);
    free(*hits);
    *hits = NULL;
}

size_t bv_hits_count(const struct bv_hits *hits)
{
    assert(hits);
    return hits->n;
}

double bv_hits_score(const struct bv_hits *hits, size_t i)
{
    assert(hits);
    return (double)hits->items[i].score;
}

double bv_hits_cosine(const struct bv_hits *hits, size_t i)
{
    assert(hits);
    return (double)hits->items[i].cosine;
}

const char *bv_hits_score_kind(const struct bv_hits *hits)
{
    assert(hits);
    return hits->kind;
}

const char *bv_hits_id(const struct bv_hits *hits, size_t i)
{
    assert(hits);
    return hits->items[i].entry.id;
}

const char *bv_hits_study(const struct bv_hits *hits, size_t i)
{
    assert(hits);
    return hits->items[i].entry.study;
}

enum bv_item_kind bv_hits_item_kind(const struct bv_hits *hits, size_t i)
{
    assert(hits);
    return hits->items[i].entry.kind == BV_KIND_IMAGE ? BV_ITEM_IMAGE : BV_ITEM_REPORT;
}

const char *bv_hits_kind(const struct bv_hits *hits, size_t i)
{
    assert(hits);
    return bv_kind_name(hits->items[i].entry.kind);
}

const char *bv_hits_metadata(const struct bv_hits *hits, size_t i)
{
    assert(hits);
    return hits->items[i].entry.metadata;
}

const char *bv_hits_report(const struct bv_hits *hits, size_t i)
{
    assert(hits);
    return hits->items[i].entry.report;
}

enum bv_status bv_hits_json(const struct bv_hits *hits, size_t i, char **json)
{
    assert(hits && json);
    struct bv_error *err = bv_begin(hits->index->context);
    const struct bv_hit *hit = &hits->items[i];
    const struct bv_store_info *info = bv_store_info(hits->index->store);
    json_t *metadata = NULL;
    BV_TRY(bv_json_parse(&metadata, hit->entry.metadata, strlen(hit->entry.metadata), "metadata",
                         err));
    json_t *value =
        json_pack("{s:I, s:s, s:f, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "rank",
                  (json_int_t)(i + 1), "id", hit->entry.id, "score", (double)hit->score, "kind",
                  hits->kind, "item", bv_kind_name(hit->entry.kind), "study", hit->entry.study,
                  "metadata", metadata, "report", hit->entry.report, "model", info->model,
                  "fingerprint", info->fingerprint, "version", BIOVL_VERSION);
    if (value && hits->reranked_by) {
        (void)json_object_set_new(value, "cosine", json_real((double)hit->cosine));
        (void)json_object_set_new(value, "reranked_by", json_string(hits->reranked_by));
    }
    return bv_json_text(value, json, err);
}

enum bv_status bv_hits_write_sheet(const struct bv_hits *hits, const char *path)
{
    assert(hits && path);
    struct bv_error *err = bv_begin(hits->index->context);
    void *bytes = NULL;
    size_t size = 0, n = strlen(path);
    bool png = n > 4 && strcmp(path + n - 4, ".png") == 0;
    bool html = n > 5 && strcmp(path + n - 5, ".html") == 0;
    enum bv_status status;
    if (png) {
        uint8_t *picture = NULL;
        status = bv_sheet_png(hits->index->store, hits->items, hits->n, &picture, &size, err);
        bytes = picture;
    } else if (html) {
        char *page = NULL;
        char title[64];
        (void)snprintf(title, sizeof title, "%zu hits for a query by %s", hits->n, hits->asked);
        status = bv_sheet_html(hits->index->store, title, hits->items, hits->n, &page, &size, err);
        bytes = page;
    } else {
        return bv_fail(err, BV_ERR_ARG, "%s: a sheet is a .png or an .html file", path);
    }
    if (status == BV_OK)
        status = bv_write_file(path, bytes, size, err);
    free(bytes);
    return status;
}
