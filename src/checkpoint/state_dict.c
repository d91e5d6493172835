#include "checkpoint/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "checkpoint/container.h"

#define MAX_NAME_BYTES 1024
#define MAX_DEPTH 64
#define MAX_STEPS ((size_t)1 << 22)

struct walk {
    struct bv_pickle *pickle;
    struct bv_named_tensor *tensors;
    size_t n, room;
    size_t steps;
    int depth;
    bool probing;                  // stop at the first tensor
    char name[MAX_NAME_BYTES + 1]; // of the current value
    size_t name_bytes;
    struct bv_error *err;
};

static enum bv_status visit(struct walk *w, const struct bv_pickle_value *value);

static enum bv_status add(struct walk *w, const struct bv_pickle_tensor *tensor)
{
    if (w->probing)
        return BV_ERR_LIMIT;
    if (w->n == BV_MAX_TENSORS)
        return bv_fail(w->err, BV_ERR_LIMIT, "more than %d tensors", BV_MAX_TENSORS);
    if (w->n == w->room) {
        size_t room = w->room ? 2 * w->room : 256;
        struct bv_named_tensor *grown = realloc(w->tensors, room * sizeof *grown);
        if (!grown)
            return bv_fail_nomem(w->err, "the list of tensors");
        w->tensors = grown;
        w->room = room;
    }
    const char *name = bv_arena_strndup(&w->pickle->arena, w->name, w->name_bytes);
    if (!name)
        return bv_fail_nomem(w->err, "the list of tensors");
    w->tensors[w->n++] = (struct bv_named_tensor){name, tensor};
    return BV_OK;
}

// Visits value with ".key" added to the name.
static enum bv_status visit_member(struct walk *w, const char *key, size_t n,
                                   const struct bv_pickle_value *value)
{
    size_t before = w->name_bytes;
    if (n > MAX_NAME_BYTES || before + 1 + n > MAX_NAME_BYTES)
        return bv_fail(w->err, BV_ERR_LIMIT, "a tensor name of more than %d bytes", MAX_NAME_BYTES);
    if (!bv_utf8_valid(key, n, NULL) || memchr(key, 0, n))
        return bv_fail(w->err, BV_ERR_FORMAT, "a tensor name that is not UTF-8 text");
    if (before)
        w->name[w->name_bytes++] = '.';
    memcpy(w->name + w->name_bytes, key, n);
    w->name_bytes += n;
    enum bv_status status = visit(w, value);
    w->name_bytes = before;
    return status;
}

static bool is_container(const struct bv_pickle_value *value)
{
    return value->kind == BV_PICKLE_TENSOR || value->kind == BV_PICKLE_DICT ||
           value->kind == BV_PICKLE_OBJECT;
}

static enum bv_status visit_pair(struct walk *w, const struct bv_pickle_value *key,
                                 const struct bv_pickle_value *value)
{
    char number[24];
    if (!is_container(value))
        return BV_OK;
    if (key->kind == BV_PICKLE_STRING)
        return visit_member(w, key->text, key->n, value);
    if (key->kind != BV_PICKLE_INT)
        return BV_OK;
    int n = snprintf(number, sizeof number, "%" PRId64, key->integer);
    return visit_member(w, number, (size_t)n, value);
}

// Every pair looked at counts, or dictionaries that share parts could be walked without end.
static enum bv_status spend(struct walk *w, const struct bv_pickle_value *container)
{
    w->steps += container ? container->n + 1 : 1;
    if (w->steps > MAX_STEPS)
        return bv_fail(w->err, BV_ERR_LIMIT, "objects nested too often");
    return BV_OK;
}

static enum bv_status visit_dict(struct walk *w, const struct bv_pickle_value *dict)
{
    BV_TRY(spend(w, dict));
    for (size_t i = 0; dict && dict->kind == BV_PICKLE_DICT && i < dict->n; i++)
        BV_TRY(visit_pair(w, dict->items[2 * i], dict->items[2 * i + 1]));
    return BV_OK;
}

static bool contains(const struct bv_pickle_value *set, const struct bv_pickle_value *text)
{
    for (size_t i = 0; bv_pickle_item(set, i); i++) {
        const struct bv_pickle_value *item = set->items[i];
        if (item->kind == BV_PICKLE_STRING && text->kind == BV_PICKLE_STRING &&
            item->n == text->n && memcmp(item->text, text->text, text->n) == 0)
            return true;
    }
    return false;
}

