#include "eval/metrics/score_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "eval/data/labelled.h"
#include "eval/data/setup.h"

enum { MAX_SHARDS = 4096 };

enum bv_status bv_journal_path(const char *folder, uint64_t shard, uint64_t n_shards, char **path,
                               struct bv_error *err)
{
    size_t room = strlen(folder) + 64;
    char *made = malloc(room);
    if (!made)
        return bv_fail_nomem(err, "a path");
    if (n_shards == 1)
        (void)snprintf(made, room, "%s/journal.tsv", folder);
    else
        (void)snprintf(made, room, "%s/journal-%" PRIu64 "-of-%" PRIu64 ".tsv", folder,
                       shard ? shard : n_shards, n_shards);
    *path = made;
    return BV_OK;
}

static enum bv_status open_journal(struct bv_journal_reader *reader, const char *folder,
                                   uint64_t shard, uint64_t n_shards, struct bv_error *err)
{
    char *path = NULL;
    BV_TRY(bv_journal_path(folder, shard, n_shards, &path, err));
    enum bv_status status = bv_journal_read(reader, path, err);
    free(path);
    return status;
}

// The smallest number of shards of which the folder holds any; 0 when there is no journal.
static enum bv_status find_shards(const char *folder, uint64_t *shard, uint64_t *n_shards,
                                  struct bv_error *err)
{
    *n_shards = 0;
    for (uint64_t n = 1; n <= MAX_SHARDS && !*n_shards; n++) {
        for (uint64_t i = 0; i<n; i += n> 64 ? n : 1) { // beyond 64 the last one stands for all
            char *path = NULL;
            BV_TRY(bv_journal_path(folder, i, n, &path, err));
            bool is_there = access(path, R_OK) == 0;
            free(path);
            if (is_there) {
                *shard = i;
                *n_shards = n;
                break;
            }
        }
    }
    return BV_OK;
}

enum bv_status bv_folder_setup(const char *folder, json_t **setup, struct bv_error *err)
{
    uint64_t shard = 0, n_shards = 0;
    struct bv_journal_reader reader = {0};
    BV_TRY(find_shards(folder, &shard, &n_shards, err));
    if (!n_shards)
        return bv_fail(err, BV_ERR_IO, "%s: no journal of an evaluation in this folder", folder);
    BV_TRY(open_journal(&reader, folder, shard, n_shards, err));
    *setup = json_incref(reader.setup);
    bv_journal_reader_close(&reader);
    return BV_OK;
}

// A run's journals and its CSV, side by side.
struct join {
    struct bv_score_table *table;
    struct bv_labelled *dataset;
    struct bv_journal_reader *journals; // [n_shards]
    uint64_t n_shards, n_rows;
    struct bv_group_ids patients, studies;
    bv_joined_row joined;
    void *arg;
};

static uint64_t shards_of(const json_t *setup)
{
    int64_t n = bv_json_integer(setup, "shards", 1);
    return n > 0 && n <= MAX_SHARDS ? (uint64_t)n : 1;
}

static enum bv_status open_journals(struct join *join, const char *folder, const json_t *setup,
                                    struct bv_error *err)
{
    char text[256];
    join->journals = calloc(join->n_shards, sizeof *join->journals);
    if (!join->journals)
        return bv_fail_nomem(err, "the journals");
    for (uint64_t i = 0; i < join->n_shards; i++) {
        if (open_journal(&join->journals[i], folder, i, join->n_shards, err) != BV_OK)
            return bv_fail_prefix(err, "shard %" PRIu64 " of %" PRIu64 " is not there",
                                  i ? i : join->n_shards, join->n_shards);
        if (!json_equal(join->journals[i].setup, setup))
            return bv_fail(err, BV_ERR_ARG, "%s: the shards are of different runs: %s",
                           join->journals[i].path,
                           bv_setup_difference(join->journals[i].setup, setup, text));
    }
    return BV_OK;
}

static enum bv_status allocate(struct bv_score_table *t, const char *folder, size_t n_labels,
                               size_t room, struct bv_error *err)
{
    size_t cells = 0, bytes = 0;
    if (room >= UINT32_MAX || !bv_mul_size(room, n_labels, &cells) ||
        !bv_mul_size(cells, sizeof(double) + 1, &bytes) || !bv_add_size(bytes, 9 * room, &bytes))
        return bv_fail(err, BV_ERR_LIMIT, "more than 2^32 images in one evaluation");
    BV_TRY(bv_scratch_create(&t->scratch, folder, bytes, err));
    t->room = room;
    t->n_labels = n_labels;
    t->scores = t->scratch.data;
    t->patients = (uint32_t *)(t->scores + cells);
    t->studies = t->patients + room;
    t->truth = (uint8_t *)(t->studies + room);
    t->strata = t->truth + cells;
    return BV_OK;
}

// A row without an identifier is a group of its own; no identifier begins with this byte.
static enum bv_status number_of(struct bv_group_ids *ids, const char *id, uint64_t index,
                                uint32_t *number, struct bv_error *err)
{
    char own[32];
    (void)snprintf(own, sizeof own, "\x01%" PRIu64, index);
    return bv_group_ids_number(ids, id ? id : own, number, NULL, err);
}

