#include "checkpoint/source.h"

#include "checkpoint/pickle.h"
#include "checkpoint/torch.h"

// A bare pickle: of protocol 2 and later, or an older one that begins by naming a global.
static bool is_pickle(const uint8_t *data, size_t size)
{
    if (size >= 4 && data[0] == 0x80)
        return data[1] >= 2 && data[1] <= 5;
    size_t i = 1;
    while (i < size && i < 64 &&
           (data[i] == '.' || data[i] == '_' || (data[i] >= 'a' && data[i] <= 'z')))
        i++;
    return size > 4 && data[0] == 'c' && i > 1 && i < size && data[i] == '\n';
}

enum bv_source_kind bv_source_probe(const uint8_t *data, size_t size)
{
    if (bv_safetensors_probe(data, size))
        return BV_SOURCE_SAFETENSORS;
    if (bv_zip_probe(data, size))
        return BV_SOURCE_TORCH_ZIP;
    if (bv_torch_legacy_probe(data, size))
        return BV_SOURCE_TORCH_LEGACY;
    if (bv_tar_probe(data, size))
        return BV_SOURCE_TORCH_TAR;
    return is_pickle(data, size) ? BV_SOURCE_PICKLE : BV_SOURCE_UNKNOWN;
}

// The directory of a zip archive is at its end, so a download that broke off has lost it; what the
// first member says about the size of the rest is a better message.
static enum bv_status open_zip(struct bv_source *source, const uint8_t *data, size_t size,
                               struct bv_error *err)
{
    enum bv_status status = bv_zip_open(&source->zip, data, size, err);
    size_t needed = status == BV_ERR_FORMAT ? bv_torch_zip_storage_bytes(data, size) : 0;
    if (needed > size)
        return bv_fail(err, BV_ERR_FORMAT,
                       "the file is truncated: its tensors alone have %zu bytes, so that at least "
                       "%zu bytes are missing at its end",
                       needed, needed - size);
    if (status != BV_OK)
        return status;
    bool is_script = false;
    if (!bv_torch_zip_probe(&source->zip, &is_script)) {
        source->kind = BV_SOURCE_ZIP;
        return BV_OK;
    }
    source->kind = is_script ? BV_SOURCE_TORCH_SCRIPT : BV_SOURCE_TORCH_ZIP;
    return bv_torch_zip_read(&source->zip, &source->pickle, &source->root, err);
}

static enum bv_status open_pickle(struct bv_source *source, const uint8_t *data, size_t size,
                                  struct bv_error *err)
{
    size_t used = 0;
    if (size > BV_PICKLE_MAX_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "a pickle of %zu bytes, the limit is %zu", size,
                       BV_PICKLE_MAX_BYTES);
    return bv_unpickle(&source->pickle, data, size, NULL, NULL, &source->root, &used, err);
}

static enum bv_status open_kind(struct bv_source *source, const uint8_t *data, size_t size,
                                struct bv_error *err)
{
    switch (source->kind) {
    case BV_SOURCE_SAFETENSORS:
        return bv_safetensors_parse(&source->safetensors, data, size, err);
    case BV_SOURCE_TORCH_ZIP:
    case BV_SOURCE_TORCH_SCRIPT:
    case BV_SOURCE_ZIP:
        return open_zip(source, data, size, err);
    case BV_SOURCE_TORCH_LEGACY:
        return bv_torch_legacy_read(data, size, &source->pickle, &source->root, err);
    case BV_SOURCE_TORCH_TAR:
        return bv_torch_tar_read(data, size, &source->pickle, &source->root, err);
    case BV_SOURCE_PICKLE:
        return open_pickle(source, data, size, err);
    case BV_SOURCE_UNKNOWN:
        break;
    }
    return bv_identify(data, size, err);
}

// A bare pickle may speak of storages that only an archive could hold.
static enum bv_status check_storages(const struct bv_pickle *pickle, struct bv_error *err)
{
    for (size_t i = 0; i < pickle->n_storages; i++)
        if (!pickle->storages[i].data && !pickle->storages[i].member)
            return bv_fail(err, BV_ERR_FORMAT,
                           "the file names tensors but does not hold them: part of an archive?");
    return BV_OK;
}

enum bv_status bv_source_open(struct bv_source *source, const uint8_t *data, size_t size,
                              struct bv_error *err)
{
    struct bv_source opened = {.kind = bv_source_probe(data, size)};
    enum bv_status status = open_kind(&opened, data, size, err);
    if (status == BV_OK)
        status = check_storages(&opened.pickle, err);
    if (status == BV_OK && opened.root)
        status = bv_state_dict_find(&opened.pickle, opened.root, &opened.state, err);
    if (status != BV_OK) {
        bv_source_close(&opened);
        return status;
    }
    // The storages of the pickle point at members of the archive, whose array does not move.
    *source = opened;
    return BV_OK;
}

void bv_source_close(struct bv_source *source)
{
    bv_safetensors_close(&source->safetensors);
    bv_zip_close(&source->zip);
    bv_pickle_free(&source->pickle);
    *source = (struct bv_source){0};
}
