#include "eval/tasks/finding_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "table/csv.h"

enum { FINDINGS = BV_FINDINGS, FIVE = 5 };
static const char *const findings[FINDINGS] = {"Enlarged Cardiomediastinum",
                                               "Cardiomegaly",
                                               "Lung Opacity",
                                               "Lung Lesion",
                                               "Edema",
                                               "Consolidation",
                                               "Pneumonia",
                                               "Atelectasis",
                                               "Pneumothorax",
                                               "Pleural Effusion",
                                               "Pleural Other",
                                               "Fracture",
                                               "Support Devices",
                                               "No Finding"};
static const int five[FIVE] = {1, 4, 5, 7, 9};

enum { CLASS_BLANK, CLASS_POSITIVE, CLASS_NEGATIVE, CLASS_UNCERTAIN };

const char *bv_finding_name(size_t i)
{
    return findings[i];
}

// ---- Reading ----

struct file {
    const char *path;
    struct bv_csv_reader *csv;
    int columns[FINDINGS], study; // study -1: there is none
    const struct bv_csv_row *row;
    int32_t classes[FINDINGS];
};

static bool is_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? ' ' : *a;
        if (strncasecmp(&x, b, 1) != 0)
            return false;
    }
    return *a == *b;
}

static int find(const struct bv_csv_row *header, const char *name)
{
    for (size_t i = 0; i < header->n; i++)
        if (is_name(header->fields[i], name))
            return (int)i;
    return -1;
}

static enum bv_status open_file(struct file *f, const char *path, struct bv_error *err)
{
    f->path = path;
    BV_TRY(bv_csv_open(&f->csv, path, bv_csv_separator(path), err));
    const struct bv_csv_row *header = bv_csv_header(f->csv);
    for (int i = 0; i < FINDINGS; i++) {
        f->columns[i] = find(header, findings[i]);
        if (f->columns[i] < 0)
            return bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\"", path, findings[i]);
    }
    f->study = find(header, "study");
    if (f->study < 0)
        f->study = find(header, "study id");
    return BV_OK;
}

static enum bv_status read_class(const struct file *f, int finding, int32_t *to,
                                 struct bv_error *err)
{
    const char *text = f->row->fields[f->columns[finding]];
    double value = 0;
    if (!text[strspn(text, " \t")]) {
        *to = CLASS_BLANK;
        return BV_OK;
    }
    if (!bv_number_parse(text, &value) || (value != 0 && value != 1 && value != -1))
        return bv_fail(err, BV_ERR_FORMAT, "%s:%llu: %s is neither 1, 0, -1 nor empty", f->path,
                       (unsigned long long)f->row->line, findings[finding]);
    *to = value == 0 ? CLASS_NEGATIVE : value > 0 ? CLASS_POSITIVE : CLASS_UNCERTAIN;
    return BV_OK;
}

static enum bv_status next_row(struct file *f, struct bv_error *err)
{
    BV_TRY(bv_csv_next(f->csv, &f->row, err));
    if (!f->row)
        return BV_OK;
    if (f->row->n != bv_csv_header(f->csv)->n)
        return bv_fail(err, BV_ERR_FORMAT, "%s:%llu: %zu fields, the header has %zu", f->path,
                       (unsigned long long)f->row->line, f->row->n, bv_csv_header(f->csv)->n);
    for (int i = 0; i < FINDINGS; i++)
        BV_TRY(read_class(f, i, &f->classes[i], err));
    return BV_OK;
}

static enum bv_status check_pair(const struct file *a, const struct file *b, struct bv_error *err)
{
    if (!a->row || !b->row)
        return bv_fail(err, BV_ERR_ARG, "%s has more rows than %s", a->row ? a->path : b->path,
                       a->row ? b->path : a->path);
    if (a->study >= 0 && b->study >= 0 &&
        strcmp(a->row->fields[a->study], b->row->fields[b->study]) != 0)
        return bv_fail(err, BV_ERR_ARG, "line %llu of %s and line %llu of %s are other studies",
                       (unsigned long long)a->row->line, a->path, (unsigned long long)b->row->line,
                       b->path);
    return BV_OK;
}

// ---- Counting ----

static const char *const conventions[BV_CONVENTIONS] = {"rrg", "r2gen"};

static bool is_positive(int32_t c, int convention)
{
    return c == CLASS_POSITIVE || (c == CLASS_UNCERTAIN && convention == BV_CONVENTION_RRG);
}

