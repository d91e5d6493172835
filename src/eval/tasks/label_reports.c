#include "eval/tasks/label_reports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "table/csv.h"

enum { BLOCK = 256 };
static const size_t block_bytes = (size_t)8 << 20; // of reports, about

// A report that waits for its block; strings are in the block's arena.
struct waiting {
    uint64_t row;
    const char *path, *text, *second;
    const char **kept;
    struct bv_error why;
    bool truncated;
};

struct labelling {
    const struct bv_text_head *head;
    struct bv_session *session;
    const struct bv_label_reports *options;
    const struct bv_report_source *source;
    struct bv_labelled_reports *counts;
    struct bv_new_file file;
    struct bv_csv_writer csv;
    struct bv_arena arena;
    struct waiting *block; // [BLOCK]
    size_t n, bytes;
    int32_t *classes; // [n_labels]
};

// ---- Writing ----

json_t *bv_label_object(const struct bv_text_head *head, const float *logits)
{
    int32_t *classes = calloc(head->n_labels, sizeof *classes);
    double *p = calloc(head->n_classes, sizeof *p);
    json_t *object = classes && p ? json_object() : NULL;
    if (object)
        bv_text_head_decide(head, logits, classes, p);
    for (size_t i = 0; object && i < head->n_labels; i++) {
        const struct bv_head_label *label = &head->labels[i];
        json_t *probabilities = json_object();
        for (size_t c = 0; c < label->n_classes; c++)
            (void)json_object_set_new(probabilities, label->classes[c],
                                      json_real(p[label->offset + c]));
        (void)json_object_set_new(object, label->name,
                                  json_pack("{s:s, s:s, s:o}", "class", label->classes[classes[i]],
                                            "value", label->values[classes[i]], "probabilities",
                                            probabilities));
    }
    free(classes);
    free(p);
    return object;
}

static void write_header(struct labelling *l)
{
    const struct bv_label_reports *o = l->options;
    const char *column = bv_report_source_column(l->source);
    if (o->json)
        return;
    if (bv_report_source_has_paths(l->source))
        bv_csv_put(&l->csv, "path");
    for (size_t i = 0; i < o->inputs.n_kept; i++)
        bv_csv_put(&l->csv, o->inputs.kept[i]);
    if (l->head->kind == BV_HEAD_TOKEN) {
        bv_csv_put(&l->csv, "row");
        bv_csv_put(&l->csv, "token");
        bv_csv_put(&l->csv, "word");
    } else if (!o->no_text) {
        if (!column)
            column = o->inputs.usual_column ? o->inputs.usual_column : "text";
        bv_csv_put(&l->csv, column);
        if (o->inputs.second_column)
            bv_csv_put(&l->csv, o->inputs.second_column);
    }
    for (size_t i = 0; i < l->head->n_labels; i++)
        bv_csv_put(&l->csv, l->head->labels[i].name);
    bv_csv_end(&l->csv);
}

// What a line begins with.
static void write_begin(struct labelling *l, const struct waiting *w)
{
    if (w->path)
        bv_csv_put(&l->csv, w->path);
    for (size_t i = 0; i < l->options->inputs.n_kept; i++)
        bv_csv_put(&l->csv, w->kept[i]);
}

// logits NULL: the report failed.
static void write_values(struct labelling *l, const float *logits)
{
    if (logits)
        bv_text_head_decide(l->head, logits, l->classes, NULL);
    for (size_t i = 0; i < l->head->n_labels; i++)
        bv_csv_put(&l->csv, logits ? l->head->labels[i].values[l->classes[i]] : "NA");
    bv_csv_end(&l->csv);
}

static void write_row(struct labelling *l, const struct waiting *w, const float *logits)
{
    write_begin(l, w);
    if (!l->options->no_text) {
        bv_csv_put(&l->csv, w->text);
        if (l->options->inputs.second_column)
            bv_csv_put(&l->csv, w->second);
    }
    write_values(l, logits);
}

static enum bv_status write_json(struct labelling *l, const struct waiting *w, const char *key,
                                 json_t *value, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(l->session);
    json_t *line = json_pack("{s:I, s:o*, s:{s:s, s:s}, s:b, s:o}", "row", (json_int_t)w->row,
                             "path", w->path ? bv_json_path(w->path) : NULL, "model", "name",
                             m->name, "sha256", m->digest, "truncated", w->truncated, key, value);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text)
        return bv_fail_nomem(err, "the labels");
    (void)fprintf(l->file.stream, "%s\n", text);
    free(text);
    return BV_OK;
}

// ---- Tokens ----

// A token as the vocabulary spells it, in the arena; NULL where memory is out.
static const char *spelling(const struct bv_tokenizer *tokenizer, int32_t id,
                            struct bv_arena *arena)
{
    size_t n = 0;
    const char *piece = bv_tokenizer_token(tokenizer, id, &n);
    return bv_arena_strndup(arena, piece ? piece : "", piece ? n : 0);
}

