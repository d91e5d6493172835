// The public calls of text classifiers.
#include "api/label.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "eval/tasks/label_reports.h"

enum { TEXTS_AT_ONCE = 256 }; // between looks at the observer

enum bv_status bv_labeler_open(struct bv_engine *engine, struct bv_labeler **out)
{
    assert(engine && out);
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *m = bv_session_model(engine->session);
    *out = NULL;
    struct bv_labeler *l = calloc(1, sizeof *l);
    if (!l)
        return bv_fail_nomem(err, "a labeler");
    l->engine = engine;
    enum bv_status status = bv_text_head_read(&l->head, m->card, err);
    if (status == BV_OK)
        *out = l;
    else
        bv_labeler_close(&l);
    return status == BV_OK ? status : bv_fail_prefix(err, "model \"%s\"", m->name);
}

void bv_labeler_close(struct bv_labeler **out)
{
    assert(out);
    if (*out)
        bv_text_head_free(&(*out)->head);
    free(*out);
    *out = NULL;
}

enum bv_labeler_kind bv_labeler_kind(const struct bv_labeler *l)
{
    assert(l);
    return (enum bv_labeler_kind)l->head.kind;
}

size_t bv_labeler_count(const struct bv_labeler *l)
{
    assert(l);
    return l->head.n_labels;
}

const char *bv_labeler_name(const struct bv_labeler *l, size_t label)
{
    assert(l && label < l->head.n_labels);
    return l->head.labels[label].name;
}

size_t bv_labeler_class_count(const struct bv_labeler *l, size_t label)
{
    assert(l && label < l->head.n_labels);
    return l->head.labels[label].n_classes;
}

const char *bv_labeler_class(const struct bv_labeler *l, size_t label, size_t i)
{
    assert(i < bv_labeler_class_count(l, label));
    return l->head.labels[label].classes[i];
}

const char *bv_labeler_value(const struct bv_labeler *l, size_t label, size_t i)
{
    assert(i < bv_labeler_class_count(l, label));
    return l->head.labels[label].values[i];
}

// The texts of one call, some at a time.
struct labelling {
    struct bv_labeler *labeler;
    const char *const *texts, *const *seconds;
    size_t n;
    int32_t *classes;
    double *probabilities;
    unsigned char *truncated;
    struct bv_batch batch;
    float *logits;           // [TEXTS_AT_ONCE,n_logits]
    struct bv_error *errors; // [TEXTS_AT_ONCE]
};

// What a text is that has no answer.
static void clear_row(const struct labelling *l, size_t i)
{
    const struct bv_text_head *head = &l->labeler->head;
    for (size_t k = 0; k < head->n_labels; k++)
        l->classes[i * head->n_labels + k] = -1;
    for (size_t k = 0; l->probabilities && k < head->n_classes; k++)
        l->probabilities[i * head->n_classes + k] = (double)NAN;
}

static enum bv_status label_some(const struct labelling *l, size_t first, size_t count,
                                 struct bv_error *err)
{
    const struct bv_text_head *head = &l->labeler->head;
    char name[32];
    memset(l->errors, 0, count * sizeof *l->errors);
    BV_TRY(bv_text_head_logits(head, l->labeler->engine->session, l->texts + first,
                               l->seconds ? l->seconds + first : NULL, count, l->logits, NULL,
                               l->truncated ? l->truncated + first : NULL, l->errors, err));
    for (size_t k = 0; k < count; k++) {
        size_t i = first + k;
        (void)snprintf(name, sizeof name, "text %zu", i + 1);
        if (l->errors[k].status == BV_OK)
            bv_text_head_decide(head, l->logits + k * head->n_logits,
                                l->classes + i * head->n_labels,
                                l->probabilities ? l->probabilities + i * head->n_classes : NULL);
        else
            clear_row(l, i);
        BV_TRY(bv_item_done(&l->batch, i, name, &l->errors[k], err));
    }
    return BV_OK;
}

