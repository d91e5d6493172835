// What the shaders ask of a device: no more than the host looks for before it uses them.
#include "support/check.h"

#include <stdbool.h>
#include <string.h>

#include "vulkan/pipeline.h"

enum { opcode_capability = 17, capability_float16 = 9, header_words = 5 };

static bool declares(const struct bv_vk_spirv *m, uint32_t capability)
{
    size_t n = m->bytes / 4;
    for (size_t at = header_words; at + 1 < n && m->code[at] >> 16 > 0; at += m->code[at] >> 16)
        if ((m->code[at] & 0xffff) == opcode_capability && m->code[at + 1] == capability)
            return true;
    return false;
}

// 16-bit storage does not imply f16 arithmetic: only the matrix shaders may need it.
static void test_float16(void **state)
{
    (void)state;
    int n = 0, matrix = 0;
    for (const struct bv_vk_spirv *m = bv_vk_spirv; m->name; m++, n++)
        if (strstr(m->name, "_matrix_"))
            matrix += declares(m, capability_float16);
        else if (declares(m, capability_float16))
            fail_msg("%s declares Float16", m->name);
    assert_in_range(n, 20, 200);
    assert_true(matrix > 0); // else the capability is not found where it is
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_float16)};
    return cmocka_run_group_tests_name("vulkan.spirv", tests, NULL, NULL);
}