enum bv_status bv_label_token_list(const struct bv_text_head *head,
                                   const struct bv_tokenizer *tokenizer,
                                   const struct bv_tokens *tokens, const float *logits,
                                   json_t **list, struct bv_error *err)
{
    struct bv_arena arena = {0};
    json_t *made = json_array();
    bool good = made != NULL;
    for (size_t i = 0; good && i < tokens->n; i++) {
        const char *name = spelling(tokenizer, tokens->ids[i], &arena);
        json_t *labels = bv_label_object(head, logits + i * head->n_logits);
        good = name && labels &&
               json_array_append_new(made, json_pack("{s:s, s:i, s:O}", "token", name, "word",
                                                     tokens->words[i], "labels", labels)) == 0;
        json_decref(labels);
    }
    bv_arena_free(&arena);
    if (good) {
        *list = made;
        return BV_OK;
    }
    json_decref(made);
    return bv_fail_nomem(err, "the labels");
}

static enum bv_status write_tokens(struct labelling *l, const struct waiting *w,
                                   const struct bv_tokens *tokens, const float *logits,
                                   struct bv_error *err)
{
    const struct bv_tokenizer *tokenizer = bv_session_model(l->session)->tokenizer;
    json_t *list = NULL;
    if (l->options->json) {
        BV_TRY(bv_label_token_list(l->head, tokenizer, tokens, logits, &list, err));
        return write_json(l, w, "tokens", list, err);
    }
    for (size_t i = 0; i < tokens->n; i++) {
        const char *name = spelling(tokenizer, tokens->ids[i], &l->arena);
        if (!name)
            return bv_fail_nomem(err, "the labels");
        write_begin(l, w);
        bv_csv_put_integer(&l->csv, (int64_t)w->row);
        bv_csv_put(&l->csv, name);
        bv_csv_put_integer(&l->csv, tokens->words[i]);
        write_values(l, logits + i * l->head->n_logits);
    }
    return BV_OK;
}

static void note_failure(struct labelling *l, const struct waiting *w)
{
    char name[32];
    (void)snprintf(name, sizeof name, "row %llu", (unsigned long long)w->row);
    l->counts->failed++;
    bv_observe_failed(l->options->observer, w->path ? w->path : name, w->why.status, w->why.text);
}

// A report that failed stands in a table of tokens with one line.
static void write_failed_tokens(struct labelling *l, const struct waiting *w)
{
    if (l->options->json)
        return;
    write_begin(l, w);
    bv_csv_put_integer(&l->csv, (int64_t)w->row);
    bv_csv_put(&l->csv, "NA");
    bv_csv_put(&l->csv, "NA");
    write_values(l, NULL);
}

static enum bv_status label_tokens(struct labelling *l, struct waiting *w, struct bv_error *err)
{
    struct bv_tokens tokens = {0};
    float *logits = NULL;
    enum bv_status status = w->why.status;
    if (status == BV_OK)
        status = bv_tokenizer_encode(bv_session_model(l->session)->tokenizer, w->text,
                                     strlen(w->text), &tokens, &w->why);
    if (status == BV_OK)
        status = bv_text_head_token_logits(l->head, l->session, &tokens, &logits, &w->why);
    if (status == BV_ERR_NOMEM || status == BV_ERR_DEVICE_LOST) {
        bv_tokens_free(&tokens);
        return bv_fail(err, status, "%s", w->why.text);
    }
    w->truncated = tokens.truncated;
    l->counts->truncated += tokens.truncated;
    if (status == BV_OK) {
        status = write_tokens(l, w, &tokens, logits, err);
    } else {
        note_failure(l, w);
        write_failed_tokens(l, w);
        status = BV_OK;
    }
    free(logits);
    bv_tokens_free(&tokens);
    return status;
}

// ---- Whole reports ----

// Those of the block that can be classified, in its order.
struct batch {
    const char *texts[BLOCK], *seconds[BLOCK];
    unsigned char truncated[BLOCK];
    struct bv_error errors[BLOCK];
    size_t place[BLOCK], n; // in the block
    float *logits;
};

static enum bv_status run_batch(struct labelling *l, struct batch *b, struct bv_error *err)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->block[i].why.status != BV_OK)
            continue;
        b->texts[b->n] = l->block[i].text;
        b->seconds[b->n] = l->block[i].second;
        b->place[b->n++] = i;
    }
    b->logits = calloc(b->n + 1, l->head->n_logits * sizeof *b->logits);
    if (!b->logits)
        return bv_fail_nomem(err, "the labels");
    BV_TRY(bv_text_head_logits(l->head, l->session, b->texts,
                               l->head->kind == BV_HEAD_PAIR ? b->seconds : NULL, b->n, b->logits,
                               NULL, b->truncated, b->errors, err));
    for (size_t k = 0; k < b->n; k++) {
        struct waiting *w = &l->block[b->place[k]];
        w->why = b->errors[k];
        w->truncated = b->truncated[k] != 0;
        l->counts->truncated += w->truncated;
    }
    return BV_OK;
}

