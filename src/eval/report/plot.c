#include "eval/report/plot.h"

#include <math.h>
#include <stdlib.h>

#include "eval/report/page.h"

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

enum bv_status bv_plot_roc(FILE *stream, const char *label, const struct bv_ranked *ranked,
                           double auroc, struct bv_error *err)
{
    struct bv_curve_point *points = NULL;
    size_t n = 0;
    BV_TRY(bv_curve_points(ranked->items, ranked->n, true, &points, &n, err));
    begin(stream, "ROC curve", label, "1 − specificity", "sensitivity");
    (void)fprintf(stream, "<path class=\"chance\" d=\"M%d %dL%d %d\"/>", LEFT, TOP + SIDE,
                  LEFT + SIDE, TOP);
    if (!isnan(auroc)) {
        double P = (double)points[n - 1].tp, N = (double)points[n - 1].fp;
        size_t stride = stride_of(n);
        (void)fprintf(stream, "<path class=\"curve\" d=\"M%.1f %.1f", x_of(0), y_of(0));
        for (size_t i = 0; i < n; i += i + stride < n || i + 1 == n ? stride : n - 1 - i)
            (void)fprintf(stream, "L%.1f %.1f", x_of((double)points[i].fp / N),
                          y_of((double)points[i].tp / P));
        (void)fputs("\"/>", stream);
    }
    free(points);
    end(stream, "AUROC", auroc);
    return BV_OK;
}

enum bv_status bv_plot_pr(FILE *stream, const char *label, const struct bv_ranked *ranked,
                          double average_precision, struct bv_error *err)
{
    struct bv_curve_point *points = NULL;
    size_t n = 0;
    BV_TRY(bv_curve_points(ranked->items, ranked->n, false, &points, &n, err));
    begin(stream, "precision-recall curve", label, "recall", "precision");
    if (!isnan(average_precision)) {
        double P = (double)points[n - 1].tp, prevalence = P / (P + (double)points[n - 1].fp);
        size_t stride = stride_of(n);
        (void)fprintf(stream, "<path class=\"chance\" d=\"M%d %.1fh%d\"/>", LEFT, y_of(prevalence),
                      SIDE);
        (void)fprintf(stream, "<path class=\"curve\" d=\"M%.1f %.1f", x_of(0), y_of(1));
        for (size_t i = 0; i < n; i += i + stride < n || i + 1 == n ? stride : n - 1 - i)
            (void)fprintf(stream, "L%.1f %.1f", x_of((double)points[i].tp / P),
                          y_of((double)points[i].tp / (double)(points[i].tp + points[i].fp)));
        (void)fputs("\"/>", stream);
    }
    free(points);
    end(stream, "AP", average_precision);
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

void bv_plot_reliability(FILE *stream, const char *label, const struct bv_reliability *before,
                         const struct bv_reliability *after)
{
    begin(stream, "reliability diagram", label, "mean score", "fraction positive");
    (void)fprintf(stream, "<path class=\"chance\" d=\"M%d %dL%d %d\"/>", LEFT, TOP + SIDE,
                  LEFT + SIDE, TOP);
    plot_bins(stream, before, "curve");
    if (after)
        plot_bins(stream, after, "after");
    end(stream, after ? "calibrated ECE" : "ECE", after ? after->ece : before->ece);
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
    (void)fprintf(stream, "<svg class=\"wide\" viewBox=\"0 0 %d %d\"", FULL, height);
    name_diagram(stream, "AUROC of every class with its 95 % interval", NULL);
    for (int i = 0; i <= 4; i++) {
        double x = NAMES + SPAN * i / 4.0;
        (void)fprintf(stream,
                      "<path class=\"%s\" d=\"M%.1f 4v%d\"/>"
                      "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.2g</text>",
                      i == 2 ? "chance" : "grid", x, height - 24, x, height - 6, i / 4.0);
    }
    for (size_t l = 0; l < level->n_labels; l++) {
        const struct bv_class_result *c = &level->classes[l];
        double y = 15 + ROW * (double)l;
        put_name(stream, c->label, NAMES - 8, y + 3);
        if (isnan(c->metrics.auroc)) {
            (void)fprintf(stream, "<text x=\"%d\" y=\"%.1f\">NA</text>", NAMES + 4, y + 3);
            continue;
        }
        if (!isnan(c->delong.low))
            (void)fprintf(stream, "<path class=\"curve\" d=\"M%.1f %.1fH%.1f\"/>",
                          NAMES + SPAN * c->delong.low, y, NAMES + SPAN * c->delong.high);
        (void)fprintf(stream, "<circle class=\"curve\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                      NAMES + SPAN * c->metrics.auroc, y);
    }
    (void)fputs("</svg>", stream);
}
