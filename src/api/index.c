// The public calls of indexes.
#include "biovl/retrieval.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/index.h"
#include "base/dtype.h"
#include "checkpoint/npy.h"
#include "retrieval/store.h"

static enum bv_status key_path(struct bv_arena *arena, const char *index, const char *key_file,
                               const char **path, struct bv_error *err)
{
    *path = key_file ? key_file : bv_arena_printf(arena, "%s.key", index);
    return *path ? BV_OK : bv_fail_nomem(err, "a path");
}

static enum bv_status check_accelerator(const char *name, struct bv_error *err)
{
    if (strcmp(name, "exact") == 0 || strcmp(name, "ivf") == 0 || strcmp(name, "hnsw") == 0)
        return BV_OK;
    return bv_fail(err, BV_ERR_ARG, "no kind of index \"%s\": exact, ivf or hnsw", name);
}

enum bv_status bv_index_create(struct bv_engine *engine, const char *path,
                               const struct bv_index_options *theirs)
{
    assert(engine && path);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_index_options given, *options = &given;
    BV_TRY(bv_options_read(&given, sizeof given, theirs, "bv_index_options", err));
    const struct bv_model *model = bv_session_model(engine->session);
    struct bv_arena arena = {0};
    struct bv_sitekey key = {.keep_identifiers = options->keep_identifiers != 0};
    char fingerprint[65], check[BV_SITEKEY_NAME];
    struct bv_store_info info = {
        .fingerprint = fingerprint,
        .model = model->name,
        .key_check = check,
        .keep_identifiers = key.keep_identifiers,
        .accelerator = options->accelerator ? options->accelerator : "exact",
        .thumbnail = options->thumbnail,
    };
    const char *key_file;
    enum bv_status status = bv_check_embeds(model, "image", "images", err);
    if (status == BV_OK)
        status = check_accelerator(info.accelerator, err);
    if (status == BV_OK && (options->thumbnail < 0 || options->thumbnail > 1024))
        status = bv_fail(err, BV_ERR_ARG, "thumbnails of %d pixels", options->thumbnail);
    if (status == BV_OK)
        status = bv_model_fingerprint(model, fingerprint, err);
    if (status == BV_OK)
        status = bv_session_joint_dimension(engine->session, &info.dimension, err);
    if (status == BV_OK)
        status = key_path(&arena, path, options->key_file, &key_file, err);
    if (status == BV_OK)
        status = bv_sitekey_load(&key, key_file, true, err);
    if (status == BV_OK) {
        bv_sitekey_check(&key, check);
        status = bv_store_create(path, &info, err);
    }
    bv_arena_free(&arena);
    return status;
}

enum bv_status bv_index_open(struct bv_context *context, const char *path, const char *key_file,
                             int writable, struct bv_index **out)
{
    assert(context && out && path);
    struct bv_error *err = bv_begin(context);
    struct bv_index *index = calloc(1, sizeof *index);
    if (!index)
        return bv_fail_nomem(err, "an index");
    index->context = context;
    enum bv_status status = bv_store_open(&index->store, path, writable != 0, err);
    if (status == BV_OK)
        status = key_path(&index->arena, path, key_file, &index->key_file, err);
    if (status == BV_OK)
        *out = index;
    else
        bv_index_close(&index);
    return status;
}

void bv_index_close(struct bv_index **index)
{
    if (!index || !*index)
        return;
    bv_searcher_close(&(*index)->searcher);
    bv_store_close(&(*index)->store);
    bv_arena_free(&(*index)->arena);
    free(*index);
    *index = NULL;
}

enum bv_status bv_index_need_key(struct bv_index *index, struct bv_error *err)
{
    const struct bv_store_info *info = bv_store_info(index->store);
    char check[BV_SITEKEY_NAME];
    if (index->has_key)
        return BV_OK;
    index->key.keep_identifiers = info->keep_identifiers;
    BV_TRY(bv_sitekey_load(&index->key, index->key_file, false, err));
    bv_sitekey_check(&index->key, check);
    if (strcmp(check, info->key_check) != 0)
        return bv_fail(err, BV_ERR_REFUSED, "%s is not the site key that %s was made with",
                       index->key_file, bv_store_path(index->store));
    index->has_key = true;
    return BV_OK;
}

void bv_index_settle(struct bv_index *index)
{
    struct bv_error ignored = {0};
    for (int kind = 0; kind < BV_KINDS; kind++)
        (void)bv_vector_file_load(index->store, (enum bv_kind)kind, BV_VECTOR_FILE_LEAST,
                                  index->context->pool, NULL, NULL, &ignored);
}

