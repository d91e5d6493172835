#include "checkpoint/checkpoint.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "checkpoint/container.h"
#include "checkpoint/pickle.h"
#include "checkpoint/place.h"
#include "checkpoint/source.h"

#define SAMPLE_BYTES 512
#define MAX_INDEX_BYTES ((size_t)16 << 20)
#define MAX_SETTINGS 256 // top-level entries that become metadata

// A file that tensors come from.
struct part {
    struct part *next;
    struct bv_place_file file;
    struct bv_source source;
};

struct entry {
    struct bv_checkpoint_tensor tensor; // first: the public pointer is one to the entry
    const uint8_t *data;                // of the storage, or NULL where it is packed
    struct bv_pickle_storage *storage;  // NULL in a safetensors file
};

struct bv_checkpoint {
    struct bv_arena arena;
    struct bv_place place;
    struct bv_place_file outer; // the archive around the weights, if any
    struct bv_source archive;
    struct part *parts; // newest first
    const struct part *first;
    struct entry *entries;
    size_t n_entries, entry_room, n_storages;
    struct entry *averaged; // averages of entries over training, by their own names
    size_t n_averaged;
    bool only_averaged; // the entries are such averages
    size_t unwrapped;   // bytes taken off the begin of all names
    struct bv_name *names;
    const char **others;
    size_t n_others;
    json_t *metadata;
    struct bv_checkpoint *joined;                // others whose tensors are among these
    struct bv_checkpoint *next;                  // of those
    const struct bv_zip_member *inflated_member; // the deflated member read last
    uint8_t *inflated;
};

// ---- tensors ---------------------------------------------------------------------------------

static enum bv_status reserve(struct bv_checkpoint *c, size_t n, struct bv_error *err)
{
    if (c->n_entries + n > BV_MAX_TENSORS)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d tensors", BV_MAX_TENSORS);
    struct entry *entries = bv_arena_array(&c->arena, c->n_entries + n, sizeof *entries);
    struct bv_name *names = bv_arena_array(&c->arena, c->n_entries + n, sizeof *names);
    if (!entries || !names)
        return bv_fail_nomem(err, "the list of tensors");
    if (c->n_entries)
        memcpy(entries, c->entries, c->n_entries * sizeof *entries);
    c->entries = entries; // tensors handed out earlier stay valid: the arena keeps them
    c->names = names;
    return BV_OK;
}

static struct entry safetensors_entry(const struct bv_safetensors_tensor *t, size_t storage)
{
    struct entry e = {.data = t->data};
    e.tensor.dtype = t->dtype;
    e.tensor.n_dims = t->n_dims;
    e.tensor.bytes = t->bytes;
    e.tensor.storage = storage;
    memcpy(e.tensor.shape, t->shape, sizeof t->shape);
    bv_shape_strides(t->shape, t->n_dims, e.tensor.strides);
    return e;
}

static struct entry pickle_entry(const struct bv_pickle *pickle, const struct bv_pickle_tensor *t,
                                 size_t first_storage)
{
    struct bv_pickle_storage *storage = &pickle->storages[t->storage];
    struct entry e = {.data = storage->data, .storage = storage};
    e.tensor.dtype = t->dtype;
    e.tensor.is_complex = t->is_complex;
    e.tensor.n_dims = t->n_dims;
    e.tensor.bytes = t->bytes;
    e.tensor.storage = first_storage + t->storage;
    e.tensor.offset = t->offset;
    memcpy(e.tensor.shape, t->shape, sizeof t->shape);
    memcpy(e.tensor.strides, t->strides, sizeof t->strides);
    return e;
}

static enum bv_status add_entry(struct bv_checkpoint *c, struct entry entry, const char *prefix,
                                const char *name, struct bv_error *err)
{
    entry.tensor.name = *prefix ? bv_arena_printf(&c->arena, "%s%s", prefix, name) : name;
    if (!entry.tensor.name)
        return bv_fail_nomem(err, "the list of tensors");
    c->entries[c->n_entries++] = entry;
    return BV_OK;
}