static enum bv_status label_all(struct labelling *l, struct bv_error *err)
{
    const struct bv_text_head *head = &l->labeler->head;
    l->logits = calloc(TEXTS_AT_ONCE, head->n_logits * sizeof *l->logits);
    l->errors = calloc(TEXTS_AT_ONCE, sizeof *l->errors);
    if (!l->logits || !l->errors)
        return bv_fail_nomem(err, "labels");
    for (size_t first = 0, count; first < l->n; first += count) {
        count = l->n - first < TEXTS_AT_ONCE ? l->n - first : TEXTS_AT_ONCE;
        BV_TRY(bv_observe_progress(l->batch.observer, first, l->n, err));
        BV_TRY(label_some(l, first, count, err));
    }
    if (l->n > 0)
        (void)bv_observe_progress(l->batch.observer, l->n, l->n, NULL);
    return BV_OK;
}

enum bv_status bv_labeler_run(struct bv_labeler *labeler, const char *const *texts,
                              const char *const *seconds, size_t n, int32_t *classes,
                              size_t n_classes, double *probabilities, size_t n_probabilities,
                              unsigned char *truncated, enum bv_status *statuses)
{
    assert(labeler && ((texts && classes) || n == 0));
    struct bv_context *context = labeler->engine->context;
    struct bv_error *err = bv_begin(context);
    struct labelling l = {.labeler = labeler,
                          .texts = texts,
                          .seconds = seconds,
                          .n = n,
                          .classes = classes,
                          .probabilities = probabilities,
                          .truncated = truncated,
                          .batch = {statuses, &context->observer}};
    BV_TRY(bv_check_room(n_classes, n, labeler->head.n_labels, "classes", err));
    if (probabilities)
        BV_TRY(bv_check_room(n_probabilities, n, labeler->head.n_classes, "probabilities", err));
    enum bv_status status = label_all(&l, err);
    for (size_t i = 0; i < n && status != BV_OK; i++) {
        clear_row(&l, i);
        if (statuses)
            statuses[i] = status;
    }
    free(l.logits);
    free(l.errors);
    return status;
}

enum bv_status bv_labeler_tokens(struct bv_labeler *l, const char *text, char **json)
{
    assert(l && text && json);
    struct bv_error *err = bv_begin(l->engine->context);
    const struct bv_model *m = bv_session_model(l->engine->session);
    struct bv_tokens tokens = {0};
    float *logits = NULL;
    json_t *list = NULL;
    enum bv_status status = BV_OK;
    if (l->head.kind != BV_HEAD_TOKEN)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" does not classify tokens", m->name);
    status = bv_tokenizer_encode(m->tokenizer, text, strlen(text), &tokens, err);
    if (status == BV_OK)
        status = bv_text_head_token_logits(&l->head, l->engine->session, &tokens, &logits, err);
    if (status == BV_OK)
        status = bv_label_token_list(&l->head, m->tokenizer, &tokens, logits, &list, err);
    free(logits);
    bv_tokens_free(&tokens);
    return status == BV_OK ? bv_json_text(list, json, err) : status;
}

enum bv_status bv_label_reports(struct bv_labeler *l, const struct bv_label_options *theirs,
                                struct bv_label_counts *counts)
{
    assert(l);
    struct bv_context *context = l->engine->context;
    struct bv_error *err = bv_begin(context);
    struct bv_label_options o;
    struct bv_labelled_reports made = {.n = 0};
    BV_TRY(bv_options_read(&o, sizeof o, theirs, "bv_label_options", err));
    BV_TRY(bv_counts_check(counts, "bv_label_counts", err));
    if (!o.output)
        return bv_fail(err, BV_ERR_ARG, "labels need an output");
    const struct bv_label_reports options = {.inputs = {.paths = o.inputs,
                                                        .n_paths = o.n_inputs,
                                                        .texts = o.texts,
                                                        .n_texts = o.n_texts,
                                                        .text_column = o.text_column,
                                                        .usual_column = l->head.column,
                                                        .second_column = o.second_column,
                                                        .kept = o.keep,
                                                        .n_kept = o.n_keep,
                                                        .output = o.output},
                                             .output = o.output,
                                             .json = o.json != 0,
                                             .no_text = o.no_text != 0,
                                             .observer = &context->observer};
    enum bv_status status = bv_reports_label(&l->head, l->engine->session, &options, &made, err);
    const struct bv_label_counts mine = {
        .reports = made.n, .failed = made.failed, .truncated = made.truncated};
    if (status == BV_OK)
        bv_counts_write(counts, &mine, sizeof mine);
    return status;
}