enum bv_status bv_index_describe(struct bv_index *index, char **json)
{
    assert(index && json);
    struct bv_error *err = bv_begin(index->context);
    const struct bv_store_info *info = bv_store_info(index->store);
    struct bv_store_counts counts;
    BV_TRY(bv_store_count(index->store, &counts, err));
    return bv_json_text(
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:b, s:i, s:s}", "images",
                  (json_int_t)counts.items[BV_KIND_IMAGE], "reports",
                  (json_int_t)counts.items[BV_KIND_REPORT], "studies", (json_int_t)counts.studies,
                  "studies_with_report", (json_int_t)counts.reports, "thumbnails",
                  (json_int_t)counts.thumbnails, "dimension", (json_int_t)info->dimension, "model",
                  info->model, "fingerprint", info->fingerprint, "accelerator", info->accelerator,
                  "keep_identifiers", info->keep_identifiers, "thumbnail_pixels", info->thumbnail,
                  "version", BIOVL_VERSION),
        json, err);
}

// "ok", or why the files were built again, for both kinds.
static enum bv_status verify_faiss(struct bv_index *index, json_t *report, struct bv_error *err)
{
    for (int kind = 0; kind < BV_KINDS; kind++) {
        struct bv_faiss *faiss = NULL;
        struct bv_acceleration how = {0};
        BV_TRY(bv_accelerate(index->store, (enum bv_kind)kind, index->context->pool, &faiss, &how,
                             err));
        if (faiss)
            (void)json_object_set_new(report, bv_kind_name((enum bv_kind)kind),
                                      json_pack("{s:s, s:f}", "state",
                                                how.rebuilt ? how.reason : "ok", "recall_at_10",
                                                how.recall));
        bv_faiss_free(&faiss);
    }
    return BV_OK;
}

// How the copies of the vectors were, which are whole afterwards.
static enum bv_status verify_vectors(struct bv_index *index, json_t *report, struct bv_error *err)
{
    for (int kind = 0; kind < BV_KINDS; kind++) {
        struct bv_vectors v = {0};
        const char *state = NULL;
        BV_TRY(bv_vector_file_load(index->store, (enum bv_kind)kind, BV_VECTOR_FILE_LEAST,
                                   index->context->pool, &v, &state, err));
        bv_vectors_free(&v);
        if (strcmp(state, "none") != 0)
            (void)json_object_set_new(report, bv_kind_name((enum bv_kind)kind),
                                      json_string(strcmp(state, "mapped") == 0 ? "ok" : state));
    }
    return BV_OK;
}

enum bv_status bv_index_verify(struct bv_index *index, char **json)
{
    assert(index && json);
    struct bv_error *err = bv_begin(index->context);
    struct bv_store_counts counts;
    BV_TRY(bv_store_verify(index->store, err));
    BV_TRY(bv_store_count(index->store, &counts, err));
    json_t *faiss = json_object(), *vectors = json_object();
    enum bv_status status = verify_vectors(index, vectors, err);
    if (status == BV_OK && strcmp(bv_store_info(index->store)->accelerator, "exact") != 0)
        status = verify_faiss(index, faiss, err);
    if (status != BV_OK) {
        json_decref(faiss);
        json_decref(vectors);
        return status;
    }
    return bv_json_text(json_pack("{s:I, s:s, s:o, s:o}", "items",
                                  (json_int_t)(counts.items[0] + counts.items[1]), "file", "ok",
                                  "vectors", vectors, "faiss", faiss),
                        json, err);
}

enum bv_status bv_index_add(struct bv_index *index, struct bv_engine *engine,
                            const struct bv_index_sources *theirs, struct bv_index_counts *counts)
{
    assert(index && engine);
    struct bv_error *err = bv_begin(index->context);
    struct bv_index_sources sources;
    BV_TRY(bv_options_read(&sources, sizeof sources, theirs, "bv_index_sources", err));
    BV_TRY(bv_counts_check(counts, "bv_index_counts", err));
    if (sources.frame < -1)
        return bv_fail(err, BV_ERR_ARG, "frame %d: frames are counted from 1", sources.frame);
    const struct bv_ingest_options options = {.pool = index->context->pool,
                                              .keep_paths = sources.keep_paths != 0,
                                              .frame = sources.frame,
                                              .observer = &index->context->observer};
    const struct bv_source_columns columns = {
        sources.path_column,        sources.id_column,          sources.study_column,
        sources.accession_column,   sources.report_column,      sources.metadata_columns,
        sources.n_metadata_columns, sources.identifier_columns, sources.n_identifier_columns};
    struct bv_ingest *ingest = NULL;
    struct bv_ingest_counts added = {0};
    BV_TRY(bv_index_need_key(index, err));
    BV_TRY(bv_ingest_open(&ingest, index->store, engine->session, &index->key, &options, err));
    bv_searcher_close(&index->searcher); // it knows the old rows only
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < sources.n_inputs && status == BV_OK; i++)
        status = bv_source_put(ingest, sources.inputs[i], &columns, sources.shard, sources.n_shards,
                               err);
    if (status == BV_OK)
        status = bv_ingest_finish(ingest, &added, err);
    bv_ingest_close(&ingest);
    if (status != BV_OK)
        return status;
    bv_index_settle(index);
    const struct bv_index_counts mine = {.images = added.images,
                                         .reports = added.reports,
                                         .skipped = added.skipped,
                                         .failed = added.failed,
                                         .updated = added.updated,
                                         .apart = added.apart};
    bv_counts_write(counts, &mine, sizeof mine);
    return BV_OK;
}

