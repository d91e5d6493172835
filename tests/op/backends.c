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
    // One that lives to the end keeps the driver loaded; opening it again takes longer than most
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

static enum bv_status create_bf16(struct bv_backend **backend, struct bv_weights *weights,
                                  struct bv_pool *pool, struct bv_error *err)
{
    enum bv_status status = bv_cpu_create_precision(backend, weights, pool, "bf16", err);
    return status == BV_ERR_UNSUPPORTED ? BV_ERR_DEVICE : status;
}

static enum bv_status create_int8(struct bv_backend **backend, struct bv_weights *weights,
                                  struct bv_pool *pool, struct bv_error *err)
{
    enum bv_status status = bv_cpu_create_precision(backend, weights, pool, "int8", err);
    return status == BV_ERR_UNSUPPORTED ? BV_ERR_DEVICE : status;
}

static const struct op_limits *bf16_limits(const struct op_table *table)
{
    return table->bf16.max > 0 ? &table->bf16 : &table->f32;
}

static const struct op_limits *int8_limits(const struct op_table *table)
{
    return table->int8.max > 0 ? &table->int8 : &table->f32;
}

// A backend is one line here and one op_test() in CMakeLists.txt.
static const struct op_backend backends[] = {
    {.name = "reference", .create = create_reference, .deterministic = true},
    {.name = "cpu", .create = bv_cpu_create, .deterministic = true},
    {.name = "cpu-bf16",
     .create = create_bf16,
     .deterministic = true,
     .between = true,
     .limits = bf16_limits},
    {.name = "cpu-int8",
     .create = create_int8,
     .deterministic = true,
     .between = true,
     .limits = int8_limits},
    {.name = "vulkan",
     .create = create_vulkan,
     .deterministic = true,
     .complaint = validation_message},
    {.name = "vulkan-f16",
     .create = create_vulkan_f16,
     .half = true,
     .complaint = validation_message},
};

const struct op_backend *op_backend_find(const char *name)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i].name, name) == 0)
            return &backends[i];
    return NULL;
}
