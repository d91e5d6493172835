#include "checkpoint/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *tail, *what;
} weights[] = {
    {"tf_model.h5", "TensorFlow weights"},
    {"flax_model.msgpack", "Flax weights"},
    {".msgpack", "Flax weights"},
    {".onnx", "an ONNX model"},
    {".gguf", "a GGUF model"},
    {".tflite", "a TensorFlow Lite model"},
    {"saved_model.pb", "a TensorFlow SavedModel"},
    {".ckpt.index", "a TensorFlow checkpoint"},
    {".h5", "Keras weights"},
    {".keras", "a Keras model"},
    {".mlmodel", "a Core ML model"},
    {".engine", "a TensorRT engine"},
};

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

static bool is_lfs_pointer(const struct bv_place *place, const char *name)
{
    static const char begin[] = "version https://git-lfs";
    uint8_t sample[sizeof begin - 1];
    return bv_place_sample(place, name, sample, sizeof sample) == sizeof sample &&
           memcmp(sample, begin, sizeof sample) == 0;
}

static bool has_folder(const struct bv_place *place, const char *name)
{
    char path[4096];
    struct stat st;
    int n = place->folder ? snprintf(path, sizeof path, "%s/%s", place->folder, name) : -1;
    return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum bv_status bv_foreign(const struct bv_place *place, struct bv_error *err)
{
    if (has_folder(place, "snapshots") && has_folder(place, "blobs"))
        return bv_fail(
            err, BV_ERR_UNSUPPORTED,
            "a cache of the Hugging Face hub: name the folder in its snapshots/ instead");
    for (size_t i = 0; i < place->n_names; i++)
        if (is_lfs_pointer(place, place->names[i]))
            return bv_fail(err, BV_ERR_FORMAT,
                           "no checkpoint: '%s' is a Git LFS pointer, not the file itself: fetch "
                           "it with 'git lfs pull'",
                           place->names[i]);
    for (size_t k = 0; k < sizeof weights / sizeof *weights; k++)
        for (size_t i = 0; i < place->n_names; i++)
            if (ends_with(place->names[i], weights[k].tail))
                return bv_fail(err, BV_ERR_UNSUPPORTED,
                               "'%s' is %s, and no PyTorch or safetensors checkpoint is beside it",
                               place->names[i], weights[k].what);
    return bv_fail(err, BV_ERR_FORMAT, "no checkpoint among its %zu files", place->n_names);
}
