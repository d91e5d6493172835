#include "vulkan/device.h"

#include <string.h>

#define ANY 0

struct quirk {
    uint32_t vendor_id;    // ANY: all
    uint32_t driver_id;    // VkDriverId; ANY: all
    int kind;              // enum bv_vk_device_kind + 1; ANY: all
    const char *name;      // part of the device's name; NULL: all
    const char *except[3]; // parts of names that are fine
    uint32_t subgroup_min; // ANY: all
    bool no_matrix, few_registers;
    uint64_t submit_gflop;
    const char *symptom, *link, *seen; // what happens, where it is recorded, and when
};

// An entry needs a symptom somebody recorded; a guess is no quirk.
static const struct quirk quirks[] = {
    {.kind = BV_VK_INTEGRATED + 1,
     .submit_gflop = 20,
     .symptom =
         "long submissions end in \"ring comp timeout\" and a lost device (AMD); a processor "
         "of 0.4 TFLOP/s nears the two seconds that Windows allows",
     .link = "https://github.com/ggml-org/llama.cpp/issues/21724",
     .seen = "2026-04"},
    {.vendor_id = BV_VK_AMD,
     .driver_id = VK_DRIVER_ID_AMD_PROPRIETARY,
     .except = {"RX 7", "RX 9"},
     .no_matrix = true,
     .symptom = "reports cooperative matrices on processors that have none",
     .link = "https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-vulkan/"
             "ggml-vulkan.cpp",
     .seen = "2026-08"},
    {.vendor_id = BV_VK_INTEL,
     .subgroup_min = 8,
     .no_matrix = true,
     .symptom = "with matrices of 8x8x16 the products were 2.35 times slower than without; the "
                "compiler spills in all but the smallest tiles",
     .link = "https://github.com/ggml-org/llama.cpp/issues/10721",
     .seen = "2026-11"},
    {.vendor_id = BV_VK_ARM,
     .few_registers = true,
     .symptom = "8x8 sums in a thread spill (Mali G52: 147 spills, 371 fills)",
     .link = "docs/vulkan.md",
     .seen = "2026-11"},
    {.vendor_id = BV_VK_NVIDIA,
     .name = "NVK NVE",
     .few_registers = true,
     .symptom = "8x8 sums in a thread spill (Kepler: 63 registers, 187 moved to memory)",
     .link = "docs/vulkan.md",
     .seen = "2026-11"},
    {.vendor_id = BV_VK_INTEL,
     .name = "B70",
     .no_matrix = true,
     .symptom = "the driver crashes while it compiles cooperative matrices",
     .link = "https://github.com/ggml-org/llama.cpp/issues/24005",
     .seen = "2026-06"},
    {.driver_id = VK_DRIVER_ID_MESA_LLVMPIPE,
     .submit_gflop = 2,
     .symptom = "runs about 3 GFLOP/s: without a cap one submission lasts minutes and the watchdog "
                "cannot tell slow from dead",
     .link = "docs/vulkan.md",
     .seen = "2026-11"},
};

static bool matches(const struct quirk *q, const struct bv_vk_device_info *info)
{
    if ((q->vendor_id != ANY && q->vendor_id != info->vendor_id) ||
        (q->driver_id != ANY && q->driver_id != info->driver_id) ||
        (q->kind != ANY && q->kind != (int)info->kind + 1) ||
        (q->subgroup_min != ANY && q->subgroup_min != info->subgroup_min) ||
        (q->name && !strstr(info->name, q->name)))
        return false;
    for (int i = 0; i < 3 && q->except[i]; i++)
        if (strstr(info->name, q->except[i]))
            return false;
    return true;
}

struct bv_vk_quirks bv_vk_quirks_of(const struct bv_vk_device_info *info)
{
    struct bv_vk_quirks all = {.submit_gflop = 200};
    int n = 0;
    for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++) {
        const struct quirk *q = &quirks[i];
        if (!matches(q, info))
            continue;
        all.no_matrix |= q->no_matrix;
        all.few_registers |= q->few_registers;
        if (q->submit_gflop && q->submit_gflop < all.submit_gflop)
            all.submit_gflop = q->submit_gflop;
        if (n < 3)
            all.why[n++] = q->symptom;
    }
    return all;
}
