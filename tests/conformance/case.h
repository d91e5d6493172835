// case.h: the main of a conformance test, which runs one system of a table:
//
//     test_conformance_… SYSTEM [DEVICE [PRECISION]]        (default: cpu f32)
#ifndef BV_TESTS_CONFORMANCE_CASE_H
#define BV_TESTS_CONFORMANCE_CASE_H

#include "conformance/bench.h"

struct conformance_case {
    const char *name;
    const char *golden;            // below the conformance folder, without .json and .npz
    bool (*open)(struct bench *b); // opens the model; false where it cannot be had here
    void (*check)(struct bench *b);
};

// The program's exit status: TEST_SKIPPED without the conformance folder or where open says so.
int conformance_main(int argc, char **argv, const struct conformance_case *cases, size_t n);

#endif
