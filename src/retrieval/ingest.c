#define _XOPEN_SOURCE 700 // realpath
#include "retrieval/ingest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/encoding.h"
#include "base/json.h"
#include "image/gray.h"
#include "image/png_writer.h"
#include "model/encode.h"
#include "retrieval/record.h"
#include "retrieval/scrub.h"
#include "retrieval/store.h"
#include "score/rules.h"

enum {
    WAITING = 16,         // inputs decoded and encoded together
    COMMIT_ITEMS = 32768, // a transaction ends after so many items,
    COMMIT_SECONDS = 2,   // or after so long, whichever is first
    NAME_ROOM = 1025,     // an id as it is stored
    MAX_LOST = WAITING,   // frames in a row that cannot be read, then the rest is left out
};

// An input on its way: names are final, the encoder input comes from decode().
struct slot {
    struct bv_record record; // strings in the arena, bytes and metadata owned
    struct bv_arena arena;
    char id[NAME_ROOM], study[NAME_ROOM], report_id[NAME_ROOM];
    bool wants_image, wants_report;
    bool known;       // the index has an image of this id, whose pixels are compared:
    uint32_t content; // their checksum
    struct bv_encoder_input input;
    uint8_t *thumbnail;
    size_t thumbnail_bytes;
    char warnings[256];
    json_t *report_metadata; // owned
    struct bv_error error;
};

struct bv_ingest {
    struct bv_store *store;
    struct bv_session *session;
    const struct bv_sitekey *key;
    struct bv_ingest_options options;
    struct bv_ingest_counts counts, committed; // in all, and what of it is durable
    size_t dimension, n_open;                  // items of the open transaction
    struct timespec began;
    bool in_transaction;
    size_t n_lost; // frames in a row that failed
    struct slot slots[WAITING];
    size_t n_slots;
    float *embeddings; // [WAITING][dimension]
};

enum bv_status bv_ingest_open(struct bv_ingest **out, struct bv_store *store,
                              struct bv_session *session, const struct bv_sitekey *key,
                              const struct bv_ingest_options *options, struct bv_error *err)
{
    const struct bv_store_info *info = bv_store_info(store);
    char fingerprint[65], check[BV_SITEKEY_NAME];
    size_t dimension = 0;
    BV_TRY(bv_model_fingerprint(bv_session_model(session), fingerprint, err));
    BV_TRY(bv_store_check_model(store, bv_session_model(session)->name, fingerprint, err));
    BV_TRY(bv_session_joint_dimension(session, &dimension, err));
    bv_sitekey_check(key, check);
    if (strcmp(check, info->key_check) != 0)
        return bv_fail(err, BV_ERR_REFUSED, "%s was made with another site key",
                       bv_store_path(store));
    if (dimension != info->dimension)
        return bv_fail(err, BV_ERR_FORMAT, "%s has a wrong dimension", bv_store_path(store));
    struct bv_ingest *ingest = calloc(1, sizeof *ingest);
    if (ingest)
        ingest->embeddings = calloc(WAITING * dimension, sizeof *ingest->embeddings);
    if (!ingest || !ingest->embeddings) {
        free(ingest);
        return bv_fail_nomem(err, "adding to an index");
    }
    ingest->store = store;
    ingest->session = session;
    ingest->key = key;
    ingest->options = *options;
    ingest->dimension = dimension;
    *out = ingest;
    return BV_OK;
}

static void clear_slot(struct slot *slot)
{
    if (!slot->record.borrowed)
        free((void *)slot->record.bytes);
    json_decref(slot->record.metadata);
    json_decref(slot->report_metadata);
    bv_encoder_input_free(&slot->input);
    free(slot->thumbnail);
    bv_arena_free(&slot->arena);
    memset(slot, 0, sizeof *slot);
}

void bv_ingest_close(struct bv_ingest **ingest)
{
    if (!ingest || !*ingest)
        return;
    for (size_t i = 0; i < (*ingest)->n_slots; i++)
        clear_slot(&(*ingest)->slots[i]);
    if ((*ingest)->in_transaction)
        bv_store_rollback((*ingest)->store);
    free((*ingest)->embeddings);
    free(*ingest);
    *ingest = NULL;
}