// A stratum's number by its name.
static enum bv_status stratum_of(struct bv_score_table *t, const char *name, uint8_t *number,
                                 struct bv_error *err)
{
    size_t i = 0;
    *number = BV_NO_STRATUM;
    if (!name)
        return BV_OK;
    while (i < t->n_strata && strcmp(t->stratum_names[i], name) != 0)
        i++;
    if (i == BV_MAX_STRATA)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d values in the column to report by",
                       BV_MAX_STRATA);
    if (i == t->n_strata) {
        t->stratum_names[i] = strdup(name);
        if (!t->stratum_names[i])
            return bv_fail_nomem(err, "a stratum");
        t->n_strata++;
    }
    t->stratum_sizes[i]++;
    *number = (uint8_t)i;
    return BV_OK;
}

static enum bv_status add_row(struct join *join, const struct bv_labelled_row *row,
                              const struct bv_journal_record *record, struct bv_error *err)
{
    struct bv_score_table *t = join->table;
    if (record->reason) {
        t->n_failed++;
        return BV_OK;
    }
    size_t at = t->n_rows;
    if (at >= t->room)
        return bv_fail(err, BV_ERR_FORMAT, "the journal counts %zu rows, the data has more",
                       t->room);
    if (t->has_patients)
        BV_TRY(number_of(&join->patients, row->patient, row->index, &t->patients[at], err));
    if (t->has_studies) {
        // Studies are often numbered within a patient.
        char key[1024];
        (void)snprintf(key, sizeof key, "%s\x01%s", row->patient ? row->patient : "",
                       row->study ? row->study : "");
        BV_TRY(
            number_of(&join->studies, row->study ? key : NULL, row->index, &t->studies[at], err));
    }
    BV_TRY(stratum_of(t, row->stratum, &t->strata[at], err));
    for (size_t l = 0; l < t->n_labels; l++) {
        t->scores[l * t->room + at] = record->scores[l];
        t->truth[l * t->room + at] = row->truth[l];
    }
    t->n_rows++;
    return BV_OK;
}

static enum bv_status join_rows(struct join *join, struct bv_error *err)
{
    const struct bv_labelled_row *row = NULL;
    for (;;) {
        struct bv_journal_record record;
        bool found = false;
        BV_TRY(bv_labelled_next(join->dataset, &row, err));
        if (!row)
            return BV_OK;
        uint64_t shard = row->index % join->n_shards;
        BV_TRY(bv_journal_next(&join->journals[shard], &record, &found, err));
        if (!found || record.index != row->index)
            return bv_fail(err, BV_ERR_ARG, "%s: incomplete, row %" PRIu64 " is missing: resume it",
                           join->journals[shard].path, row->index + 1);
        BV_TRY(add_row(join, row, &record, err));
        if (join->joined)
            BV_TRY(join->joined(join->arg, row, &record, err));
    }
}

static void close_join(struct join *join)
{
    for (uint64_t i = 0; join->journals && i < join->n_shards; i++)
        bv_journal_reader_close(&join->journals[i]);
    free(join->journals);
    bv_labelled_close(&join->dataset);
    bv_group_ids_free(&join->patients);
    bv_group_ids_free(&join->studies);
}

enum bv_status bv_score_table_join(struct bv_score_table *table, const char *folder,
                                   const json_t *setup, const char *data_path, bv_joined_row joined,
                                   void *arg, struct bv_error *err)
{
    struct bv_score_table made = {0};
    struct bv_arena arena = {0};
    struct bv_labelled_options options;
    struct join join = {.table = &made, .n_shards = shards_of(setup), .joined = joined, .arg = arg};
    int64_t rows = bv_json_integer(json_object_get(setup, "data"), "rows", 0);
    enum bv_status status = bv_setup_check_data(setup, data_path, err);
    if (status == BV_OK)
        status = bv_setup_dataset(setup, data_path, &arena, &options, err);
    if (status == BV_OK)
        status = open_journals(&join, folder, setup, err);
    if (status == BV_OK)
        status = allocate(&made, folder, options.n_labels, rows > 0 ? (size_t)rows : 0, err);
    if (status == BV_OK)
        status = bv_labelled_open(&join.dataset, &options, err);
    if (status == BV_OK) {
        made.has_patients = bv_labelled_has_patients(join.dataset);
        made.has_studies = bv_labelled_has_studies(join.dataset);
        status = join_rows(&join, err);
    }
    made.n_patients = join.patients.n;
    made.n_studies = join.studies.n;
    close_join(&join);
    bv_arena_free(&arena);
    if (status != BV_OK)
        bv_score_table_free(&made);
    else
        *table = made;
    return status;
}

void bv_score_table_free(struct bv_score_table *table)
{
    bv_scratch_free(&table->scratch);
    for (size_t i = 0; i < table->n_strata; i++)
        free(table->stratum_names[i]);
    *table = (struct bv_score_table){0};
}

const char *bv_unit_name(enum bv_unit unit)
{
    static const char *const names[] = {"image", "study", "patient"};
    return names[unit];
}

