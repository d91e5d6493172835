#include "eval/tasks/clinical.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/tasks/finding_tables.h"
#include "text/runes.h"

double bv_semb_score(const float *a, const float *b, size_t D)
{
    double dot = 0, aa = 0, bb = 0;
    for (size_t d = 0; d < D; d++) {
        dot += (double)a[d] * (double)b[d];
        aa += (double)a[d] * (double)a[d];
        bb += (double)b[d] * (double)b[d];
    }
    return aa > 0 && bb > 0 ? dot / (sqrt(aa) * sqrt(bb)) : 0;
}

// ---- Words ----

struct words {
    char *text;  // cut into words
    char **list; // in the order of the text
    size_t n;
};

static void free_words(struct words *w)
{
    free(w->list);
    free(w->text);
}

// The report in lower case, each full stop behind a space; the caller frees.
static enum bv_status prepare(const char *text, char **out, struct bv_error *err)
{
    struct bv_runes raw = {0}, lower = {0}, apart = {0};
    size_t n_bytes = 0;
    enum bv_status status = bv_runes_decode(&raw, text, strlen(text), err);
    if (status == BV_OK)
        status = bv_runes_lower(&lower, raw.at, raw.n, true, err);
    for (size_t i = 0; i < lower.n && status == BV_OK; i++) {
        if (lower.at[i] == '.')
            status = bv_runes_push(&apart, ' ', err);
        if (status == BV_OK)
            status = bv_runes_push(&apart, lower.at[i], err);
    }
    if (status == BV_OK)
        status = bv_runes_encode(&apart, out, &n_bytes, err);
    bv_runes_free(&raw);
    bv_runes_free(&lower);
    bv_runes_free(&apart);
    return status;
}

static enum bv_status cut(struct words *w, const char *text, struct bv_error *err)
{
    BV_TRY(prepare(text, &w->text, err));
    w->list = calloc(strlen(w->text) / 2 + 2, sizeof *w->list);
    if (!w->list)
        return bv_fail_nomem(err, "words");
    for (char *at = w->text; *at;) {
        size_t n = strcspn(at, " ");
        if (n > 0)
            w->list[w->n++] = at;
        at += n;
        if (*at)
            *at++ = 0;
    }
    return BV_OK;
}

