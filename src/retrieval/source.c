#include "retrieval/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/decode.h"
#include "image/image.h"
#include "retrieval/record.h"
#include "table/csv.h"

enum { MAX_DEPTH = 32, MAX_METADATA = 64, MAX_IDENTIFIERS = 64, MAX_REPORT = 1 << 20 };

static const size_t max_file = (size_t)1 << 30;

struct walk {
    struct bv_ingest *ingest;
    const struct bv_source_columns *columns;
    size_t shard, n_shards, n_seen;
};

// Whether this record is of our shard; counts it.
static bool takes(struct walk *w)
{
    return w->n_shards == 0 || w->n_seen++ % w->n_shards == w->shard;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool ends_in(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcasecmp(path + n - m, suffix) == 0;
}

static enum bv_status put_dicom(struct walk *w, const char *path, const struct bv_record *given,
                                struct bv_error *err)
{
    struct bv_mapping file = {0};
    struct bv_arena arena = {0};
    struct bv_record r = {0};
    struct bv_error mine = {0};
    enum bv_status status = bv_mapping_open(&file, path, max_file, &mine);
    if (status == BV_OK)
        status = bv_record_from_dicom(&r, file.data, file.size, path, given && given->report,
                                      &arena, &mine);
    for (size_t i = 0; status == BV_OK && given && i < given->identifiers.n; i++)
        status = bv_identifiers_add(&r.identifiers, &arena, given->identifiers.items[i].kind,
                                    given->identifiers.items[i].text, &mine);
    if (status != BV_OK) {
        bv_record_clear(&r);
        bv_ingest_fail(w->ingest, path, status, mine.text);
        status = BV_OK;
    } else {
        r.path = path;
        r.frame = given ? given->frame : 0;
        // A table knows better than the header, and adds to what it says.
        if (given && given->study)
            r.study = given->study;
        if (given && given->accession)
            r.accession = given->accession;
        if (given && given->report)
            r.report = given->report;
        if (given && given->metadata)
            (void)json_object_update(r.metadata, given->metadata);
        if (given && given->patient)
            r.patient = given->patient;
        status = bv_ingest_put(w->ingest, &r, err);
        bv_record_clear(&r);
    }
    bv_arena_free(&arena);
    bv_mapping_close(&file);
    return status;
}

// A report of its own file; its name joins it to a study, or where it is none that could be an
// accession number ("x.txt"), it is a study of its own.
static enum bv_status put_text(struct walk *w, const char *path, const char *id,
                               struct bv_error *err)
{
    struct bv_error mine = {0};
    char *text = NULL, stem[256];
    size_t size;
    enum bv_status status = bv_text_read(path, MAX_REPORT, &text, &size, &mine);
    if (status != BV_OK) {
        bv_ingest_fail(w->ingest, path, status, mine.text);
        return BV_OK;
    }
    const char *name = file_name(path), *dot = strrchr(name, '.');
    (void)snprintf(stem, sizeof stem, "%.*s", dot ? (int)(dot - name) : (int)strlen(name), name);
    struct bv_record r = {.name = path, .report = text};
    struct bv_arena arena = {0};
    if (bv_accession_is_placeholder(stem))
        r.study = id;
    else
        r.accession = stem;
    status = bv_identifiers_add(&r.identifiers, &arena, BV_IDENTIFIER_NUMBER, stem, err);
    if (status == BV_OK)
        status = bv_ingest_put(w->ingest, &r, err);
    bv_arena_free(&arena);
    free(text);
    return status;
}

// id is what the file is called under the input that led to it.
static enum bv_status put_file(struct walk *w, const char *path, const char *id,
                               const struct bv_record *given, struct bv_error *err)
{
    uint8_t head[1024];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    int code = errno;
    if (f)
        (void)fclose(f);
    if (!f) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s: %s", path, strerror(code));
        bv_ingest_fail(w->ingest, path, BV_ERR_IO, text);
        return BV_OK;
    }
    if (bv_sniff(head, n) == BV_FORMAT_DICOM)
        return put_dicom(w, path, given, err);
    struct bv_record r = given ? *given : (struct bv_record){0};
    r.name = path;
    r.path = path;
    if (!r.id)
        r.id = id;
    r.has_image = true;
    return bv_ingest_put(w->ingest, &r, err);
}

// Tables.

struct table {
    struct bv_csv_reader *reader;
    const char *path;
    int path_column, id, study, accession, patient, report;
    int metadata[MAX_METADATA], identifiers[MAX_IDENTIFIERS];
    size_t n_metadata, n_identifiers;
};