static void sort_names(struct bv_checkpoint *c)
{
    for (size_t i = 0; i < c->n_entries; i++)
        c->names[i] = (struct bv_name){c->entries[i].tensor.name, i};
    bv_names_sort(c->names, c->n_entries);
}

static enum bv_status add_averaged(struct bv_checkpoint *c, struct entry entry, const char *name,
                                   struct bv_error *err)
{
    if (!c->averaged)
        c->averaged = bv_arena_array(&c->arena, BV_MAX_TENSORS, sizeof *c->averaged);
    if (!c->averaged)
        return bv_fail_nomem(err, "the list of tensors");
    if (c->n_averaged == BV_MAX_TENSORS)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d tensors", BV_MAX_TENSORS);
    entry.tensor.name = name;
    c->averaged[c->n_averaged++] = entry;
    return BV_OK;
}

static enum bv_status add_entries(struct bv_checkpoint *c, const struct bv_source *source,
                                  const char *prefix, struct bv_error *err)
{
    const struct bv_safetensors *st = &source->safetensors;
    const struct bv_state_dict *state = &source->state;
    size_t before = c->n_entries;
    BV_TRY(reserve(c, st->n_tensors + state->n, err));
    for (size_t i = 0; i < st->n_tensors; i++)
        BV_TRY(add_entry(c, safetensors_entry(&st->tensors[i], c->n_storages + i), prefix,
                         st->tensors[i].name, err));
    for (size_t i = 0; i < state->n; i++)
        BV_TRY(add_entry(c, pickle_entry(&source->pickle, state->tensors[i].tensor, c->n_storages),
                         prefix, state->tensors[i].name, err));
    for (size_t i = 0; i < state->n_averaged; i++)
        BV_TRY(add_averaged(c,
                            pickle_entry(&source->pickle, state->averaged[i].tensor, c->n_storages),
                            state->averaged[i].name, err));
    c->only_averaged |= state->is_averaged;
    c->n_storages += st->n_tensors + source->pickle.n_storages;
    sort_names(c);
    const char *twice = bv_names_duplicate(c->names, c->n_entries);
    if (twice)
        return bv_fail(err, BV_ERR_FORMAT, "two tensors of the name '%s'", twice);
    if (c->n_entries == before)
        return bv_fail(err, BV_ERR_FORMAT, "the file holds no tensors");
    return BV_OK;
}

// ---- averages over training --------------------------------------------------------------------

// Takes the averages out of a flat list of names where those that they are of are there, too.
static enum bv_status split_averages(struct bv_checkpoint *c, struct bv_error *err)
{
    struct bv_averaged_names table = {0};
    size_t n_plain = 0, n_found = 0, kept = 0;
    for (size_t i = 0; i < c->n_entries; i++)
        n_plain += !bv_averaged_set(c->entries[i].tensor.name);
    if (n_plain == 0 || n_plain == c->n_entries)
        return BV_OK;
    struct bv_name *plain = bv_arena_array(&c->arena, n_plain, sizeof *plain);
    if (!plain)
        return bv_fail_nomem(err, "the list of tensors");
    for (size_t i = 0, n = 0; i < c->n_entries; i++)
        if (!bv_averaged_set(c->entries[i].tensor.name))
            plain[n++] = (struct bv_name){c->entries[i].tensor.name, i};
    BV_TRY(bv_averaged_table(&c->arena, plain, n_plain, &table, err));
    for (size_t i = 0; i < c->n_entries; i++) {
        const char *rest = bv_averaged_set(c->entries[i].tensor.name);
        n_found += rest && bv_averaged_find(&table, rest);
    }
    if (n_found == 0)
        return BV_OK;
    for (size_t i = 0; i < c->n_entries; i++) {
        struct entry entry = c->entries[i];
        const char *rest = bv_averaged_set(entry.tensor.name);
        bool counter = entry.tensor.n_dims == 0 && n_found > 0 &&
                       (rest || strcmp(entry.tensor.name, "initted") == 0 ||
                        strcmp(entry.tensor.name, "step") == 0);
        if (counter)
            continue;
        if (rest)
            BV_TRY(add_averaged(c, entry, rest, err));
        else
            c->entries[kept++] = entry;
    }
    c->n_entries = kept;
    sort_names(c);
    return BV_OK;
}

