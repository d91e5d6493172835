#include "eval/report/page.h"

#include <math.h>
#include <stdlib.h>

#include "eval/metrics/calibration.h"

// A square diagram of 0 … 1 by 0 … 1.
enum { SIDE = 220, LEFT = 34, TOP = 10, WIDTH = 264, HEIGHT = 266, MAX_POINTS = 400 };

static double x_of(double value)
{
    return LEFT + SIDE * value;
}

static double y_of(double value)
{
    return TOP + SIDE * (1 - value);
}

// What a diagram shows, for those who hear it and on hovering; label may be NULL.
static void name_diagram(FILE *stream, const char *title, const char *label)
{
    (void)fprintf(stream, " role=\"img\"><title>%s%s", title, label ? " of " : "");
    if (label)
        bv_page_text(stream, label);
    (void)fputs("</title>", stream);
}

static void begin(FILE *stream, const char *title, const char *label, const char *x_title,
                  const char *y_title)
{
    (void)fprintf(stream, "<svg viewBox=\"0 0 %d %d\"", WIDTH, HEIGHT);
    name_diagram(stream, title, label);
    (void)fprintf(stream, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
                  LEFT, TOP, SIDE, SIDE);
    for (int i = 0; i <= 4; i++) {
        double at = i / 4.0;
        (void)fprintf(stream,
                      "<path class=\"grid\" d=\"M%.1f %dv%dM%d %.1fh%d\"/>"
                      "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.2g</text>"
                      "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.2g</text>",
                      x_of(at), TOP, SIDE, LEFT, y_of(at), SIDE, x_of(at), TOP + SIDE + 13, at,
                      LEFT - 4, y_of(at) + 3, at);
    }
    (void)fprintf(
        stream,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>"
        "<text transform=\"translate(9 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>",
        LEFT + SIDE / 2, HEIGHT - 6, x_title, TOP + SIDE / 2, y_title);
}

static void end(FILE *stream, const char *caption, double value)
{
    (void)fprintf(stream, "<text class=\"caption\" x=\"%d\" y=\"%d\" text-anchor=\"end\">",
                  LEFT + SIDE - 6, TOP + SIDE - 8);
    if (isnan(value))
        (void)fprintf(stream, "%s NA</text></svg>", caption);
    else
        (void)fprintf(stream, "%s %.3f</text></svg>", caption, value);
}

// Every how manyth point to draw.
static size_t stride_of(size_t n)
{
    return n > MAX_POINTS ? (n + MAX_POINTS - 1) / MAX_POINTS : 1;
}

// A step from one drawn point to the next, the last one always drawn.
static size_t next_point(size_t i, size_t stride, size_t n)
{
    return i + stride < n || i + 1 == n ? i + stride : n - 1;
}

// A band between two lines of n points.
static void draw_band(FILE *stream, const double *x, const double *low, const double *high,
                      size_t n)
{
    if (!n)
        return;
    (void)fputs("<path class=\"band\" d=\"", stream);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(stream, "%c%.1f %.1f", i ? 'L' : 'M', x_of(x[i]), y_of(high[i]));
    for (size_t i = n; i > 0; i--)
        (void)fprintf(stream, "L%.1f %.1f", x_of(x[i - 1]), y_of(low[i - 1]));
    (void)fputs("Z\"/>", stream);
}

// A line through n points; values outside 0 … 1 are cut.
static void draw_line(FILE *stream, const char *class, const double *x, const double *y, size_t n)
{
    char command = 'M';
    (void)fprintf(stream, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < n; i++) {
        if (isnan(y[i]))
            continue;
        (void)fprintf(stream, "%c%.1f %.1f", command, x_of(x[i]), y_of(fmin(1, fmax(0, y[i]))));
        command = 'L';
    }
    (void)fputs("\"/>", stream);
}

// What is drawn of a curve: at most MAX_POINTS + 2 points, the first one given.
struct drawn {
    double x[MAX_POINTS + 2], y[MAX_POINTS + 2], low[MAX_POINTS + 2], high[MAX_POINTS + 2];
    size_t n;
};