void bv_ingest_fail(struct bv_ingest *ingest, const char *name, enum bv_status status,
                    const char *text)
{
    ingest->counts.failed++;
    bv_observe_failed(ingest->options.observer, name, status, text);
}

// A record that fails, as what it names itself.
static void fail_record(struct bv_ingest *ingest, const struct bv_record *r, enum bv_status status,
                        const char *text)
{
    bv_ingest_fail(ingest, r->name, status, text);
    ingest->n_lost++;
    if (r->outcome)
        *r->outcome = status;
}

static enum bv_status ensure_transaction(struct bv_ingest *ingest, struct bv_error *err)
{
    if (ingest->in_transaction)
        return BV_OK;
    BV_TRY(bv_store_begin(ingest->store, err));
    ingest->in_transaction = true;
    ingest->n_open = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &ingest->began);
    return BV_OK;
}

static enum bv_status commit(struct bv_ingest *ingest, struct bv_error *err)
{
    if (!ingest->in_transaction)
        return BV_OK;
    ingest->in_transaction = false;
    BV_TRY(bv_store_commit(ingest->store, err));
    ingest->committed = ingest->counts;
    return BV_OK;
}

// Naming.

// What an identifier is called in the index.
static bool name_of(const struct bv_sitekey *key, const char *identifier, char name[NAME_ROOM])
{
    if (!key->keep_identifiers) {
        bv_sitekey_hash(key, identifier, name);
        return true;
    }
    return snprintf(name, NAME_ROOM, "%s", identifier) < NAME_ROOM;
}

// The keyed name of what is named by a word and an identifier, whatever the index keeps.
static enum bv_status prefixed_name(const struct bv_sitekey *key, const char *prefix,
                                    const char *identifier, char name[NAME_ROOM],
                                    struct bv_error *err)
{
    char text[NAME_ROOM];
    int n = snprintf(text, sizeof text, "%s:%s", prefix, identifier);
    if (n < 0 || n >= NAME_ROOM || !name_of(key, text, name))
        return bv_fail(err, BV_ERR_LIMIT, "a number (%s) of more than 1000 bytes", prefix);
    return BV_OK;
}

void bv_ingest_patient_name(const struct bv_sitekey *key, const char *patient,
                            char name[BV_SITEKEY_NAME])
{
    char text[NAME_ROOM];
    (void)snprintf(text, sizeof text, "patient:%s", patient);
    bv_sitekey_hash(key, text, name);
}

static void note_apart(struct bv_ingest *ingest, const char *name, enum bv_apart apart)
{
    if (apart == BV_APART_NOT)
        return;
    ingest->counts.apart++;
    bv_observe_log(ingest->options.observer, BV_LOG_WARNING, "%s: kept apart: %s", name,
                   apart == BV_APART_PATIENT
                       ? "its study is known as another patient's"
                       : "its accession number leads to several studies or another patient");
}

// The study of a record: the one of its study identifier; without one that of its accession
// number; else its own.
static enum bv_status find_study(struct bv_ingest *ingest, const struct bv_record *r,
                                 const char *id, char study[NAME_ROOM], struct bv_error *err)
{
    char number[NAME_ROOM] = "", uid[NAME_ROOM] = "", patient[BV_SITEKEY_NAME] = "";
    if (r->accession && !bv_accession_is_placeholder(r->accession))
        BV_TRY(prefixed_name(ingest->key, "accession", r->accession, number, err));
    if (r->study && !name_of(ingest->key, r->study, uid))
        return bv_fail(err, BV_ERR_LIMIT, "a study identifier of more than 1000 bytes");
    if (r->patient && !bv_accession_is_placeholder(r->patient))
        bv_ingest_patient_name(ingest->key, r->patient, patient);
    const struct bv_study known = {.id = *uid      ? uid
                                         : *number ? number
                                                   : id,
                                   .named = *uid != 0,
                                   .accession = *number ? number : NULL,
                                   .patient = patient};
    struct bv_arena arena = {0};
    const char *placed = NULL;
    enum bv_apart apart = BV_APART_NOT;
    enum bv_status status = bv_store_place(ingest->store, &known, &arena, &placed, &apart, err);
    if (status == BV_OK && snprintf(study, NAME_ROOM, "%s", placed) >= NAME_ROOM)
        status = bv_fail(err, BV_ERR_LIMIT, "a study identifier of more than 1000 bytes");
    bv_arena_free(&arena);
    if (status == BV_OK)
        note_apart(ingest, r->name, apart);
    return status;
}