bool bv_checkpoint_has_averages(const struct bv_checkpoint *c)
{
    return c->n_averaged > 0;
}

bool bv_checkpoint_is_averaged(const struct bv_checkpoint *c)
{
    return c->only_averaged;
}

static bool same_shape(const struct bv_checkpoint_tensor *a, const struct bv_checkpoint_tensor *b)
{
    return a->n_dims == b->n_dims &&
           memcmp(a->shape, b->shape, (size_t)a->n_dims * sizeof *a->shape) == 0;
}

enum bv_status bv_checkpoint_take_averages(struct bv_checkpoint *c, struct bv_error *err)
{
    struct bv_averaged_names table = {0};
    if (c->n_averaged == 0)
        return c->only_averaged ? BV_OK
                                : bv_fail(err, BV_ERR_ARG, "the checkpoint holds no EMA weights");
    BV_TRY(bv_averaged_table(&c->arena, c->names, c->n_entries, &table, err));
    for (size_t i = 0; i < c->n_averaged; i++) {
        struct entry average = c->averaged[i];
        const struct bv_name *plain = bv_averaged_find(&table, average.tensor.name);
        if (!plain && average.tensor.n_dims == 0)
            continue; // a counter
        if (!plain || !same_shape(&c->entries[plain->index].tensor, &average.tensor))
            return bv_fail(err, BV_ERR_FORMAT, "the EMA weights' '%s' has no counterpart%s",
                           average.tensor.name, plain ? " of its shape" : "");
        average.tensor.name = c->entries[plain->index].tensor.name;
        c->entries[plain->index] = average;
    }
    c->n_averaged = 0;
    c->only_averaged = true;
    return BV_OK;
}

// ---- files -----------------------------------------------------------------------------------

// Takes over *file, also on failure, and adds its tensors.
static enum bv_status add_part(struct bv_checkpoint *c, struct bv_place_file *file,
                               struct bv_source *source, const char *prefix, struct bv_error *err)
{
    struct part *part = calloc(1, sizeof *part);
    if (!part) {
        bv_source_close(source);
        bv_place_file_close(file);
        return bv_fail_nomem(err, "a checkpoint");
    }
    part->file = *file;
    part->source = *source;
    part->next = c->parts;
    c->parts = part;
    if (!c->first)
        c->first = part;
    return add_entries(c, &part->source, prefix, err);
}

// Opens a file of the place as weights.
static enum bv_status add_file(struct bv_checkpoint *c, const char *name, const char *prefix,
                               struct bv_error *err)
{
    struct bv_place_file file = {0};
    struct bv_source source = {0};
    BV_TRY(bv_place_open(&c->place, name, SIZE_MAX, &file, err));
    enum bv_status status = bv_source_open(&source, file.data, file.size, err);
    if (status == BV_OK && source.kind == BV_SOURCE_ZIP) {
        bv_source_close(&source);
        status = bv_fail(err, BV_ERR_UNSUPPORTED, "a zip archive within a folder or archive");
    }
    if (status != BV_OK)
        bv_place_file_close(&file);
    else
        status = add_part(c, &file, &source, prefix, err);
    if (status != BV_OK)
        (void)bv_fail_prefix(err, "%s", name);
    return status;
}

static const char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

// All shards of a checkpoint of which `name` is one, in their order; without one of them the model
// would be another one.
static enum bv_status add_shard_files(struct bv_checkpoint *c, const char *name,
                                      const struct bv_shard *shard, struct bv_error *err)
{
    char *other = bv_arena_strdup(&c->arena, name);
    if (!other)
        return bv_fail_nomem(err, "shards");
    for (int k = 1; k <= shard->count; k++) {
        bv_shard_name(shard, k, other);
        if (!bv_place_has(&c->place, other))
            return bv_fail(err, BV_ERR_FORMAT, "'%s' is one of %d shards, and '%s' is missing",
                           name, shard->count, other);
    }
    for (int k = 1; k <= shard->count; k++) {
        bv_shard_name(shard, k, other);
        BV_TRY(add_file(c, other, "", err));
    }
    return BV_OK;
}

