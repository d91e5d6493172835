// page.h: what self-contained HTML pages are made of: no script, nothing loaded.
//
// Numbers are written in the current locale: callers enter the C locale (base/c_locale.h).
#ifndef BV_EVAL_REPORT_PAGE_H
#define BV_EVAL_REPORT_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "eval/metrics/level.h"

// Everything up to the heading and the notice of the intended use; title and heading as they are.
void bv_page_begin(FILE *stream, const char *title, const char *heading);
void bv_page_end(FILE *stream);

// Text with the characters that HTML gives a meaning replaced.
void bv_page_text(FILE *stream, const char *text);

// Begins a table with a caption and its column names up to NULL; "</table></div>" ends it. One that
// is wider than the page can be scrolled, by the keyboard too.
void bv_page_table(FILE *stream, const char *caption, const char *const *columns);
void bv_page_row(FILE *stream, const char *name); // "</tr>" ends it

// Cells: three decimals, NA for NaN.
void bv_page_number(FILE *stream, double value);
void bv_page_interval(FILE *stream, double low, double high);
void bv_page_p(FILE *stream, double p); // "<0.001" below that

// A line of a <dl>.
void bv_page_fact(FILE *stream, const char *name, const char *value);

// plot.c: the report's diagrams as inline SVG.

// The diagrams of one class, with at most 400 points each.
enum bv_diagram {
    BV_DIAGRAM_ROC,         // with a band: Wilson's interval of the sensitivity at each point
    BV_DIAGRAM_PR,          // likewise of the precision
    BV_DIAGRAM_RELIABILITY, // bins, and the flexible curve with its band
    BV_DIAGRAM_DECISION,    // net benefit over prevalence, beside treating all and none
    BV_DIAGRAM_PREDICTIVE,  // PPV and NPV over the prevalence, at the threshold
    BV_DIAGRAMS
};
extern const char *const bv_diagram_names[BV_DIAGRAMS]; // "roc", "precision_recall", …

// Whether the class has what a diagram shows: both labels, probabilities, a threshold.
bool bv_diagram_is_there(const struct bv_class_result *c, enum bv_diagram diagram);
enum bv_status bv_plot_diagram(FILE *stream, enum bv_diagram diagram,
                               const struct bv_class_result *c, const struct bv_ranked *ranked,
                               struct bv_error *err);

// Around one diagram: what makes it an SVG file of its own.
void bv_plot_file_begin(FILE *stream);
void bv_plot_file_end(FILE *stream);

// The AUROC of every class with its interval (of resampled patients where they repeat, else
// DeLong's), one row each.
void bv_plot_forest(FILE *stream, const struct bv_level_result *level);

#endif