enum bv_status bv_index_merge(struct bv_index *index, struct bv_index *from, size_t *n_added)
{
    assert(index && from);
    struct bv_error *err = bv_begin(index->context);
    bv_searcher_close(&index->searcher);
    BV_TRY(bv_store_merge(index->store, from->store, n_added, err));
    bv_index_settle(index);
    return BV_OK;
}

enum bv_status bv_index_check_fields(struct bv_index *index, const char *const *conditions,
                                     size_t n)
{
    assert(index && (conditions || n == 0));
    struct bv_error *err = bv_begin(index->context);
    if (bv_store_rows(index->store, BV_KIND_IMAGE) + bv_store_rows(index->store, BV_KIND_REPORT) ==
        0)
        return BV_OK;
    for (size_t i = 0; i < n; i++) {
        char field[256];
        size_t length = strcspn(conditions[i], "=!<>~");
        bool has = false;
        if (length == 0 || length >= sizeof field)
            return bv_fail(err, BV_ERR_ARG, "\"%.100s\" is no condition", conditions[i]);
        (void)snprintf(field, sizeof field, "%.*s", (int)length, conditions[i]);
        BV_TRY(bv_store_has_field(index->store, field, &has, err));
        if (!has)
            return bv_fail(err, BV_ERR_ARG, "\"%.100s\": nothing in %s has a field \"%s\"",
                           conditions[i], bv_store_path(index->store), field);
    }
    return BV_OK;
}

struct export_job {
    struct bv_index *index;
    enum bv_kind kind;
    FILE *lines;
    float *vectors;
    uint16_t *half;
    size_t n, room;
};

static enum bv_status export_entry(void *arg, const struct bv_entry *entry, struct bv_error *err)
{
    struct export_job *job = arg;
    size_t dimension = bv_store_info(job->index->store)->dimension;
    if (entry->kind != job->kind)
        return BV_OK;
    if (job->lines) {
        json_t *metadata = NULL;
        char *text = NULL;
        BV_TRY(bv_json_parse(&metadata, entry->metadata, strlen(entry->metadata), "metadata", err));
        BV_TRY(bv_json_text(json_pack("{s:s, s:s, s:s, s:o, s:s}", "id", entry->id, "study",
                                      entry->study, "kind", bv_kind_name(entry->kind), "metadata",
                                      metadata, "report", entry->report),
                            &text, err));
        (void)fprintf(job->lines, "%s\n", text);
        free(text);
    }
    if (job->vectors && job->n < job->room) {
        BV_TRY(bv_store_vector(job->index->store, entry->kind, entry->row, job->half, err));
        bv_f16_to_f32_array(job->half, job->vectors + job->n * dimension, dimension);
    }
    job->n++;
    return BV_OK;
}

enum bv_status bv_index_export(struct bv_index *index, const char *kind, const char *path,
                               const char *npy_path)
{
    assert(index && kind);
    struct bv_error *err = bv_begin(index->context);
    size_t dimension = bv_store_info(index->store)->dimension;
    struct bv_store_counts counts;
    struct bv_new_file file = {0};
    struct export_job job = {.index = index};
    job.kind = strcmp(kind, "report") == 0 ? BV_KIND_REPORT : BV_KIND_IMAGE;
    BV_TRY(bv_store_count(index->store, &counts, err));
    job.room = counts.items[job.kind];
    enum bv_status status = BV_OK;
    if (npy_path) {
        job.vectors = calloc(job.room + 1, dimension * sizeof *job.vectors);
        job.half = calloc(dimension, sizeof *job.half);
        if (!job.vectors || !job.half)
            status = bv_fail_nomem(err, "an export");
    }
    if (status == BV_OK && path)
        status = bv_new_file_create(&file, path, err);
    job.lines = file.stream;
    if (status == BV_OK)
        status = bv_store_each(index->store, export_entry, &job, err);
    if (status == BV_OK && path)
        status = bv_new_file_commit(&file, err);
    bv_new_file_discard(&file);
    if (status == BV_OK && npy_path) {
        const int64_t shape[] = {(int64_t)job.n, (int64_t)dimension};
        status = bv_npy_write(npy_path, BV_F32, 2, shape, job.vectors, err);
    }
    free(job.vectors);
    free(job.half);
    return status;
}

static_assert(BV_INDEX_NAME_SIZE == BV_SITEKEY_NAME, "the public header states the size");

enum bv_status bv_index_name(struct bv_index *index, const char *identifier, char *out,
                             size_t capacity)
{
    assert(index && identifier && out);
    struct bv_error *err = bv_begin(index->context);
    BV_TRY(bv_check_room(capacity, 1, BV_INDEX_NAME_SIZE, "bytes", err));
    BV_TRY(bv_index_need_key(index, err));
    bv_sitekey_hash(&index->key, identifier, out);
    return BV_OK;
}
