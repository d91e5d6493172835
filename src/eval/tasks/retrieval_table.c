#include "eval/tasks/retrieval_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "eval/data/out_folder.h"
#include "eval/data/setup.h"
#include "eval/tasks/retrieval_clinical.h"
#include "table/csv.h"

enum { TEXTS_AT_ONCE = 64, MAX_PAIRS = 1 << 22 };
static const size_t cutoffs[] = {1, 2, 5, 10, 50, 100};

struct pairs {
    struct bv_csv_reader *csv;      // beside the pipeline's own reader: texts and classes
    int text, class, patient, path; // columns; -1: there is none
    struct bv_path_list list;       // of the images
    struct bv_arena arena;
    size_t D, n, room;
    uint64_t n_failed;
    float *images, *texts; // [room][D]
    const char **text_of, **class_of, **patient_of;
    uint64_t *line_of;
};

static enum bv_status grow(struct pairs *p, struct bv_error *err)
{
    if (p->n < p->room)
        return BV_OK;
    size_t room = p->room ? 2 * p->room : 256;
    if (room > MAX_PAIRS)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d pairs", MAX_PAIRS);
    float *images = realloc(p->images, room * p->D * sizeof *images);
    if (images)
        p->images = images;
    const char **texts = realloc(p->text_of, room * sizeof *texts);
    if (texts)
        p->text_of = texts;
    const char **classes = realloc(p->class_of, room * sizeof *classes);
    if (classes)
        p->class_of = classes;
    const char **patients = realloc(p->patient_of, room * sizeof *patients);
    if (patients)
        p->patient_of = patients;
    uint64_t *lines = realloc(p->line_of, room * sizeof *lines);
    if (lines)
        p->line_of = lines;
    if (!images || !texts || !classes || !patients || !lines)
        return bv_fail_nomem(err, "the pairs");
    p->room = room;
    return BV_OK;
}

// Both readers skip the same lines, so the n-th record here is the n-th of the pipeline.
static enum bv_status take_pair(void *arg, const struct bv_journal_record *record,
                                struct bv_error *err)
{
    struct pairs *p = arg;
    const struct bv_csv_row *row = NULL;
    BV_TRY(bv_csv_next(p->csv, &row, err));
    bool usable = row && !record->reason && (size_t)p->text < row->n && *row->fields[p->text];
    if (!usable) {
        p->n_failed++;
        return BV_OK;
    }
    BV_TRY(grow(p, err));
    for (size_t d = 0; d < p->D; d++)
        p->images[p->n * p->D + d] = (float)record->scores[d];
    p->text_of[p->n] = bv_arena_strdup(&p->arena, row->fields[p->text]);
    p->class_of[p->n] =
        p->class >= 0 ? bv_arena_strdup(&p->arena, row->fields[p->class]) : p->text_of[p->n];
    const char *patient =
        p->patient >= 0 && (size_t)p->patient < row->n ? row->fields[p->patient] : "";
    p->patient_of[p->n] = *patient ? bv_arena_strdup(&p->arena, patient) : NULL;
    p->line_of[p->n] = row->line;
    if (p->path >= 0)
        BV_TRY(bv_path_list_add(&p->list, row->fields[p->path], err));
    if (!p->text_of[p->n] || !p->class_of[p->n] || (*patient && !p->patient_of[p->n]))
        return bv_fail_nomem(err, "a text");
    p->n++;
    return BV_OK;
}

static enum bv_status no_block_end(void *arg, struct bv_error *err)
{
    (void)arg;
    (void)err;
    return BV_OK;
}

// The column of the images, as labelled.c finds it.
static int find_path(const struct bv_csv_row *header, const char *name)
{
    const char *const usual[] = {name ? name : "path", "image_path", "image", "file", "filename"};
    for (size_t k = 0; k < (name ? 1u : sizeof usual / sizeof *usual); k++)
        for (size_t i = 0; i < header->n; i++)
            if (strcasecmp(header->fields[i], usual[k]) == 0)
                return (int)i;
    return -1;
}

// The column that tells patients apart; -1 where there is none that is asked for.
static enum bv_status find_patient(struct pairs *p, const struct bv_retrieval_options *o,
                                   struct bv_error *err)
{
    static const char *const usual[] = {"patient_id", "patient", "subject_id"};
    p->patient = -1;
    for (size_t i = 0; !o->patient_column && p->patient < 0 && i < 3; i++)
        BV_TRY(bv_csv_find(p->csv, usual[i], &p->patient, err));
    if (!o->patient_column)
        return BV_OK;
    BV_TRY(bv_csv_find(p->csv, o->patient_column, &p->patient, err));
    return p->patient >= 0
               ? BV_OK
               : bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\"", o->path, o->patient_column);
}

