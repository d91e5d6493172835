// number.h: numbers in text files, the same in every locale.
#ifndef BV_TABLE_NUMBER_H
#define BV_TABLE_NUMBER_H

#include <stdbool.h>

#define BV_NUMBER_CHARS 32 // room for any formatted number and its terminator

// The shortest decimal form that reads back as the same double; "NA" for NaN.
void bv_number_format(double value, char out[BV_NUMBER_CHARS]);

// Reads a whole string as a finite decimal number, blanks around it allowed; false otherwise.
bool bv_number_parse(const char *text, double *value);

#endif