static enum bv_status find_column(const struct table *t, const char *wanted,
                                  const char *const *usual, size_t n_usual, int *column,
                                  struct bv_error *err)
{
    *column = -1;
    if (wanted) {
        BV_TRY(bv_csv_find(t->reader, wanted, column, err));
        if (*column < 0)
            return bv_fail(err, BV_ERR_ARG, "%s: there is no column \"%s\"", t->path, wanted);
    }
    for (size_t i = 0; !wanted && *column < 0 && i < n_usual; i++)
        BV_TRY(bv_csv_find(t->reader, usual[i], column, err));
    return BV_OK;
}

struct names {
    const char *const *at;
    size_t n;
};

// Columns of a list that the table has; wanted ones must be there, usual ones may be absent.
static enum bv_status find_columns(const struct table *t, struct names wanted, struct names usual,
                                   int *columns, size_t *n, size_t room, struct bv_error *err)
{
    for (size_t i = 0; i < wanted.n + usual.n; i++) {
        int column = -1;
        const char *name = i < wanted.n ? wanted.at[i] : usual.at[i - wanted.n];
        BV_TRY(find_column(t, i < wanted.n ? name : NULL, &name, 1, &column, err));
        if (column >= 0 && *n == room)
            return bv_fail(err, BV_ERR_LIMIT, "more than %zu columns of one sort", room);
        if (column >= 0)
            columns[(*n)++] = column;
    }
    return BV_OK;
}

static enum bv_status find_all_columns(struct table *t, const struct bv_source_columns *c,
                                       struct bv_error *err)
{
    static const char *const path[] = {"path", "file", "image", "filename", "Path", "Image Index"};
    static const char *const id[] = {"id", "sop_instance_uid", "dicom_id"};
    static const char *const study[] = {"study", "study_id", "study_instance_uid"};
    static const char *const accession[] = {"accession", "accession_number"};
    static const char *const patient[] = {"patient_id", "mrn", "subject_id", "PatientID"};
    static const char *const report[] = {"report", "text", "notes"};
    static const char *const metadata[] = {"view", "sex", "age", "modality", "split"};
    static const char *const identifiers[] = {"name",       "patient_name", "patient_id", "mrn",
                                              "birth_date", "date",         "study_date"};
#define USUAL(list) list, sizeof list / sizeof *list
    BV_TRY(find_column(t, c->path, USUAL(path), &t->path_column, err));
    BV_TRY(find_column(t, c->id, USUAL(id), &t->id, err));
    BV_TRY(find_column(t, c->study, USUAL(study), &t->study, err));
    BV_TRY(find_column(t, c->accession, USUAL(accession), &t->accession, err));
    BV_TRY(find_column(t, NULL, USUAL(patient), &t->patient, err));
    BV_TRY(find_column(t, c->report, USUAL(report), &t->report, err));
    const struct names usual = {USUAL(metadata)}, named = {USUAL(identifiers)}, none = {NULL, 0};
#undef USUAL
    BV_TRY(find_columns(t, (struct names){c->metadata, c->n_metadata}, c->n_metadata ? none : usual,
                        t->metadata, &t->n_metadata, MAX_METADATA, err));
    BV_TRY(find_columns(t, (struct names){c->identifiers, c->n_identifiers}, named, t->identifiers,
                        &t->n_identifiers, MAX_IDENTIFIERS, err));
    if (t->path_column < 0 && t->report < 0)
        return bv_fail(err, BV_ERR_ARG, "%s: no column of image paths or reports", t->path);
    return BV_OK;
}

static const char *field(const struct bv_csv_row *row, int column)
{
    return column >= 0 && (size_t)column < row->n && *row->fields[column] ? row->fields[column]
                                                                          : NULL;
}