// Where an image can be read again, for a reranker.
static enum bv_status note_path(json_t *metadata, const char *path, int frame, struct bv_error *err)
{
    char named[PATH_MAX + 16];
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return bv_fail(err, BV_ERR_ARG, "%s: %s", path, strerror(errno));
    (void)snprintf(named, sizeof named, frame ? "%s#%d" : "%s", absolute, frame);
    json_t *value = bv_json_path(named);
    free(absolute);
    return json_object_set_new(metadata, "path", value) == 0 ? BV_OK
                                                             : bv_fail_nomem(err, "metadata");
}

// Copies what the slot needs from the record beyond the call.
static enum bv_status copy_record(bool keep_paths, struct slot *slot, const struct bv_record *r,
                                  struct bv_error *err)
{
    struct bv_record *copy = &slot->record;
    copy->name = bv_arena_strdup(&slot->arena, r->name);
    copy->path = r->path ? bv_arena_strdup(&slot->arena, r->path) : NULL;
    copy->facts = r->facts;
    copy->fixed = r->fixed;
    copy->outcome = r->outcome;
    copy->frame = r->frame;
    copy->metadata = r->metadata ? json_deep_copy(r->metadata) : json_object();
    copy->has_image = r->has_image;
    if (r->borrowed) {
        copy->borrowed = true;
        copy->bytes = r->bytes;
        copy->size = r->size;
    } else if (r->bytes && r->has_image) {
        uint8_t *bytes = malloc(r->size ? r->size : 1);
        if (bytes)
            memcpy(bytes, r->bytes, r->size);
        copy->bytes = bytes;
        copy->size = r->size;
    }
    if (!copy->name || (r->path && !copy->path) || !copy->metadata ||
        (r->bytes && r->has_image && !copy->bytes))
        return bv_fail_nomem(err, "an input");
    if (r->frame)
        (void)json_object_set_new(copy->metadata, "frame", json_integer(r->frame));
    return keep_paths && r->has_image && r->path ? note_path(copy->metadata, r->path, r->frame, err)
                                                 : BV_OK;
}

// Decoding and encoding.

static void note_warnings(struct slot *slot, const struct bv_image *image)
{
    size_t used = 0;
    for (int i = 0; i < image->warnings.n; i++) {
        int n = snprintf(slot->warnings + used, sizeof slot->warnings - used, "%s%s",
                         used ? "," : "", bv_reason_name(image->warnings.items[i].reason));
        if (n < 0 || (size_t)n >= sizeof slot->warnings - used)
            break;
        used += (size_t)n;
    }
}

uint32_t bv_ingest_content(const struct bv_image *image)
{
    static const size_t bytes[] = {[BV_SAMPLE_U8] = 1,
                                   [BV_SAMPLE_U16] = 2,
                                   [BV_SAMPLE_I16] = 2,
                                   [BV_SAMPLE_I32] = 4,
                                   [BV_SAMPLE_F32] = 4};
    const int shape[] = {image->width, image->height, image->channels, (int)image->sample};
    uint32_t crc = bv_crc32c(0, shape, sizeof shape);
    crc = bv_crc32c(crc, image->pixels,
                    (size_t)image->width * (size_t)image->height * (size_t)image->channels *
                        bytes[image->sample]);
    return crc ? crc : 1;
}