// A file of the place, with the other shards where it is one of several.
static enum bv_status add_whole(struct bv_checkpoint *c, const char *name, struct bv_error *err)
{
    struct bv_shard shard;
    return bv_shard_parse(name, &shard) ? add_shard_files(c, name, &shard, err)
                                        : add_file(c, name, "", err);
}

static bool same_shards(const char *a, const char *b)
{
    struct bv_shard one, other;
    return bv_shard_parse(a, &one) && bv_shard_parse(b, &other) && bv_shard_same(&one, &other);
}

static const char *const usual_names[] = {
    "model.safetensors", "open_clip_model.safetensors", "model.safetensors.index.json",
    "pytorch_model.bin", "open_clip_pytorch_model.bin", "pytorch_model.bin.index.json",
};
#define N_USUAL (sizeof usual_names / sizeof *usual_names)

static bool is_usual(const char *name)
{
    for (size_t i = 0; i < N_USUAL; i++)
        if (strcmp(base_name(name), usual_names[i]) == 0)
            return true;
    return false;
}

static bool is_checkpoint(const struct bv_checkpoint *c, const char *name)
{
    uint8_t sample[SAMPLE_BYTES];
    size_t n = bv_place_sample(&c->place, name, sample, sizeof sample);
    return n > 0 && bv_source_probe(sample, n) != BV_SOURCE_UNKNOWN;
}

static enum bv_status list_others(struct bv_checkpoint *c, struct bv_error *err)
{
    c->others = bv_arena_array(&c->arena, c->place.n_names, sizeof *c->others);
    if (!c->others)
        return bv_fail_nomem(err, "a list of files");
    for (size_t i = 0; i < c->place.n_names; i++)
        if (!is_usual(c->place.names[i]) && is_checkpoint(c, c->place.names[i]))
            c->others[c->n_others++] = c->place.names[i];
    return BV_OK;
}

// The file that holds the weights: one of the usual names, or the only checkpoint.
static enum bv_status choose(struct bv_checkpoint *c, const char **chosen, struct bv_error *err)
{
    for (size_t u = 0; u < N_USUAL; u++)
        for (size_t i = 0; i < c->place.n_names; i++)
            if (strcmp(base_name(c->place.names[i]), usual_names[u]) == 0) {
                *chosen = c->place.names[i];
                return BV_OK;
            }
    if (c->n_others == 0)
        return bv_foreign(&c->place, err);
    bool shards = true;
    for (size_t i = 1; i < c->n_others; i++)
        shards = shards && same_shards(c->others[0], c->others[i]);
    if (!shards)
        return bv_fail(err, BV_ERR_FORMAT,
                       "%zu checkpoints, '%s' and '%s' among them: name the one that is meant",
                       c->n_others, c->others[0], c->others[1]);
    *chosen = c->others[0];
    return BV_OK;
}

// The distinct files of a weight_map, each opened once; every tensor it lists must then be there.
static enum bv_status add_shards(struct bv_checkpoint *c, const json_t *map, struct bv_error *err)
{
    const char *name;
    json_t *file;
    json_t *seen = json_object();
    enum bv_status status = seen ? BV_OK : bv_fail_nomem(err, "shards");
    json_object_foreach((json_t *)(uintptr_t)map, name, file)
    {
        const char *shard = json_string_value(file);
        if (status != BV_OK || (shard && json_object_get(seen, shard)))
            continue;
        if (!shard)
            status = bv_fail(err, BV_ERR_FORMAT, "a weight_map with something other than names");
        else if (json_object_set_new(seen, shard, json_true()) != 0)
            status = bv_fail_nomem(err, "shards");
        else
            status = add_file(c, shard, "", err);
    }
    json_decref(seen);
    BV_TRY(status);
    if (c->n_entries == 0)
        return bv_fail(err, BV_ERR_FORMAT, "the weight_map names no shards");
    json_object_foreach((json_t *)(uintptr_t)map, name, file)
    {
        if (!bv_checkpoint_find(c, name))
            return bv_fail(err, BV_ERR_FORMAT, "the shards lack tensor '%s'", name);
    }
    return BV_OK;
}

