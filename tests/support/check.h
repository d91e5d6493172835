// check.h: the includes every cmocka test needs, in the order cmocka wants them.
#ifndef BV_TESTS_CHECK_H
#define BV_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/status.h"

// Fails the test with the error's sentence when a call did not succeed.
#define assert_ok(call, err)                                                                       \
    do {                                                                                           \
        enum bv_status check_status = (call);                                                      \
        if (check_status != BV_OK)                                                                 \
            fail_msg("%s: %s: %s", #call, bv_status_name(check_status), (err).text);               \
    } while (0)

#endif