static enum bv_status find_columns(struct pairs *p, const struct bv_retrieval_options *o,
                                   struct bv_error *err)
{
    const char *text = o->text_column ? o->text_column : "text";
    BV_TRY(bv_csv_find(p->csv, text, &p->text, err));
    p->class = -1;
    if (o->class_column)
        BV_TRY(bv_csv_find(p->csv, o->class_column, &p->class, err));
    if (p->text < 0 || (o->class_column && p->class < 0))
        return bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\"", o->path,
                       p->text < 0 ? text : o->class_column);
    p->path = find_path(bv_csv_header(p->csv), o->path_column);
    return find_patient(p, o, err);
}

static enum bv_status encode_images(struct pairs *p, const struct bv_retrieval_options *o,
                                    const struct bv_scorer *images, struct bv_error *err)
{
    const struct bv_labelled_options data = {
        .path = o->path, .root = o->root, .path_column = o->path_column, .repeats = true};
    struct bv_pipeline pipeline = {.scorer = images,
                                   .n_shards = 1,
                                   .block = o->block,
                                   .n_workers = o->n_workers,
                                   .row = take_pair,
                                   .block_end = no_block_end,
                                   .arg = p};
    BV_TRY(bv_labelled_open(&pipeline.dataset, &data, err));
    enum bv_status status = bv_pipeline_run(&pipeline, err);
    bv_labelled_close(&pipeline.dataset);
    return status;
}

static enum bv_status encode_texts(struct pairs *p, const struct bv_text_encoder *texts,
                                   struct bv_error *err)
{
    p->texts = malloc(p->n * p->D * sizeof *p->texts + 1);
    if (!p->texts)
        return bv_fail_nomem(err, "the texts' embeddings");
    for (size_t i = 0; i < p->n; i += TEXTS_AT_ONCE) {
        size_t n = p->n - i < TEXTS_AT_ONCE ? p->n - i : TEXTS_AT_ONCE;
        BV_TRY(texts->encode(texts->arg, p->text_of + i, n, p->texts + i * p->D, err));
    }
    return BV_OK;
}

static json_t *retrieval_object(struct bv_retrieval *r)
{
    double median = 0;
    bv_retrieval_finish(r, &median);
    json_t *object = json_pack("{s:I, s:o, s:o, s:o}", "queries", (json_int_t)r->n_queries,
                               "mean_rank", bv_result_number(r->rank), "median_rank",
                               bv_result_number(median), "mrr", bv_result_number(r->reciprocal));
    for (size_t k = 0; object && k < r->n_ks; k++) {
        const struct {
            const char *name;
            double value;
        } numbers[] = {{"R", r->hits[k]}, {"P", r->precision[k]}, {"true_recall", r->recall[k]}};
        for (size_t i = 0; i < 3; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "%s@%zu", numbers[i].name, r->ks[k]);
            (void)json_object_set_new(object, name, bv_result_number(numbers[i].value));
        }
    }
    return object;
}

// groups NULL: only the item of the query's own row is relevant.
static enum bv_status evaluate(const struct pairs *p, const float *queries, const float *items,
                               const uint32_t *groups, json_t **result, struct bv_error *err)
{
    struct bv_retrieval r = {.n_ks = 0};
    float *scores = malloc(p->n * sizeof *scores + 1);
    uint8_t *relevant = malloc(p->n + 1);
    enum bv_status status = scores && relevant ? BV_OK : bv_fail_nomem(err, "the ranks");
    for (size_t k = 0; k < sizeof cutoffs / sizeof *cutoffs; k++)
        if (cutoffs[k] <= p->n)
            r.ks[r.n_ks++] = cutoffs[k];
    for (size_t q = 0; status == BV_OK && q < p->n; q++) {
        for (size_t i = 0; i < p->n; i++) {
            double dot = 0;
            for (size_t d = 0; d < p->D; d++)
                dot += (double)queries[q * p->D + d] * (double)items[i * p->D + d];
            scores[i] = (float)dot;
            relevant[i] = groups ? groups[i] == groups[q] : i == q;
        }
        status = bv_retrieval_add(&r, scores, relevant, p->n, err);
    }
    if (status == BV_OK)
        *result = retrieval_object(&r);
    bv_retrieval_free(&r);
    free(scores);
    free(relevant);
    return status;
}