// As nn.Module.state_dict(): parameters, buffers that are persistent, then the modules within.
static enum bv_status visit_module(struct walk *w, const struct bv_pickle_value *state)
{
    const struct bv_pickle_value *buffers = bv_pickle_get(state, "_buffers");
    const struct bv_pickle_value *passing = bv_pickle_get(state, "_non_persistent_buffers_set");
    BV_TRY(visit_dict(w, bv_pickle_get(state, "_parameters")));
    for (size_t i = 0; buffers && buffers->kind == BV_PICKLE_DICT && i < buffers->n; i++) {
        BV_TRY(spend(w, passing));
        if (!contains(passing, buffers->items[2 * i]))
            BV_TRY(visit_pair(w, buffers->items[2 * i], buffers->items[2 * i + 1]));
    }
    return visit_dict(w, bv_pickle_get(state, "_modules"));
}

static enum bv_status visit_object(struct walk *w, const struct bv_pickle_object *object)
{
    static const char script[] = "__torch__.";
    BV_TRY(spend(w, object->state));
    if (bv_pickle_get(object->state, "_parameters") || bv_pickle_get(object->state, "_modules"))
        return visit_module(w, object->state);
    if (strncmp(object->type->text, script, sizeof script - 1) == 0)
        return visit_dict(w, object->state);
    return visit_dict(w, object->content);
}

static enum bv_status visit(struct walk *w, const struct bv_pickle_value *value)
{
    BV_TRY(spend(w, NULL));
    if (w->depth == MAX_DEPTH)
        return bv_fail(w->err, BV_ERR_LIMIT, "objects nested more than %d deep", MAX_DEPTH);
    enum bv_status status = BV_OK;
    w->depth++;
    if (value->kind == BV_PICKLE_TENSOR)
        status = add(w, value->tensor);
    else if (value->kind == BV_PICKLE_DICT)
        status = visit_dict(w, value);
    else if (value->kind == BV_PICKLE_OBJECT)
        status = visit_object(w, value->object);
    w->depth--;
    return status;
}

// ---- which object ----------------------------------------------------------------------------

// Whether a walk over value finds a tensor, or something else to end on.
static bool holds_tensor(struct bv_pickle *pickle, const struct bv_pickle_value *value)
{
    if (!value || !is_container(value))
        return false;
    struct walk *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    w->pickle = pickle;
    w->probing = true;
    enum bv_status status = visit(w, value);
    free(w);
    return status != BV_OK;
}

