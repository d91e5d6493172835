#include "fusion/files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"

static const char *const names[] = {"c.safetensors", "m.safetensors", "vocab.txt", "vocab.json",
                                    "merges.txt"};

static const char *path_of(const struct files *f, const char *name)
{
    static char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return path;
}

static FILE *open_file(const struct files *f, const char *name)
{
    FILE *file = fopen(path_of(f, name), "w");
    assert_non_null(file);
    return file;
}

void files_make(struct files *f, int vocabulary)
{
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/biovl-fusion-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->model, sizeof f->model, "%s", path_of(f, "m.safetensors"));
    FILE *file = open_file(f, "vocab.txt");
    (void)fprintf(file, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (int i = 5; i < vocabulary; i++)
        (void)fprintf(file, "w%d\n", i);
    (void)fclose(file);
    file = open_file(f, "vocab.json");
    (void)fprintf(file, "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"ab\":6");
    for (int i = 7; i < vocabulary; i++)
        (void)fprintf(file, ",\"w%d\":%d", i, i);
    (void)fprintf(file, "}\n");
    (void)fclose(file);
    file = open_file(f, "merges.txt");
    (void)fprintf(file, "#version: 0.2\na b\n");
    (void)fclose(file);
}

void files_remove(const struct files *f)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink(path_of(f, names[i]));
    (void)rmdir(f->folder);
}

enum bv_status files_convert(const struct files *f, const struct bv_safetensors_spec *specs,
                             size_t n, const char *system, const char *const *set, size_t n_set,
                             struct bv_error *err)
{
    char checkpoint[96];
    (void)snprintf(checkpoint, sizeof checkpoint, "%s", path_of(f, "c.safetensors"));
    struct bv_import_options options = {
        .system = system, .set = set, .n_set = n_set, .keep_dtype = true};
    assert_ok(bv_safetensors_write(checkpoint, specs, n, NULL, NULL, NULL, err), *err);
    return bv_import(checkpoint, f->model, &options, NULL, err);
}