static void add_drawn(struct drawn *d, double x, double y, struct bv_bounds band)
{
    if (d->n == MAX_POINTS + 2)
        return;
    d->x[d->n] = x;
    d->y[d->n] = y;
    d->low[d->n] = band.low;
    d->high[d->n++] = band.high;
}

static enum bv_status take_curve(struct drawn *d, const struct bv_ranked *ranked, bool roc,
                                 double *prevalence, struct bv_error *err)
{
    struct bv_curve_point *points = NULL;
    size_t n = 0;
    BV_TRY(bv_curve_points(ranked->items, ranked->n, roc, &points, &n, err));
    double P = n ? (double)points[n - 1].tp : 0, N = n ? (double)points[n - 1].fp : 0;
    size_t stride = stride_of(n);
    *prevalence = P / (P + N);
    d->n = 0;
    if (n && roc)
        add_drawn(d, 0, 0, (struct bv_bounds){0, 0});
    for (size_t i = 0; i < n; i = next_point(i, stride, n)) {
        uint64_t tp = points[i].tp, called = tp + points[i].fp;
        double recall = (double)tp / P;
        if (roc)
            add_drawn(d, (double)points[i].fp / N, recall, bv_wilson(tp, points[n - 1].tp, 0.95));
        else
            add_drawn(d, recall, (double)tp / (double)called, bv_wilson(tp, called, 0.95));
    }
    free(points);
    return BV_OK;
}

static enum bv_status plot_roc(FILE *stream, const struct bv_class_result *c,
                               const struct bv_ranked *ranked, struct bv_error *err)
{
    struct drawn drawn;
    double prevalence = NAN;
    BV_TRY(take_curve(&drawn, ranked, true, &prevalence, err));
    begin(stream, "ROC curve", c->label, "1 − specificity", "sensitivity");
    draw_band(stream, drawn.x, drawn.low, drawn.high, drawn.n);
    (void)fprintf(stream, "<path class=\"chance\" d=\"M%d %dL%d %d\"/>", LEFT, TOP + SIDE,
                  LEFT + SIDE, TOP);
    draw_line(stream, "curve", drawn.x, drawn.y, drawn.n);
    end(stream, "AUROC", c->metrics.auroc);
    return BV_OK;
}

static enum bv_status plot_pr(FILE *stream, const struct bv_class_result *c,
                              const struct bv_ranked *ranked, struct bv_error *err)
{
    struct drawn drawn;
    double prevalence = NAN;
    BV_TRY(take_curve(&drawn, ranked, false, &prevalence, err));
    begin(stream, "precision-recall curve", c->label, "recall", "precision");
    draw_band(stream, drawn.x, drawn.low, drawn.high, drawn.n);
    (void)fprintf(stream, "<path class=\"chance\" d=\"M%d %.1fh%d\"/>", LEFT, y_of(prevalence),
                  SIDE);
    draw_line(stream, "curve", drawn.x, drawn.y, drawn.n);
    end(stream, "AP", c->metrics.average_precision);
    return BV_OK;
}

static void plot_bins(FILE *stream, const struct bv_reliability *r, const char *class)
{
    char command = 'M';
    (void)fprintf(stream, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < BV_RELIABILITY_BINS; i++) {
        const struct bv_reliability_bin *bin = &r->bins[i];
        if (!bin->n)
            continue;
        (void)fprintf(stream, "%c%.1f %.1f", command, x_of(bin->mean),
                      y_of((double)bin->positives / (double)bin->n));
        command = 'L';
    }
    (void)fputs("\"/>", stream);
    for (size_t i = 0; i < BV_RELIABILITY_BINS; i++) {
        const struct bv_reliability_bin *bin = &r->bins[i];
        if (bin->n) // area grows with the bin
            (void)fprintf(stream, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>",
                          class, x_of(bin->mean), y_of((double)bin->positives / (double)bin->n),
                          2 + fmin(3, log10((double)bin->n)));
    }
}

