#include "eval/tasks/retrieval_clinical.h"

#include <stdlib.h>
#include <string.h>

#include "eval/data/out_folder.h"
#include "eval/tasks/finding_tables.h"

// What is found for one image.
struct found {
    size_t item; // n: nothing
    double similarity, semb, bleu;
};

static bool other(const struct bv_retrieved *p, size_t a, size_t b)
{
    if (a == b)
        return false;
    const char *x = p->patient_of ? p->patient_of[a] : NULL;
    const char *y = p->patient_of ? p->patient_of[b] : NULL;
    return !x || !y || strcmp(x, y) != 0;
}

static struct found nearest(const struct bv_retrieved *p, size_t q)
{
    struct found best = {.item = p->n};
    for (size_t i = 0; i < p->n; i++) {
        double dot = 0;
        if (!other(p, q, i))
            continue;
        for (size_t d = 0; d < p->D; d++)
            dot += (double)p->images[q * p->D + d] * (double)p->texts[i * p->D + d];
        float score = (float)dot;
        if (best.item == p->n || score > (float)best.similarity) {
            best.item = i;
            best.similarity = score;
        }
    }
    return best;
}

static const char *note(const struct bv_retrieved *p)
{
    return p->patient_of ? "report of another patient" : "report of another row";
}

static enum bv_status write_found(const struct bv_retrieved *p, const struct found *found,
                                  const char *folder, struct bv_error *err)
{
    static const char *const columns[] = {
        "line", "retrieved_line", "similarity", "semb_score", "bleu_2", "note", "retrieved_report"};
    struct bv_row_file rows = {0};
    BV_TRY(bv_folder_make(folder, err));
    enum bv_status status = bv_row_file_create(&rows, folder, "retrieved.csv", columns,
                                               sizeof columns / sizeof *columns, err);
    for (size_t q = 0; q < p->n && status == BV_OK; q++) {
        const struct found *f = &found[q];
        bv_csv_put_integer(&rows.csv, (int64_t)p->line_of[q]);
        if (f->item < p->n) {
            bv_csv_put_integer(&rows.csv, (int64_t)p->line_of[f->item]);
            bv_csv_put_number(&rows.csv, f->similarity);
            bv_csv_put_number(&rows.csv, f->semb);
            bv_csv_put_number(&rows.csv, f->bleu);
            bv_csv_put(&rows.csv, note(p));
            bv_csv_put(&rows.csv, p->text_of[f->item]);
        } else {
            for (int i = 0; i < 5; i++)
                bv_csv_put(&rows.csv, "NA");
            bv_csv_put(&rows.csv, "");
        }
        bv_csv_end(&rows.csv);
    }
    if (status == BV_OK)
        status = bv_row_file_commit(&rows, err);
    bv_row_file_discard(&rows);
    return status;
}

static enum bv_status judge(const struct bv_retrieved *p, const struct bv_clinical_reports *r,
                            struct found *found, json_t **result, struct bv_error *err)
{
    struct bv_finding_totals totals = {.n = 0};
    struct bv_bleu2 corpus = {.reference = 0};
    double semb = 0, bleu = 0;
    size_t n = 0;
    for (size_t q = 0; q < p->n; q++) {
        struct found *f = &found[q];
        struct bv_bleu2 one = {.reference = 0};
        *f = nearest(p, q);
        if (f->item == p->n)
            continue;
        BV_TRY(bv_bleu2_add(&one, p->text_of[q], p->text_of[f->item], err));
        BV_TRY(bv_bleu2_add(&corpus, p->text_of[q], p->text_of[f->item], err));
        f->semb = bv_semb_score(r->vectors + q * r->D, r->vectors + f->item * r->D, r->D);
        f->bleu = bv_bleu2_score(&one, true);
        bv_findings_add(&totals, r->findings + q * BV_FINDINGS,
                        r->findings + f->item * BV_FINDINGS);
        semb += f->semb;
        bleu += f->bleu;
        n++;
    }
    double mean_semb = n ? semb / (double)n : NAN, mean_bleu = n ? bleu / (double)n : NAN;
    *result = json_pack("{s:I, s:s, s:s, s:I, s:o, s:o, s:{s:o, s:o}}", "n", (json_int_t)n,
                        "left_out", p->patient_of ? "patient" : "row", "note", note(p),
                        "without_candidate", (json_int_t)(p->n - n), "f1_chexbert",
                        n ? bv_findings_json(&totals) : json_string("NA"), "semb_score",
                        bv_result_number(mean_semb), "bleu_2", "mean", bv_result_number(mean_bleu),
                        "corpus", bv_result_number(n ? bv_bleu2_score(&corpus, false) : NAN));
    return *result ? BV_OK : bv_fail_nomem(err, "the results");
}

enum bv_status bv_retrieval_clinical(const struct bv_retrieved *pairs,
                                     const struct bv_clinical *clinical, const char *folder,
                                     json_t **result, struct bv_error *err)
{
    struct bv_clinical_reports reports = {.n = 0};
    json_t *made = NULL;
    const struct bv_model *m = bv_session_model(clinical->session);
    struct found *found = calloc(pairs->n + 1, sizeof *found);
    enum bv_status status =
        found ? bv_clinical_check(clinical, err) : bv_fail_nomem(err, "the reports found");
    if (status == BV_OK)
        status = bv_clinical_read(clinical, pairs->text_of, pairs->n, &reports, err);
    if (status == BV_OK)
        status = judge(pairs, &reports, found, &made, err);
    if (status == BV_OK && folder)
        status = write_found(pairs, found, folder, err);
    if (status == BV_OK) {
        (void)json_object_set_new(made, "labeler",
                                  json_pack("{s:s, s:s}", "name", m->name, "sha256", m->digest));
        *result = made;
    } else {
        json_decref(made);
    }
    bv_clinical_free(&reports);
    free(found);
    return status;
}
