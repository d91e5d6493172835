#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/dicom_dataset.h"
#include "retrieval/record.h"

enum {
    SOP_INSTANCE = 0x00080018,
    STUDY_DATE = 0x00080020,
    CONTENT_DATE = 0x00080023,
    STUDY_TIME = 0x00080030,
    CONTENT_TIME = 0x00080033,
    ACCESSION = 0x00080050,
    MODALITY = 0x00080060,
    MODEL_NAME = 0x00081090,
    STUDY_INSTANCE = 0x0020000D,
    BODY_PART = 0x00180015,
    VIEW_POSITION = 0x00185101,
    SEX = 0x00100040,
    AGE = 0x00101010,
    PATIENT_ID = 0x00100020,
    COMPLETION = 0x0040A491,
    VERIFICATION = 0x0040A493,
    PRELIMINARY = 0x0040A496,
    FRAMES = 0x00280008,
    ROWS = 0x00280010,
    COLUMNS = 0x00280011,
};

static const char *text_of(const struct bv_dataset *d, uint32_t tag, struct bv_arena *arena)
{
    char value[256];
    return bv_dataset_text(d, tag, 0, value, sizeof value) && *value ? bv_arena_strdup(arena, value)
                                                                     : NULL;
}

static void set_term(json_t *metadata, const char *key, const struct bv_dataset *d, uint32_t tag,
                     enum bv_vocabulary vocabulary)
{
    char value[64];
    const char *term = bv_dataset_text(d, tag, 0, value, sizeof value)
                           ? bv_vocabulary_term(vocabulary, value)
                           : NULL;
    if (term)
        (void)json_object_set_new(metadata, key, json_string(term));
}

// Reports and captures that biovl derived say so (pacs/derived_object.h): a report of its own
// scores would be found as if a radiologist had written it.
static bool is_ours(const struct bv_dataset *d)
{
    char value[64];
    return bv_dataset_text(d, MODEL_NAME, 0, value, sizeof value) && strcmp(value, "biovl") == 0;
}

// Age String "063Y" to years; 90 and above are one group, as HIPAA's safe harbour has it.
static void set_age(json_t *metadata, const struct bv_dataset *d)
{
    char value[16];
    if (!bv_dataset_text(d, AGE, 0, value, sizeof value))
        return;
    char *end;
    long n = strtol(value, &end, 10);
    if (end == value || n < 0)
        return;
    long years = *end == 'Y' || *end == 0 ? n : *end == 'M' ? n / 12 : 0;
    (void)json_object_set_new(metadata, "age", json_integer(years > 90 ? 90 : years));
}

