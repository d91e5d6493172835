// uid.h: unique identifiers of DICOM as text.
#ifndef BV_PACS_UID_H
#define BV_PACS_UID_H

#include <stdbool.h>

#define BV_UID_SIZE 65

// Whether a text is a UID: digits and dots, 1 to 64 of them.
bool bv_uid_valid(const char *text);

#endif