static int by_word(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_two(const void *a, const void *b)
{
    char *const *x = *(char **const *)a, *const *y = *(char **const *)b;
    int first = strcmp(x[0], y[0]);
    return first ? first : strcmp(x[1], y[1]);
}

// How many of the sorted candidates have a partner of their own among the sorted references.
static uint64_t common(const void *candidates, size_t n, const void *references, size_t m,
                       int (*compare)(const void *, const void *))
{
    const char *c = candidates, *r = references; // pointers of one size
    const size_t each = sizeof(void *);
    uint64_t found = 0;
    for (size_t i = 0, j = 0; i < n && j < m;) {
        int order = compare(c + i * each, r + j * each);
        found += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return found;
}

static enum bv_status count_two(struct bv_bleu2 *counts, const struct words *reference,
                                const struct words *candidate, struct bv_error *err)
{
    size_t n = candidate->n > 1 ? candidate->n - 1 : 0;
    size_t m = reference->n > 1 ? reference->n - 1 : 0;
    char ***pairs = calloc(n + m + 1, sizeof *pairs);
    if (!pairs)
        return bv_fail_nomem(err, "words");
    for (size_t i = 0; i < n; i++)
        pairs[i] = candidate->list + i;
    for (size_t i = 0; i < m; i++)
        pairs[n + i] = reference->list + i;
    qsort(pairs, n, sizeof *pairs, by_two);
    qsort(pairs + n, m, sizeof *pairs, by_two);
    counts->match[1] += common(pairs, n, pairs + n, m, by_two);
    counts->total[1] += n;
    free(pairs);
    return BV_OK;
}

enum bv_status bv_bleu2_add(struct bv_bleu2 *counts, const char *reference, const char *candidate,
                            struct bv_error *err)
{
    struct words r = {.n = 0}, c = {.n = 0};
    enum bv_status status = cut(&r, reference, err);
    if (status == BV_OK)
        status = cut(&c, candidate, err);
    if (status == BV_OK)
        status = count_two(counts, &r, &c, err); // before the order of the words is gone
    if (status == BV_OK) {
        qsort(r.list, r.n, sizeof *r.list, by_word);
        qsort(c.list, c.n, sizeof *c.list, by_word);
        counts->match[0] += common(c.list, c.n, r.list, r.n, by_word);
        counts->total[0] += c.n;
        counts->reference += r.n;
        counts->candidate += c.n;
    }
    free_words(&r);
    free_words(&c);
    return status;
}

double bv_bleu2_score(const struct bv_bleu2 *counts, bool smooth)
{
    double sum = 0;
    if (counts->match[0] == 0)
        return 0;
    for (int k = 0; k < 2; k++) {
        double match = (double)counts->match[k], total = (double)counts->total[k];
        match = match > 0 ? match : smooth ? 0.1 : 0;
        sum += 0.5 * log(match / (total > 0 ? total : 1));
    }
    double r = (double)counts->reference, c = (double)counts->candidate;
    return (c > r ? 1 : exp(1 - r / c)) * exp(sum);
}

// ---- Labels ----

enum bv_status bv_clinical_check(const struct bv_clinical *clinical, struct bv_error *err)
{
    static const char *const classes[] = {"blank", "positive", "negative", "uncertain"};
    const struct bv_text_head *h = clinical->head;
    const struct bv_model *m = bv_session_model(clinical->session);
    bool good = h->kind == BV_HEAD_SEQUENCE && h->n_labels == BV_FINDINGS && m->text_dim > 0;
    for (size_t i = 0; good && i < h->n_labels; i++) {
        good = strcmp(h->labels[i].name, bv_finding_name(i)) == 0 && h->labels[i].n_classes <= 4;
        for (size_t c = 0; good && c < h->labels[i].n_classes; c++)
            good = strcmp(h->labels[i].classes[c], classes[c]) == 0;
    }
    return good ? BV_OK
                : bv_fail(err, BV_ERR_MODEL,
                          "model \"%s\" does not label reports as CheXbert does: 14 findings, each "
                          "blank, positive, negative or uncertain",
                          m->name);
}

void bv_clinical_free(struct bv_clinical_reports *r)
{
    free(r->findings);
    free(r->vectors);
    *r = (struct bv_clinical_reports){.n = 0};
}

enum bv_status bv_clinical_read(const struct bv_clinical *clinical, const char *const *texts,
                                size_t n, struct bv_clinical_reports *r, struct bv_error *err)
{
    enum { AT_ONCE = 64 };
    const struct bv_text_head *head = clinical->head;
    size_t D = (size_t)bv_session_model(clinical->session)->text_dim;
    *r = (struct bv_clinical_reports){.n = n, .D = D};
    r->findings = calloc(n + 1, BV_FINDINGS * sizeof *r->findings);
    r->vectors = calloc(n + 1, D * sizeof *r->vectors);
    float *logits = calloc(AT_ONCE, head->n_logits * sizeof *logits);
    enum bv_status status =
        r->findings && r->vectors && logits ? BV_OK : bv_fail_nomem(err, "the labels of reports");
    for (size_t i = 0; i < n && status == BV_OK; i += AT_ONCE) {
        size_t count = n - i < AT_ONCE ? n - i : AT_ONCE;
        status = bv_text_head_logits(head, clinical->session, texts + i, NULL, count, logits,
                                     r->vectors + i * D, NULL, NULL, err);
        for (size_t k = 0; k < count && status == BV_OK; k++)
            bv_text_head_decide(head, logits + k * head->n_logits,
                                r->findings + (i + k) * BV_FINDINGS, NULL);
    }
    free(logits);
    if (status != BV_OK)
        bv_clinical_free(r);
    return status;
}
