#include "checkpoint/source.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "checkpoint/container.h"

// Files that their first bytes tell.
static const struct {
    size_t at;
    const char *bytes;
    size_t n;
    enum bv_status status;
    const char *what;
} signatures[] = {
    {0, "\x1f\x8b", 2, BV_ERR_UNSUPPORTED, "a gzip file: unpack it first"},
    {0, "BZh", 3, BV_ERR_UNSUPPORTED, "a bzip2 file: unpack it first"},
    {0,
     "\xfd"
     "7zXZ",
     6, BV_ERR_UNSUPPORTED, "an xz file: unpack it first"},
    {0, "\x28\xb5\x2f\xfd", 4, BV_ERR_UNSUPPORTED, "a zstandard file: unpack it first"},
    {0, "7z\xbc\xaf\x27\x1c", 6, BV_ERR_UNSUPPORTED, "a 7-zip archive: unpack it first"},
    {0, "Rar!", 4, BV_ERR_UNSUPPORTED, "a RAR archive: unpack it first"},
    {0, "\x89HDF\r\n\x1a\n", 8, BV_ERR_UNSUPPORTED,
     "an HDF5 file (Keras weights?), not a PyTorch or safetensors checkpoint"},
    {0, "GGUF", 4, BV_ERR_UNSUPPORTED, "a GGUF file, not a PyTorch or safetensors checkpoint"},
    {0, "lmgg", 4, BV_ERR_UNSUPPORTED, "a GGML file, not a PyTorch or safetensors checkpoint"},
    {4, "TFL3", 4, BV_ERR_UNSUPPORTED,
     "a TensorFlow Lite file, not a PyTorch or safetensors checkpoint"},
    {0, "\x93NUMPY", 6, BV_ERR_UNSUPPORTED, "a NumPy array, not a checkpoint"},
    {0, "\x89PNG", 4, BV_ERR_FORMAT, "a PNG image, not a checkpoint"},
    {0, "\xff\xd8\xff", 3, BV_ERR_FORMAT, "a JPEG image, not a checkpoint"},
    {128, "DICM", 4, BV_ERR_FORMAT, "a DICOM file, not a checkpoint"},
    {0, "%PDF", 4, BV_ERR_FORMAT, "a PDF document, not a checkpoint"},
    {0, "SQLite format 3", 15, BV_ERR_FORMAT, "an SQLite database, not a checkpoint"},
    {0,
     "\x7f"
     "ELF",
     4, BV_ERR_FORMAT, "a program, not a checkpoint"},
};

static bool begins_with(const uint8_t *data, size_t size, const char *text)
{
    size_t n = strlen(text);
    return size >= n && strncasecmp((const char *)data, text, n) == 0;
}

static enum bv_status lfs_pointer(const uint8_t *data, size_t size, struct bv_error *err)
{
    static const char key[] = "\nsize ";
    char text[512];
    size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, n);
    text[n] = 0;
    const char *line = strstr(text, key);
    return bv_fail(err, BV_ERR_FORMAT,
                   "a Git LFS pointer, not the model itself, which has %lld bytes: fetch it with "
                   "'git lfs pull'",
                   line ? strtoll(line + sizeof key - 1, NULL, 10) : 0);
}

// The first words of a text: web pages and answers of servers saved under a model's name.
static const char *text_kind(const uint8_t *data, size_t size)
{
    while (size && (isspace(*data) || *data == 0xef || *data == 0xbb || *data == 0xbf)) {
        data++;
        size--;
    }
    if (begins_with(data, size, "<!doctype html") || begins_with(data, size, "<html") ||
        begins_with(data, size, "<head") || begins_with(data, size, "<!--"))
        return "a web page (HTML), not a model: the download gave an error or log-in page";
    if (begins_with(data, size, "<?xml"))
        return "an XML text, not a model: the download gave an error message";
    if (begins_with(data, size, "{") || begins_with(data, size, "["))
        return "a JSON text, not a model: a settings file, a system card (for biovl convert "
               "--system), or an error message of a server";
    return "a text file, not a model";
}

static bool is_text(const uint8_t *data, size_t size)
{
    size_t n = size < 4096 ? size : 4096, bad = n;
    for (size_t i = 0; i < n; i++)
        if (data[i] < 32 && !isspace(data[i]))
            return false;
    // a character may be cut at the end of the sample
    return bv_utf8_valid((const char *)data, n, &bad) || (n < size && n - bad < 4);
}

static bool all_zero(const uint8_t *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

// A TensorFlow checkpoint's index ends as LevelDB's tables do.
static bool is_tensorflow_index(const uint8_t *data, size_t size)
{
    return size >= 48 && bv_le64(data + size - 8) == 0xdb4775248b80fb57u;
}

// ONNX and TensorFlow's graphs are protocol buffers, which have no signature: field 1, a small
// version number, then field 2 with the producer's name.
static const char *protobuf_kind(const uint8_t *data, size_t size)
{
    if (size < 8 || data[0] != 0x08 || data[1] == 0 || data[1] > 20)
        return NULL;
    if (data[2] == 0x12 && data[3] < size - 4 && data[3] < 64 && isalpha(data[4]))
        return "an ONNX model, not a PyTorch or safetensors checkpoint";
    if (data[1] == 1 && data[2] == 0x12)
        return "a TensorFlow SavedModel, not a PyTorch or safetensors checkpoint";
    return NULL;
}

static const char *binary_kind(const uint8_t *data, size_t size)
{
    if (is_tensorflow_index(data, size))
        return "the index of a TensorFlow checkpoint, not a PyTorch or safetensors checkpoint";
    return protobuf_kind(data, size);
}

enum bv_status bv_identify(const uint8_t *data, size_t size, struct bv_error *err)
{
    if (size == 0)
        return bv_fail(err, BV_ERR_FORMAT, "the file is empty");
    if (begins_with(data, size, "version https://git-lfs"))
        return lfs_pointer(data, size, err);
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (size >= signatures[i].at + signatures[i].n &&
            memcmp(data + signatures[i].at, signatures[i].bytes, signatures[i].n) == 0)
            return bv_fail(err, signatures[i].status, "this is %s", signatures[i].what);
    if (is_text(data, size))
        return bv_fail(err, BV_ERR_FORMAT, "this is %s", text_kind(data, size));
    if (all_zero(data, size))
        return bv_fail(err, BV_ERR_FORMAT,
                       "the file is nothing but %zu zero bytes, as a failed download leaves it",
                       size);
    const char *kind = binary_kind(data, size);
    if (kind)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "this is %s", kind);
    return bv_fail(
        err, BV_ERR_FORMAT,
        "not a checkpoint of a kind that biovl knows (it begins with %02x %02x %02x %02x)", data[0],
        size > 1 ? data[1] : 0, size > 2 ? data[2] : 0, size > 3 ? data[3] : 0);
}
