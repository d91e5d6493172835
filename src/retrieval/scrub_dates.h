// scrub_dates.h: calendar dates and clock times in a text.
#ifndef BV_RETRIEVAL_SCRUB_DATES_H
#define BV_RETRIEVAL_SCRUB_DATES_H

#include <stddef.h>

// The length of a date that stands at p, in n bytes of UTF-8; 0 when there is none. "12/31/2019",
// "2019-12-31", "31.12.19", "Dec 31, 2019", "31 Dec 2019", "the third of February 1961",
// "3. Februar 1961", "3 de febrero de 1961", "1961年2月3日".
size_t bv_match_date(const char *p, size_t n);

// "10:32", "10:32:05", with "am" or "pm".
size_t bv_match_time(const char *p, size_t n);

#endif
