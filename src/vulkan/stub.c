// stub.c: the backend's calls in a build without it, so that everything links.
#include "vulkan/vulkan.h"

static enum bv_status absent(struct bv_error *err)
{
    return bv_fail(err, BV_ERR_DEVICE, "this build of biovl has no Vulkan backend");
}

bool bv_vk_built(void)
{
    return false;
}

enum bv_status bv_vk_list_devices(struct bv_vk_device_info **devices, int *n, struct bv_error *err)
{
    (void)devices;
    (void)n;
    return absent(err);
}

enum bv_status bv_vk_create(struct bv_backend **backend, struct bv_weights *weights,
                            const char *device, enum bv_vk_precision precision,
                            struct bv_error *err)
{
    (void)backend;
    (void)weights;
    (void)device;
    (void)precision;
    return absent(err);
}

enum bv_status bv_vk_create_survey(struct bv_backend **backend, struct bv_weights *weights,
                                   const char *device, enum bv_vk_precision precision,
                                   struct bv_error *err)
{
    (void)backend;
    (void)weights;
    (void)device;
    (void)precision;
    return absent(err);
}

bool bv_vk_survey_at(const struct bv_backend *backend, int i, struct bv_vk_surveyed *surveyed)
{
    (void)backend;
    (void)i;
    (void)surveyed;
    return false;
}

const struct bv_vk_device_info *bv_vk_device(const struct bv_backend *backend)
{
    (void)backend;
    return NULL;
}

const char *bv_vk_matrix_path(const struct bv_backend *backend, struct bv_vk_matrix_shape *fragment)
{
    (void)backend;
    (void)fragment;
    return NULL;
}

int bv_vk_validation_messages(const struct bv_backend *backend, const char **first)
{
    (void)backend;
    (void)first;
    return -1;
}

enum bv_status bv_vk_enable_timing(struct bv_backend *backend, struct bv_error *err)
{
    (void)backend;
    return absent(err);
}

enum bv_status bv_vk_timings(struct bv_program *program, const struct bv_vk_timing **timings,
                             int *n, struct bv_error *err)
{
    (void)program;
    (void)timings;
    (void)n;
    return absent(err);
}