static enum bv_status add_index(struct bv_checkpoint *c, const char *name, struct bv_error *err)
{
    struct bv_place_file file = {0};
    json_t *index = NULL;
    BV_TRY(bv_place_open(&c->place, name, MAX_INDEX_BYTES, &file, err));
    enum bv_status status = bv_json_parse(&index, (const char *)file.data, file.size, name, err);
    bv_place_file_close(&file);
    if (status == BV_OK) {
        const json_t *map = json_object_get(index, "weight_map");
        status = json_is_object(map) ? add_shards(c, map, err)
                                     : bv_fail(err, BV_ERR_FORMAT, "%s: no weight_map", name);
    }
    json_decref(index);
    return status;
}

// Files beside the weights are named relative to the archive's folder that holds these.
static enum bv_status enter_archive_folder(struct bv_checkpoint *c, const char **chosen,
                                           struct bv_error *err)
{
    size_t n = (size_t)(base_name(*chosen) - *chosen);
    if (!c->place.zip || n == 0)
        return BV_OK;
    c->place.prefix = bv_arena_strndup(&c->arena, *chosen, n);
    if (!c->place.prefix)
        return bv_fail_nomem(err, "a list of files");
    *chosen = base_name(*chosen);
    c->n_others = 0;
    BV_TRY(bv_place_list(&c->place, err));
    return list_others(c, err);
}

static enum bv_status open_place(struct bv_checkpoint *c, struct bv_error *err)
{
    const char *chosen = NULL;
    BV_TRY(bv_place_list(&c->place, err));
    BV_TRY(list_others(c, err));
    BV_TRY(choose(c, &chosen, err));
    BV_TRY(enter_archive_folder(c, &chosen, err));
    BV_TRY(ends_with(chosen, ".index.json") ? add_index(c, chosen, err)
                                            : add_whole(c, chosen, err));
    size_t kept = 0; // the chosen one is no other
    for (size_t i = 0; i < c->n_others; i++)
        if (strcmp(c->others[i], chosen) != 0 && !same_shards(c->others[i], chosen))
            c->others[kept++] = c->others[i];
    c->n_others = kept;
    return BV_OK;
}

static enum bv_status set_folder(struct bv_checkpoint *c, const char *path, bool is_folder,
                                 struct bv_error *err)
{
    char *copy = bv_arena_strdup(&c->arena, path);
    if (!copy)
        return bv_fail_nomem(err, "a checkpoint");
    c->place.folder = is_folder ? copy : dirname(copy);
    return BV_OK;
}

static enum bv_status open_file(struct bv_checkpoint *c, const char *path, struct bv_error *err)
{
    struct bv_place_file file = {0};
    struct bv_source source = {0};
    if (ends_with(path, ".index.json")) {
        BV_TRY(set_folder(c, path, false, err));
        return add_index(c, base_name(path), err);
    }
    BV_TRY(bv_mapping_open(&file.mapping, path, 0, err));
    file.data = file.mapping.data;
    file.size = file.mapping.size;
    enum bv_status status = bv_source_open(&source, file.data, file.size, err);
    if (status == BV_OK && source.kind == BV_SOURCE_ZIP) {
        c->outer = file;
        c->archive = source;
        c->place.zip = &c->archive.zip;
        status = open_place(c, err);
    } else if (status == BV_OK) {
        status = set_folder(c, path, false, err);
        struct bv_shard shard;
        bool one_of_several = bv_shard_parse(base_name(path), &shard);
        if (status == BV_OK && !one_of_several)
            return add_part(c, &file, &source, "", err);
        bv_source_close(&source);
        bv_place_file_close(&file);
        if (status == BV_OK)
            status = add_whole(c, base_name(path), err);
    } else {
        bv_place_file_close(&file);
    }
    return status;
}