static enum bv_status decode(const struct bv_ingest *ingest, struct slot *slot)
{
    const struct bv_model *model = bv_session_model(ingest->session);
    struct bv_image *image = NULL;
    struct bv_record *r = &slot->record;
    struct bv_decode_options how = BV_DECODE_DEFAULTS;
    how.frame = r->frame - 1;
    if (r->bytes)
        BV_TRY(bv_image_decode(r->bytes, r->size, r->name, &how, &image, &slot->error));
    else
        BV_TRY(bv_image_load(r->path, &how, &image, &slot->error));
    slot->content = bv_ingest_content(image);
    enum bv_status status = BV_OK;
    if (!slot->known)
        status = bv_encoder_input_make(model, image, NULL, &slot->input, &slot->error);
    int thumbnail = slot->known ? 0 : bv_store_info(ingest->store)->thumbnail;
    if (status == BV_OK && thumbnail > 0)
        status = bv_thumbnail_encode(image, thumbnail, &slot->thumbnail, &slot->thumbnail_bytes,
                                     &slot->error);
    if (status == BV_OK)
        note_warnings(slot, image);
    bv_image_free(&image);
    return status;
}

static void decode_slot(void *arg, size_t i)
{
    struct bv_ingest *ingest = arg;
    struct slot *slot = &ingest->slots[i];
    if (slot->wants_image)
        slot->error.status = decode(ingest, slot);
}

// An image that the index has: other pixels, or another study, under its id are refused.
static enum bv_status check_known(struct bv_ingest *ingest, const struct slot *slot,
                                  struct bv_error *err)
{
    struct bv_arena arena = {0};
    const char *study = NULL;
    uint32_t content = 0;
    BV_TRY(bv_store_find_item(ingest->store, slot->id, &arena, &study, &content, err));
    bool moved = !study || strcmp(study, slot->study) != 0;
    bool other = content && slot->content && content != slot->content;
    bv_arena_free(&arena);
    if (moved || other) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "%.300s: the index has another %s under this identifier; it stays",
                       slot->record.name, other ? "image" : "study's object");
        fail_record(ingest, &slot->record, BV_ERR_REFUSED, text);
    } else {
        ingest->counts.skipped++;
        ingest->n_lost = 0;
    }
    return BV_OK;
}

static enum bv_status add_image(struct bv_ingest *ingest, struct slot *slot, const float *embedding,
                                struct bv_error *err)
{
    json_t *metadata = slot->record.metadata;
    if (*slot->warnings)
        (void)json_object_set_new(metadata, "warnings", json_string(slot->warnings));
    char *text = json_dumps(metadata, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return bv_fail_nomem(err, "metadata");
    struct bv_item item = {.id = slot->id,
                           .study = slot->study,
                           .kind = BV_KIND_IMAGE,
                           .vector = embedding,
                           .metadata = text,
                           .content = slot->content,
                           .thumbnail = slot->thumbnail,
                           .thumbnail_bytes = slot->thumbnail_bytes};
    // One batch may hold an input twice.
    bool has = false;
    enum bv_status status = bv_store_has(ingest->store, slot->id, &has, err);
    if (status == BV_OK && !has)
        status = bv_store_add(ingest->store, &item, err);
    free(text);
    if (status == BV_OK && !has) {
        ingest->counts.images++;
        ingest->n_open++;
        ingest->n_lost = 0;
    }
    return status == BV_OK && has ? check_known(ingest, slot, err) : status;
}

// Encodes the images that were decoded and adds them in the order they came.
static enum bv_status encode_images(struct bv_ingest *ingest, struct bv_error *err)
{
    const struct bv_encoder_input *inputs[WAITING];
    struct slot *members[WAITING];
    size_t n = 0;
    for (size_t i = 0; i < ingest->n_slots; i++) {
        struct slot *slot = &ingest->slots[i];
        if (!slot->wants_image || slot->known || slot->error.status != BV_OK)
            continue;
        members[n] = slot;
        inputs[n++] = &slot->input;
    }
    const struct bv_wanted wanted = {"global", ingest->embeddings, n * ingest->dimension};
    BV_TRY(bv_encode_inputs(ingest->session, inputs, n, &wanted, 1, err));
    bv_normalize_rows(ingest->embeddings, n, ingest->dimension);
    for (size_t i = 0; i < n; i++)
        BV_TRY(add_image(ingest, members[i], ingest->embeddings + i * ingest->dimension, err));
    return BV_OK;
}

// The text is embedded where the model has words; it is searched by them in any case.
static enum bv_status embed_report(struct bv_ingest *ingest, struct slot *slot,
                                   enum bv_change change, struct bv_error *err)
{
    const char *text = bv_report_essence(&slot->arena, slot->record.report);
    if (!text)
        return bv_fail_nomem(err, "a report");
    BV_TRY(bv_embed_texts(ingest->session, &text, 1, ingest->dimension, ingest->embeddings, err));
    char *metadata = json_dumps(slot->report_metadata, JSON_COMPACT | JSON_SORT_KEYS);
    if (!metadata)
        return bv_fail_nomem(err, "metadata");
    struct bv_item item = {.id = slot->report_id,
                           .study = slot->study,
                           .kind = BV_KIND_REPORT,
                           .vector = ingest->embeddings,
                           .metadata = metadata};
    enum bv_status status = change == BV_ADDED ? bv_store_add(ingest->store, &item, err)
                                               : bv_store_replace(ingest->store, &item, err);
    free(metadata);
    ingest->n_open++;
    return status;
}

static enum bv_status add_report(struct bv_ingest *ingest, struct slot *slot, struct bv_error *err)
{
    const struct bv_report_facts *facts = &slot->record.facts;
    const struct bv_report report = {.id = slot->report_id,
                                     .study = slot->study,
                                     .text = slot->record.report,
                                     .kind = facts->kind,
                                     .dated = facts->dated,
                                     .after = facts->after,
                                     .predecessors = facts->predecessors,
                                     .n_predecessors = facts->n_predecessors};
    enum bv_change change;
    BV_TRY(bv_store_put_report(ingest->store, &report, &change, err));
    if (change == BV_UNCHANGED)
        return BV_OK;
    if (bv_model_has_text(bv_session_model(ingest->session)))
        BV_TRY(embed_report(ingest, slot, change, err));
    ingest->counts.reports += change == BV_ADDED;
    ingest->counts.updated += change == BV_REPLACED;
    return BV_OK;
}

static bool transaction_is_old(const struct bv_ingest *ingest)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return ingest->n_open >= COMMIT_ITEMS || now.tv_sec - ingest->began.tv_sec >= COMMIT_SECONDS;
}

