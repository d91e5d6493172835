// cache.c: compiled pipelines on disk.
//
// A file is our header, then the driver's data. The driver's own header check is not trusted with
// a damaged file: length, SHA-256 and device are verified first.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sha256.h"
#include "vulkan/pipeline.h"

static const size_t max_bytes = 256u << 20;

struct header {
    char magic[8];
    uint8_t uuid[16];
    uint32_t vendor_id, device_id, driver_version, zero;
    uint64_t bytes; // of the data that follows
    uint8_t sha256[32];
};

static bool file_name(const struct bv_vk *vk, char path[BV_CACHE_PATH])
{
    if (!bv_cache_folder("", path))
        return false;
    size_t n = strlen(path);
    n += (size_t)snprintf(path + n, BV_CACHE_PATH - n, "/");
    for (int i = 0; i < 16; i++)
        n += (size_t)snprintf(path + n, BV_CACHE_PATH - n, "%02x", vk->info.cache_uuid[i]);
    (void)snprintf(path + n, BV_CACHE_PATH - n, "-%x-%x-%x.bin", vk->info.vendor_id,
                   vk->info.device_id, vk->info.driver_version);
    return true;
}

static struct header header_of(const struct bv_vk *vk, const void *data, size_t bytes)
{
    struct header h = {.magic = "biovlpc1",
                       .vendor_id = vk->info.vendor_id,
                       .device_id = vk->info.device_id,
                       .driver_version = vk->info.driver_version,
                       .bytes = bytes};
    memcpy(h.uuid, vk->info.cache_uuid, sizeof h.uuid);
    struct bv_sha256 sha;
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, data, bytes);
    bv_sha256_final(&sha, h.sha256);
    return h;
}

void bv_vk_cache_open(struct bv_vk *vk)
{
    char path[BV_CACHE_PATH];
    struct bv_mapping file = {0};
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    if (file_name(vk, path) && bv_mapping_open(&file, path, max_bytes, NULL) == BV_OK &&
        file.size > sizeof(struct header)) {
        const uint8_t *data = file.data + sizeof(struct header);
        size_t bytes = file.size - sizeof(struct header);
        struct header expected = header_of(vk, data, bytes);
        if (memcmp(&expected, file.data, sizeof expected) == 0) {
            info.initialDataSize = bytes;
            info.pInitialData = data;
        }
    }
    if (vk->instance.api.CreatePipelineCache(vk->device, &info, NULL, &vk->cache) != VK_SUCCESS)
        vk->cache = VK_NULL_HANDLE;
    vk->cache_bytes = info.initialDataSize;
    bv_mapping_close(&file);
}

static void write_file(const struct bv_vk *vk, const void *data, size_t bytes)
{
    char path[BV_CACHE_PATH];
    struct bv_new_file file = {0};
    struct header h = header_of(vk, data, bytes);
    if (!file_name(vk, path) || bv_new_file_create(&file, path, NULL) != BV_OK)
        return;
    if (fwrite(&h, sizeof h, 1, file.stream) == 1 && fwrite(data, bytes, 1, file.stream) == 1)
        (void)bv_new_file_commit(&file, NULL);
    bv_new_file_discard(&file);
}

void bv_vk_cache_save(struct bv_vk *vk)
{
    const struct bv_vk_api *api = &vk->instance.api;
    size_t bytes = 0;
    if (!vk->cache || vk->lost ||
        api->GetPipelineCacheData(vk->device, vk->cache, &bytes, NULL) != VK_SUCCESS ||
        bytes == 0 || bytes > max_bytes || bytes == vk->cache_bytes) // nothing new
        return;
    void *data = malloc(bytes);
    if (data && api->GetPipelineCacheData(vk->device, vk->cache, &bytes, data) == VK_SUCCESS)
        write_file(vk, data, bytes);
    free(data);
}