static enum bv_status write_batch(struct labelling *l, const struct batch *b, struct bv_error *err)
{
    for (size_t i = 0, k = 0; i < l->n; i++) {
        const struct waiting *w = &l->block[i];
        bool listed = k < b->n && b->place[k] == i;
        const float *logits = b->logits + (listed ? k++ : 0) * l->head->n_logits;
        bool failed = w->why.status != BV_OK;
        if (failed)
            note_failure(l, w);
        if (!l->options->json)
            write_row(l, w, failed ? NULL : logits);
        else if (!failed)
            BV_TRY(write_json(l, w, "labels", bv_label_object(l->head, logits), err));
    }
    return BV_OK;
}

static enum bv_status label_whole(struct labelling *l, struct bv_error *err)
{
    struct batch *b = calloc(1, sizeof *b);
    if (!b)
        return bv_fail_nomem(err, "a batch of reports");
    enum bv_status status = run_batch(l, b, err);
    if (status == BV_OK)
        status = write_batch(l, b, err);
    free(b->logits);
    free(b);
    return status;
}

// ---- Blocks ----

static enum bv_status flush(struct labelling *l, struct bv_error *err)
{
    enum bv_status status = bv_observe_progress(l->options->observer, l->counts->n, 0, err);
    if (l->n > 0 && status == BV_OK && l->head->kind != BV_HEAD_TOKEN)
        status = label_whole(l, err);
    for (size_t i = 0; i < l->n && status == BV_OK && l->head->kind == BV_HEAD_TOKEN; i++)
        status = label_tokens(l, &l->block[i], err);
    l->counts->n += l->n;
    l->n = l->bytes = 0;
    bv_arena_free(&l->arena);
    return status;
}

static const char *keep(struct labelling *l, const char *text, bool *kept)
{
    char *copy = text ? bv_arena_strdup(&l->arena, text) : NULL;
    *kept = *kept && (!text || copy);
    l->bytes += text ? strlen(text) : 0;
    return copy;
}

static enum bv_status take(void *arg, const struct bv_one_report *report, struct bv_error *err)
{
    struct labelling *l = arg;
    size_t n_kept = l->options->inputs.n_kept;
    struct waiting *w = &l->block[l->n];
    bool kept = true;
    *w = (struct waiting){.row = report->row};
    w->path = keep(l, report->path, &kept);
    w->text = keep(l, report->text, &kept);
    w->second = keep(l, report->second, &kept);
    w->kept = bv_arena_array(&l->arena, n_kept + 1, sizeof *w->kept);
    for (size_t i = 0; w->kept && i < n_kept; i++)
        w->kept[i] = keep(l, report->kept[i], &kept);
    if (!w->kept || !kept)
        return bv_fail_nomem(err, "a report");
    if (report->why)
        w->why = *report->why;
    l->n++;
    return l->n == BLOCK || l->bytes >= block_bytes ? flush(l, err) : BV_OK;
}

static enum bv_status label_all(struct labelling *l, struct bv_report_source *source,
                                struct bv_error *err)
{
    l->block = calloc(BLOCK, sizeof *l->block);
    l->classes = calloc(l->head->n_labels, sizeof *l->classes);
    if (!l->block || !l->classes)
        return bv_fail_nomem(err, "reports");
    BV_TRY(bv_new_file_create(&l->file, l->options->output, err));
    l->csv = (struct bv_csv_writer){.stream = l->file.stream,
                                    .separator = bv_csv_separator(l->options->output)};
    write_header(l);
    BV_TRY(bv_report_source_run(source, take, l, err));
    BV_TRY(flush(l, err));
    return bv_new_file_commit(&l->file, err);
}

enum bv_status bv_reports_label(const struct bv_text_head *head, struct bv_session *session,
                                const struct bv_label_reports *options,
                                struct bv_labelled_reports *counts, struct bv_error *err)
{
    struct bv_report_source *source = NULL;
    *counts = (struct bv_labelled_reports){.n = 0};
    if ((head->kind == BV_HEAD_PAIR) != (options->inputs.second_column != NULL))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" classifies %s: %s second column of texts",
                       bv_session_model(session)->name,
                       head->kind == BV_HEAD_PAIR ? "pairs of texts" : "single texts",
                       head->kind == BV_HEAD_PAIR ? "name the" : "there is no");
    BV_TRY(bv_report_source_open(&source, &options->inputs, err));
    struct labelling l = {
        .head = head, .session = session, .options = options, .source = source, .counts = counts};
    enum bv_status status = label_all(&l, source, err);
    bv_new_file_discard(&l.file);
    bv_arena_free(&l.arena);
    bv_report_source_close(&source);
    free(l.block);
    free(l.classes);
    return status;
}
