#include "checkpoint/place.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES 4096
#define MAX_PATH_BYTES 4096

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// folder/name or prefix name; false where that is too long.
static bool join(const struct bv_place *place, const char *name, char *path)
{
    int n = place->folder
                ? snprintf(path, MAX_PATH_BYTES, "%s/%s", place->folder, name)
                : snprintf(path, MAX_PATH_BYTES, "%s%s", place->prefix ? place->prefix : "", name);
    return n > 0 && n < MAX_PATH_BYTES;
}

static enum bv_status add(struct bv_place *place, const char *name, struct bv_error *err)
{
    const char *copy = bv_arena_strdup(&place->arena, name);
    if (!copy)
        return bv_fail_nomem(err, "a list of files");
    if (place->n_names == MAX_FILES)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d files in one place", MAX_FILES);
    place->names[place->n_names++] = copy;
    return BV_OK;
}

static enum bv_status list_folder(struct bv_place *place, struct bv_error *err)
{
    DIR *dir = opendir(place->folder);
    if (!dir)
        return bv_fail(err, BV_ERR_IO, "%s", strerror(errno));
    enum bv_status status = BV_OK;
    for (struct dirent *e; status == BV_OK && (e = readdir(dir));) {
        char path[MAX_PATH_BYTES];
        struct stat st;
        if (join(place, e->d_name, path) && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            status = add(place, e->d_name, err);
    }
    (void)closedir(dir);
    return status;
}

static enum bv_status list_archive(struct bv_place *place, struct bv_error *err)
{
    size_t skip = place->prefix ? strlen(place->prefix) : 0;
    for (size_t i = 0; i < place->zip->n_members; i++) {
        const char *name = place->zip->members[i].name;
        size_t n = strlen(name);
        bool other = n <= skip || (skip && strncmp(name, place->prefix, skip) != 0);
        // what macOS adds, and folders
        if (other || name[n - 1] == '/' || strncmp(name, "__MACOSX/", 9) == 0)
            continue;
        BV_TRY(add(place, name + skip, err));
    }
    return BV_OK;
}

enum bv_status bv_place_list(struct bv_place *place, struct bv_error *err)
{
    place->n_names = 0;
    place->names = bv_arena_array(&place->arena, MAX_FILES, sizeof *place->names);
    if (!place->names)
        return bv_fail_nomem(err, "a list of files");
    BV_TRY(place->folder ? list_folder(place, err) : list_archive(place, err));
    qsort(place->names, place->n_names, sizeof *place->names, compare);
    return BV_OK;
}

bool bv_place_is_inside(const char *name)
{
    if (!*name || *name == '/')
        return false;
    for (const char *part = name; *part;) {
        size_t n = strcspn(part, "/");
        if (n == 2 && part[0] == '.' && part[1] == '.')
            return false;
        part += n + (part[n] == '/');
    }
    return true;
}

bool bv_place_has(const struct bv_place *place, const char *name)
{
    char path[MAX_PATH_BYTES];
    struct stat st;
    if (!bv_place_is_inside(name) || !join(place, name, path))
        return false;
    if (place->folder)
        return stat(path, &st) == 0 && S_ISREG(st.st_mode);
    return bv_zip_find(place->zip, path) != NULL;
}

static enum bv_status open_member(const struct bv_zip_member *member, size_t max_bytes,
                                  struct bv_place_file *file, struct bv_error *err)
{
    struct bv_place_file opened = {.data = member->data, .size = member->bytes};
    if (member->bytes > max_bytes)
        return bv_fail(err, BV_ERR_LIMIT, "'%s' has %zu bytes, the limit is %zu", member->name,
                       member->bytes, max_bytes);
    if (member->deflated) {
        BV_TRY(bv_zip_read_new(member, max_bytes, &opened.inflated, err));
        opened.data = opened.inflated;
    } else {
        BV_TRY(bv_zip_check(member, err));
    }
    *file = opened;
    return BV_OK;
}

enum bv_status bv_place_open(const struct bv_place *place, const char *name, size_t max_bytes,
                             struct bv_place_file *file, struct bv_error *err)
{
    char path[MAX_PATH_BYTES];
    if (!bv_place_is_inside(name) || !join(place, name, path))
        return bv_fail(err, BV_ERR_ARG, "'%s' leads out of the folder", name);
    if (place->folder) {
        struct bv_place_file opened = {0};
        BV_TRY(bv_mapping_open(&opened.mapping, path, max_bytes, err));
        opened.data = opened.mapping.data;
        opened.size = opened.mapping.size;
        *file = opened;
        return BV_OK;
    }
    const struct bv_zip_member *member = bv_zip_find(place->zip, path);
    if (!member)
        return bv_fail(err, BV_ERR_IO, "the archive holds no '%s'", path);
    return open_member(member, max_bytes, file, err);
}

size_t bv_place_sample(const struct bv_place *place, const char *name, uint8_t *sample, size_t room)
{
    char path[MAX_PATH_BYTES];
    if (!join(place, name, path))
        return 0;
    if (!place->folder) {
        const struct bv_zip_member *member = bv_zip_find(place->zip, path);
        return member ? bv_zip_sample(member, sample, room) : 0;
    }
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return 0;
    size_t n = fread(sample, 1, room, stream);
    (void)fclose(stream);
    return n;
}

void bv_place_file_close(struct bv_place_file *file)
{
    bv_mapping_close(&file->mapping);
    free(file->inflated);
    *file = (struct bv_place_file){0};
}

void bv_place_close(struct bv_place *place)
{
    bv_arena_free(&place->arena);
    *place = (struct bv_place){0};
}
