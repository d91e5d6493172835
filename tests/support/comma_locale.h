// comma_locale.h: a locale in which numbers are written with a decimal comma.
#ifndef BV_TESTS_COMMA_LOCALE_H
#define BV_TESTS_COMMA_LOCALE_H

#include <stdbool.h>

// Sets it for the whole program: de_DE where the system has it, otherwise compiled by localedef
// into a temporary folder. False, with a line on stdout, where neither works.
bool comma_locale_set(void);

#endif
