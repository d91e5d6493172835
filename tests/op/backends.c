#include "op/backends.h"

#include <string.h>

#include "cpu/cpu.h"
#include "vulkan/vulkan.h"

static enum bv_status create_reference(struct bv_backend **backend, struct bv_weights *weights,
                                       struct bv_pool *pool, struct bv_error *err)
{
    (void)pool;
    return bv_cpu_create_reference(backend, weights, err);
}

// Software devices too: that is what the test machines have.
static enum bv_status create_vulkan(struct bv_backend **backend, struct bv_weights *weights,
                                    struct bv_pool *pool, struct bv_error *err)
{
    (void)pool;
    // One that lives to the end keeps the driver loaded; opening it anew takes longer than most
    // cases.
    static struct bv_backend *anchor;
    if (!anchor)
        BV_TRY(bv_vk_create(&anchor, NULL, NULL, BV_VK_F32, err));
    return bv_vk_create(backend, weights, NULL, BV_VK_F32, err);
}

static enum bv_status create_vulkan_f16(struct bv_backend **backend, struct bv_weights *weights,
                                        struct bv_pool *pool, struct bv_error *err)
{
    struct bv_backend *f32 = NULL;
    BV_TRY(create_vulkan(&f32, weights, pool, err));
    bv_backend_destroy(&f32);
    return bv_vk_create(backend, weights, NULL, BV_VK_F16, err);
}

static const char *validation_message(const struct bv_backend *backend)
{
    const char *first = NULL;
    return bv_vk_validation_messages(backend, &first) > 0 ? first : NULL;
}

// A backend is one line here and one op_test() in CMakeLists.txt.
static const struct op_backend backends[] = {
    {"reference", create_reference, true, false, NULL},
    {"cpu", bv_cpu_create, true, false, NULL},
    {"vulkan", create_vulkan, true, false, validation_message},
    {"vulkan-f16", create_vulkan_f16, false, true, validation_message},
};

const struct op_backend *op_backend_find(const char *name)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i].name, name) == 0)
            return &backends[i];
    return NULL;
}