static void plot_reliability(FILE *stream, const struct bv_class_result *c)
{
    const struct bv_calibration_detail *d = c->detail;
    begin(stream, "reliability diagram", c->label, "mean score", "fraction positive");
    (void)fprintf(stream, "<path class=\"chance\" d=\"M%d %dL%d %d\"/>", LEFT, TOP + SIDE,
                  LEFT + SIDE, TOP);
    if (d) {
        draw_band(stream, d->at, d->low, d->high, BV_CALIBRATION_POINTS);
        draw_line(stream, "thin", d->at, d->value, BV_CALIBRATION_POINTS);
    }
    plot_bins(stream, &c->reliability, "curve");
    if (c->is_calibrated)
        plot_bins(stream, &c->calibrated, "after");
    end(stream, c->is_calibrated ? "calibrated ECE" : "ECE",
        c->is_calibrated ? c->calibrated.ece : c->reliability.ece);
}

// Net benefits as shares of the largest possible one, the prevalence.
static void plot_decision(FILE *stream, const struct bv_class_result *c,
                          const struct bv_ranked *ranked)
{
    struct bv_decision_point points[BV_DECISION_POINTS];
    double x[BV_DECISION_POINTS], model[BV_DECISION_POINTS], all[BV_DECISION_POINTS];
    double prevalence = (double)c->positives / (double)c->n;
    bv_decision_curve(ranked->items, ranked->n, points);
    for (size_t i = 0; i < BV_DECISION_POINTS; i++) {
        x[i] = points[i].threshold;
        model[i] = points[i].model / prevalence;
        all[i] = points[i].all / prevalence;
    }
    begin(stream, "decision curve", c->label, "threshold probability", "net benefit / prevalence");
    draw_line(stream, "chance", x, all, BV_DECISION_POINTS);
    draw_line(stream, "curve", x, model, BV_DECISION_POINTS);
    (void)fprintf(stream,
                  "<text class=\"caption\" x=\"%d\" y=\"%d\" text-anchor=\"end\">dashed: treat "
                  "all; 0: treat none</text></svg>",
                  LEFT + SIDE - 6, TOP + 14);
}

static void plot_predictive(FILE *stream, const struct bv_class_result *c)
{
    enum { POINTS = 99 };
    double x[POINTS], ppv[POINTS], npv[POINTS];
    double se = bv_sensitivity(&c->confusion), sp = bv_specificity(&c->confusion);
    for (int i = 0; i < POINTS; i++) {
        x[i] = (i + 1) / 100.0;
        ppv[i] = bv_ppv_at(se, sp, x[i]);
        npv[i] = bv_npv_at(se, sp, x[i]);
    }
    begin(stream, "predictive values", c->label, "prevalence", "PPV, NPV");
    draw_line(stream, "curve", x, ppv, POINTS);
    draw_line(stream, "after", x, npv, POINTS);
    (void)fprintf(stream,
                  "<text class=\"caption\" x=\"%d\" y=\"%d\" text-anchor=\"end\">PPV rises, NPV "
                  "falls</text></svg>",
                  LEFT + SIDE - 6, TOP + SIDE - 8);
}

const char *const bv_diagram_names[BV_DIAGRAMS] = {"roc", "precision_recall", "reliability",
                                                   "decision_curve", "predictive_values"};

bool bv_diagram_is_there(const struct bv_class_result *c, enum bv_diagram diagram)
{
    if (!c->positives || !c->negatives)
        return false;
    if (diagram == BV_DIAGRAM_PREDICTIVE)
        return !isnan(c->threshold);
    return diagram == BV_DIAGRAM_ROC || diagram == BV_DIAGRAM_PR || c->is_probability;
}

enum bv_status bv_plot_diagram(FILE *stream, enum bv_diagram diagram,
                               const struct bv_class_result *c, const struct bv_ranked *ranked,
                               struct bv_error *err)
{
    if (diagram == BV_DIAGRAM_ROC)
        return plot_roc(stream, c, ranked, err);
    if (diagram == BV_DIAGRAM_PR)
        return plot_pr(stream, c, ranked, err);
    if (diagram == BV_DIAGRAM_RELIABILITY)
        plot_reliability(stream, c);
    else if (diagram == BV_DIAGRAM_DECISION)
        plot_decision(stream, c, ranked);
    else
        plot_predictive(stream, c);
    return BV_OK;
}

