// pull.h: every object of an archive that an index or a folder lacks, one by one.
#ifndef BV_ARCHIVE_PULL_H
#define BV_ARCHIVE_PULL_H

#include <stdbool.h>

#include "base/observer.h"
#include "pacs/archive.h"
#include "retrieval/ingest.h"
#include "retrieval/query.h"

// Names that lead to studies.
struct bv_study_names {
    const char *const *studies, *const *accessions, *const *patients;
    size_t n_studies, n_accessions, n_patients;
};

// Calls visit with the window of each name, and the name, until it fails.
typedef enum bv_status bv_window_visit(void *arg, const struct bv_archive_window *window,
                                       const char *name, struct bv_error *err);
enum bv_status bv_each_named_window(const struct bv_archive_window *whole,
                                    const struct bv_study_names *names, bv_window_visit *visit,
                                    void *arg, struct bv_error *err);

struct bv_pull_options {
    const char *url;
    struct bv_archive_options archive;
    struct bv_archive_window window;
    // Instead of all studies of the window those of these names, one after the other; one that
    // leads to no study is a failed object. Not with changes or window_days.
    struct bv_study_names names;
    bool retry;      // what an earlier pull fetched and the index refused is fetched again
    bool changes;    // what the archive's change feed lists since the last pull; no window
    int window_days; // so many days at a time, going on where the last pull was; 0: all at once
    int frame;       // of multi-frame objects, as in bv_ingest_options
    const struct bv_observer *observer; // may be NULL; its progress counts studies
};

// What keeps the objects: an index, or a folder.
struct bv_pull_sink {
    // Whether it has the object of a UID already; counts it then.
    enum bv_status (*has)(void *self, const char *uid, bool *has, struct bv_error *err);
    // Takes one object; name is its keyed hash. An object that cannot be taken is counted by the
    // sink; a failure here is one of the sink itself.
    enum bv_status (*put)(void *self, const uint8_t *bytes, size_t size, const char *name,
                          struct bv_error *err);
    // Counts an object that could not be fetched.
    void (*fail)(void *self, const char *name, enum bv_status status, const char *text);
    // Makes durable what was put.
    enum bv_status (*flush)(void *self, struct bv_error *err);
    // Notes of how far a pull got, which outlive it; *value in the arena, NULL when there is none.
    enum bv_status (*set_note)(void *self, const char *key, const char *value,
                               struct bv_error *err);
    enum bv_status (*get_note)(void *self, const char *key, struct bv_arena *arena,
                               const char **value, struct bv_error *err);
};

// Pulls as the options say: the studies in a window of dates, window after window, or the changes
// since the last time. self is the sink's, key names its objects. An object that fails does not
// stop the rest; five lost connections in a row do (BV_ERR_IO). *retries (set in any case) are the
// tries that were repeated.
enum bv_status bv_pull_run(const struct bv_pull_sink *sink, void *self,
                           const struct bv_sitekey *key, const struct bv_pull_options *options,
                           size_t *retries, struct bv_error *err);

struct bv_pull_counts {
    size_t objects; // written to the folder
    size_t skipped; // there already
    size_t failed;
    size_t retries;
};

// Into files of a folder, as bv_pacs_pull() says.
enum bv_status bv_pull_to_folder(const struct bv_pull_options *options, const char *folder,
                                 const char *key_file, struct bv_pull_counts *counts,
                                 struct bv_error *err);

// Into an index. What was embedded before a failure is kept.
enum bv_status bv_pull_to_index(const struct bv_pull_options *options, struct bv_store *store,
                                struct bv_session *session, const struct bv_sitekey *key,
                                struct bv_pool *pool, struct bv_ingest_counts *counts,
                                size_t *retries, struct bv_error *err);

// Hands an object in memory to an ingest; one that cannot be read is counted there. *image: whether
// it is an image that may be scored.
enum bv_status bv_ingest_object(struct bv_ingest *ingest, const uint8_t *bytes, size_t size,
                                const char *name, bool *image, struct bv_error *err);

// Whether bytes are a DICOM file whose lengths lie within it, which DCMTK itself would not ask; a
// deflated one is taken at its word. BV_ERR_FORMAT says why not.
enum bv_status bv_object_check(const uint8_t *bytes, size_t size, struct bv_error *err);

// The studies in a window; free(*studies).
enum bv_status bv_archive_list_studies(struct bv_archive *archive,
                                       const struct bv_archive_window *window,
                                       struct bv_archive_study **studies, size_t *n,
                                       struct bv_error *err);

// bv_archive_fetch() of an object as the archive stores it, or transcoded where that cannot be
// decoded here.
enum bv_status bv_archive_fetch_decodable(struct bv_archive *archive,
                                          const struct bv_archive_instance *one, uint8_t **bytes,
                                          size_t *size, struct bv_error *err);

// refetch.c: images of an index that came from an archive, read again from there. The index knows
// their studies and objects by keyed hashes only: the archive's are listed and hashed.

struct bv_refetch;

// options: url, archive, window and names count, and are borrowed; the studies in the window are
// listed when the first image is asked for.
enum bv_status bv_refetch_open(struct bv_refetch **refetch, const struct bv_pull_options *options,
                               const struct bv_sitekey *key, struct bv_error *err);
void bv_refetch_close(struct bv_refetch **refetch); // accepts NULL

// A bv_image_again; refetch is a struct bv_refetch. BV_ERR_IO where the archive has no such image.
enum bv_status bv_refetch_image(void *refetch, const struct bv_entry *entry,
                                struct bv_image **image, struct bv_error *err);

// day.c: days as DICOM writes them, YYYYMMDD, and as numbers that can be counted.

#define BV_DAY_SIZE 9

// The number of the day at the start of a text of at least eight digits; false for other texts and
// days that no calendar has.
bool bv_day_parse(const char *text, long *day);
void bv_day_format(long day, char text[BV_DAY_SIZE]);
long bv_day_today(void); // local time

#endif