void bv_findings_add(struct bv_finding_totals *t, const int32_t reference[FINDINGS],
                     const int32_t predicted[FINDINGS])
{
    t->n++;
    for (int c = 0; c < BV_CONVENTIONS; c++) {
        bool exact = true;
        for (int i = 0; i < FINDINGS; i++) {
            bool truth = is_positive(reference[i], c);
            bool said = is_positive(predicted[i], c);
            t->each[c][i].tp += truth && said;
            t->each[c][i].fp += !truth && said;
            t->each[c][i].fn += truth && !said;
        }
        for (int k = 0; k < FIVE; k++)
            exact =
                exact && is_positive(reference[five[k]], c) == is_positive(predicted[five[k]], c);
        t->exact_five[c] += exact;
    }
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

struct scores {
    double precision, recall, f1, support;
};

static struct scores scores_of(const struct bv_finding_counts *c)
{
    double tp = (double)c->tp, fp = (double)c->fp, fn = (double)c->fn;
    return (struct scores){ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn),
                           tp + fn};
}

// ---- The result ----

static json_t *scores_object(const struct scores *s)
{
    return json_pack("{s:f, s:f, s:f, s:I}", "precision", s->precision, "recall", s->recall, "f1",
                     s->f1, "support", (json_int_t)s->support);
}

static void add(struct scores *sum, const struct scores *s, double weight)
{
    sum->precision += weight * s->precision;
    sum->recall += weight * s->recall;
    sum->f1 += weight * s->f1;
}

// Micro, macro and weighted averages of n findings.
static json_t *averages(const struct bv_finding_counts each[FINDINGS], const int *which, int n)
{
    struct bv_finding_counts pooled = {0};
    struct scores macro = {0}, weighted = {0};
    for (int i = 0; i < n; i++) {
        const struct bv_finding_counts *c = &each[which ? which[i] : i];
        pooled.tp += c->tp;
        pooled.fp += c->fp;
        pooled.fn += c->fn;
    }
    struct scores micro = scores_of(&pooled);
    macro.support = weighted.support = micro.support;
    for (int i = 0; i < n; i++) {
        struct scores s = scores_of(&each[which ? which[i] : i]);
        add(&macro, &s, 1.0 / n);
        add(&weighted, &s, ratio(s.support, micro.support));
    }
    return json_pack("{s:o, s:o, s:o}", "micro", scores_object(&micro), "macro",
                     scores_object(&macro), "weighted", scores_object(&weighted));
}

static json_t *convention_object(const struct bv_finding_totals *t, int convention)
{
    json_t *each = json_object();
    for (int i = 0; i < FINDINGS; i++) {
        struct scores s = scores_of(&t->each[convention][i]);
        (void)json_object_set_new(each, findings[i], scores_object(&s));
    }
    return json_pack("{s:o, s:o, s:o, s:f}", "findings", each, "all14",
                     averages(t->each[convention], NULL, FINDINGS), "five",
                     averages(t->each[convention], five, FIVE), "exact_match_five",
                     ratio((double)t->exact_five[convention], (double)t->n));
}

json_t *bv_findings_json(const struct bv_finding_totals *totals)
{
    return json_pack("{s:I, s:o, s:o}", "n", (json_int_t)totals->n, conventions[BV_CONVENTION_RRG],
                     convention_object(totals, BV_CONVENTION_RRG), conventions[BV_CONVENTION_R2GEN],
                     convention_object(totals, BV_CONVENTION_R2GEN));
}

static enum bv_status count_all(struct file files[2], struct bv_finding_totals *t,
                                struct bv_error *err)
{
    for (;;) {
        BV_TRY(next_row(&files[0], err));
        BV_TRY(next_row(&files[1], err));
        if (!files[0].row && !files[1].row)
            break;
        BV_TRY(check_pair(&files[0], &files[1], err));
        bv_findings_add(t, files[0].classes, files[1].classes);
    }
    return t->n ? BV_OK : bv_fail(err, BV_ERR_ARG, "%s: no reports", files[0].path);
}

enum bv_status bv_finding_tables(const char *reference, const char *predicted, json_t **result,
                                 struct bv_error *err)
{
    struct file files[2] = {{.csv = NULL}, {.csv = NULL}};
    struct bv_finding_totals totals = {.n = 0};
    enum bv_status status = open_file(&files[0], reference, err);
    if (status == BV_OK)
        status = open_file(&files[1], predicted, err);
    if (status == BV_OK)
        status = count_all(files, &totals, err);
    bv_csv_close(&files[0].csv);
    bv_csv_close(&files[1].csv);
    BV_TRY(status);
    *result = bv_findings_json(&totals);
    return *result ? BV_OK : bv_fail_nomem(err, "the results");
}
