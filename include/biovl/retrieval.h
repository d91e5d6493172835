// biovl/retrieval.h: indexes of images and reports, and questions to them.
//
// An index is one SQLite file. By default it holds no name, date or identifier of a patient: items
// and studies go by keyed hashes under the site key (a file beside the index unless another is
// named), reports are scrubbed. docs/retrieval.md says exactly what is stored.
//
// An index belongs to the thread of its context. Failures are explained by bv_last_error().
#ifndef BIOVL_RETRIEVAL_H
#define BIOVL_RETRIEVAL_H

#include "biovl/biovl.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_index;

// Zero or NULL is the default of every field but size.
struct bv_index_options {
    size_t size;             // sizeof (struct bv_index_options)
    const char *key_file;    // site key; NULL: PATH.key, made if missing
    const char *accelerator; // "exact" (NULL), "ivf" or "hnsw"
    int keep_identifiers;    // ids are as given, not hashes; for data that anyone may see
    int thumbnail;           // longest side of stored thumbnails in pixels; 0: none
};

// Creates an empty index for a model's vectors. options may be NULL. BV_ERR_ARG when the file
// exists.
BV_API enum bv_status bv_index_create(struct bv_engine *engine, const char *path,
                                      const struct bv_index_options *options);

// key_file as above; needed for adding and for asking by identifier. BV_ERR_FORMAT when the file is
// no index or damaged.
BV_API enum bv_status bv_index_open(struct bv_context *context, const char *path,
                                    const char *key_file, int writable, struct bv_index **index);
BV_API void bv_index_close(struct bv_index **index);

// Counts, model, settings as JSON.
BV_API enum bv_status bv_index_describe(struct bv_index *index, char **json);

// Reads everything and checks it: BV_ERR_FORMAT names the first defect. What lies beside the index
// and is missing or damaged is made again. *json: {"items", "file": "ok", "vectors": {"image": "ok"
// or what was wrong, …}, "faiss": {"image": {"state", "recall_at_10"}, …}}.
BV_API enum bv_status bv_index_verify(struct bv_index *index, char **json);

// What a call added to an index.
struct bv_index_counts {
    size_t size; // sizeof (struct bv_index_counts)
    uint64_t images, reports;
    uint64_t skipped; // there already
    uint64_t failed;
    uint64_t retries;                       // of transfers; bv_index_pull()
    uint64_t results_sent, results_waiting; // bv_index_listen() with results
    uint64_t updated;                       // reports whose text was replaced
    uint64_t apart; // taken in, but not joined with the study that their names lead to
};

// What is added.
struct bv_index_sources {
    size_t size;               // sizeof (struct bv_index_sources)
    const char *const *inputs; // files (DICOM, PNG, JPEG, JPEG 2000, text), folders, CSV tables
    size_t n_inputs;
    // Columns of CSV tables; NULL: the usual names.
    const char *path_column, *id_column, *study_column, *accession_column, *report_column;
    const char *const *metadata_columns; // kept with the item, n_metadata_columns of them
    size_t n_metadata_columns;
    const char *const *identifier_columns; // of what is scrubbed from reports
    size_t n_identifier_columns;
    size_t shard, n_shards; // take every n-th record; n_shards 0: all
    int keep_paths; // images keep the absolute path of their file as metadata "path": a reranker
                    // reads it again. Paths may name patients.
    // Of multi-frame files: this frame, from 1, or -1: each; they are items of their own. 0: such
    // files fail.
    int frame;
};

// Adds what the index does not hold yet, in transactions: run again, it completes what was
// interrupted. BV_OK also when inputs failed, each of which goes to the observer's failed(). counts
// may be NULL.
BV_API enum bv_status bv_index_add(struct bv_index *index, struct bv_engine *engine,
                                   const struct bv_index_sources *sources,
                                   struct bv_index_counts *counts);

// What is to be taken out of an index: an identifier as objects and tables bear it, or the keyed
// hash that the index has for it.
enum bv_index_named {
    BV_INDEX_PATIENT, // everything of the studies that are known as this patient's
    BV_INDEX_STUDY,   // with what an accession number joined to it
    BV_INDEX_ITEM,    // an image or a report
};

struct bv_index_removal {
    enum bv_index_named what;
    const char *name;
};

struct bv_index_removed {
    size_t size; // sizeof (struct bv_index_removed)
    uint64_t images, reports, studies;
    uint64_t unknown; // names that named nothing
};

// Takes out what the names name: rows, vectors, texts, full text, thumbnails, in one transaction;
// free pages are overwritten, and the copies beside the index made anew. The names are remembered,
// as keyed hashes unless the index keeps identifiers, so that nothing brings back what bears them:
// with readmit not 0 they are forgotten instead. counts may be NULL.
BV_API enum bv_status bv_index_remove(struct bv_index *index,
                                      const struct bv_index_removal *removals, size_t n,
                                      int readmit, struct bv_index_removed *removed);

// New metadata for items that are there.
struct bv_index_update_options {
    size_t size;                // sizeof (struct bv_index_update_options)
    const char *table;          // CSV, or TSV by its name
    const char *id_column;      // identifiers or their hashes; NULL: id, sop_instance_uid, dicom_id
    const char *const *columns; // n_columns names of columns whose cells become metadata
    size_t n_columns;
};

struct bv_index_updated {
    size_t size; // sizeof (struct bv_index_updated)
    uint64_t updated, unchanged;
    uint64_t unknown; // rows of identifiers that no item has
};