// Each with its dot; what DataParallel, torch.compile(), Lightning modules and wrappers of papers'
// code call the model within.
static const char *const wrappers[] = {
    "module.",  "_orig_mod.", "model.",          "net.",
    "network.", "ema_model.", "online_network.", "online_model."};

static bool all_begin_with(const struct bv_checkpoint *c, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < c->n_entries; i++)
        if (strncmp(c->entries[i].tensor.name, word, n) != 0 || !c->entries[i].tensor.name[n])
            return false;
    return c->n_entries > 0;
}

const char *bv_checkpoint_unwrap(struct bv_checkpoint *c)
{
    for (size_t k = 0; k < sizeof wrappers / sizeof *wrappers; k++) {
        if (!all_begin_with(c, wrappers[k]))
            continue;
        for (size_t i = 0; i < c->n_entries; i++)
            c->entries[i].tensor.name += strlen(wrappers[k]);
        c->unwrapped += strlen(wrappers[k]);
        sort_names(c);
        return wrappers[k];
    }
    return NULL;
}

void bv_checkpoint_rewrap(struct bv_checkpoint *c)
{
    for (size_t i = 0; i < c->n_entries; i++)
        c->entries[i].tensor.name -= c->unwrapped;
    c->unwrapped = 0;
    sort_names(c);
}

enum bv_status bv_checkpoint_open(struct bv_checkpoint **checkpoint, const char *path,
                                  struct bv_error *err)
{
    struct bv_checkpoint *c = calloc(1, sizeof *c);
    if (!c)
        return bv_fail_nomem(err, "a checkpoint");
    struct stat st;
    bool named = false; // whether the message begins with the path
    enum bv_status status = BV_OK;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        status = set_folder(c, path, true, err);
        if (status == BV_OK)
            status = open_place(c, err);
    } else {
        status = open_file(c, path, err);
        named = status == BV_ERR_IO;
    }
    if (status == BV_OK)
        status = split_averages(c, err);
    if (status != BV_OK) {
        bv_checkpoint_close(&c);
        if (!named)
            (void)bv_fail_prefix(err, "%s", path);
        return status;
    }
    *checkpoint = c;
    return BV_OK;
}

enum bv_status bv_checkpoint_add(struct bv_checkpoint *checkpoint, const char *file,
                                 const char *prefix, struct bv_error *err)
{
    return add_file(checkpoint, file, prefix, err);
}

// The entries of other, which the checkpoint then owns, under a prefix.
static enum bv_status join(struct bv_checkpoint *c, struct bv_checkpoint *other, const char *prefix,
                           struct bv_error *err)
{
    other->next = c->joined;
    c->joined = other;
    BV_TRY(reserve(c, other->n_entries, err));
    for (size_t i = 0; i < other->n_entries; i++) {
        struct entry entry = other->entries[i];
        entry.tensor.storage += c->n_storages;
        BV_TRY(add_entry(c, entry, prefix, other->entries[i].tensor.name, err));
    }
    c->n_storages += other->n_storages;
    sort_names(c);
    const char *twice = bv_names_duplicate(c->names, c->n_entries);
    return twice ? bv_fail(err, BV_ERR_FORMAT, "two tensors of the name '%s'", twice) : BV_OK;
}

enum bv_status bv_checkpoint_join(struct bv_checkpoint *checkpoint, const char *path,
                                  const char *prefix, struct bv_error *err)
{
    struct bv_checkpoint *other = NULL;
    BV_TRY(bv_checkpoint_open(&other, path, err));
    return join(checkpoint, other, prefix, err);
}

