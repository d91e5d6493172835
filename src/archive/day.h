// day.h: days as DICOM writes them, YYYYMMDD, and as numbers that can be counted.
#ifndef BV_ARCHIVE_DAY_H
#define BV_ARCHIVE_DAY_H

#include <stdbool.h>

#define BV_DAY_SIZE 9

// The number of the day at the start of a text of at least eight digits; false for other texts and
// days that no calendar has.
bool bv_day_parse(const char *text, long *day);
void bv_day_format(long day, char text[BV_DAY_SIZE]);
long bv_day_today(void); // local time

#endif
