#include "eval/report/results.h"

#include <math.h>
#include <string.h>

#include "eval/report/page.h"

void bv_failures_add(struct bv_failures *f, const char *reason)
{
    size_t i = 0;
    while (i < f->n && strcmp(f->each[i].reason, reason) != 0)
        i++;
    if (i >= BV_MAX_FAILURES - 1) { // no room for another reason
        i = BV_MAX_FAILURES - 1;
        reason = "other";
    }
    if (i >= f->n) {
        (void)snprintf(f->each[i].reason, sizeof f->each[i].reason, "%s", reason);
        f->n = i + 1;
    }
    f->each[i].n++;
}

static const json_t *data_of(const struct bv_results *r)
{
    return json_object_get(r->setup, "data");
}

static const json_t *model_of(const struct bv_results *r)
{
    return json_object_get(r->setup, "model");
}

// ---- The flow ----

// A box of two lines at a place.
static void put_box(FILE *f, int x, int y, int width, const char *what, uint64_t n)
{
    (void)fprintf(f,
                  "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"30\"/>"
                  "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
                  x, y, width, x + width / 2, y + 19);
    bv_page_text(f, what);
    (void)fprintf(f, ": %llu</text>", (unsigned long long)n);
}

void bv_checklist_flow(FILE *f, const struct bv_results *r)
{
    enum { MAIN = 190, SIDE = 230, STEP = 40, GAP = 30 };
    const struct bv_failures *lost = r->failures;
    int height = STEP * ((int)lost->n + 2);
    (void)fprintf(f,
                  "<h2>Flow of images</h2><figure><svg class=\"wide\" viewBox=\"0 0 %d %d\" "
                  "role=\"img\"><title>From the rows of the data to the images in the metrics"
                  "</title>",
                  MAIN + GAP + SIDE + 2, height);
    put_box(f, 1, 1, MAIN, "rows in the data", r->n_rows);
    (void)fprintf(f, "<path class=\"grid\" d=\"M%d 31V%d\"/>", MAIN / 2, height - STEP + 1);
    for (size_t i = 0; i < lost->n; i++) {
        int y = 1 + STEP * ((int)i + 1);
        (void)fprintf(f, "<path class=\"grid\" d=\"M%d %dH%d\"/>", MAIN / 2, y + 15, MAIN + GAP);
        put_box(f, MAIN + GAP, y, SIDE, lost->each[i].reason, lost->each[i].n);
    }
    put_box(f, 1, height - STEP + 1, MAIN, "images evaluated", r->n_evaluated);
    (void)fputs(
        "</svg><figcaption>Rows that failed are listed in errors.csv by reason.</figcaption>"
        "</figure>",
        f);
}

// ---- The methods ----

static void put_thresholds(FILE *f, const struct bv_results *r)
{
    if (!r->thresholds) {
        (void)fputs(" Probabilities were cut at 0.5; no threshold was chosen on these data.", f);
        return;
    }
    (void)fputs(" Thresholds were chosen on other data (rule ", f);
    bv_page_text(f, bv_json_string(r->thresholds, "rule", ""));
    (void)fputs(") and applied here.", f);
}

static void put_interval_methods(FILE *f, const struct bv_results *r)
{
    const struct bv_level_result *l = &r->levels[0];
    if (r->n_bootstrap)
        (void)fprintf(f,
                      " 95 %% confidence intervals are percentiles of %zu bootstrap replicates in "
                      "which whole %s were resampled",
                      r->n_bootstrap, l->by_patient ? "patients" : "images");
    else
        (void)fputs(" 95 % confidence intervals of the AUROC are DeLong's", f);
    (void)fputs(
        "; those of proportions are Wilson's. AUROC is the Mann-Whitney statistic with ties "
        "counted one half, average precision the sum of precision over steps of recall. "
        "Classes without positives or without negatives have no metric and are left out of "
        "macro averages.",
        f);
}

void bv_checklist_methods(FILE *f, const struct bv_results *r)
{
    const json_t *model = model_of(r);
    const struct bv_level_result *l = &r->levels[0];
    (void)fputs("<h2>Methods, to be quoted</h2><p>", f);
    bv_page_text(f, bv_json_string(model, "name", "The model"));
    (void)fprintf(f, " (SHA-256 %.12s…) was evaluated on %llu images",
                  bv_json_string(model, "sha256", ""), (unsigned long long)r->n_evaluated);
    if (l->by_patient)
        (void)fprintf(f, " of %zu patients", l->n_clusters);
    (void)fprintf(f, " (%llu of %llu rows failed) for %zu labels with biovl ",
                  (unsigned long long)r->n_failed, (unsigned long long)r->n_rows, l->n_labels);
    bv_page_text(f, bv_json_string(model, "version", ""));
    (void)fputs(", intensity preset ", f);
    bv_page_text(f, bv_json_string(model, "preset", ""));
    (void)fputs(", prompt set ", f);
    bv_page_text(f, bv_json_string(json_object_get(model, "prompts"), "set", ""));
    (void)fputs(". Scores are of the kind ", f);
    bv_page_text(f, bv_json_string(model, "score_kind", ""));
    (void)fprintf(f, "; uncertain labels: %s, empty labels: %s.",
                  bv_json_string(r->setup, "uncertain", ""), bv_json_string(r->setup, "blank", ""));
    put_thresholds(f, r);
    put_interval_methods(f, r);
    (void)fputs("</p>", f);
}

