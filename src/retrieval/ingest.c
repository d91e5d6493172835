#define _XOPEN_SOURCE 700 // realpath
#include "retrieval/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "image/png_writer.h"
#include "image/preset.h"
#include "retrieval/identity.h"
#include "retrieval/report.h"
#include "retrieval/scrub.h"
#include "score/rules.h"

enum {
    WAITING = 16,         // inputs decoded and encoded together
    COMMIT_ITEMS = 32768, // a transaction ends after so many items,
    COMMIT_SECONDS = 2,   // or after so long, whichever is first
    NAME_ROOM = 1025,     // an id as it is stored
};

// An input on its way: names are final, pixels come from decode().
struct slot {
    struct bv_record record; // strings in the arena, bytes and metadata owned
    struct bv_arena arena;
    char id[NAME_ROOM], study[NAME_ROOM], report_id[NAME_ROOM];
    bool wants_image, wants_report;
    struct bv_pixels pixels;
    uint8_t *thumbnail;
    size_t thumbnail_bytes;
    char warnings[256];
    struct bv_error error;
};

struct bv_ingest {
    struct bv_store *store;
    struct bv_session *session;
    const struct bv_sitekey *key;
    struct bv_ingest_options options;
    struct bv_ingest_counts counts;
    size_t dimension, n_open; // items of the open transaction
    struct timespec began;
    bool in_transaction;
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
    free((void *)slot->record.bytes);
    json_decref(slot->record.metadata);
    bv_pixels_free(&slot->pixels);
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
    return bv_store_commit(ingest->store, err);
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

// The study that a name leads to; "" when there is none.
static enum bv_status find_alias(struct bv_ingest *ingest, const char *alias, char study[NAME_ROOM],
                                 struct bv_error *err)
{
    struct bv_arena arena = {0};
    const char *known = NULL;
    enum bv_status status = bv_store_find_alias(ingest->store, alias, &arena, &known, err);
    if (status == BV_OK)
        (void)snprintf(study, NAME_ROOM, "%s", known ? known : "");
    bv_arena_free(&arena);
    return status;
}

// A study is its study identifier. The accession number alone joins a record that has no other, or
// a study identifier to what came before it under that number alone; the first study of a number
// keeps it.
static enum bv_status find_study(struct bv_ingest *ingest, const struct bv_record *r,
                                 const char *id, char study[NAME_ROOM], struct bv_error *err)
{
    char number[NAME_ROOM] = "", uid[NAME_ROOM] = "", of_number[NAME_ROOM] = "";
    if (r->accession && !bv_accession_is_placeholder(r->accession)) {
        char prefixed[NAME_ROOM];
        int n = snprintf(prefixed, sizeof prefixed, "accession:%s", r->accession);
        if (n >= NAME_ROOM || !name_of(ingest->key, prefixed, number))
            return bv_fail(err, BV_ERR_LIMIT, "an accession number of more than 1000 bytes");
        BV_TRY(find_alias(ingest, number, of_number, err));
    }
    if (r->study && !name_of(ingest->key, r->study, uid))
        return bv_fail(err, BV_ERR_LIMIT, "a study identifier of more than 1000 bytes");
    if (*uid)
        BV_TRY(find_alias(ingest, uid, study, err));
    if (!*study) {
        const char *name = *uid ? uid : *number ? number : id;
        if (*of_number && (!*uid || strcmp(of_number, number) == 0))
            name = of_number;
        (void)snprintf(study, NAME_ROOM, "%s", name);
    }
    if (*uid)
        BV_TRY(bv_store_set_alias(ingest->store, uid, study, err));
    return *number && !*of_number ? bv_store_set_alias(ingest->store, number, study, err) : BV_OK;
}

// Where an image can be read again, for a reranker.
static enum bv_status note_path(json_t *metadata, const char *path, struct bv_error *err)
{
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return bv_fail(err, BV_ERR_ARG, "%s: %s", path, strerror(errno));
    json_t *value = json_string(absolute);
    free(absolute);
    if (!value)
        return bv_fail(err, BV_ERR_ARG, "%s: a path that is no UTF-8 cannot be kept", path);
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
    copy->report =
        r->report ? bv_scrub(&slot->arena, r->report, r->identifiers, r->n_identifiers) : NULL;
    copy->metadata = r->metadata ? json_deep_copy(r->metadata) : json_object();
    copy->has_image = r->has_image;
    if (r->bytes && r->has_image) {
        uint8_t *bytes = malloc(r->size ? r->size : 1);
        if (bytes)
            memcpy(bytes, r->bytes, r->size);
        copy->bytes = bytes;
        copy->size = r->size;
    }
    if (!copy->name || (r->path && !copy->path) || (r->report && !copy->report) ||
        !copy->metadata || (r->bytes && r->has_image && !copy->bytes))
        return bv_fail_nomem(err, "an input");
    return keep_paths && r->has_image && r->path ? note_path(copy->metadata, r->path, err) : BV_OK;
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

static enum bv_status decode(const struct bv_ingest *ingest, struct slot *slot)
{
    const struct bv_model *model = bv_session_model(ingest->session);
    struct bv_image *image = NULL;
    struct bv_record *r = &slot->record;
    if (!bv_model_has_image(model))
        return bv_fail(&slot->error, BV_ERR_ARG, "model %s has no image encoder", model->name);
    if (r->bytes)
        BV_TRY(bv_image_read(r->bytes, r->size, r->name, NULL, &image, &slot->error));
    else
        BV_TRY(bv_image_open(r->path, NULL, &image, &slot->error));
    enum bv_status status = bv_recipe_run(model->recipe, image, &slot->pixels, &slot->error);
    int thumbnail = bv_store_info(ingest->store)->thumbnail;
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

// Slots [first, first + n) have pixels of one size; their embeddings go to consecutive rows.
static enum bv_status encode_run(struct bv_ingest *ingest, const size_t *members, size_t n,
                                 float *out, struct bv_error *err)
{
    const struct bv_pixels *p = &ingest->slots[members[0]].pixels;
    size_t each = (size_t)p->height * (size_t)p->width * (size_t)p->channels;
    float *pixels = malloc(n * each * sizeof *pixels);
    if (!pixels)
        return bv_fail_nomem(err, "pixels");
    for (size_t i = 0; i < n; i++)
        memcpy(pixels + i * each, ingest->slots[members[i]].pixels.data, each * sizeof *pixels);
    struct bv_wanted wanted = {"global", out, n * ingest->dimension};
    enum bv_status status = bv_session_encode_pixels(ingest->session, pixels, (int64_t)n, p->height,
                                                     p->width, p->channels, &wanted, 1, err);
    free(pixels);
    if (status == BV_OK)
        bv_normalize_rows(out, n, ingest->dimension);
    return status;
}

static bool same_size(const struct bv_pixels *a, const struct bv_pixels *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels;
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
                           .thumbnail = slot->thumbnail,
                           .thumbnail_bytes = slot->thumbnail_bytes};
    // One batch may hold an input twice.
    bool has = false;
    enum bv_status status = bv_store_has(ingest->store, slot->id, &has, err);
    if (status == BV_OK && !has)
        status = bv_store_add(ingest->store, &item, err);
    free(text);
    if (status == BV_OK) {
        ingest->counts.images += !has;
        ingest->counts.skipped += has;
        ingest->n_open++;
    }
    return status;
}

// Encodes the images that were decoded, sizes together, and adds them in the order they came.
static enum bv_status encode_images(struct bv_ingest *ingest, struct bv_error *err)
{
    for (size_t first = 0; first < ingest->n_slots;) {
        size_t members[WAITING], n = 0, next = first;
        for (; next < ingest->n_slots; next++) {
            struct slot *slot = &ingest->slots[next];
            if (!slot->wants_image || slot->error.status != BV_OK)
                continue;
            if (n > 0 && !same_size(&ingest->slots[members[0]].pixels, &slot->pixels))
                break;
            members[n++] = next;
        }
        if (n > 0)
            BV_TRY(encode_run(ingest, members, n, ingest->embeddings, err));
        for (size_t i = 0; i < n; i++)
            BV_TRY(add_image(ingest, &ingest->slots[members[i]],
                             ingest->embeddings + i * ingest->dimension, err));
        first = next;
    }
    return BV_OK;
}

static enum bv_status add_report(struct bv_ingest *ingest, struct slot *slot, struct bv_error *err)
{
    bool has = false;
    BV_TRY(bv_store_set_report(ingest->store, slot->study, slot->record.report, err));
    BV_TRY(bv_store_has(ingest->store, slot->report_id, &has, err));
    if (has)
        return BV_OK;
    if (bv_model_has_text(bv_session_model(ingest->session))) {
        const char *text = bv_report_essence(&slot->arena, slot->record.report);
        if (!text)
            return bv_fail_nomem(err, "a report");
        BV_TRY(
            bv_embed_texts(ingest->session, &text, 1, ingest->dimension, ingest->embeddings, err));
        struct bv_item item = {.id = slot->report_id,
                               .study = slot->study,
                               .kind = BV_KIND_REPORT,
                               .vector = ingest->embeddings};
        BV_TRY(bv_store_add(ingest->store, &item, err));
        ingest->n_open++;
    }
    ingest->counts.reports++;
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
        if (slot->error.status != BV_OK)
            bv_ingest_fail(ingest, slot->record.name, slot->error.status, slot->error.text);
    }
    BV_TRY(encode_images(ingest, err));
    for (size_t i = 0; i < ingest->n_slots; i++) {
        if (ingest->slots[i].wants_report)
            BV_TRY(add_report(ingest, &ingest->slots[i], err));
    }
    for (size_t i = 0; i < ingest->n_slots; i++)
        clear_slot(&ingest->slots[i]);
    ingest->n_slots = 0;
    const struct bv_ingest_counts *c = &ingest->counts;
    BV_TRY(bv_observe_progress(ingest->options.observer,
                               c->images + c->reports + c->skipped + c->failed, 0, err));
    return transaction_is_old(ingest) ? commit(ingest, err) : BV_OK;
}

// Gives the slot its names and sees what of it the index lacks.
static enum bv_status prepare(struct bv_ingest *ingest, const struct bv_record *r,
                              struct slot *slot, struct bv_error *err)
{
    bool numbered = r->accession && !bv_accession_is_placeholder(r->accession);
    const char *base = r->id ? r->id : r->study ? r->study : numbered ? r->accession : NULL;
    char identifier[NAME_ROOM];
    if (r->ours) {
        ingest->counts.skipped++;
        return BV_OK;
    }
    if (!base)
        return bv_fail(err, BV_ERR_ARG, "%s: nothing names this input", r->name);
    if (!bv_utf8_valid(base, strlen(base), NULL) || !name_of(ingest->key, base, slot->id))
        return bv_fail(err, BV_ERR_LIMIT, "%s: an identifier that is too long or no UTF-8",
                       r->name);
    BV_TRY(find_study(ingest, r, slot->id, slot->study, err));
    bool has = false;
    if (r->has_image) {
        BV_TRY(bv_store_has(ingest->store, slot->id, &has, err));
        slot->wants_image = !has;
    }
    if (r->report && *r->report) {
        // A report that is an object of its own has its own id; else it is the study's.
        if (r->has_image || !r->id) {
            if (snprintf(identifier, sizeof identifier, "%s#report", slot->study) >= NAME_ROOM)
                return bv_fail(err, BV_ERR_LIMIT, "%s: an identifier that is too long", r->name);
            if (!name_of(ingest->key, identifier, slot->report_id))
                return bv_fail(err, BV_ERR_LIMIT, "%s: an identifier that is too long", r->name);
        } else {
            memcpy(slot->report_id, slot->id, sizeof slot->report_id);
        }
        BV_TRY(bv_store_has(ingest->store, slot->report_id, &has, err));
        slot->wants_report = !has;
    }
    if (!slot->wants_image && !slot->wants_report) {
        ingest->counts.skipped++;
        return BV_OK;
    }
    return copy_record(ingest->options.keep_paths, slot, r, err);
}

enum bv_status bv_ingest_put(struct bv_ingest *ingest, const struct bv_record *record,
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
    if (status == BV_ERR_ARG || status == BV_ERR_LIMIT) {
        bv_ingest_fail(ingest, record->name, status, mine.text);
        return BV_OK;
    }
    return status == BV_OK ? BV_OK : bv_fail(err, status, "%s", mine.text);
}

enum bv_status bv_ingest_has(struct bv_ingest *ingest, const char *identifier, bool *has,
                             struct bv_error *err)
{
    char name[NAME_ROOM];
    bool found = false;
    if (name_of(ingest->key, identifier, name))
        BV_TRY(bv_store_has(ingest->store, name, &found, err));
    ingest->counts.skipped += found;
    *has = found;
    return BV_OK;
}

enum bv_status bv_ingest_finish(struct bv_ingest *ingest, struct bv_ingest_counts *counts,
                                struct bv_error *err)
{
    if (ingest->n_slots > 0)
        BV_TRY(flush(ingest, err));
    BV_TRY(commit(ingest, err));
    if (counts)
        *counts = ingest->counts;
    return BV_OK;
}
