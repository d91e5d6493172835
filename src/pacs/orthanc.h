// orthanc.h: Orthanc's change feed (its REST interface, /changes), beside its DICOMweb root.
#ifndef BV_PACS_ORTHANC_H
#define BV_PACS_ORTHANC_H

#include "pacs/http.h"

// As bv_archive_changes(). root is the URL of the REST interface without a slash at its end.
enum bv_status bv_orthanc_changes(struct bv_http *http, const char *root, uint64_t since,
                                  enum bv_status (*visit)(void *arg,
                                                          const struct bv_archive_instance *one,
                                                          struct bv_error *err),
                                  void *arg, uint64_t *next, bool *done, struct bv_error *err);

#endif