// Beside weights, training scripts save these.
static bool is_of_training(const struct bv_pickle_value *key)
{
    static const char *const words[] = {"optim", "sched", "lr_", "scaler", "callbacks",
                                        "loops", "amp",   "rng", "args",   "hyper_parameters",
                                        "config"};
    for (size_t i = 0; key->kind == BV_PICKLE_STRING && i < sizeof words / sizeof *words; i++)
        if (key->n >= strlen(words[i]) && memcmp(key->text, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static bool has_direct_tensor(const struct bv_pickle_value *dict)
{
    for (size_t i = 0; i < dict->n; i++)
        if (dict->items[2 * i + 1]->kind == BV_PICKLE_TENSOR)
            return true;
    return false;
}

// Whether encoders are saved beside the rest of a model, under keys of their own (KAD).
static bool has_encoders(struct bv_pickle *pickle, const struct bv_pickle_value *dict)
{
    static const char *const keys[] = {"image_encoder", "text_encoder", "visual_encoder"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct bv_pickle_value *value = bv_pickle_get(dict, keys[i]);
        if (value && value->kind != BV_PICKLE_TENSOR && holds_tensor(pickle, value))
            return true;
    }
    return false;
}

static const struct bv_pickle_value *member_of(struct bv_pickle *pickle,
                                               const struct bv_pickle_value *dict,
                                               const char *const *keys, size_t n, const char **key)
{
    for (size_t i = 0; i < n; i++) {
        const struct bv_pickle_value *value = bv_pickle_get(dict, keys[i]);
        if (value && value->kind != BV_PICKLE_TENSOR && holds_tensor(pickle, value)) {
            *key = keys[i];
            return value;
        }
    }
    return NULL;
}

// The value under one of the usual keys of averaged weights, and the key.
static const struct bv_pickle_value *
averaged_member(struct bv_pickle *pickle, const struct bv_pickle_value *dict, const char **key)
{
    static const char *const keys[] = {"state_dict_ema",       "ema_state_dict", "model_ema",
                                       "model_ema_state_dict", "ema_model",      "ema"};
    return member_of(pickle, dict, keys, sizeof keys / sizeof *keys, key);
}

// The value under one of the usual keys, and the key. Of a student and its teacher (a mean of the
// student's steps) the teacher is the one that authors evaluate.
static const struct bv_pickle_value *
usual_member(struct bv_pickle *pickle, const struct bv_pickle_value *dict, const char **key)
{
    static const char *const keys[] = {"teacher",     "state_dict", "model_state_dict",
                                       "model_state", "model",      "net",
                                       "network",     "weights",    "module"};
    return member_of(pickle, dict, keys, sizeof keys / sizeof *keys, key);
}

// Visits several state dicts side by side ({'visual': …, 'text': …}) but for what is of training.
static enum bv_status visit_several(struct walk *w, const struct bv_pickle_value *dict)
{
    for (size_t i = 0; i < dict->n; i++)
        if (!is_of_training(dict->items[2 * i]))
            BV_TRY(visit_pair(w, dict->items[2 * i], dict->items[2 * i + 1]));
    return BV_OK;
}

// *averaged: the averages beside the weights, if there are any.
static enum bv_status visit_root(struct walk *w, const struct bv_pickle_value *root,
                                 const char **origin, const struct bv_pickle_value **averaged,
                                 bool *is_averaged)
{
    const char *key = "", *other = "";
    *origin = "";
    for (int depth = 0; root->kind == BV_PICKLE_DICT && depth < 4 && !has_encoders(w->pickle, root);
         depth++) {
        const struct bv_pickle_value *inner = usual_member(w->pickle, root, &key);
        const struct bv_pickle_value *beside = averaged_member(w->pickle, root, &other);
        if (!inner && (!beside || has_direct_tensor(root)))
            break;
        if (inner && beside)
            *averaged = beside;
        *is_averaged |= !inner;
        key = inner ? key : other;
        *origin = bv_arena_printf(&w->pickle->arena, "%s%s%s", *origin, **origin ? "." : "", key);
        if (!*origin)
            return bv_fail_nomem(w->err, "the list of tensors");
        root = inner ? inner : beside;
    }
    if (root->kind == BV_PICKLE_TENSOR)
        return visit_member(w, "tensor", strlen("tensor"), root);
    for (size_t i = 0; bv_pickle_item(root, i); i++) {
        char number[24];
        int n = snprintf(number, sizeof number, "%zu", i);
        BV_TRY(visit_member(w, number, (size_t)n, root->items[i]));
    }
    if (root->kind == BV_PICKLE_DICT && !has_direct_tensor(root))
        return visit_several(w, root);
    return visit(w, root);
}

static enum bv_status check_names(struct walk *w)
{
    struct bv_name *names = calloc(w->n + 1, sizeof *names);
    if (!names)
        return bv_fail_nomem(w->err, "the list of tensors");
    for (size_t i = 0; i < w->n; i++)
        names[i] = (struct bv_name){w->tensors[i].name, i};
    bv_names_sort(names, w->n);
    const char *twice = bv_names_duplicate(names, w->n);
    free(names);
    if (twice)
        return bv_fail(w->err, BV_ERR_FORMAT, "two tensors of the name '%s'", twice);
    return w->n ? BV_OK : bv_fail(w->err, BV_ERR_FORMAT, "the file holds no tensors");
}

// The tensors found, in the pickle's arena.
static enum bv_status keep(struct walk *w, struct bv_named_tensor **tensors, size_t *n)
{
    BV_TRY(check_names(w));
    *tensors = bv_arena_array(&w->pickle->arena, w->n, sizeof **tensors);
    if (!*tensors)
        return bv_fail_nomem(w->err, "the list of tensors");
    memcpy(*tensors, w->tensors, w->n * sizeof **tensors);
    *n = w->n;
    return BV_OK;
}

enum bv_status bv_state_dict_find(struct bv_pickle *pickle, const struct bv_pickle_value *root,
                                  struct bv_state_dict *found, struct bv_error *err)
{
    struct walk *w = calloc(1, sizeof *w);
    if (!w)
        return bv_fail_nomem(err, "the list of tensors");
    w->pickle = pickle;
    w->err = err;
    struct bv_state_dict made = {.origin = ""};
    const struct bv_pickle_value *averaged = NULL, *within = NULL;
    const char *ignored;
    bool ignored_too = false;
    enum bv_status status = visit_root(w, root, &made.origin, &averaged, &made.is_averaged);
    if (status == BV_OK)
        status = keep(w, &made.tensors, &made.n);
    // Averages that cannot be read are as if they were not there.
    if (status == BV_OK && averaged) {
        w->n = 0;
        w->err = NULL;
        if (visit_root(w, averaged, &ignored, &within, &ignored_too) == BV_OK)
            (void)keep(w, &made.averaged, &made.n_averaged);
    }
    if (status == BV_OK)
        *found = made;
    free(w->tensors);
    free(w);
    return status;
}
