#include "edited_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { ITEMS = 40, DIMENSION = 8 };

static char folder[64], path[96];

static void expect(enum bv_status status)
{
    if (status != BV_OK)
        abort();
}

static void remove_folder(void)
{
    static const char *const names[] = {"index", "edited", "edited.image.vectors",
                                        "index.image.vectors", "edited-journal"};
    char name[160];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

static void fill(struct bv_store *store)
{
    struct bv_error err = {0};
    expect(bv_store_begin(store, &err));
    for (int i = 0; i < ITEMS; i++) {
        char id[16], study[16];
        float v[DIMENSION] = {(float)i / ITEMS, 1, 0.5f};
        (void)snprintf(id, sizeof id, "item%d", i);
        (void)snprintf(study, sizeof study, "study%d", i / 2);
        struct bv_item item = {.id = id,
                               .study = study,
                               .kind = i % 2 ? BV_KIND_REPORT : BV_KIND_IMAGE,
                               .vector = v,
                               .metadata = "{\"view\":\"PA\"}",
                               .thumbnail = i % 2 ? NULL : "picture",
                               .thumbnail_bytes = 7};
        expect(bv_store_add(store, &item, &err));
        struct bv_report report = {
            .id = id, .study = study, .text = "Small effusion on the left.", .kind = "report"};
        enum bv_change change;
        if (i % 2)
            expect(bv_store_put_report(store, &report, &change, &err));
    }
    expect(bv_store_commit(store, &err));
}

const char *edited_index_path(void)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    struct bv_store_info info = {.dimension = DIMENSION,
                                 .fingerprint = "fuzz",
                                 .model = "fuzz",
                                 .key_check = "",
                                 .accelerator = "exact",
                                 .thumbnail = 8};
    if (path[0])
        return path;
    (void)snprintf(folder, sizeof folder, "%s/biovl-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    (void)atexit(remove_folder);
    (void)snprintf(path, sizeof path, "%s/index", folder);
    expect(bv_store_create(path, &info, &err));
    expect(bv_store_open(&store, path, true, &err));
    fill(store);
    bv_store_close(&store);
    return path;
}

void edited_file(const char *original, const char *to, const uint8_t *data, size_t size)
{
    struct bv_error err = {0};
    struct bv_mapping file = {0};
    expect(bv_mapping_open(&file, original, 0, &err));
    size_t n = file.size;
    uint8_t *bytes = malloc(n);
    FILE *out = fopen(to, "wb");
    if (!bytes || !out)
        abort();
    memcpy(bytes, file.data, n);
    for (; size >= 5 && n > 0; data += 5, size -= 5) {
        uint32_t at = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 |
                      (uint32_t)data[3];
        if (at == UINT32_MAX)
            n = (size_t)data[4] * 256 < n ? (size_t)data[4] * 256 : n;
        else
            bytes[at % n] = data[4];
    }
    if (fwrite(bytes, 1, n, out) != n || fclose(out) != 0)
        abort();
    free(bytes);
    bv_mapping_close(&file);
}