// Works off the waiting slots.
static enum bv_status flush(struct bv_ingest *ingest, struct bv_error *err)
{
    bv_pool_for(ingest->options.pool, ingest->n_slots, decode_slot, ingest);
    for (size_t i = 0; i < ingest->n_slots; i++) {
        struct slot *slot = &ingest->slots[i];
        if (slot->error.status == BV_OK)
            continue;
        fail_record(ingest, &slot->record, slot->error.status, slot->error.text);
        // Refused is what the index has otherwise; these are pixels that no model takes.
        if (slot->record.outcome && slot->error.status == BV_ERR_REFUSED)
            *slot->record.outcome = BV_ERR_FORMAT;
    }
    BV_TRY(encode_images(ingest, err));
    for (size_t i = 0; i < ingest->n_slots; i++) {
        if (ingest->slots[i].known && ingest->slots[i].error.status == BV_OK)
            BV_TRY(check_known(ingest, &ingest->slots[i], err));
        if (ingest->slots[i].wants_report)
            BV_TRY(add_report(ingest, &ingest->slots[i], err));
    }
    // What could not be read leaves no study behind, which would bear accession numbers.
    for (size_t i = 0; i < ingest->n_slots; i++) {
        if (ingest->slots[i].error.status != BV_OK)
            BV_TRY(bv_store_drop_empty(ingest->store, ingest->slots[i].study, err));
    }
    for (size_t i = 0; i < ingest->n_slots; i++)
        clear_slot(&ingest->slots[i]);
    ingest->n_slots = 0;
    const struct bv_ingest_counts *c = &ingest->counts;
    BV_TRY(bv_observe_progress(ingest->options.observer,
                               c->images + c->reports + c->skipped + c->failed, 0, err));
    return transaction_is_old(ingest) ? commit(ingest, err) : BV_OK;
}