// ---- The items ----

static const char to_write[] = "to be written by you";

static void put_item(FILE *f, const char *item, const char *where, const char *answer)
{
    bv_page_row(f, item);
    (void)fputs("<td class=\"words\">", f);
    bv_page_text(f, where);
    (void)fputs("</td><td class=\"words\">", f);
    bv_page_text(f, answer);
    (void)fputs("</td></tr>", f);
}

static const struct {
    const char *item, *where, *answer; // answer NULL: the run does not know
} constant_items[] = {
    {"Research question and intended use", "CLAIM, TRIPOD+AI, STARD-AI", NULL},
    {"Source, dates and sites of the images, inclusion and exclusion", "CLAIM, STARD-AI", NULL},
    {"Ethics approval and de-identification", "CLAIM, TRIPOD+AI", NULL},
    {"Reference standard: who labelled, and agreement", "CLAIM, STARD-AI", NULL},
    {"Overlap of training and test patients", "CLAIM, TRIPOD+AI", NULL},
    {"Training data and procedure of the model", "CLAIM, TRIPOD+AI", NULL},
    {"Demographic and clinical characteristics", "CLAIM, TRIPOD+AI", NULL},
    {"Performance by subgroup", "CLAIM, TRIPOD+AI",
     "biovl eval subgroups DIR --by COLUMN writes it"},
    {"Failure analysis", "CLAIM",
     "errors.csv and warnings.csv list failed and doubtful images; "
     "reading the wrong ones is yours"},
    {"Limitations, bias, generalisability", "CLAIM, TRIPOD+AI, STARD-AI", NULL},
    {"Registration, protocol, funding, interests", "CLAIM, TRIPOD+AI", NULL},
};

static void put_known_items(FILE *f, const struct bv_results *r)
{
    char text[400];
    const struct bv_level_result *l = &r->levels[0];
    const json_t *model = model_of(r);
    (void)snprintf(text, sizeof text, "%.100s, SHA-256 %.64s", bv_json_string(model, "name", ""),
                   bv_json_string(model, "sha256", ""));
    put_item(f, "Model, version and how to get it", "CLAIM, TRIPOD+AI", text);
    (void)snprintf(text, sizeof text, "SHA-256 %.64s", bv_json_string(data_of(r), "sha256", ""));
    put_item(f, "Identity of the data evaluated", "CLAIM", text);
    (void)snprintf(text, sizeof text, "intensity preset %.60s; the model's own recipe",
                   bv_json_string(model, "preset", ""));
    put_item(f, "Preprocessing", "CLAIM", text);
    if (l->by_patient)
        (void)snprintf(text, sizeof text, "%llu images of %zu patients; see the flow of images",
                       (unsigned long long)r->n_evaluated, l->n_clusters);
    else
        (void)snprintf(text, sizeof text, "%llu images; patients are not known to this run",
                       (unsigned long long)r->n_evaluated);
    put_item(f, "Flow of participants and images", "CLAIM, STARD-AI", text);
    (void)snprintf(text, sizeof text, "uncertain: %.20s, empty: %.20s; failed rows are left out",
                   bv_json_string(r->setup, "uncertain", ""),
                   bv_json_string(r->setup, "blank", ""));
    put_item(f, "Missing and indeterminate reference labels", "STARD-AI, TRIPOD+AI", text);
    put_item(f, "Origin of thresholds", "CLAIM, STARD-AI",
             r->thresholds ? "fitted on other data (see Decisions)" : "0.5 for probabilities");
    put_item(f, "Discrimination with uncertainty", "CLAIM, TRIPOD+AI",
             r->n_bootstrap ? "AUROC, AP and all others with bootstrap intervals"
                            : "AUROC with DeLong's interval");
    put_item(f, "Calibration", "TRIPOD+AI",
             r->calibration ? "before and after a calibration fitted elsewhere"
                            : "of scores that are probabilities: slope, intercept, ICI, curves");
    put_item(f, "Clinical utility", "TRIPOD+AI",
             "decision curves of scores that are probabilities");
    put_item(f, "Contingency tables", "STARD-AI", "TP, FP, TN, FN under Decisions");
}

void bv_checklist_items(FILE *f, const struct bv_results *r)
{
    static const char *const columns[] = {"Item", "asked by", "answer", NULL};
    (void)fputs(
        "<h2>Reporting items</h2><p class=\"soft\">A selection in our words from CLAIM 2024, "
        "TRIPOD+AI and STARD-AI; the lists themselves are what a journal wants.</p>",
        f);
    bv_page_table(f, "What the guidelines ask, and where it is answered.", columns);
    put_known_items(f, r);
    for (size_t i = 0; i < sizeof constant_items / sizeof *constant_items; i++)
        put_item(f, constant_items[i].item, constant_items[i].where,
                 constant_items[i].answer ? constant_items[i].answer : to_write);
    (void)fputs("</table></div>", f);
}
