// reference.h: where the conformance folder and the data folder are, for tests that need them.
#ifndef BV_TESTS_REFERENCE_H
#define BV_TESTS_REFERENCE_H

#define TEST_SKIPPED 77 // ctest's SKIP_RETURN_CODE

// $BIOVL_CONFORMANCE, else ../shared/conformance of the source tree; NULL with a message on
// stdout when it is not a folder: return TEST_SKIPPED then.
const char *conformance_dir(void);

// $BIOVL_DATA, else ../shared/data; likewise.
const char *data_dir(void);

// "dir/rest" in a static buffer that the next call overwrites; rest is a printf format.
const char *path_in(const char *dir, const char *rest, ...) __attribute__((format(printf, 2, 3)));

#endif
