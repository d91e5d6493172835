// report_source.h: reports to be labelled, one after the other: of a table, of text files and the
// folders that hold them, or given as they are.
#ifndef BV_EVAL_TASKS_REPORT_SOURCE_H
#define BV_EVAL_TASKS_REPORT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// Everything is borrowed, and outlives the source.
struct bv_report_inputs {
    // Either one table (.csv, .tsv, "-" is a CSV table on standard input), or text files, a report
    // each, and folders, of which every .txt file below is read, sorted by name.
    const char *const *paths;
    size_t n_paths;
    const char *const *texts; // or n_texts reports
    size_t n_texts;
    const char *text_column;   // of a table; NULL: usual_column, then the usual names
    const char *usual_column;  // may be NULL
    const char *second_column; // of a table of pairs; NULL: single texts
    const char *const *kept;   // n_kept columns of a table to be kept beside the results
    size_t n_kept;
    const char *output; // NULL, or a file that is no report, in whatever folder it lies
};

// One report; valid during the call that hands it over.
struct bv_one_report {
    uint64_t row;              // from 1
    const char *path;          // of its file; NULL: it has none of its own
    const char *text, *second; // text is NULL where it cannot be had: why says so
    const char *const *kept;   // n_kept values
    const struct bv_error *why;
};

typedef enum bv_status bv_report_taker(void *arg, const struct bv_one_report *report,
                                       struct bv_error *err);

struct bv_report_source;

// BV_ERR_ARG, here or in the run: an output among the inputs, a table among other inputs, a column
// that is not there (the message lists those that are), kept columns without a table, nothing to
// read.
enum bv_status bv_report_source_open(struct bv_report_source **source,
                                     const struct bv_report_inputs *inputs, struct bv_error *err);
void bv_report_source_close(struct bv_report_source **source); // accepts NULL

// The name of the table's column of texts; NULL where there is no table.
const char *bv_report_source_column(const struct bv_report_source *source);
bool bv_report_source_has_paths(const struct bv_report_source *source);

// Hands over every report in order. A file that cannot be read, and a row, file or text that is
// empty, are handed over as such; a table that cannot be read on is the call's failure.
enum bv_status bv_report_source_run(struct bv_report_source *source, bv_report_taker *take,
                                    void *arg, struct bv_error *err);

#endif