// Sets fields of items, in one transaction; empty cells leave them as they are. counts may be NULL.
BV_API enum bv_status bv_index_update(struct bv_index *index,
                                      const struct bv_index_update_options *update,
                                      struct bv_index_updated *updated);

// Appends what other indexes hold and this one lacks, and takes out what was taken out of them.
// *n_added counts. BV_ERR_REFUSED when model or site key differ.
BV_API enum bv_status bv_index_merge(struct bv_index *index, struct bv_index *from,
                                     size_t *n_added);

// Writes one JSON object per item to path (NULL: none) and the vectors of "image" or "report" items
// in the same order to a .npy file (NULL: none), float32 [N,D].
BV_API enum bv_status bv_index_export(struct bv_index *index, const char *kind, const char *path,
                                      const char *npy_path);

// Whether the fields of all conditions (bv_index_query's where) are known: BV_ERR_ARG, naming the
// first that no item has. A search takes an unknown one as a field without value, as one shard of
// many may lack it. An empty index knows none and refuses none.
BV_API enum bv_status bv_index_check_fields(struct bv_index *index, const char *const *conditions,
                                            size_t n);

// The keyed hash that an identifier has in this index, 32 hexadecimal digits and a terminator, into
// out, which has room for `capacity` bytes, at least BV_INDEX_NAME_SIZE (BV_ERR_ARG).
#define BV_INDEX_NAME_SIZE 33
BV_API enum bv_status bv_index_name(struct bv_index *index, const char *identifier, char *out,
                                    size_t capacity);

// Rescores hits by a model with a fusion encoder that matches texts with images. Images that it
// has read are kept (the last 64), so further queries with the same hits or the same image cost
// less. engine is borrowed and may be the one that searches; its context must be the index's.
// BV_ERR_MODEL when the model has no matching head or reads detector regions.
struct bv_reranker;
BV_API enum bv_status bv_reranker_open(struct bv_engine *engine, struct bv_reranker **reranker);
BV_API void bv_reranker_close(struct bv_reranker **reranker);
// How many images it has read from files so far.
BV_API size_t bv_reranker_images_read(const struct bv_reranker *reranker);

// What an item of an index is.
enum bv_item_kind {
    BV_ITEM_IMAGE = 0,
    BV_ITEM_REPORT,
};

// Exactly one of image, text, report_file, id, vector. Zero or NULL is the default of the others.
struct bv_index_query {
    size_t size; // sizeof (struct bv_index_query)
    const struct bv_image *image;
    const char *text;        // a sentence
    const char *report_file; // a report in a text file, scrubbed as on adding
    const char *id;          // an item of the index, by its id or its identifier before hashing
    const float *vector;     // an embedding, n_vector floats: the index's dimension
    size_t n_vector;
    const char *find;         // "image" or "report"; NULL: images for texts and images, when the
                              // index has any
    size_t k;                 // hits wanted
    const char *const *where; // "view=PA", "age>=60": all must hold
    size_t n_where;
    const char *match;  // words that must all occur in the report, "some in a row", begins*
    int match_syntax;   // match is a query in SQLite's FTS5 syntax
    int by_study;       // at most one hit per study
    const char *method; // "auto" (NULL), "exact", "int8", "faiss"
    int effort;         // of FAISS: lists or candidates; 0: default
    // Rescores the rerank_depth nearest items (at least k; 0: 50) and keeps the k best of them.
    // An image (or the id of one) is matched with the hits' reports, a text or report with the
    // hits' images, whose paths the index must hold (keep_paths), unless the reranker reads them
    // from their archive (bv_reranker_read_from()). NULL: none.
    struct bv_reranker *reranker;
    size_t rerank_depth;
};

struct bv_hits;

// engine may be NULL for queries by id and vector. BV_ERR_REFUSED when the engine's model is not
// the index's.
BV_API enum bv_status bv_index_search(struct bv_index *index, struct bv_engine *engine,
                                      const struct bv_index_query *query, struct bv_hits **hits);
BV_API void bv_hits_free(struct bv_hits **hits);
BV_API size_t bv_hits_count(const struct bv_hits *hits);
BV_API double bv_hits_score(const struct bv_hits *hits, size_t i); // cosine, or the reranker's
BV_API double bv_hits_cosine(const struct bv_hits *hits, size_t i);
// The name of the quantity: "cosine", or the reranker's ("match_softmax").
BV_API const char *bv_hits_score_kind(const struct bv_hits *hits);
BV_API enum bv_item_kind bv_hits_item_kind(const struct bv_hits *hits, size_t i);
BV_API const char *bv_hits_id(const struct bv_hits *hits, size_t i);
BV_API const char *bv_hits_study(const struct bv_hits *hits, size_t i);
BV_API const char *bv_hits_kind(const struct bv_hits *hits, size_t i);     // "image", "report"
BV_API const char *bv_hits_metadata(const struct bv_hits *hits, size_t i); // a JSON object
BV_API const char *bv_hits_report(const struct bv_hits *hits, size_t i);   // "" when there is none
// One hit as a JSON object with rank, id, score, kind and the model's name; after reranking also
// with cosine and the reranker's name.
BV_API enum bv_status bv_hits_json(const struct bv_hits *hits, size_t i, char **json);
// A page to look at, as HTML or PNG by the ending of path.
BV_API enum bv_status bv_hits_write_sheet(const struct bv_hits *hits, const char *path);

#ifdef __cplusplus
}
#endif

#endif