// The name of the report: an object's own, else its study's.
static enum bv_status name_report(const struct bv_ingest *ingest, const struct bv_record *r,
                                  struct slot *slot, struct bv_error *err)
{
    char identifier[NAME_ROOM];
    if (!r->has_image && r->id) {
        memcpy(slot->report_id, slot->id, sizeof slot->report_id);
        return BV_OK;
    }
    int n = snprintf(identifier, sizeof identifier, "%s#report", slot->study);
    if (n < 0 || n >= NAME_ROOM || !name_of(ingest->key, identifier, slot->report_id))
        return bv_fail(err, BV_ERR_LIMIT, "%s: an identifier that is too long", r->name);
    return BV_OK;
}

// The names of the reports that this one continues.
static enum bv_status name_predecessors(const struct bv_ingest *ingest, struct slot *slot,
                                        struct bv_error *err)
{
    struct bv_report_facts *facts = &slot->record.facts;
    for (size_t i = 0; i < facts->n_predecessors; i++) {
        char name[NAME_ROOM];
        if (!name_of(ingest->key, facts->predecessors[i], name))
            return bv_fail(err, BV_ERR_LIMIT, "%s: an identifier that is too long",
                           slot->record.name);
        facts->predecessors[i] = bv_arena_strdup(&slot->arena, name);
        if (!facts->predecessors[i])
            return bv_fail_nomem(err, "a report");
    }
    return BV_OK;
}

// Scrubs the report and sees whether it is new, another text of one that is known, or known.
static enum bv_status prepare_report(struct bv_ingest *ingest, const struct bv_record *r,
                                     struct slot *slot, struct bv_error *err)
{
    struct bv_report_found known = {0};
    BV_TRY(name_report(ingest, r, slot, err));
    slot->record.report = bv_scrub(&slot->arena, r->report, &r->identifiers);
    if (!slot->record.report)
        return bv_fail_nomem(err, "a report");
    BV_TRY(bv_store_find_report(ingest->store, slot->report_id, &slot->arena, &known, err));
    bool same = known.number && strcmp(known.text, slot->record.report) == 0;
    bool moved = known.number && strcmp(known.study, slot->study) != 0;
    if (moved || (known.number && !same && r->fixed && r->id && !r->has_image))
        return bv_fail(err, BV_ERR_REFUSED,
                       "%s: the index has another %s under this identifier; it stays", r->name,
                       moved ? "study's report" : "report");
    slot->wants_report = !same && *slot->record.report;
    return BV_OK;
}

// Whether it was taken out of the index: its own identifier, its object's, its study's or its
// patient's.
static enum bv_status was_removed(struct bv_ingest *ingest, const struct bv_record *r,
                                  const char *id, bool *removed, struct bv_error *err)
{
    char name[NAME_ROOM], patient[BV_SITEKEY_NAME];
    BV_TRY(bv_store_is_removed(ingest->store, BV_NAMED_ITEM, id, removed, err));
    if (!*removed && r->object && name_of(ingest->key, r->object, name))
        BV_TRY(bv_store_is_removed(ingest->store, BV_NAMED_ITEM, name, removed, err));
    if (!*removed && r->study && name_of(ingest->key, r->study, name))
        BV_TRY(bv_store_is_removed(ingest->store, BV_NAMED_STUDY, name, removed, err));
    if (*removed || !r->patient)
        return BV_OK;
    bv_ingest_patient_name(ingest->key, r->patient, patient);
    return bv_store_is_removed(ingest->store, BV_NAMED_PATIENT, patient, removed, err);
}