static enum bv_status put_row(struct walk *w, const struct table *t, const struct bv_csv_row *row,
                              struct bv_arena *arena, struct bv_error *err)
{
    char path[4096], name[4200];
    const char *file = field(row, t->path_column);
    struct bv_record r = {.id = field(row, t->id),
                          .study = field(row, t->study),
                          .accession = field(row, t->accession),
                          .patient = field(row, t->patient),
                          .report = field(row, t->report)};
    (void)snprintf(name, sizeof name, "%s line %llu", t->path, (unsigned long long)row->line);
    r.name = name;
    for (size_t i = 0; i < t->n_identifiers; i++)
        BV_TRY(bv_identifiers_add(&r.identifiers, arena, BV_IDENTIFIER_ANY,
                                  field(row, t->identifiers[i]), err));
    BV_TRY(bv_identifiers_add(&r.identifiers, arena, BV_IDENTIFIER_NUMBER, r.accession, err));
    BV_TRY(bv_identifiers_add(&r.identifiers, arena, BV_IDENTIFIER_NUMBER, r.patient, err));
    if (!file && !r.report)
        return BV_OK; // a row without image and report
    if (!file && !r.study && !r.accession && r.id) {
        r.study = r.id; // a report that has only an id is its own study
        r.id = NULL;
    }
    r.metadata = json_object();
    if (!r.metadata)
        return bv_fail_nomem(err, "metadata");
    for (size_t i = 0; i < t->n_metadata; i++) {
        const char *value = field(row, t->metadata[i]);
        if (value)
            (void)json_object_set_new(r.metadata, bv_csv_header(t->reader)->fields[t->metadata[i]],
                                      json_string(value));
    }
    enum bv_status status;
    if (!file) {
        status = bv_ingest_put(w->ingest, &r, err);
    } else {
        int folder = *file == '/' ? 0 : (int)(file_name(t->path) - t->path);
        int n = snprintf(path, sizeof path, "%.*s%s", folder, t->path, file);
        if (n > 0 && (size_t)n < sizeof path) {
            path[bv_image_path_length(path, &r.frame)] = 0; // "cine.dcm#2"
            r.frame++;
            status = put_file(w, path, path + folder, &r, err);
        } else {
            bv_ingest_fail(w->ingest, name, BV_ERR_LIMIT, "a path of more than 4095 bytes");
            status = BV_OK;
        }
    }
    json_decref(r.metadata);
    return status;
}

static enum bv_status put_table(struct walk *w, const char *path, struct bv_error *err)
{
    struct table t = {.path = path};
    const struct bv_csv_row *row = NULL;
    BV_TRY(bv_csv_open(&t.reader, path, ',', err));
    enum bv_status status = find_all_columns(&t, w->columns, err);
    struct bv_error mine = {0};
    while (status == BV_OK) {
        // The rows before one that cannot be read are done; the other inputs go on.
        if (bv_csv_next(t.reader, &row, &mine) != BV_OK) {
            bv_ingest_fail(w->ingest, path, mine.status, mine.text);
            break;
        }
        if (!row)
            break;
        struct bv_arena arena = {0};
        if (takes(w))
            status = put_row(w, &t, row, &arena, err);
        bv_arena_free(&arena);
    }
    bv_csv_close(&t.reader);
    return status;
}

// Folders.

static enum bv_status put_any(struct walk *w, const char *path, const char *id, int depth,
                              struct bv_error *err);

static enum bv_status put_folder(struct walk *w, const char *path, const char *id, int depth,
                                 struct bv_error *err)
{
    struct bv_arena arena = {0};
    char **names = NULL;
    size_t n = 0;
    enum bv_status status = bv_folder_names(path, &arena, &names, &n, err);
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        char *below = bv_arena_printf(&arena, "%s/%s", path, names[i]);
        char *below_id = bv_arena_printf(&arena, "%s%s%s", id, *id ? "/" : "", names[i]);
        status = below && below_id ? put_any(w, below, below_id, depth + 1, err)
                                   : bv_fail_nomem(err, "a folder");
    }
    free(names);
    bv_arena_free(&arena);
    return status;
}

static enum bv_status put_any(struct walk *w, const char *path, const char *id, int depth,
                              struct bv_error *err)
{
    struct stat info;
    // Below the input itself links are not followed: they could lead in a circle.
    if ((depth == 0 ? stat(path, &info) : lstat(path, &info)) != 0) {
        char text[4300];
        (void)snprintf(text, sizeof text, "%s: %s", path, strerror(errno));
        bv_ingest_fail(w->ingest, path, BV_ERR_IO, text);
        return BV_OK;
    }
    if (S_ISDIR(info.st_mode))
        return depth < MAX_DEPTH ? put_folder(w, path, id, depth, err) : BV_OK;
    if (!S_ISREG(info.st_mode))
        return BV_OK;
    if (depth == 0 && (ends_in(path, ".csv")))
        return put_table(w, path, err);
    if (!takes(w))
        return BV_OK;
    return ends_in(path, ".txt") ? put_text(w, path, id, err) : put_file(w, path, id, NULL, err);
}

enum bv_status bv_source_put(struct bv_ingest *ingest, const char *input,
                             const struct bv_source_columns *columns, size_t shard, size_t n_shards,
                             struct bv_error *err)
{
    struct walk w = {.ingest = ingest, .columns = columns, .shard = shard, .n_shards = n_shards};
    struct stat info;
    bool folder = stat(input, &info) == 0 && S_ISDIR(info.st_mode);
    return put_any(&w, input, folder ? "" : file_name(input), 0, err);
}