size_t bv_score_table_units(const struct bv_score_table *t, enum bv_unit unit)
{
    return unit == BV_UNIT_IMAGE ? t->n_rows : unit == BV_UNIT_STUDY ? t->n_studies : t->n_patients;
}

enum bv_status bv_score_table_clusters(const struct bv_score_table *t, enum bv_unit unit,
                                       uint8_t stratum, uint32_t **clusters, size_t *n_clusters,
                                       struct bv_error *err)
{
    *clusters = NULL;
    *n_clusters = 0;
    if (!t->has_patients || unit == BV_UNIT_PATIENT)
        return BV_OK;
    size_t n = bv_score_table_units(t, unit), at = 0;
    uint32_t *made = malloc(n * sizeof *made + 1), *renamed = NULL;
    renamed = calloc(t->n_patients + 1, sizeof *renamed); // numbers of those that occur, from 1
    if (!made || !renamed) {
        free(made);
        free(renamed);
        return bv_fail_nomem(err, "the patients");
    }
    for (size_t i = 0; i < t->n_rows; i++) {
        if (unit == BV_UNIT_IMAGE && stratum != BV_NO_STRATUM && t->strata[i] != stratum)
            continue;
        uint32_t *number = &renamed[t->patients[i]];
        if (!*number)
            *number = (uint32_t)++ * n_clusters;
        made[unit == BV_UNIT_IMAGE ? at++ : t->studies[i]] = *number - 1;
    }
    free(renamed);
    *clusters = made;
    return BV_OK;
}

// The groups of one label, from its images.
struct group {
    double score;
    uint32_t n;
    uint8_t truth;
};

static void gather(const struct bv_score_table *t, const uint32_t *numbers, size_t label, bool mean,
                   struct group *groups, size_t n_groups)
{
    for (size_t g = 0; g < n_groups; g++)
        groups[g] = (struct group){.truth = BV_TRUTH_NONE};
    for (size_t i = 0; i < t->n_rows; i++) {
        struct group *group = &groups[numbers[i]];
        double score = t->scores[label * t->room + i];
        uint8_t truth = t->truth[label * t->room + i];
        if (mean)
            group->score += score;
        else if (!group->n || score > group->score)
            group->score = score;
        group->n++;
        if (truth == BV_TRUTH_POSITIVE || group->truth == BV_TRUTH_NONE)
            group->truth = truth;
    }
    for (size_t g = 0; mean && g < n_groups; g++)
        if (groups[g].n)
            groups[g].score /= groups[g].n;
}

// The units of one label that have a truth.
static size_t collect(const struct bv_score_table *t, enum bv_unit unit, uint8_t stratum,
                      size_t label, bool mean, struct group *groups, struct bv_ranked_item *items)
{
    size_t n = 0, n_units = bv_score_table_units(t, unit);
    uint32_t number = 0;
    if (unit != BV_UNIT_IMAGE)
        gather(t, unit == BV_UNIT_STUDY ? t->studies : t->patients, label, mean, groups, n_units);
    for (size_t i = 0; i < n_units; i++) {
        const size_t cell = label * t->room + i;
        if (unit == BV_UNIT_IMAGE && stratum != BV_NO_STRATUM && t->strata[i] != stratum)
            continue;
        double score = unit == BV_UNIT_IMAGE ? t->scores[cell] : groups[i].score;
        uint8_t truth = unit == BV_UNIT_IMAGE ? t->truth[cell] : groups[i].truth;
        if (truth != BV_TRUTH_NONE)
            items[n++] = (struct bv_ranked_item){score, number, truth == BV_TRUTH_POSITIVE};
        number++;
    }
    bv_ranked_sort(items, n);
    return n;
}

enum bv_status bv_score_table_rank(const struct bv_score_table *t, enum bv_unit unit,
                                   uint8_t stratum, bool mean, const char *folder,
                                   struct bv_scratch *scratch, struct bv_ranked *lists,
                                   struct bv_error *err)
{
    struct bv_scratch made = {0};
    size_t n_units = bv_score_table_units(t, unit), cells = 0, bytes = 0;
    if (!bv_mul_size(n_units, t->n_labels, &cells) ||
        !bv_mul_size(cells, sizeof(struct bv_ranked_item), &bytes))
        return bv_fail(err, BV_ERR_LIMIT, "too many images");
    struct group *groups = unit == BV_UNIT_IMAGE ? NULL : calloc(n_units + 1, sizeof *groups);
    if (unit != BV_UNIT_IMAGE && !groups)
        return bv_fail_nomem(err, "the groups");
    enum bv_status status = bv_scratch_create(&made, folder, bytes, err);
    for (size_t l = 0; status == BV_OK && l < t->n_labels; l++) {
        struct bv_ranked_item *items =
            made.data ? (struct bv_ranked_item *)made.data + l * n_units : NULL;
        lists[l] = (struct bv_ranked){items, collect(t, unit, stratum, l, mean, groups, items)};
    }
    free(groups);
    if (status == BV_OK)
        *scratch = made;
    return status;
}