// Gives the slot its names and sees what of it the index lacks.
static enum bv_status prepare(struct bv_ingest *ingest, const struct bv_record *r,
                              struct slot *slot, struct bv_error *err)
{
    bool numbered = r->accession && !bv_accession_is_placeholder(r->accession);
    const char *base = r->id ? r->id : r->study ? r->study : numbered ? r->accession : NULL;
    if (r->ours) {
        ingest->counts.skipped++;
        return BV_OK;
    }
    if (!base)
        return bv_fail(err, BV_ERR_ARG, "%s: nothing names this input", r->name);
    if (!bv_utf8_valid(base, strlen(base), NULL) || !name_of(ingest->key, base, slot->id))
        return bv_fail(err, BV_ERR_LIMIT, "%s: an identifier that is too long or no UTF-8",
                       r->name);
    bool removed = false;
    BV_TRY(was_removed(ingest, r, slot->id, &removed, err));
    if (removed) {
        ingest->counts.skipped++;
        return BV_OK;
    }
    BV_TRY(find_study(ingest, r, slot->id, slot->study, err));
    if (r->has_image) {
        BV_TRY(bv_store_has(ingest->store, slot->id, &slot->known, err));
        // What came over the network is in memory: its pixels are compared. A file is taken at its
        // identifier.
        slot->wants_image = !slot->known || !r->path;
    }
    if (r->report && *r->report)
        BV_TRY(prepare_report(ingest, r, slot, err));
    if (!slot->wants_image && !slot->wants_report) {
        if (slot->known) {
            slot->record.name = r->name;
            slot->record.outcome = r->outcome;
            return check_known(ingest, slot, err);
        }
        ingest->counts.skipped++;
        return BV_OK;
    }
    BV_TRY(copy_record(ingest->options.keep_paths, slot, r, err));
    slot->report_metadata = r->report_metadata ? json_deep_copy(r->report_metadata) : json_object();
    if (!slot->report_metadata)
        return bv_fail_nomem(err, "metadata");
    return slot->wants_report ? name_predecessors(ingest, slot, err) : BV_OK;
}

// After a failure of the index: what waits and what is not committed goes.
static void reset(struct bv_ingest *ingest)
{
    for (size_t i = 0; i < ingest->n_slots; i++)
        clear_slot(&ingest->slots[i]);
    ingest->n_slots = 0;
    bv_store_rollback(ingest->store);
    ingest->in_transaction = false;
    // Inputs that failed have been told of.
    size_t failed = ingest->counts.failed;
    ingest->counts = ingest->committed;
    ingest->counts.failed = failed;
}

static enum bv_status put(struct bv_ingest *ingest, const struct bv_record *record,
                          struct bv_error *err)
{
    struct slot *slot = &ingest->slots[ingest->n_slots];
    struct bv_error mine = {0};
    BV_TRY(ensure_transaction(ingest, err));
    enum bv_status status = prepare(ingest, record, slot, &mine);
    if (status == BV_OK && (slot->wants_image || slot->wants_report)) {
        ingest->n_slots++;
        return ingest->n_slots == WAITING ? flush(ingest, err) : BV_OK;
    }
    clear_slot(slot);
    // A wrong input is the input's matter, everything else the index's.
    if (status == BV_ERR_ARG || status == BV_ERR_LIMIT || status == BV_ERR_REFUSED) {
        fail_record(ingest, record, status, mine.text);
        return BV_OK;
    }
    return status == BV_OK ? BV_OK : bv_fail(err, status, "%s", mine.text);
}

// Puts one frame of a record as an item of its own.
static enum bv_status put_frame(struct bv_ingest *ingest, const struct bv_record *record, int frame,
                                bool with_report, struct bv_error *err)
{
    struct bv_record one = *record;
    char id[NAME_ROOM], name[PATH_MAX + 64];
    one.object = record->id ? record->id : record->path;
    int n = one.object ? snprintf(id, sizeof id, "%s#%d", one.object, frame) : 0;
    (void)snprintf(name, sizeof name, "%s#%d", record->name, frame);
    one.name = name;
    one.frame = frame;
    one.borrowed = record->bytes != NULL;
    if (!with_report)
        one.report = NULL;
    if (n > 0 && n < NAME_ROOM)
        one.id = id;
    return put(ingest, &one, err);
}

// The last frame first: an index that has the first one has the others, wherever it was
// interrupted. The report comes with the first to be put. An object's header may name any number of
// frames.
static enum bv_status put_each_frame(struct bv_ingest *ingest, const struct bv_record *record,
                                     int first, int last, struct bv_error *err)
{
    char text[512];
    if (ingest->n_slots > 0) // what fails then is of this object
        BV_TRY(flush(ingest, err));
    ingest->n_lost = 0;
    enum bv_status status = BV_OK;
    for (int frame = last; frame >= first && status == BV_OK; frame--) {
        if (ingest->n_lost >= MAX_LOST) {
            (void)snprintf(text, sizeof text,
                           "%.300s: %d frames in a row cannot be read; those before are left out",
                           record->name, MAX_LOST);
            fail_record(ingest, record, BV_ERR_FORMAT, text);
            break;
        }
        status = put_frame(ingest, record, frame, frame == last, err);
    }
    // The object's bytes, which all its frames share, are the caller's again.
    return status == BV_OK && ingest->n_slots > 0 ? flush(ingest, err) : status;
}