void bv_plot_file_begin(FILE *stream)
{
    (void)fprintf(
        stream,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\"><style>"
        "svg{background:#fff}text{font:10px sans-serif;fill:#44525f}.caption{font-weight:600;"
        "fill:#1d2733}.frame{fill:none;stroke:#aab4be}.grid{stroke:#d8dfe6;stroke-width:.5;"
        "fill:none}.chance{stroke:#5b6b7c;stroke-dasharray:3 3;fill:none}path.curve{stroke:#0b62a8;"
        "stroke-width:1.8;fill:none}circle.curve{fill:#0b62a8}path.after{stroke:#b4530a;"
        "stroke-width:1.5;fill:none}circle.after{fill:#b4530a}.thin{stroke:#0b62a8;fill:none;"
        "stroke-width:.8}.band{fill:#0b62a8;fill-opacity:.15;stroke:none}</style>",
        2 * WIDTH, 2 * HEIGHT);
}

void bv_plot_file_end(FILE *stream)
{
    (void)fputs("</svg>\n", stream);
}

// A label as far as there is room for it, the rest in the title.
static void put_name(FILE *stream, const char *label, double x, double y)
{
    enum { MAX_CHARS = 26 };
    size_t end = 0, chars = 0;
    for (; label[end]; end++) // bytes that begin a character
        if (((unsigned char)label[end] & 0xc0) != 0x80 && ++chars > MAX_CHARS)
            break;
    char shown[4 * MAX_CHARS + 4];
    (void)snprintf(shown, sizeof shown, "%.*s", (int)end, label);
    (void)fprintf(stream, "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">", x, y);
    bv_page_text(stream, shown);
    if (label[end]) {
        (void)fputs("…<title>", stream);
        bv_page_text(stream, label);
        (void)fputs("</title>", stream);
    }
    (void)fputs("</text>", stream);
}

void bv_plot_forest(FILE *stream, const struct bv_level_result *level)
{
    enum { ROW = 22, NAMES = 190, SPAN = 250, FULL = NAMES + SPAN + 20 };
    int height = ROW * (int)level->n_labels + 26;
    (void)fprintf(stream, "<svg class=\"wide\" viewBox=\"0 0 %d %d\"", FULL, height + 14);
    name_diagram(stream, "AUROC of every class with its 95 % interval", NULL);
    for (int i = 0; i <= 4; i++) {
        double x = NAMES + SPAN * i / 4.0;
        (void)fprintf(stream,
                      "<path class=\"%s\" d=\"M%.1f 4v%d\"/>"
                      "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.2g</text>",
                      i == 2 ? "chance" : "grid", x, height - 24, x, height - 6, i / 4.0);
    }
    (void)fprintf(stream, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">AUROC</text>",
                  NAMES + SPAN / 2, height + 9);
    for (size_t l = 0; l < level->n_labels; l++) {
        const struct bv_class_result *c = &level->classes[l];
        double y = 15 + ROW * (double)l;
        put_name(stream, c->label, NAMES - 8, y + 3);
        if (isnan(c->metrics.auroc)) {
            (void)fprintf(stream, "<text x=\"%d\" y=\"%.1f\">NA</text>", NAMES + 4, y + 3);
            continue;
        }
        const struct bv_interval *i = bv_auroc_of_record(level, c);
        if (!isnan(i->low))
            (void)fprintf(stream, "<path class=\"curve\" d=\"M%.1f %.1fH%.1f\"/>",
                          NAMES + SPAN * i->low, y, NAMES + SPAN * i->high);
        (void)fprintf(stream, "<circle class=\"curve\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                      NAMES + SPAN * c->metrics.auroc, y);
    }
    (void)fputs("</svg>", stream);
}
