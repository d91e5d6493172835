// page.h: what self-contained HTML pages are made of: no script, nothing loaded.
//
// Numbers are written in the current locale: callers enter the C locale (base/c_locale.h).
#ifndef BV_EVAL_REPORT_PAGE_H
#define BV_EVAL_REPORT_PAGE_H

#include <stdio.h>

// Everything up to the heading and the notice of the intended use; title and heading as they are.
void bv_page_begin(FILE *stream, const char *title, const char *heading);
void bv_page_end(FILE *stream);

// Text with the characters that HTML gives a meaning replaced.
void bv_page_text(FILE *stream, const char *text);

// Begins a table with its column names up to NULL; "</table></div>" ends it. One that is wider than
// the page can be scrolled, by the keyboard too.
void bv_page_table(FILE *stream, const char *const *columns);
void bv_page_row(FILE *stream, const char *name); // "</tr>" ends it

// Cells: three decimals, NA for NaN.
void bv_page_number(FILE *stream, double value);
void bv_page_interval(FILE *stream, double low, double high);
void bv_page_p(FILE *stream, double p); // "<0.001" below that

// A line of a <dl>.
void bv_page_fact(FILE *stream, const char *name, const char *value);

#endif