static enum bv_status put_frames(struct bv_ingest *ingest, const struct bv_record *record,
                                 struct bv_error *err)
{
    struct bv_record plain = *record;
    char text[512];
    int wanted = record->frame ? record->frame : ingest->options.frame;
    bool single = record->n_frames < 2 && record->frame <= 1; // its first frame is all of it
    plain.frame = 0;
    if (!record->has_image || !wanted || single)
        return put(ingest, &plain, err);
    int first = wanted > 0 ? wanted : 1, last = wanted > 0 ? wanted : record->n_frames;
    if (last > BV_INGEST_FRAMES) {
        (void)snprintf(text, sizeof text, "%.300s: frames beyond the %dth", record->name,
                       BV_INGEST_FRAMES);
        fail_record(ingest, record, BV_ERR_LIMIT, text);
        return BV_OK;
    }
    return put_each_frame(ingest, record, first, last, err);
}

enum bv_status bv_ingest_put(struct bv_ingest *ingest, const struct bv_record *record,
                             struct bv_error *err)
{
    enum bv_status status = put_frames(ingest, record, err);
    if (status != BV_OK && status != BV_ERR_CANCELLED)
        reset(ingest);
    return status;
}

// What the index calls the frame of an object that is put last; "" when that is too long.
static void name_last_frame(const struct bv_ingest *ingest, const char *identifier,
                            char framed[NAME_ROOM])
{
    char frame[NAME_ROOM];
    *framed = 0;
    if (snprintf(frame, sizeof frame, "%s#%d", identifier,
                 ingest->options.frame > 0 ? ingest->options.frame : 1) >= NAME_ROOM ||
        !name_of(ingest->key, frame, framed))
        *framed = 0;
}

enum bv_status bv_ingest_holds(const struct bv_ingest *ingest, const char *identifier, bool *holds,
                               struct bv_error *err)
{
    char name[NAME_ROOM] = "", framed[NAME_ROOM];
    *holds = false;
    if (name_of(ingest->key, identifier, name))
        BV_TRY(bv_store_has(ingest->store, name, holds, err));
    name_last_frame(ingest, identifier, framed);
    return !*holds && *framed ? bv_store_has(ingest->store, framed, holds, err) : BV_OK;
}

enum bv_status bv_ingest_has(struct bv_ingest *ingest, const char *identifier, bool *has,
                             struct bv_error *err)
{
    char name[NAME_ROOM] = "", framed[NAME_ROOM];
    bool found = false;
    BV_TRY(bv_ingest_holds(ingest, identifier, &found, err));
    if (!found && name_of(ingest->key, identifier, name))
        BV_TRY(bv_store_is_removed(ingest->store, BV_NAMED_ITEM, name, &found, err));
    name_last_frame(ingest, identifier, framed);
    if (!found && ingest->options.frame && *framed)
        BV_TRY(bv_store_is_removed(ingest->store, BV_NAMED_ITEM, framed, &found, err));
    ingest->counts.skipped += found;
    *has = found;
    return BV_OK;
}

static enum bv_status finish(struct bv_ingest *ingest, struct bv_error *err)
{
    if (ingest->n_slots > 0)
        BV_TRY(flush(ingest, err));
    return commit(ingest, err);
}

enum bv_status bv_ingest_finish(struct bv_ingest *ingest, struct bv_ingest_counts *counts,
                                struct bv_error *err)
{
    enum bv_status status = finish(ingest, err);
    if (status != BV_OK && status != BV_ERR_CANCELLED)
        reset(ingest);
    if (counts)
        *counts = ingest->counts;
    return status;
}
