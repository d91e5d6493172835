// quirk.h: what is known to be wrong with particular devices and drivers, as data.
#ifndef BV_VULKAN_QUIRK_H
#define BV_VULKAN_QUIRK_H

#include <stdbool.h>
#include <stdint.h>

#include "vulkan/vulkan.h"

// What to do about it.
struct bv_vk_quirks {
    bool no_matrix;        // do not use cooperative matrices
    bool few_registers;    // a thread holds few sums
    uint64_t submit_gflop; // most work of one submission, in 10⁹ floating-point operations
    const char *why[4];    // the symptoms that applied, NULL-terminated
};

// The union of all table entries that match the device.
struct bv_vk_quirks bv_vk_quirks_of(const struct bv_vk_device_info *info);

#endif