bool bv_checkpoint_uses(const struct bv_checkpoint *checkpoint, const char *path)
{
    if (bv_mapping_is(&checkpoint->outer.mapping, path))
        return true;
    for (const struct part *part = checkpoint->parts; part; part = part->next)
        if (bv_mapping_is(&part->file.mapping, path))
            return true;
    for (const struct bv_checkpoint *other = checkpoint->joined; other; other = other->next)
        if (bv_checkpoint_uses(other, path))
            return true;
    return false;
}

void bv_checkpoint_close(struct bv_checkpoint **checkpoint)
{
    struct bv_checkpoint *c = *checkpoint;
    if (!c)
        return;
    for (struct part *part = c->parts; part;) {
        struct part *next = part->next;
        bv_source_close(&part->source);
        bv_place_file_close(&part->file);
        free(part);
        part = next;
    }
    while (c->joined) {
        struct bv_checkpoint *other = c->joined;
        c->joined = other->next;
        bv_checkpoint_close(&other);
    }
    bv_place_close(&c->place);
    bv_source_close(&c->archive);
    bv_place_file_close(&c->outer);
    json_decref(c->metadata);
    free(c->inflated);
    bv_arena_free(&c->arena);
    free(c);
    *checkpoint = NULL;
}

// ---- access ----------------------------------------------------------------------------------

const char *bv_checkpoint_container(const struct bv_checkpoint *checkpoint)
{
    static const char *const names[] = {
        [BV_SOURCE_UNKNOWN] = "unknown",
        [BV_SOURCE_SAFETENSORS] = "safetensors",
        [BV_SOURCE_TORCH_ZIP] = "torch zip",
        [BV_SOURCE_TORCH_SCRIPT] = "TorchScript",
        [BV_SOURCE_TORCH_LEGACY] = "torch legacy",
        [BV_SOURCE_TORCH_TAR] = "torch tar",
        [BV_SOURCE_PICKLE] = "pickle",
        [BV_SOURCE_ZIP] = "zip",
    };
    return names[checkpoint->first->source.kind];
}

const char *bv_checkpoint_origin(const struct bv_checkpoint *checkpoint)
{
    const char *origin = checkpoint->first->source.state.origin;
    return origin ? origin : "";
}

size_t bv_checkpoint_count(const struct bv_checkpoint *checkpoint)
{
    return checkpoint->n_entries;
}

const struct bv_checkpoint_tensor *bv_checkpoint_tensor(const struct bv_checkpoint *checkpoint,
                                                        size_t i)
{
    return i < checkpoint->n_entries ? &checkpoint->entries[i].tensor : NULL;
}

const struct bv_checkpoint_tensor *bv_checkpoint_find(const struct bv_checkpoint *checkpoint,
                                                      const char *name)
{
    const struct bv_name *found = bv_names_find(checkpoint->names, checkpoint->n_entries, name);
    return found ? &checkpoint->entries[found->index].tensor : NULL;
}

// Strides of dimensions of one element say nothing.
static bool is_contiguous(const struct bv_checkpoint_tensor *t)
{
    int64_t strides[BV_MAX_DIMS];
    bv_shape_strides(t->shape, t->n_dims, strides);
    for (int i = 0; i < t->n_dims; i++)
        if (t->shape[i] > 1 && t->strides[i] != strides[i])
            return false;
    return true;
}

const void *bv_checkpoint_data(const struct bv_checkpoint *checkpoint,
                               const struct bv_checkpoint_tensor *tensor)
{
    (void)checkpoint;
    const struct entry *e = (const struct entry *)(const void *)tensor;
    size_t element = bv_dtype_size(tensor->dtype);
    if (!e->data || tensor->bytes == 0 || !is_contiguous(tensor))
        return NULL;
    const uint8_t *first = e->data + tensor->offset * element;
    return (uintptr_t)first % element == 0 ? first : NULL;
}

// Makes inflated hold the member: tensors of one storage are mostly read one after another.
static enum bv_status inflate_storage(struct bv_checkpoint *c, const struct bv_zip_member *member,
                                      struct bv_error *err)
{
    if (c->inflated_member == member)
        return BV_OK;
    uint8_t *inflated = NULL;
    free(c->inflated);
    c->inflated = NULL;
    c->inflated_member = NULL;
    BV_TRY(bv_zip_read_new(member, SIZE_MAX, &inflated, err));
    c->inflated = inflated;
    c->inflated_member = member;
    return BV_OK;
}