static enum bv_status evaluate_direction(const struct pairs *p, bool from_images,
                                         const uint32_t *same_text, const uint32_t *same_class,
                                         json_t *result, struct bv_error *err)
{
    const float *queries = from_images ? p->images : p->texts;
    const float *items = from_images ? p->texts : p->images;
    const struct {
        const char *name;
        const uint32_t *groups;
    } kinds[] = {{"paired", NULL}, {"equal_text", same_text}, {"same_class", same_class}};
    json_t *direction = json_object();
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && i < (p->class >= 0 ? 3u : 2u); i++) {
        json_t *one = NULL;
        status = evaluate(p, queries, items, kinds[i].groups, &one, err);
        (void)json_object_set_new(direction, kinds[i].name, one);
    }
    (void)json_object_set_new(result, from_images ? "image_to_text" : "text_to_image", direction);
    return status;
}

static enum bv_status evaluate_pairs(const struct pairs *p, json_t **result, struct bv_error *err)
{
    uint32_t *same_text = malloc(p->n * sizeof *same_text + 1);
    uint32_t *same_class = malloc(p->n * sizeof *same_class + 1);
    size_t n_duplicates = 0, ignored = 0;
    enum bv_status status = same_text && same_class ? BV_OK : bv_fail_nomem(err, "the ranks");
    if (status == BV_OK)
        status = bv_text_groups(p->text_of, p->n, same_text, &n_duplicates, err);
    if (status == BV_OK)
        status = bv_text_groups(p->class_of, p->n, same_class, &ignored, err);
    json_t *made = json_pack("{s:I, s:I, s:I}", "n", (json_int_t)p->n, "failed",
                             (json_int_t)p->n_failed, "duplicate_texts", (json_int_t)n_duplicates);
    if (status == BV_OK)
        status = evaluate_direction(p, true, same_text, same_class, made, err);
    if (status == BV_OK)
        status = evaluate_direction(p, false, same_text, same_class, made, err);
    free(same_text);
    free(same_class);
    if (status == BV_OK)
        *result = made;
    else
        json_decref(made);
    return status;
}

// Adds what the reports found say to the results.
static enum bv_status judge(const struct pairs *p, const struct bv_retrieval_options *o,
                            json_t *result, struct bv_error *err)
{
    const struct bv_retrieved retrieved = {.n = p->n,
                                           .D = p->D,
                                           .images = p->images,
                                           .texts = p->texts,
                                           .text_of = p->text_of,
                                           .patient_of = p->patient >= 0 ? p->patient_of : NULL,
                                           .line_of = p->line_of};
    json_t *clinical = NULL;
    BV_TRY(bv_retrieval_clinical(&retrieved, &o->clinical, o->folder, &clinical, err));
    return json_object_set_new(result, "clinical", clinical) == 0
               ? BV_OK
               : bv_fail_nomem(err, "the results");
}

enum bv_status bv_retrieval_table(const struct bv_retrieval_options *options,
                                  const struct bv_scorer *images,
                                  const struct bv_text_encoder *texts, json_t **result,
                                  struct bv_error *err)
{
    struct pairs p = {.D = images->n_labels};
    json_t *made = NULL;
    enum bv_status status =
        bv_csv_open(&p.csv, options->path, bv_csv_separator(options->path), err);
    if (status == BV_OK && options->clinical.head)
        status = bv_clinical_check(&options->clinical, err);
    if (status == BV_OK)
        status = find_columns(&p, options, err);
    if (status == BV_OK)
        status = encode_images(&p, options, images, err);
    if (status == BV_OK && !p.n)
        status = bv_fail(err, BV_ERR_ARG, "%s: no pair of an image and a text", options->path);
    if (status == BV_OK)
        status = encode_texts(&p, texts, err);
    if (status == BV_OK)
        status = evaluate_pairs(&p, &made, err);
    if (status == BV_OK)
        status = bv_setup_name_data(options->path, &p.list, made, err);
    if (status == BV_OK && options->clinical.head)
        status = judge(&p, options, made, err);
    if (status == BV_OK)
        *result = made;
    else
        json_decref(made);
    bv_csv_close(&p.csv);
    bv_arena_free(&p.arena);
    bv_path_list_free(&p.list);
    free(p.images);
    free(p.texts);
    free(p.text_of);
    free(p.class_of);
    free(p.patient_of);
    free(p.line_of);
    return status;
}
