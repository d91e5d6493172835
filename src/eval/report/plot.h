// plot.h: the report's diagrams as inline SVG.
#ifndef BV_EVAL_REPORT_PLOT_H
#define BV_EVAL_REPORT_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "eval/metrics/level.h"

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