enum bv_status bv_checkpoint_read(struct bv_checkpoint *checkpoint,
                                  const struct bv_checkpoint_tensor *tensor, void *out,
                                  struct bv_error *err)
{
    const struct entry *e = (const struct entry *)(const void *)tensor;
    const uint8_t *data = e->data;
    if (tensor->bytes == 0)
        return BV_OK;
    if (!data) {
        BV_TRY(inflate_storage(checkpoint, e->storage->member, err));
        data = checkpoint->inflated;
    } else if (e->storage && e->storage->member && !e->storage->checked) {
        BV_TRY(bv_zip_check(e->storage->member, err));
        e->storage->checked = true;
    }
    size_t element = bv_dtype_size(tensor->dtype);
    data += tensor->offset * element;
    if (is_contiguous(tensor))
        memcpy(out, data, tensor->bytes);
    else
        bv_gather(out, data, element, tensor->shape, tensor->strides, tensor->n_dims);
    return BV_OK;
}

// Of training, and large.
static bool is_left_out(const char *key, const char *origin)
{
    static const char *const keys[] = {"optimizer",     "optimizer_states", "optimizer_state_dict",
                                       "lr_schedulers", "callbacks",        "loops",
                                       "scheduler"};
    size_t n = strcspn(origin, ".");
    if (n && strncmp(key, origin, n) == 0 && key[n] == 0)
        return true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static void add_plain_data(json_t *metadata, const struct bv_source *source)
{
    const struct bv_pickle_value *root = source->root;
    for (size_t i = 0; root && root->kind == BV_PICKLE_DICT && i < root->n; i++) {
        if (json_object_size(metadata) == MAX_SETTINGS)
            break;
        const struct bv_pickle_value *key = root->items[2 * i], *value = root->items[2 * i + 1];
        if (key->kind != BV_PICKLE_STRING || value->kind == BV_PICKLE_TENSOR)
            continue;
        json_t *name = json_stringn(key->n ? key->text : "", key->n);
        const char *text = json_string_value(name);
        if (text && strlen(text) == key->n && !is_left_out(text, source->state.origin))
            (void)json_object_set_new(metadata, text, bv_pickle_json(value));
        json_decref(name);
    }
}

json_t *bv_checkpoint_metadata(struct bv_checkpoint *checkpoint)
{
    const struct bv_source *source = &checkpoint->first->source;
    if (source->safetensors.metadata)
        return source->safetensors.metadata;
    if (!checkpoint->metadata) {
        checkpoint->metadata = json_object();
        add_plain_data(checkpoint->metadata, source);
    }
    return checkpoint->metadata;
}

size_t bv_checkpoint_other_count(const struct bv_checkpoint *checkpoint)
{
    return checkpoint->n_others;
}

const char *bv_checkpoint_other(const struct bv_checkpoint *checkpoint, size_t i)
{
    return i < checkpoint->n_others ? checkpoint->others[i] : NULL;
}

bool bv_checkpoint_has_file(const struct bv_checkpoint *checkpoint, const char *name)
{
    return bv_place_has(&checkpoint->place, name);
}

enum bv_status bv_checkpoint_read_file(const struct bv_checkpoint *checkpoint, const char *name,
                                       size_t max_bytes, char **data, size_t *size,
                                       struct bv_error *err)
{
    struct bv_place_file file = {0};
    BV_TRY(bv_place_open(&checkpoint->place, name, max_bytes, &file, err));
    char *copy = malloc(file.size + 1);
    if (copy) {
        if (file.size)
            memcpy(copy, file.data, file.size);
        copy[file.size] = 0;
        *data = copy;
        *size = file.size;
    }
    bv_place_file_close(&file);
    return copy ? BV_OK : bv_fail_nomem(err, name);
}
