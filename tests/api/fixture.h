// fixture.h: what the tests of the public interface share: the shipped model, opened.
#ifndef BV_TESTS_API_FIXTURE_H
#define BV_TESTS_API_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <biovl/biovl.h>

#define MODEL "assets/models/biovl-cxr-small.safetensors"
#define SAMPLE "assets/sample/cxr.dcm"

struct fixture {
    struct bv_context *context;
    struct bv_model *model;
    struct bv_engine *engine;
    struct bv_image *image; // SAMPLE
};

// Fails the test with the context's message when a call did not succeed.
#define must(context, call)                                                                        \
    do {                                                                                           \
        enum bv_status must_status = (call);                                                       \
        if (must_status != BV_OK)                                                                  \
            fail_msg("%s: %s: %s", #call, bv_status_name(must_status), bv_last_error(context));    \
    } while (0)

// cmocka setup and teardown of a group: *state is a struct fixture.
int fixture_open(void **state);
int fixture_close(void **state);

// An observer that stops the work at its at-th look, from 1. *arg is a struct stop.
struct stop {
    size_t at, looks;
};
int fixture_stop(void *arg, size_t done, size_t total);

// "biovl-test-NAME" in a fresh folder, which is removed with fixture_close() when empty.
const char *fixture_path(const char *name);

#endif