// Seconds since some day of a date YYYYMMDD and a time HHMMSS; false when there is no such date.
static bool read_when(const struct bv_dataset *d, uint32_t date, uint32_t time, int64_t *seconds)
{
    char day[16], clock[32];
    int year, month, of_month, hour = 0, minute = 0, second = 0;
    if (!bv_dataset_text(d, date, 0, day, sizeof day) ||
        sscanf(day, "%4d%2d%2d", &year, &month, &of_month) != 3 || month < 1 || month > 12)
        return false;
    if (bv_dataset_text(d, time, 0, clock, sizeof clock))
        (void)sscanf(clock, "%2d%2d%2d", &hour, &minute, &second);
    // Days of the Gregorian calendar, years beginning in March.
    int64_t y = year - (month <= 2), m = (month + 9) % 12;
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + of_month;
    *seconds = days * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

// One of the words that the standard knows for an attribute; others are not kept.
static void set_word(json_t *metadata, const char *key, const struct bv_dataset *d, uint32_t tag,
                     const char *const *words)
{
    char value[64];
    if (!bv_dataset_text(d, tag, 0, value, sizeof value))
        return;
    for (; *words; words++) {
        if (strcmp(value, *words) == 0)
            (void)json_object_set_new(metadata, key, json_string(value));
    }
}

// What a report says of itself; its day only as its distance from the study's.
static json_t *read_report_facts(const struct bv_dataset *d, struct bv_report_facts *facts)
{
    static const char *const completion[] = {"PARTIAL", "COMPLETE", NULL};
    static const char *const verification[] = {"UNVERIFIED", "VERIFIED", NULL};
    static const char *const preliminary[] = {"PRELIMINARY", "FINAL", NULL};
    json_t *metadata = json_object();
    int64_t study, content;
    facts->dated = read_when(d, STUDY_DATE, STUDY_TIME, &study) &&
                   read_when(d, CONTENT_DATE, CONTENT_TIME, &content);
    if (facts->dated)
        facts->after = content - study;
    set_word(metadata, "completion", d, COMPLETION, completion);
    set_word(metadata, "verification", d, VERIFICATION, verification);
    set_word(metadata, "preliminary", d, PRELIMINARY, preliminary);
    if (facts->dated)
        (void)json_object_set_new(metadata, "seconds_after_study", json_integer(facts->after));
    return metadata;
}

// What is kept of a header: nothing that points to a person.
static json_t *read_metadata(const struct bv_dataset *d)
{
    json_t *metadata = json_object();
    double number;
    set_term(metadata, "modality", d, MODALITY, BV_WORDS_MODALITY);
    set_term(metadata, "view", d, VIEW_POSITION, BV_WORDS_VIEW);
    set_term(metadata, "body_part", d, BODY_PART, BV_WORDS_BODY_PART);
    set_term(metadata, "sex", d, SEX, BV_WORDS_SEX);
    set_age(metadata, d);
    if (bv_dataset_number(d, ROWS, 0, &number))
        (void)json_object_set_new(metadata, "rows", json_integer((json_int_t)number));
    if (bv_dataset_number(d, COLUMNS, 0, &number))
        (void)json_object_set_new(metadata, "columns", json_integer((json_int_t)number));
    return metadata;
}

// Deflated data sets are inflated here, within bounds; DCMTK knows none.
static enum bv_status inflate(struct bv_bytes *bytes, uint8_t **inflated, const char *name,
                              struct bv_error *err)
{
    static const size_t most = (size_t)1 << 29;
    char syntax[65] = "";
    size_t data_set = 0, n = 0;
    if (!bv_dicom_meta(*bytes, syntax, &data_set) || strcmp(syntax, BV_DEFLATED_LITTLE_ENDIAN) != 0)
        return BV_OK;
    struct bv_bytes rest = {bytes->data + data_set, bytes->size - data_set};
    if (bv_dicom_inflate(rest, most, inflated, &n, err) != BV_OK)
        return bv_fail_prefix(err, "%s", name);
    *bytes = (struct bv_bytes){*inflated, n};
    return BV_OK;
}

void bv_record_clear(struct bv_record *record)
{
    json_decref(record->metadata);
    json_decref(record->report_metadata);
    record->metadata = record->report_metadata = NULL;
}

enum bv_status bv_record_from_dicom(struct bv_record *record, const uint8_t *bytes, size_t size,
                                    const char *name, bool with_report, struct bv_arena *arena,
                                    struct bv_error *err)
{
    struct bv_dataset *d = NULL;
    struct bv_record r = {.name = name, .bytes = bytes, .size = size};
    struct bv_bytes parsed = {bytes, size};
    uint8_t *inflated = NULL;
    double number;
    BV_TRY(inflate(&parsed, &inflated, name, err));
    if (bv_dataset_open(parsed, inflated != NULL, &d, err) != BV_OK) {
        free(inflated);
        return bv_fail_prefix(err, "%s", name);
    }
    r.id = text_of(d, SOP_INSTANCE, arena);
    r.study = text_of(d, STUDY_INSTANCE, arena);
    r.accession = text_of(d, ACCESSION, arena);
    r.patient = text_of(d, PATIENT_ID, arena);
    r.fixed = true;
    r.has_image = bv_dataset_number(d, ROWS, 0, &number);
    if (bv_dataset_number(d, FRAMES, 0, &number) && number > 1 && number <= INT_MAX)
        r.n_frames = (int)number;
    r.ours = is_ours(d);
    r.metadata = read_metadata(d);
    if (!r.has_image)
        r.report_metadata = read_report_facts(d, &r.facts);
    bv_dataset_close(&d);
    enum bv_status status = r.metadata ? BV_OK : bv_fail_nomem(err, "an object's header");
    if (status == BV_OK && !r.id)
        status = bv_fail(err, BV_ERR_FORMAT, "%s: an object without SOP Instance UID", name);
    if (status == BV_OK && !r.has_image && !r.ours)
        status = bv_dicom_text(parsed.data, parsed.size, inflated != NULL, name, arena, &r.report,
                               &r.facts, err);
    if (status == BV_OK && r.report_metadata && r.facts.kind)
        (void)json_object_set_new(r.report_metadata, "report_kind", json_string(r.facts.kind));
    if (status == BV_OK && (with_report || r.report))
        status = bv_dicom_identifiers(parsed.data, parsed.size, inflated != NULL, name, arena,
                                      &r.identifiers, err);
    free(inflated);
    if (status == BV_OK)
        *record = r;
    else
        bv_record_clear(&r);
    return status;
}
