// silent.h: no message of the Vulkan validation layer, where it is asked for (BIOVL_VK_VALIDATE)
// and installed.
#ifndef BV_TESTS_SILENT_H
#define BV_TESTS_SILENT_H

#include "support/check.h"
#include "vulkan/vulkan.h"

// Fails the test with the first message about anything the backend, a Vulkan one, was made to do.
static inline void assert_silent(const struct bv_backend *backend)
{
    const char *first = NULL;
    if (bv_vk_validation_messages(backend, &first) > 0)
        fail_msg("the validation layer: %s", first);
}

#endif
