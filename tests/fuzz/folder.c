// A Hugging Face folder around a sound checkpoint: the input is one of the files beside it; the
// first byte says which.
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "convert/import_steps.h"

static char folder[] = "/tmp/biovl-fuzz-XXXXXX";

static void remove_folder(void)
{
    static const char *const files[] = {"model.safetensors", "config.json",
                                        "model.safetensors.index.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void make_folder(void)
{
    static const float zeros[4];
    const struct bv_safetensors_spec specs[] = {
        {"bert.embeddings.word_embeddings.weight", BV_F32, 2, {2, 2}, zeros},
        {"bert.encoder.layer.0.attention.self.query.weight", BV_F32, 2, {2, 2}, zeros},
        {"bert.encoder.layer.1.attention.self.query.weight", BV_F32, 2, {2, 2}, zeros},
    };
    struct bv_error err = {0};
    char path[128];
    if (!mkdtemp(folder) || atexit(remove_folder) != 0)
        abort();
    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (bv_safetensors_write(path, specs, sizeof specs / sizeof *specs, NULL, NULL, NULL, &err) !=
        BV_OK)
        abort();
}

// Written in place: nothing but the target reads it.
static void put(const char *name, const uint8_t *bytes, size_t size)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    struct bv_checkpoint *checkpoint = NULL;
    struct bv_error err = {0};
    json_t *card = NULL;
    char path[128];
    if (!size)
        return 0;
    if (!made)
        make_folder();
    made = true;
    bool is_index = data[0] & 1;
    put(is_index ? "model.safetensors.index.json" : "config.json", data + 1, size - 1);
    (void)snprintf(path, sizeof path, "%s%s", folder,
                   is_index ? "/model.safetensors.index.json" : "");
    if (bv_checkpoint_open(&checkpoint, path, &err) == BV_OK) {
        if (bv_recognise(checkpoint, &card, &err) == BV_OK)
            (void)bv_config_check(checkpoint, card, &err);
        else
            (void)bv_config_check(checkpoint, NULL, &err);
    }
    json_decref(card);
    bv_checkpoint_close(&checkpoint);
    return 0;
}
