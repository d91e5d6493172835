#include "model/head.h"

#include <string.h>

#include "graph/graph.h"

const json_t *bv_text_head_card(const json_t *card)
{
    const json_t *head = json_object_get(card, "head");
    return json_is_object(head) ? head : NULL;
}

static enum bv_status read_kind(struct bv_text_head *head, const json_t *spec, struct bv_error *err)
{
    static const char *const kinds[] = {"sequence", "token", "pair"};
    const char *kind = bv_json_string(spec, "kind", "sequence");
    const char *activation = bv_json_string(spec, "activation", "softmax");
    size_t k = 0;
    while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k], kind) != 0)
        k++;
    if (k == sizeof kinds / sizeof *kinds)
        return bv_fail(err, BV_ERR_MODEL,
                       "card: head.kind is \"%.40s\", not sequence, token or pair", kind);
    head->sigmoid = strcmp(activation, "sigmoid") == 0;
    if (!head->sigmoid && strcmp(activation, "softmax") != 0)
        return bv_fail(err, BV_ERR_MODEL,
                       "card: head.activation is \"%.40s\", not softmax or sigmoid", activation);
    head->kind = (enum bv_head_kind)k;
    head->output = bv_json_string(spec, "output", "logits");
    head->column = bv_json_string(spec, "column", NULL);
    return BV_OK;
}

// False where memory is out. *twice: the name is among those seen, a JSON object's keys.
static bool note_name(json_t *seen, const char *name, bool *twice)
{
    *twice = json_object_get(seen, name) != NULL;
    return json_object_set_new(seen, name, json_true()) == 0;
}

static enum bv_status fill_classes(struct bv_head_label *label, const json_t *classes,
                                   const json_t *values, json_t *seen, struct bv_error *err)
{
    bool twice = false;
    for (size_t c = 0; c < label->n_classes; c++) {
        const char *name = json_string_value(json_array_get(classes, c));
        if (!name)
            return bv_fail(err, BV_ERR_MODEL, "card: a class of head label \"%.60s\" is no string",
                           label->name);
        label->classes[c] = name;
        label->values[c] = bv_json_string(values, name, name);
        if (!note_name(seen, name, &twice))
            return bv_fail_nomem(err, "a head");
        if (twice)
            return bv_fail(err, BV_ERR_MODEL,
                           "card: head label \"%.60s\" has class \"%.60s\" twice", label->name,
                           name);
    }
    return BV_OK;
}

// The names of a label's classes, and what a table says for each.
static enum bv_status read_classes(struct bv_text_head *head, struct bv_head_label *label,
                                   const json_t *classes, const json_t *values,
                                   struct bv_error *err)
{
    size_t n = json_array_size(classes);
    if (n < 2 || (head->sigmoid && n != 2))
        return bv_fail(err, BV_ERR_MODEL, "card: head label \"%.60s\" has %zu classes, not %s",
                       label->name, n, head->sigmoid ? "two" : "two or more");
    if (n > BV_MAX_HEAD_LOGITS - head->n_classes)
        return bv_fail(err, BV_ERR_MODEL, "card: head has more than %d classes",
                       BV_MAX_HEAD_LOGITS);
    label->classes = bv_arena_array(&head->arena, n, sizeof *label->classes);
    label->values = bv_arena_array(&head->arena, n, sizeof *label->values);
    if (!label->classes || !label->values)
        return bv_fail_nomem(err, "a head");
    label->n_classes = n;
    json_t *seen = json_object();
    const enum bv_status status = fill_classes(label, classes, values, seen, err);
    json_decref(seen);
    label->first = head->n_logits;
    label->offset = head->n_classes;
    head->n_logits += head->sigmoid ? 1 : n;
    head->n_classes += n;
    return status;
}

static enum bv_status read_label(struct bv_text_head *head, size_t i, const json_t *spec,
                                 json_t *seen, struct bv_error *err)
{
    const json_t *entry = json_array_get(json_object_get(spec, "labels"), i);
    const json_t *own = json_object_get(entry, "classes");
    const char *name = json_string_value(entry);
    struct bv_head_label *label = &head->labels[i];
    bool twice = false;
    label->name = name ? name : bv_json_string(entry, "name", NULL);
    if (!label->name)
        return bv_fail(err, BV_ERR_MODEL, "card: head.labels[%zu] has no name", i);
    if (!note_name(seen, label->name, &twice))
        return bv_fail_nomem(err, "a head");
    if (twice)
        return bv_fail(err, BV_ERR_MODEL, "card: head label \"%.60s\" stands twice", label->name);
    return read_classes(head, label, own ? own : json_object_get(spec, "classes"),
                        json_object_get(spec, "values"), err);
}

enum bv_status bv_text_head_read(struct bv_text_head *head, const json_t *card,
                                 struct bv_error *err)
{
    const json_t *spec = bv_text_head_card(card), *labels = json_object_get(spec, "labels");
    size_t n = json_array_size(labels);
    if (!spec)
        return bv_fail(err, BV_ERR_MODEL, "the model has no trained head over its text encoder");
    BV_TRY(read_kind(head, spec, err));
    if (n == 0 || n > BV_MAX_HEAD_LOGITS)
        return bv_fail(err, BV_ERR_MODEL, "card: head.labels names %zu labels, not 1 to %d", n,
                       BV_MAX_HEAD_LOGITS);
    head->labels = bv_arena_array(&head->arena, n, sizeof *head->labels);
    if (!head->labels)
        return bv_fail_nomem(err, "a head");
    json_t *seen = json_object();
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < n && status == BV_OK; i++)
        status = read_label(head, i, spec, seen, err);
    json_decref(seen);
    head->n_labels = status == BV_OK ? n : 0;
    return status;
}

void bv_text_head_free(struct bv_text_head *head)
{
    bv_arena_free(&head->arena);
    *head = (struct bv_text_head){.labels = NULL};
}

static enum bv_status check_output(const struct bv_text_head *head, const struct bv_graph *text,
                                   struct bv_error *err)
{
    int i = text ? bv_graph_find_output(text, head->output) : -1;
    if (i < 0)
        return bv_fail(err, BV_ERR_MODEL,
                       "card: head needs output \"%.60s\", which the text encoder has not",
                       head->output);
    const struct bv_tensor *t = text->outputs[i];
    int rank = head->kind == BV_HEAD_TOKEN ? 3 : 2;
    if (t->rank != rank || t->dim[rank - 1] != (int64_t)head->n_logits)
        return bv_fail(err, BV_ERR_MODEL,
                       "card: output \"%.60s\" has %d dimensions, the last of %lld; head reads %d, "
                       "the last of %zu",
                       head->output, t->rank - 1, (long long)t->dim[t->rank - 1], rank - 1,
                       head->n_logits);
    return BV_OK;
}

enum bv_status bv_text_head_check(const json_t *card, const struct bv_graph *text,
                                  struct bv_error *err)
{
    struct bv_text_head head = {.labels = NULL};
    const json_t *spec = json_object_get(card, "head");
    if (!spec)
        return BV_OK;
    enum bv_status status = bv_text_head_read(&head, card, err);
    if (status == BV_OK)
        status = check_output(&head, text, err);
    bv_text_head_free(&head);
    return status;
}
